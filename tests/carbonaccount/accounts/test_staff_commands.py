"""`flask staff`: the first administrator once, others by name, everything on the trail."""

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from click.testing import Result
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.models import Staff, StaffRole
from carbonaccount.accounts.staff import add_first_admin
from carbonaccount.audit import SYSTEM, AuditEntry
from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict
from tests.people import DANA_PASSWORD, Browser, add_dana, writing


def run(app: Flask, *words: str, typed: str | None = None) -> Result:
    """Run `flask staff ...`."""
    return app.test_cli_runner().invoke(args=["staff", *words], input=typed)


def printed(result: Result, name: str) -> str:
    """Return what stands behind a name in the output."""
    found = re.search(rf"^{name}: (.+)$", result.output, re.MULTILINE)
    assert found, result.output
    return found[1]


def test_the_first_administrator_can_sign_in_with_what_was_printed(app: Flask) -> None:
    result = run(app, "create-first-admin", "root", "--generate-password")
    assert result.exit_code == 0, result.output
    uri = printed(result, "authenticator")
    assert uri.startswith("otpauth://totp/")
    assert "碳账户 济宁市" in unquote(uri)
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    browser = Browser(app)
    answer = browser.sign_in_staff(
        pyotp.TOTP(secret).now(), login="root", password=printed(result, "password")
    )
    assert answer.status_code == 303
    with writing(app) as session:
        assert session.exec(select(StaffRole.role)).all() == ["system_admin"]
    # The picture in the terminal: lines of half blocks.
    assert sum("█" in line or "▄" in line for line in result.output.splitlines()) > 10


def test_it_works_once(app: Flask) -> None:
    assert run(app, "create-first-admin", "root", "--generate-password").exit_code == 0
    again = run(app, "create-first-admin", "toor", "--generate-password")
    assert again.exit_code == 1
    assert "only once" in again.output
    with writing(app) as session:
        assert session.exec(select(Staff.login)).all() == ["root"]


def test_two_at_the_same_moment_make_one(app: Flask) -> None:
    def make(login: str) -> bool:
        with writing(app) as session:
            try:
                add_first_admin(
                    session,
                    login=login,
                    display_name=login,
                    password=DANA_PASSWORD,
                    vault=app.extensions["carbonaccount.vault"],
                    acting_user=SYSTEM,
                    now=utc_now(),
                )
            except Conflict:
                return False
            session.commit()
            return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(make, ["root1", "root2", "root3", "root4"]))
    assert sorted(made) == [False, False, False, True]


def test_a_typed_password_is_asked_for_twice_and_not_printed(app: Flask) -> None:
    typed = f"{DANA_PASSWORD}\n{DANA_PASSWORD}\n"
    result = run(app, "create-first-admin", "root", typed=typed)
    assert result.exit_code == 0
    assert DANA_PASSWORD not in result.output
    assert "password: " not in result.output


@pytest.mark.parametrize(
    ("login", "password", "says"),
    [
        ("root", "short", "12 to 128"),
        ("Root", DANA_PASSWORD, "lower-case"),
        ("r", DANA_PASSWORD, "lower-case"),
        ("1root", DANA_PASSWORD, "lower-case"),
    ],
)
def test_bad_input_is_explained(app: Flask, login: str, password: str, says: str) -> None:
    result = run(app, "create-first-admin", login, typed=f"{password}\n{password}\n")
    assert result.exit_code == 1
    assert says in result.output
    with writing(app) as session:
        assert session.exec(select(Staff)).all() == []


def test_staff_are_added_listed_changed_and_deactivated(app: Flask) -> None:
    options = ("--role", "operator", "--role", "reviewer", "--generate-password")
    assert run(app, "add", "erin", *options).exit_code == 0
    assert run(app, "add", "erin", *options).exit_code == 1
    assert "erin                     active    operator,reviewer" in run(app, "list").output
    assert run(app, "roles", "erin", "reviewer").output == "erin: reviewer\n"
    assert run(app, "deactivate", "erin").exit_code == 0
    assert "erin                     inactive  reviewer" in run(app, "list").output
    assert run(app, "deactivate", "nobody").exit_code == 1
    assert run(app, "roles", "erin", "emperor").exit_code == 2
    with writing(app) as session:
        actions = [(row.action, row.actor) for row in session.exec(select(AuditEntry))]
    assert [action for action, _ in actions] == [
        "staff.add",
        "staff.roles",
        "staff.roles",
        "staff.deactivate",
        "session.revoke_all",
    ]
    assert {actor for _, actor in actions} == {"system:cli"}


def test_the_trail_holds_neither_password_nor_secret(app: Flask) -> None:
    totp = add_dana(app)
    with writing(app) as session:
        trail = "".join(repr(row.model_dump()) for row in session.exec(select(AuditEntry)))
        member = session.exec(select(Staff)).one()
    assert trail
    assert DANA_PASSWORD not in trail
    assert totp.secret not in trail
    assert totp.secret.encode() not in member.totp_sealed
