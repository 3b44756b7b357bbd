"""Signed-in browsers: they end by idling, by age, by signing out and by being revoked."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.models import LoginSession
from carbonaccount.crypto import token_hash
from tests.people import ALICE, BOB, COOKIE, Browser, add_dana, csrf_token, writing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def test_the_table_does_not_hold_what_the_cookie_holds(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    with browser.client.session_transaction() as cookie:
        token = cookie["_user_id"]
    with writing(app) as session:
        stored = session.exec(select(LoginSession)).one()
    assert stored.token_hash == token_hash(token)
    assert len(token) >= 43  # 256 bits in base 64


@pytest.mark.parametrize(("minutes", "signed_in"), [(29, True), (30, False)])
def test_a_resident_idles_out_after_half_an_hour(app: Flask, minutes: int, signed_in: bool) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        browser = Browser(app)
        browser.sign_in()
        clock.shift(timedelta(minutes=minutes))
        assert browser.is_signed_in() is signed_in


@pytest.mark.parametrize(("minutes", "signed_in"), [(14, True), (15, False)])
def test_staff_idle_out_after_a_quarter_of_an_hour(
    app: Flask, minutes: int, signed_in: bool
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        totp = add_dana(app)
        browser = Browser(app)
        assert browser.sign_in_staff(totp.now()).status_code == 303
        clock.shift(timedelta(minutes=minutes))
        assert browser.is_signed_in() is signed_in


def test_using_the_site_keeps_a_resident_signed_in_for_thirty_days_at_most(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        browser = Browser(app)
        browser.sign_in()
        with writing(app) as session:
            ends = session.exec(select(LoginSession.expires_at)).one()
        assert ends == NOON + timedelta(days=30)
        for _ in range(4):
            clock.shift(timedelta(minutes=25))
            assert browser.is_signed_in()
        # The last quarter of an hour of the thirty days, as if the browser had been in use.
        with writing(app) as session:
            login = session.exec(select(LoginSession)).one()
            login.last_seen_at = ends - timedelta(minutes=15)
            session.add(login)
            session.commit()
        clock.move_to(ends - timedelta(seconds=1))
        assert browser.is_signed_in()
        clock.move_to(ends)
        assert not browser.is_signed_in()


def test_a_staff_session_ends_after_twelve_hours(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False):
        totp = add_dana(app)
        Browser(app).sign_in_staff(totp.now())
        with writing(app) as session:
            assert session.exec(select(LoginSession.expires_at)).one() == NOON + timedelta(hours=12)


def test_being_seen_is_noted_at_most_once_a_minute(app: Flask) -> None:
    def last_seen() -> float:
        with writing(app) as session:
            return (session.exec(select(LoginSession.last_seen_at)).one() - NOON).total_seconds()

    with time_machine.travel(NOON, tick=False) as clock:
        browser = Browser(app)
        browser.sign_in()
        seen = []
        for _ in range(7):
            clock.shift(20)
            browser.get("/sessions")
            seen.append(last_seen())
    assert seen == [0, 0, 60, 60, 60, 120, 120]


def test_a_stolen_cookie_is_worth_nothing_after_sign_out(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    thief = browser.twin()
    assert thief.is_signed_in()
    assert browser.post("/sign-out", {}, page="/sessions").status_code == 303
    assert not browser.is_signed_in()
    assert not thief.is_signed_in()


def test_a_cookie_with_an_invented_token_is_nobody(app: Flask) -> None:
    browser = Browser(app)
    with browser.client.session_transaction() as cookie:
        cookie["_user_id"] = "A" * 43
    assert not browser.is_signed_in()


def test_a_changed_cookie_is_nobody(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    cookie = browser.cookie
    browser.client.set_cookie(COOKIE, cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB"))
    assert not browser.is_signed_in()


def two_browsers(app: Flask, clock: time_machine.Traveller) -> tuple[Browser, Browser]:
    """Sign Alice in twice."""
    first, second = Browser(app), Browser(app)
    first.sign_in(ALICE)
    clock.shift(61)
    second.sign_in(ALICE)
    return first, second


def reference_of_other(browser: Browser) -> str:
    """Return what the page calls the other browser."""
    page = browser.get("/sessions").text
    parts = page.split('name="session" value="')[1:]
    return next(part[:16] for part in parts if not part.startswith("others"))


def test_another_browser_of_mine_can_be_signed_out(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        first, second = two_browsers(app, clock)
        answer = second.post(
            "/sessions/revoke", {"session": reference_of_other(second)}, page="/sessions"
        )
        assert answer.status_code == 303
        assert second.is_signed_in()
        assert not first.is_signed_in()


def test_all_others_can_be_signed_out(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        first, second = two_browsers(app, clock)
        first.post("/sessions/revoke", {"session": "others"}, page="/sessions")
        assert first.is_signed_in()
        assert not second.is_signed_in()


@pytest.mark.parametrize("reference", ["", "%", "_" * 16, "0" * 16, "0" * 64])
def test_a_session_that_is_not_there_is_not_found(app: Flask, reference: str) -> None:
    browser = Browser(app)
    browser.sign_in()
    answer = browser.post("/sessions/revoke", {"session": reference}, page="/sessions")
    assert answer.status_code == 404
    assert browser.is_signed_in()


def test_a_stranger_cannot_sign_me_out(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        first, second = two_browsers(app, clock)
        stranger = Browser(app)
        stranger.sign_in(BOB)
        reference = reference_of_other(second)
        answer = stranger.post("/sessions/revoke", {"session": reference}, page="/sessions")
        assert answer.status_code == 404
        assert first.is_signed_in()


def test_the_list_needs_sign_in(app: Flask) -> None:
    assert Browser(app).get("/sessions").headers["Location"] == "/sign-in?next=/sessions"


def test_signing_out_needs_the_forms_token_and_a_post(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    assert browser.get("/sign-out").status_code == 405
    assert browser.client.post("/sign-out").status_code == 400
    assert browser.is_signed_in()


def test_a_token_against_forgery_is_new_after_sign_in(app: Flask) -> None:
    browser = Browser(app)
    before = csrf_token(browser.get("/sign-in"))
    browser.sign_in()
    assert browser.post_with(before, "/sign-out", {}).status_code == 400
    assert browser.is_signed_in()
