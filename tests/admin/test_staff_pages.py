"""Staff and roles, by HTTP: who may give what, and that nobody changes themselves."""

import re

import pyotp
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from carbonaccount.accounts import queries
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from tests.admin.desk import staff
from tests.people import Browser, add_dana, csrf_token, writing


@pytest.fixture
def sam(app: Flask) -> Browser:
    return staff(app, Role.SECURITY_ADMIN, login="sam")


@pytest.fixture
def sys(app: Flask) -> Browser:
    return staff(app, Role.SYSTEM_ADMIN, login="sys")


def roles(app: Flask, login: str) -> set[str]:
    with writing(app) as session:
        member = queries.staff_by_login(session, login)
        return set(queries.roles_of(session, member.stored_id)) if member else set()


def send(browser: Browser, path: str, *wanted: Role, **fields: str) -> TestResponse:
    token = csrf_token(browser.get("/admin/staff"))
    data: dict[str, object] = {"csrf_token": token, "roles": list(wanted), **fields}
    return browser.client.post(path, data=data)


def add(browser: Browser, login: str, *wanted: Role) -> TestResponse:
    return send(browser, "/admin/staff/new", *wanted, login=login, display_name="新人")


def secrets(page: str) -> list[str]:
    return re.findall(r'<code class="secret">([^<]+)</code>', page)


def test_a_new_colleague_signs_in_with_what_is_shown_once(app: Flask, sam: Browser) -> None:
    response = add(sam, "nora", Role.REVIEWER, Role.OPERATOR)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    password, secret = secrets(response.text)
    assert "<svg" in response.text
    assert roles(app, "nora") == {"reviewer", "operator"}
    nora = Browser(app)
    signed = nora.sign_in_staff(pyotp.TOTP(secret).now(), login="nora", password=password)
    assert signed.status_code == 303
    assert password not in sam.get("/admin/staff/nora").text
    assert secret not in sam.get("/admin/staff/nora").text


def test_the_security_administrator_makes_no_other(app: Flask, sam: Browser) -> None:
    assert add(sam, "nora", Role.SECURITY_ADMIN).status_code == 403
    assert roles(app, "nora") == set()
    assert add(sam, "nora", Role.SYSTEM_ADMIN).status_code == 200


def test_the_system_administrator_makes_security_administrators_only(
    app: Flask, sys: Browser
) -> None:
    for role in set(Role) - {Role.SECURITY_ADMIN}:
        assert add(sys, "nora", role).status_code == 403
    assert roles(app, "nora") == set()
    assert add(sys, "nora", Role.SECURITY_ADMIN).status_code == 200
    assert roles(app, "nora") == {"security_admin"}


def test_roles_are_changed_by_another(app: Flask, sam: Browser) -> None:
    add_dana(app, Role.OPERATOR, login="olga")
    assert send(sam, "/admin/staff/olga/roles", Role.REVIEWER).status_code == 303
    assert roles(app, "olga") == {"reviewer"}
    assert send(sam, "/admin/staff/olga/roles").status_code == 422
    assert roles(app, "olga") == {"reviewer"}


def test_nobody_changes_themselves(app: Flask, sam: Browser, sys: Browser) -> None:
    for browser, login, role in (
        (sam, "sam", Role.REVIEWER),
        (sys, "sys", Role.SECURITY_ADMIN),
    ):
        before = roles(app, login)
        for verb in ("roles", "deactivate", "reactivate", "reset"):
            assert send(browser, f"/admin/staff/{login}/{verb}", role).status_code == 403
        assert roles(app, login) == before
        assert "由另一位管理员更改" in browser.get(f"/admin/staff/{login}").text


def test_a_role_that_is_not_ones_to_give_stays(app: Flask, sam: Browser, sys: Browser) -> None:
    add_dana(app, Role.SECURITY_ADMIN, Role.REVIEWER, login="both")
    assert send(sam, "/admin/staff/both/roles", Role.OPERATOR).status_code == 303
    assert roles(app, "both") == {"security_admin", "operator"}
    assert send(sam, "/admin/staff/both/reset").status_code == 403
    assert send(sys, "/admin/staff/both/reset").status_code == 403


def test_powers_are_kept_apart(app: Flask, sam: Browser) -> None:
    response = add(sam, "nora", Role.SYSTEM_ADMIN, Role.AUDITOR)
    assert response.status_code == 422
    assert "三员分立" in response.text
    assert roles(app, "nora") == set()


def test_barred_at_once_and_let_in_again(app: Flask, sam: Browser) -> None:
    olga = staff(app, Role.OPERATOR, login="olga")
    assert send(sam, "/admin/staff/olga/deactivate").status_code == 303
    assert olga.get("/admin/").status_code == 303
    assert send(sam, "/admin/staff/olga/reset").status_code == 409
    assert send(sam, "/admin/staff/olga/reactivate").status_code == 303
    assert "启用" in sam.get("/admin/staff/olga").text


def test_new_credentials_end_the_old(app: Flask, sam: Browser) -> None:
    totp = add_dana(app, Role.OPERATOR, login="olga")
    olga = Browser(app)
    assert olga.sign_in_staff(totp.now(), login="olga").status_code == 303
    password, secret = secrets(send(sam, "/admin/staff/olga/reset").text)
    assert olga.get("/admin/").status_code == 303
    assert Browser(app).sign_in_staff(totp.now(), login="olga").status_code != 303
    # The time step of her last sign-in is used up, whatever the secret; the next one counts.
    soon = pyotp.TOTP(secret).at(utc_now(), counter_offset=1)
    again = Browser(app).sign_in_staff(soon, login="olga", password=password)
    assert again.status_code == 303


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.REVIEWER, Role.RULE_APPROVER])
def test_not_for_others(app: Flask, role: Role) -> None:
    other = staff(app, role, login="otto")
    for path in ("/admin/staff", "/admin/staff/otto", "/admin/staff/new", "/admin/staff.csv"):
        assert other.get(path).status_code == 403
    response = other.post("/admin/staff/otto/roles", {"roles": "system_admin"}, page="/admin/")
    assert response.status_code == 403


def test_the_auditor_reads_only(app: Flask) -> None:
    adam = staff(app, Role.AUDITOR, login="adam")
    assert adam.get("/admin/staff").status_code == 200
    assert adam.get("/admin/staff/adam").status_code == 200
    assert adam.get("/admin/staff/new").status_code == 403
    assert adam.get("/admin/staff.xlsx").data[:2] == b"PK"


def test_an_unknown_login(sam: Browser) -> None:
    assert sam.get("/admin/staff/nobody").status_code == 404
    assert send(sam, "/admin/staff/nobody/deactivate").status_code == 404
