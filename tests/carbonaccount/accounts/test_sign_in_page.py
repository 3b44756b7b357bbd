"""Asking for a code: consent and age first, number, limits, the gateway."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.models import (
    Account,
    Consent,
    OneTimeCode,
    RateCount,
    Resident,
)
from carbonaccount.audit import AuditEntry
from carbonaccount.crypto import Vault
from carbonaccount.errors import Invalid, Unavailable
from tests.people import ALICE, BOB, Browser, field_errors, writing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
PERSONAL = (Account, Resident, Consent, OneTimeCode, RateCount, AuditEntry)


def rows(app: Flask) -> dict[str, int]:
    """Count the rows of every table that could hold something about a person."""
    with writing(app) as session:
        return {
            table.__tablename__: session.exec(select(sa.func.count()).select_from(table)).one()
            for table in PERSONAL
        }


def test_the_boxes_start_unticked(app: Flask) -> None:
    page = Browser(app).get("/sign-in")
    assert page.status_code == 200
    assert 'name="agree"' in page.text
    assert 'name="adult"' in page.text
    assert "checked" not in page.text


@pytest.mark.parametrize("box", ["agree", "adult"])
def test_without_both_boxes_nothing_at_all_is_stored(app: Flask, box: str) -> None:
    before = rows(app)
    browser = Browser(app)
    page = browser.ask_code(ALICE, **{box: ""})
    assert page.status_code == 400
    assert len(field_errors(page)) == 1
    assert rows(app) == before
    assert browser.get("/sign-in/code").status_code == 303


def test_a_child_is_told_about_guardians(app: Flask) -> None:
    page = Browser(app).ask_code(ALICE, adult="")
    assert "监护人" in field_errors(page)[0]


def test_the_code_is_stored_sealed_and_no_account_yet(app: Flask) -> None:
    browser = Browser(app)
    assert browser.ask_code(ALICE).headers["Location"] == "/sign-in/code"
    code = browser.shown_code()
    with writing(app) as session:
        stored = session.exec(select(OneTimeCode)).one()
        assert session.exec(select(Resident)).all() == []
        assert session.exec(select(Consent)).all() == []
    everything = repr(stored.model_dump()).encode() + stored.phone_sealed
    assert ALICE.encode() not in everything
    assert code.encode() not in everything
    assert stored.expires_at - stored.created_at == timedelta(minutes=5)


@pytest.mark.parametrize("number", ["", "12345", "12800138000", "13800138000000000000000000"])
def test_a_number_that_is_none_is_refused(app: Flask, number: str) -> None:
    page = Browser(app).ask_code(number)
    assert page.status_code == 400
    assert field_errors(page)
    assert rows(app)["one_time_code"] == 0


def test_a_district_that_does_not_exist_is_refused(app: Flask) -> None:
    page = Browser(app).ask_code(ALICE, district="110101")
    assert page.status_code == 400
    assert rows(app)["one_time_code"] == 0


def test_one_number_gets_one_code_a_minute_five_an_hour_ten_a_day(app: Flask) -> None:
    sent_at = []
    with time_machine.travel(NOON, tick=False) as clock:
        for minute in range(24 * 60 - 1):
            # Half minutes show that the minute is counted from the last code; most of the day
            # only every tenth minute is tried, to be quick.
            if minute > 12 and minute % 10:
                continue
            clock.move_to(NOON + timedelta(minutes=minute))
            if (
                Browser(app, address=f"10.0.{minute // 200}.{minute % 200}").ask_code().status_code
                == 303
            ):
                sent_at.append(minute)
            if len(sent_at) == 10:
                break
        # Five in the first hour, five in the second, no more that day.
        assert sent_at[:5] == [0, 1, 2, 3, 4]
        assert sent_at[5:] == [60, 70, 80, 90, 100]
        clock.move_to(NOON + timedelta(hours=23, minutes=59))
        late = Browser(app, address="10.9.9.9").ask_code()
        assert late.status_code == 429
        clock.move_to(NOON + timedelta(hours=24, minutes=1))
        assert Browser(app, address="10.9.9.8").ask_code().status_code == 303


def test_a_refused_request_says_when_to_come_back(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        Browser(app).ask_code()
        clock.shift(20)
        page = Browser(app).ask_code()
    assert page.status_code == 429
    assert page.headers["Retry-After"] == "40"
    assert "1 分钟" in field_errors(page)[0]


def test_hammering_within_the_minute_does_not_use_the_day_up(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(15):
            Browser(app).ask_code()
        clock.shift(61)
        assert Browser(app).ask_code().status_code == 303


def test_one_address_gets_twenty_codes_an_hour_whatever_the_numbers(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False):
        statuses = [
            Browser(app, address="192.0.2.7").ask_code(f"138001380{number:02}").status_code
            for number in range(22)
        ]
        elsewhere = Browser(app, address="192.0.2.8").ask_code(BOB).status_code
    assert statuses == [303] * 20 + [429] * 2
    assert elsewhere == 303


def test_the_counts_outlive_the_refusal(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False):
        for _ in range(4):
            Browser(app).ask_code()
    with writing(app) as session:
        counts = {row.scope: row.count for row in session.exec(select(RateCount))}
    assert counts == {
        "code_address_hour": 4,
        "code_number_minute": 4,
        "code_number_hour": 1,
        "code_number_day": 1,
    }


class BrokenGateway:
    """A gateway that refuses every message."""

    shows_code_on_page = False

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_code(self, phone: str, code: str) -> None:
        """Refuse."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"), [(Unavailable("sms_unavailable"), 503), (Invalid("phone_refused"), 422)]
)
def test_a_code_that_cannot_be_sent_is_forgotten_and_said_so(
    app: Flask, error: Exception, status: int
) -> None:
    app.extensions["carbonaccount.sms"] = BrokenGateway(error)
    browser = Browser(app)
    page = browser.ask_code()
    assert page.status_code == status
    assert field_errors(page)
    assert rows(app)["one_time_code"] == 0
    assert browser.get("/sign-in/code").status_code == 303


def test_a_form_without_its_token_is_refused(app: Flask) -> None:
    data = {"phone": ALICE, "adult": "y", "agree": "y"}
    page = app.test_client().post("/sign-in", data=data)
    assert page.status_code == 400
    assert rows(app)["one_time_code"] == 0


def test_a_signed_in_resident_is_sent_on(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    assert browser.get("/sign-in?next=/records").headers["Location"] == "/records"
    assert browser.get("/sign-in?next=//evil.example").headers["Location"] == "/"


def test_expired_codes_of_others_go_when_a_new_one_is_asked_for(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        Browser(app).ask_code(ALICE)
        clock.shift(301)
        Browser(app).ask_code(BOB)
    with writing(app) as session:
        vault: Vault = app.extensions["carbonaccount.vault"]
        left = session.exec(select(OneTimeCode)).one()
        assert left.phone_index == vault.index(BOB, purpose="phone")


def test_the_districts_are_offered_after_the_choice_to_leave_it_open(app: Flask) -> None:
    page = Browser(app).get("/sign-in").text
    options = page[page.index("<select") : page.index("</select>")]
    assert options.count("<option") == 15
    assert options.index("暂不填写") < options.index("任城区") < options.index("梁山县")
