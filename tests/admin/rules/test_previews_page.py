"""Previews in the panel: asked for, watched, cancelled, run again, read and taken home."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask

from behaviors.preview import services
from behaviors.preview.runner import PreviewRunner
from behaviors.rule_models import WorkStatus
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day, utc_now
from tests.admin.rules.office import drafted, electric_bus, said, status_of, step
from tests.browser.panel import ride_the_bus
from tests.people import Browser, csrf_token, writing

PAGE = "/admin/behaviors/bus_trip/previews"


@pytest.fixture
def trips(app: Flask) -> None:
    """Two metered trips by people of one district: 10 km, and 60 km of which 40 count."""
    ride_the_bus(app, {"bao-l": "10", "chen-m": "60"})


def started(app: Flask, browser: Browser, *drafts: int, **changes: str) -> str:
    """Ask for a preview, wait for its end, return its address."""
    data = {
        "csrf_token": csrf_token(browser.get(PAGE)),
        "drafts": [str(number) for number in drafts],
        "period": "30",
        **changes,
    }
    response = browser.client.post(PAGE, data=data)
    assert response.status_code == 303, said(response)
    runner: PreviewRunner = app.extensions["carbonaccount.previews"]
    runner.join()
    return response.location


@pytest.mark.usefixtures("trips")
def test_a_preview_says_what_a_draft_would_change(app: Flask, erin: Browser) -> None:
    draft = drafted(erin)
    address = started(app, erin, draft)
    page = said(erin.get(address))
    # Before 10 x 52 g and 40 x 52 g; after 10 x 26.9 g and 40 x 26.9 g, grade A: as many credits.
    assert "2,600 → 1,345" in page
    assert "0 / 2 / 0" in page
    assert "任城区" in page
    assert "1.34" in page  # 1,345 credits at a yuan a thousand, cut to fen by the books' rounding
    assert "按年龄段" in page
    assert "未知：记录里没有这一项" in page
    assert "正是这一稿" in said(erin.get(f"/admin/rules/{draft}"))
    assert step(erin, draft, "submit").status_code == 303


@pytest.mark.usefixtures("trips")
def test_several_drafts_are_compared(app: Flask, erin: Browser) -> None:
    first, second = drafted(erin), drafted(erin, **{"parameters-0-value": "0.06"})
    page = said(erin.get(started(app, erin, first, second, period="365")))
    assert "几个版本放在一起" in page
    started(app, erin, first)
    listed = said(erin.get(f"{PAGE}?status=done&sort=versions"))
    assert "共 2 条" in listed
    rows = list(csv.reader(io.StringIO(erin.get(f"{PAGE}.csv").data.decode("utf-8-sig"))))
    assert [row[3] for row in rows[1:]] == ["2", "2、3"]
    assert "还没有试算" in said(erin.get(f"{PAGE}?status=failed"))
    # The second gives 10 x 60 g + 40 x 60 g.
    assert "2,600 → 3,000" in page
    assert "2 / 0 / 0" in page


@pytest.mark.usefixtures("trips")
def test_files_hold_every_number(app: Flask, erin: Browser) -> None:
    address = started(app, erin, drafted(erin))
    text = erin.get(f"{address}.csv").data.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    (total,) = [row for row in rows if row["分组"] == "合计"]
    assert (total["记录数"], total["现行（克）"], total["试算（克）"]) == ("2", "2600", "1345")
    by_district = [row for row in rows if row["分组"] == "按区县"]
    assert [row["项目"] for row in by_district] == ["任城区"]
    assert erin.get(f"{address}.xlsx").data.startswith(b"PK")


def test_a_period_without_records(app: Flask, erin: Browser) -> None:
    page = said(erin.get(started(app, erin, drafted(erin), period="all")))
    assert "这段时间没有记录" in page


@pytest.mark.usefixtures("trips")
def test_days_chosen_by_hand_are_both_included(app: Flask, erin: Browser) -> None:
    day = business_day(utc_now() - timedelta(days=2)).isoformat()
    address = started(app, erin, drafted(erin), period="days", first_day=day, last_day=day)
    assert "2,600 → 1,345" in said(erin.get(address))


NOT_TO_BE_TRIED: list[dict[str, str]] = [
    {"drafts": ""},
    {"drafts": "1"},
    {"drafts": "nonsense"},
    {"period": "days"},
    {"period": "days", "first_day": "2026-03-02", "last_day": "2026-03-01"},
    {"period": "days", "first_day": "soon", "last_day": "2026-03-01"},
    {"period": "forever"},
]


def test_what_cannot_be_tried_is_refused(app: Flask, erin: Browser) -> None:
    """Version 1 is in force: only drafts are tried."""
    draft = drafted(erin)
    for changes in NOT_TO_BE_TRIED:
        response = erin.post(PAGE, {"drafts": str(draft), "period": "30", **changes})
        assert response.status_code == 422
        assert "还没有试算" in response.text


def test_a_draft_that_was_reworded_needs_another_preview(app: Flask, erin: Browser) -> None:
    draft = drafted(erin)
    address = started(app, erin, draft)
    assert erin.post(f"/admin/rules/{draft}/edit", electric_bus(cap="30")).status_code == 303
    assert "又改过" in said(erin.get(address))
    assert "正是这一稿" not in said(erin.get(f"/admin/rules/{draft}"))
    assert step(erin, draft, "submit").status_code == 409
    assert status_of(app, draft) == "draft"


def waiting(app: Flask, draft: int) -> str:
    """Leave a preview behind that says it waits while nobody is at work on it."""
    with writing(app) as session:
        row = services.start_preview(
            session,
            behavior="bus_trip",
            rule_version_ids=[draft],
            first_day=utc_now().date() - timedelta(days=29),
            last_day=utc_now().date(),
            acting_user=SYSTEM,
            staff_id=1,
            now=utc_now(),
        )
        session.commit()
    return row.public_id


def test_an_interrupted_preview_is_run_again(app: Flask, erin: Browser) -> None:
    public_id = waiting(app, drafted(erin))
    page = f"/admin/previews/{public_id}"
    assert "中断了" in said(erin.get(page))
    assert erin.post(f"{page}/repeat", {}, page=page).status_code == 303
    runner: PreviewRunner = app.extensions["carbonaccount.previews"]
    runner.join()
    assert "算完了" in said(erin.get(page))
    assert erin.post(f"{page}/repeat", {}, page="/admin/rules/1").status_code == 409


def test_a_preview_is_cancelled_once(app: Flask, erin: Browser) -> None:
    public_id = waiting(app, drafted(erin))
    page = f"/admin/previews/{public_id}"
    token_page = "/admin/behaviors/bus_trip"
    assert erin.post(f"{page}/cancel", {}, page=token_page).status_code == 303
    assert "试算已取消" in said(erin.get(page))
    again = erin.post(f"{page}/cancel", {}, page=token_page)
    assert again.status_code == 409
    with writing(app) as session:
        row = services.find_preview(session, public_id=public_id)
    assert row.status == WorkStatus.CANCELLED


def test_the_progress_asks_for_itself_only_while_something_runs(app: Flask, erin: Browser) -> None:
    address = started(app, erin, drafted(erin))
    part = erin.get(f"{address}/progress")
    assert part.status_code == 200
    assert "hx-get" not in part.text
    assert "<html" not in part.text


def test_unknown_previews_are_not_found(erin: Browser, anna: Browser) -> None:
    for path in ("", "/progress", ".csv"):
        assert erin.get(f"/admin/previews/nothing{path}").status_code == 404
    assert anna.get("/admin/behaviors/flying/previews").status_code == 404
