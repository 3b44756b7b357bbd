"""The value of a credit, and the calendar that says when a change may take effect."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.audit import AuditEntry
from carbonaccount.clock import business_day, utc_now
from carbonaccount.policy import queries
from tests.admin.desk import staff
from tests.admin.rules.office import said, value_of
from tests.people import Browser, csrf_token, writing

PAGE = "/admin/policy"
NOTICE = "国办发明电〔2030〕1号"


@pytest.fixture
def sasha(app: Flask) -> Browser:
    """A system administrator."""
    return staff(app, Role.SYSTEM_ADMIN, login="sasha")


def form(**changes: str) -> dict[str, str]:
    """Two yuan a thousand credits from tomorrow on."""
    tomorrow = (business_day(utc_now()) + timedelta(days=1)).isoformat()
    return {
        "valid_from": tomorrow,
        "yuan_per_thousand": "2.005",
        "valid_years": "2",
        "yearly_budget_yuan": "1500000.50",
        **changes,
    }


def test_the_present_policy(sasha: Browser) -> None:
    page = sasha.get(PAGE)
    assert value_of(page, "yuan_per_thousand") == "1"
    assert value_of(page, "yearly_budget_yuan") == "1000000"
    assert "现行" in page.text


def test_a_new_policy_is_kept_to_the_last_digit(app: Flask, sasha: Browser) -> None:
    assert sasha.post(PAGE, form()).status_code == 303
    with writing(app) as session:
        newest = queries.policies(session)[0]
    # 2.005 yuan / 1000 = 2,005 millionths; 1,500,000.50 yuan = 150,000,050 fen.
    assert newest.value_micro_yuan == 2005
    assert newest.yearly_budget_fen == 150_000_050
    assert newest.valid_years == 2
    assert "将生效" in sasha.get(PAGE).text


WRONG: list[tuple[str, str]] = [
    ("valid_from", "2026-01-01"),
    ("valid_from", "tomorrow"),
    ("yuan_per_thousand", "2.0005"),
    ("yuan_per_thousand", "-1"),
    ("yuan_per_thousand", "two"),
    ("valid_years", "11"),
    ("valid_years", "1.5"),
    ("yearly_budget_yuan", "0.001"),
    ("yearly_budget_yuan", "99999999999999999"),
]


def test_what_cannot_be_is_refused(app: Flask, sasha: Browser) -> None:
    for name, typed in WRONG:
        response = sasha.post(PAGE, form(**{name: typed}))
        assert response.status_code == 422
        if typed != "tomorrow":
            assert value_of(response, name) == typed
        with writing(app) as session:
            assert len(queries.policies(session)) == 1


def test_others_read_and_do_not_decide(erin: Browser) -> None:
    page = erin.get(PAGE)
    assert page.status_code == 200
    assert "<button" not in page.text.split("<main", 1)[1]
    token = csrf_token(page)
    assert erin.post_with(token, PAGE, form()).status_code == 403


def test_holidays_and_a_year_that_is_not_known(erin: Browser) -> None:
    assert "国庆" in erin.get("/admin/holidays?year=2026").text
    assert "没有这一年的安排" in erin.get("/admin/holidays?year=2031").text
    next_year = business_day(utc_now()).year + 1
    assert f"还不知道 {next_year} 年的节假日安排" in said(erin.get("/admin/holidays"))


def test_a_year_of_holidays_is_written_with_its_notice(app: Flask, sasha: Browser) -> None:
    page = "/admin/holidays/2031/edit"
    good = {"days": "2031-01-01~2031-01-03 休 元旦\n\n2031-01-04 班 元旦", "source": NOTICE}
    for changes, told in (
        ({"source": " "}, "来源"),
        ({"days": ""}, "节假日和调休"),
        ({"days": "2031-01-01 off 元旦"}, "第 1 行看不懂"),
        ({"days": "2031-02-30 休 元旦"}, "第 1 行看不懂"),
        ({"days": "2031-01-02~2031-01-01 休 元旦"}, "第 1 行看不懂"),
        ({"days": "2031-01-01 休 元旦\n2031-01-01 班 元旦"}, "写了两次"),
        ({"days": "2030-12-31 休 元旦"}, "不在 2031 年"),
    ):
        refused = sasha.post(page, {**good, **changes})
        assert refused.status_code == 422, changes
        assert told in said(refused)
    assert sasha.post(page, good).status_code == 303
    shown = said(sasha.get("/admin/holidays?year=2031"))
    assert NOTICE in shown
    assert shown.count("元旦") == 4
    # Written back as it was read, days that follow each other on one line.
    assert "2031-01-01~2031-01-03 休 元旦\n2031-01-04 班 元旦" in said(sasha.get(page))
    with writing(app) as session:
        entry = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "policy.holidays")
        ).one()
    assert (entry.subject, entry.reason) == ("holidays:2031", NOTICE)
    assert entry.actor == "staff:sasha"
    assert sasha.get("/admin/holidays/1800/edit").status_code == 404
