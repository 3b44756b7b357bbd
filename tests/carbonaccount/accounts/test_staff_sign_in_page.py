"""Staff sign in with password and a time-based code; five failures lock for ten minutes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts import staff
from carbonaccount.accounts.models import LoginSession, RateCount, Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import deactivate_staff
from carbonaccount.audit import SYSTEM, AuditEntry
from carbonaccount.clock import utc_now
from carbonaccount.web.identity import current_staff, staff_required
from tests.people import DANA_PASSWORD, Browser, add_dana, csrf_token, field_errors, writing

# In the middle of a step, so that one step early and late are well apart.
NOON = datetime(2026, 11, 21, 4, 0, 15, tzinfo=UTC)


def at_step(totp: pyotp.TOTP, steps: int) -> str:
    """Return the code of so many half minutes after noon."""
    return totp.at(NOON + timedelta(seconds=30 * steps))


def test_password_and_code_together_sign_in(app: Flask) -> None:
    totp = add_dana(app, Role.REVIEWER)
    browser = Browser(app)
    assert browser.sign_in_staff(totp.now()).headers["Location"] == "/admin/"
    assert browser.is_signed_in()
    with writing(app) as session:
        assert session.exec(select(LoginSession.staff_id)).one() is not None
        assert session.exec(select(Staff.last_sign_in_at)).one() is not None
        trail = [(row.action, row.actor, row.success) for row in session.exec(select(AuditEntry))]
    assert ("staff.sign_in", "staff:dana", True) in trail


def test_the_password_is_kept_as_argon2id_with_the_chosen_cost(
    app: Flask, cheap_passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff, "_HASHER", cheap_passwords)
    add_dana(app)
    with writing(app) as session:
        member = session.exec(select(Staff)).one()
    assert member.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("wrong", ["login", "password", "totp", "inactive"])
def test_whatever_is_wrong_the_answer_is_the_same(app: Flask, wrong: str) -> None:
    totp = add_dana(app)
    if wrong == "inactive":
        with writing(app) as session:
            deactivate_staff(session, login="dana", acting_user=SYSTEM, now=utc_now())
            session.commit()
    code = totp.now()
    page = Browser(app).sign_in_staff(
        totp=f"{(int(code) + 1) % 1_000_000:06}" if wrong == "totp" else code,
        login="nobody" if wrong == "login" else "dana",
        password="not the password" if wrong == "password" else DANA_PASSWORD,
    )
    assert page.status_code == 401
    assert field_errors(page) == ["账号、密码或动态口令不对。"]
    with writing(app) as session:
        assert session.exec(select(LoginSession)).all() == []
        failed = session.exec(select(AuditEntry).where(AuditEntry.success == False)).one()  # noqa: E712
    assert failed.subject == ("staff:unknown" if wrong == "login" else "staff:dana")
    assert "nobody" not in repr(failed)


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 303), (0, 303), (1, 303), (2, 401)])
def test_a_code_may_be_one_step_early_or_late(app: Flask, steps: int, status: int) -> None:
    with time_machine.travel(NOON, tick=False):
        totp = add_dana(app)
        code = at_step(totp, steps)
        assert Browser(app).sign_in_staff(code).status_code == status


def test_a_code_is_good_once_and_so_are_those_before_it(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        totp = add_dana(app)
        assert Browser(app).sign_in_staff(at_step(totp, 0)).status_code == 303
        assert Browser(app).sign_in_staff(at_step(totp, 0)).status_code == 401
        assert Browser(app).sign_in_staff(at_step(totp, -1)).status_code == 401
        clock.shift(30)
        assert Browser(app).sign_in_staff(totp.now()).status_code == 303


def test_parallel_sign_ins_with_one_code_let_one_in(app: Flask) -> None:
    totp = add_dana(app)
    code = totp.now()
    browsers = [Browser(app, address=f"192.0.2.{number}") for number in range(5)]
    tokens = [csrf_token(browser.get("/staff/sign-in")) for browser in browsers]
    data = {"login": "dana", "password": DANA_PASSWORD, "totp": code}

    def send(pair: tuple[Browser, str]) -> int:
        return pair[0].post_with(pair[1], "/staff/sign-in", data).status_code

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(send, zip(browsers, tokens, strict=True)))
    assert sorted(statuses) == [303, 401, 401, 401, 401]


def fail(app: Flask, address: str, login: str = "dana") -> int:
    """Try a wrong password and return the status."""
    browser = Browser(app, address=address)
    return browser.sign_in_staff("000000", login=login, password="wrong password").status_code


def test_five_failures_lock_a_login_for_ten_minutes_from_everywhere(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        totp = add_dana(app)
        failures = []
        for number in range(5):
            failures.append(fail(app, f"192.0.2.{number}"))
            clock.shift(60)
        assert failures == [401] * 5
        locked = Browser(app, address="192.0.2.99").sign_in_staff(totp.now())
        assert locked.status_code == 429
        assert locked.headers["Retry-After"] == "540"
        clock.shift(539)
        assert Browser(app, address="192.0.2.98").sign_in_staff(totp.now()).status_code == 429
        clock.shift(1)
        assert Browser(app, address="192.0.2.97").sign_in_staff(totp.now()).status_code == 303


def test_five_failures_lock_an_address_whatever_the_logins(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False):
        totp = add_dana(app)
        assert [fail(app, "192.0.2.1", f"guess{n}") for n in range(6)] == [401] * 5 + [429]
        assert Browser(app, address="192.0.2.1").sign_in_staff(totp.now()).status_code == 429
        assert Browser(app, address="192.0.2.2").sign_in_staff(totp.now()).status_code == 303


def test_parallel_guesses_do_not_get_around_the_lock(app: Flask) -> None:
    add_dana(app)
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda n: fail(app, f"192.0.2.{n}"), range(12)))
    assert sorted(statuses) == [401] * 5 + [429] * 7


def test_signing_in_rightly_uses_no_tries_up(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        totp = add_dana(app)
        for _ in range(7):
            assert Browser(app).sign_in_staff(totp.now()).status_code == 303
            clock.shift(30)
    with writing(app) as session:
        assert set(session.exec(select(RateCount.count))) == {0}


def staff_page(app: Flask, *roles: Role) -> None:
    """Add a page for staff with one of the roles."""

    @app.get("/staff-page")
    @staff_required(*roles)
    def page() -> str:
        member = current_staff()
        return "" if member is None else member.login


def test_a_page_for_a_role_lets_others_of_staff_not_in(app: Flask) -> None:
    staff_page(app, Role.SYSTEM_ADMIN, Role.OPERATOR)
    dana, eve = add_dana(app, Role.OPERATOR), add_dana(app, Role.REVIEWER, login="eve")
    operator, reviewer, resident, nobody = (Browser(app) for _ in range(4))
    operator.sign_in_staff(dana.now())
    reviewer.sign_in_staff(eve.now(), login="eve")
    resident.sign_in()
    assert operator.get("/staff-page").text == "dana"
    assert reviewer.get("/staff-page").status_code == 403
    for browser in (resident, nobody):
        answer = browser.get("/staff-page")
        assert answer.headers["Location"] == "/staff/sign-in?next=/staff-page"


def test_staff_are_no_residents(app: Flask) -> None:
    totp = add_dana(app)
    browser = Browser(app)
    browser.sign_in_staff(totp.now())
    assert browser.get("/me").headers["Location"] == "/sign-in?next=/me"


def test_deactivation_signs_out_at_once(app: Flask) -> None:
    totp: pyotp.TOTP = add_dana(app)
    browser = Browser(app)
    browser.sign_in_staff(totp.now())
    with writing(app) as session:
        deactivate_staff(session, login="dana", acting_user=SYSTEM, now=utc_now())
        session.commit()
    assert not browser.is_signed_in()
