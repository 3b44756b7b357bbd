"""Data sources: own consent, unticked box, a code, bound; unbound at once."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlmodel import col, select

from behaviors import demo
from behaviors.models import ActivityRecord, SourceSubject
from behaviors.sources import claim_binding, source_by_code
from carbonaccount.accounts.models import Consent
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.behaviors.pages.conftest import Ride
from tests.people import Browser, field_errors, writing
from tests.queries import counting

BIKE = "/sources/demo-bike"


@pytest.fixture(autouse=True)
def partners(app: Flask) -> None:
    """The demonstration's partners, without their records."""
    with writing(app) as session:
        for partner in demo.PARTNERS:
            demo._ensure_source(session, partner, utc_now())
        session.commit()


def consents(app: Flask) -> list[Consent]:
    """Return the consents to the bike source, oldest first."""
    with writing(app) as session:
        return list(
            session.exec(
                select(Consent)
                .where(col(Consent.purpose) == "source:demo-bike")
                .order_by(col(Consent.id))
            )
        )


def shown_code(browser: Browser) -> str:
    """Agree, and return the code that the page shows."""
    response = browser.post(BIKE, {"agree": "y"})
    assert response.status_code == 303
    found = re.search(r'class="code"[^>]*>(\w{8})<', browser.get(BIKE).text)
    assert found
    return found[1]


def test_the_page_about_oneself_names_the_source_and_where_to_withdraw(alice: Browser) -> None:
    shown_code(alice)
    page = re.sub(r"\s+", " ", alice.get("/me").text)
    (entry,) = re.findall(r"<li> <strong>演示单车</strong>.*?</li>", page)
    assert "接收它送来的记录" in entry
    assert "同意于 <time" in entry
    assert f'<a href="{BIKE}">查看或撤回</a>' in entry
    assert "source:" not in page
    (privacy,) = re.findall(r"<li> <strong>隐私告知</strong>.*?</li>", page)
    assert "2026-11-21 版" in privacy
    assert '<a href="#withdraw">怎样撤回</a>' in privacy
    alice.post(f"{BIKE}/unbind", {}, page=BIKE)
    page = re.sub(r"\s+", " ", alice.get("/me").text)
    (entry,) = re.findall(r"<li> <strong>演示单车</strong>.*?</li>", page)
    assert "结束于" in entry
    assert "查看或撤回" not in entry
    alice.post("/language", {"locale": "en"}, page="/me")
    assert "<strong>Demo Bike</strong>" in alice.get("/me").text


def claim(app: Flask, code: str) -> None:
    """Do what the operator's program does with a code."""
    with writing(app) as session:
        claim_binding(
            session,
            source=source_by_code(session, "demo-bike"),
            code=code,
            subject="bike-rider-7",
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()


def test_the_list_shows_what_can_be_bound(alice: Browser) -> None:
    page = alice.get("/sources").text
    assert 'href="/sources/demo-bike"' in page
    assert 'href="/sources/demo-charging"' in page
    assert "/sources/self" not in page


def test_the_box_starts_unticked_with_its_text(alice: Browser) -> None:
    page = alice.get(BIKE).text
    assert "我同意演示单车向碳账户提供" in page
    assert re.search(r'<input[^>]*name="agree"', page)
    assert "checked" not in page


def test_without_consent_nothing_happens(app: Flask, alice: Browser) -> None:
    response = alice.post(BIKE, {})
    assert response.status_code == 422
    assert field_errors(response)
    assert consents(app) == []
    assert 'class="code"' not in response.text


def test_consent_gives_a_code_and_the_operator_binds(app: Flask, alice: Browser) -> None:
    code = shown_code(alice)
    assert alice.get(f"{BIKE}/status").status_code == 204
    claim(app, code)
    answer = alice.get(f"{BIKE}/status", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == BIKE
    page = alice.get(BIKE).text
    assert "接收中" in page
    assert code not in page
    assert "bike-rider-7" not in page  # enough of it to be recognised, no more
    (consent,) = consents(app)
    assert consent.withdrawn_at is None


def test_a_code_runs_out(alice: Browser) -> None:
    code = shown_code(alice)
    with time_machine.travel(utc_now() + timedelta(minutes=10, seconds=1)):
        page = alice.get(BIKE).text
        assert code not in page
        assert 'name="agree"' in page


def test_the_demonstration_confirms_and_sends_real_records(app: Flask, alice: Browser) -> None:
    shown_code(alice)
    response = alice.post(f"{BIKE}/demo", {}, page=BIKE)
    assert response.status_code == 303
    with writing(app) as session:
        records = session.exec(select(ActivityRecord)).all()
    assert records
    page = alice.get(BIKE).text
    assert f"运营商传来 {len(records)} 条记录" in page
    assert f"<dd>{len(records)}</dd>" in page


def test_without_a_code_the_demonstration_confirms_nothing(app: Flask, alice: Browser) -> None:
    assert alice.post(f"{BIKE}/demo", {}, page=BIKE).status_code == 409
    with writing(app) as session:
        assert (
            session.exec(select(SourceSubject).where(col(SourceSubject.subject) != "")).all()[1:]
            == []
        )


def test_unbinding_works_at_once_and_is_remembered(app: Flask, alice: Browser, ride: Ride) -> None:
    assert ride("1").status == "accepted"
    response = alice.post("/sources/rider/unbind", {}, page="/sources/rider")
    assert response.status_code == 303
    refused = ride("1")
    assert (refused.status, refused.code) == ("rejected", "no_consent")
    page = alice.get("/sources/rider").text
    assert "已解除绑定" in page
    assert "解除于" in page
    assert 'name="agree"' in page
    with writing(app) as session:
        subject = session.exec(
            select(SourceSubject).where(col(SourceSubject.subject) == "customer-0042")
        ).one()
        assert not subject.active


@pytest.mark.parametrize("path", ["/sources/nobody", "/sources/self"])
def test_unknown_sources_are_not_found(alice: Browser, path: str) -> None:
    assert alice.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/sources", BIKE, f"{BIKE}/status"])
def test_it_needs_sign_in(app: Flask, path: str) -> None:
    assert Browser(app).get(path).status_code == 303


def test_few_statements(app: Flask, alice: Browser, ride: Ride) -> None:
    ride("1")
    with counting(app) as of_list:
        alice.get("/sources")
    with counting(app) as of_source:
        alice.get("/sources/rider")
    assert len(of_list) <= 6, "\n".join(of_list)
    assert len(of_source) <= 8, "\n".join(of_source)
