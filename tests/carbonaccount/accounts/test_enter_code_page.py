"""Entering the code: once, within five minutes, five guesses, in the browser that asked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts import notices
from carbonaccount.accounts.models import (
    Account,
    Consent,
    LoginSession,
    OneTimeCode,
    Resident,
)
from carbonaccount.audit import AuditEntry
from tests.people import ALICE, BOB, COOKIE, Browser, csrf_token, field_errors, writing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def another(code: str) -> str:
    """Return a wrong code."""
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_the_right_code_opens_account_personal_half_and_consent_together(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code(ALICE, district="370811", next="/records")
    response = browser.enter(browser.shown_code())
    assert (response.status_code, response.headers["Location"]) == (303, "/records")
    with writing(app) as session:
        account = session.exec(select(Account).where(Account.kind == "person")).one()
        resident = session.exec(select(Resident)).one()
        consent = session.exec(select(Consent)).one()
        assert account.district_code == "370811"
        assert (resident.account_id, resident.phone_tail) == (account.id, "8000")
        assert ALICE.encode() not in resident.phone_sealed
        shown = notices.privacy_notice(language="zh", city="济宁市", operator="", contact="")
        assert consent.text_sha256 == shown.sha256
        assert (consent.purpose, consent.version) == ("privacy", notices.PRIVACY_VERSION)
        actions = [row.action for row in session.exec(select(AuditEntry))]
        assert sorted(actions) == ["consent.give", "resident.register", "resident.sign_in"]


def test_coming_back_finds_the_same_account(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        Browser(app).sign_in(ALICE)
        clock.shift(61)
        Browser(app).sign_in("+86 138 0013 8000")
    with writing(app) as session:
        assert len(session.exec(select(Resident)).all()) == 1
        assert len(session.exec(select(Consent)).all()) == 1


def test_a_wrong_code_says_how_many_tries_are_left(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    page = browser.enter(another(browser.shown_code()))
    assert page.status_code == 401
    assert "4 次" in field_errors(page)[0]
    assert not browser.is_signed_in()


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_costs_no_guess(app: Flask, text: str) -> None:
    browser = Browser(app)
    browser.ask_code()
    assert browser.enter(text).status_code == 400
    with writing(app) as session:
        assert session.exec(select(OneTimeCode.attempts)).one() == 0


def test_after_five_guesses_even_the_right_code_is_refused(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    code = browser.shown_code()
    for _ in range(5):
        browser.enter(another(code))
    page = browser.enter(code)
    assert page.status_code == 401
    assert "作废" in field_errors(page)[0]
    assert not browser.is_signed_in()


@pytest.mark.parametrize(("seconds", "status"), [(299, 303), (300, 401)])
def test_a_code_lives_five_minutes(app: Flask, seconds: int, status: int) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        browser = Browser(app)
        browser.ask_code()
        code = browser.shown_code()
        clock.shift(seconds)
        assert browser.enter(code).status_code == status


def test_a_code_is_worth_nothing_in_another_browser(app: Flask) -> None:
    alice, thief = Browser(app), Browser(app)
    alice.ask_code(ALICE)
    thief.ask_code(BOB)
    assert thief.enter(alice.shown_code()).status_code == 401


def test_without_having_asked_one_is_sent_to_ask(app: Flask) -> None:
    assert Browser(app).get("/sign-in/code").headers["Location"] == "/sign-in"


def test_a_code_works_once_even_with_a_copy_of_the_cookie(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    code, copy = browser.shown_code(), browser.twin()
    assert browser.enter(code).status_code == 303
    page = copy.enter(code)
    assert page.status_code == 401
    with writing(app) as session:
        assert session.exec(select(OneTimeCode.phone_sealed)).one() == b""


def all_at_once(browser: Browser, codes: list[str]) -> list[tuple[int, list[str]]]:
    """Send guesses from as many copies of one browser at the same time."""
    token = csrf_token(browser.get("/sign-in/code"))
    twins = [browser.twin() for _ in codes]

    def send(pair: tuple[Browser, str]) -> tuple[int, list[str]]:
        page = pair[0].post_with(token, "/sign-in/code", {"code": pair[1]})
        return page.status_code, field_errors(page)

    with ThreadPoolExecutor(len(codes)) as pool:
        return list(pool.map(send, zip(twins, codes, strict=True)))


def test_twenty_parallel_wrong_guesses_get_five_looks(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    code = browser.shown_code()
    answers = all_at_once(browser, [another(code)] * 20)
    assert [status for status, _ in answers] == [401] * 20
    # The last of the five looks says that the code is void, as do all that come after it.
    assert len([errors for _, errors in answers if "还可以再试" in errors[0]]) == 4
    with writing(app) as session:
        assert session.exec(select(OneTimeCode.attempts)).one() == 5
    assert browser.enter(code).status_code == 401


def test_parallel_requests_with_the_right_code_sign_in_once(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    answers = all_at_once(browser, [browser.shown_code()] * 5)
    assert sorted(status for status, _ in answers) == [303] + [401] * 4
    with writing(app) as session:
        assert len(session.exec(select(LoginSession)).all()) == 1
        assert len(session.exec(select(Resident)).all()) == 1


def test_checks_are_limited_per_address_too(app: Flask) -> None:
    statuses = []
    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(13):
            clock.shift(20)
            browser = Browser(app, address="192.0.2.9")
            browser.ask_code(f"138001380{number:02}")
            code = another(browser.shown_code())
            token = csrf_token(browser.get("/sign-in/code"))
            statuses += [
                browser.post_with(token, "/sign-in/code", {"code": code}).status_code
                for _ in range(5)
            ]
    assert statuses == [401] * 60 + [429] * 5


def test_signing_in_starts_a_session_of_its_own(app: Flask) -> None:
    browser = Browser(app)
    browser.ask_code()
    planted = browser.cookie
    browser.enter(browser.shown_code())
    assert browser.cookie != planted
    thief = Browser(app)
    thief.client.set_cookie(COOKIE, planted)
    assert not thief.is_signed_in()
    assert browser.is_signed_in()


def test_a_notice_that_changed_meanwhile_must_be_read(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(app)
    browser.ask_code()
    code = browser.shown_code()
    monkeypatch.setattr(notices, "PRIVACY_VERSION", "2027-01-01")
    page = browser.enter(code)
    assert page.status_code == 422
    with writing(app) as session:
        assert session.exec(select(Resident)).all() == []


def test_two_first_visits_with_one_number_open_one_account(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        browsers = [Browser(app), Browser(app)]
        for browser in browsers:
            browser.ask_code(ALICE)
            clock.shift(61)
        for browser in browsers:
            assert browser.enter(browser.shown_code()).status_code == 303
    with writing(app) as session:
        accounts = session.exec(select(Account).where(Account.kind == "person")).all()
        assert len(accounts) == 1
