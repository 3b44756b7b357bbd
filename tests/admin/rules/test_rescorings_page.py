"""Scoring past records again in the panel: two people, the difference, the books, the message."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from behaviors import rule_queries
from behaviors.rule_models import Rescore
from carbonaccount.clock import business_day, utc_now
from carbonaccount.messages.models import Message
from carbonaccount.tasks import TaskRunner
from tests.admin.rules.office import in_review, said, step
from tests.browser.panel import ride_the_bus
from tests.people import Browser, writing

NEW = "/admin/behaviors/bus_trip/rescorings/new"


@pytest.fixture
def trips(app: Flask) -> None:
    """Two metered trips of two days ago: 10 km, and 60 km of which 40 count."""
    ride_the_bus(app, {"bao-l": "10", "chen-m": "60"})


def electric(app: Flask, erin: Browser, anna: Browser) -> int:
    """Publish a rule of 26.9 g a kilometre, by two people."""
    version_id = in_review(app, erin)
    assert step(anna, version_id, "approve").status_code == 303
    return version_id


def proposed(app: Flask, erin: Browser, version_id: int, **changes: str) -> str:
    """Propose to score the last days again; returns the address when it was worked out."""
    today = business_day(utc_now())
    data = {
        "version": str(version_id),
        "first_day": (today - timedelta(days=9)).isoformat(),
        "last_day": (today - timedelta(days=1)).isoformat(),
        "reason": "the fleet was electric all along",
        **changes,
    }
    response = erin.post(NEW, data)
    assert response.status_code == 303, said(response)
    worked(app)
    return response.location


def worked(app: Flask) -> None:
    """Wait until what was asked for is done."""
    runner: TaskRunner = app.extensions["carbonaccount.rescorings"]
    runner.join()


def do(browser: Browser, address: str, verb: str, **data: str) -> int:
    """Press a button of a re-scoring's page; returns the status."""
    return browser.post(f"{address}/{verb}", data, page="/admin/rescorings").status_code


@pytest.mark.usefixtures("trips")
def test_from_the_proposal_to_the_message(app: Flask, erin: Browser, anna: Browser) -> None:
    """Before 10 x 52 g and 40 x 52 g; after 10 x 26.9 g and 40 x 26.9 g: 1,255 less in all."""
    assert "没有重算" in said(erin.get("/admin/rescorings"))
    address = proposed(app, erin, electric(app, erin, anna))
    page = said(erin.get(address))
    assert "2,600 → 1,345" in page
    assert "0 / 2 / 0" in page
    assert "批准重算" not in page
    assert do(erin, address, "approve") == 403
    assert do(anna, address, "refuse", reason=" ") == 422
    assert do(anna, address, "book") == 409
    assert do(anna, address, "approve") == 303
    assert do(anna, address, "approve") == 409
    assert do(erin, address, "book") == 303
    worked(app)
    page = said(anna.get(address))
    assert "已入账" in page
    assert "入账后不能撤回" not in page
    assert do(anna, address, "withdraw") == 409
    with writing(app) as session:
        told = session.exec(select(Message).where(col(Message.kind) == "rescore")).all()
    assert sorted(str(item.params["credits_after"]) for item in told) == ["1076", "269"]
    listed = said(erin.get("/admin/rescorings?status=booked&behavior=bus_trip&sort=-grams"))
    assert "共 1 条" in listed
    assert "-1,255" in listed
    rows = list(csv.reader(io.StringIO(erin.get("/admin/rescorings.csv").text.lstrip("\ufeff"))))
    assert rows[1][-3:-1] == ["-1255", "-1255"]
    total = next(csv.DictReader(io.StringIO(erin.get(f"{address}.csv").text.lstrip("\ufeff"))))
    assert (total["分组"], total["现行（克）"], total["试算（克）"]) == ("合计", "2600", "1345")
    assert erin.get(f"{address}.xlsx").data.startswith(b"PK")
    assert erin.get("/admin/rescorings?status=failed").text.count("<tbody>") == 0


@pytest.mark.usefixtures("trips")
def test_what_changes_nothing_fails_and_says_so(app: Flask, erin: Browser) -> None:
    with writing(app) as session:
        version = rule_queries.versions_of(
            session, rule_queries.find_behavior(session, "bus_trip").id or 0
        )[0]
    address = proposed(app, erin, version.id or 0)
    page = said(erin.get(address))
    assert "没有任何记录会改变" in page
    assert "没有算成" in page
    assert do(erin, address, "withdraw") == 409


def test_what_cannot_be_proposed(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = electric(app, erin, anna)
    today = business_day(utc_now())
    good = {
        "version": str(version_id),
        "first_day": (today - timedelta(days=3)).isoformat(),
        "last_day": (today - timedelta(days=1)).isoformat(),
        "reason": "because",
    }
    for changes in (
        {"version": "999999"},
        {"version": ""},
        {"first_day": "soon"},
        {"first_day": today.isoformat()},
        {"last_day": today.isoformat()},
        {"reason": " "},
    ):
        assert erin.post(NEW, {**good, **changes}).status_code == 422, changes
    with writing(app) as session:
        assert session.exec(select(Rescore)).all() == []


@pytest.mark.usefixtures("trips")
def test_an_interrupted_one_is_worked_out_again_or_taken_back(
    app: Flask, erin: Browser, anna: Browser, bea: Browser
) -> None:
    address = proposed(app, bea, electric(app, erin, anna))
    assert "必须由另一位同事批准" in said(bea.get(address))
    assert do(bea, address, "approve") == 403
    assert "待批准" in said(erin.get(address))
    with writing(app) as session:
        session.exec(select(Rescore)).one().status = "asked"
        session.commit()
    assert "进程已不在运行" in said(erin.get(address))
    refreshed = erin.get(f"{address}/progress")
    assert refreshed.headers["HX-Refresh"] == "true"
    assert do(erin, address, "withdraw") == 303
    assert "未采用" in said(erin.get(address))
    assert do(erin, address, "repeat") == 409
    assert erin.get("/admin/rescorings/nothing").status_code == 404
