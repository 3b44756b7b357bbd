"""Where one goes after signing in, and what signing in is asked for."""

import pytest
from flask import Flask

from carbonaccount.errors import NotAuthenticated
from carbonaccount.web.identity import (
    current_account_id,
    current_actor,
    current_staff,
    resident_required,
    safe_next,
)
from tests.people import ALICE, Browser, add_dana


@pytest.mark.parametrize("path", ["/", "/records", "/records?month=2026-03&behavior=bus", "/a//b"])
def test_paths_of_this_site_are_kept(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "records",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/x\\y",
        "javascript:alert(1)",
        " /records",
    ],
)
def test_everything_else_is_dropped(target: str | None) -> None:
    assert safe_next(target) is None


@pytest.fixture
def guarded(app: Flask) -> Flask:
    """The application with a page for residents that tells who they are."""

    @app.route("/guarded", methods=["GET", "POST"])
    @resident_required
    def page() -> dict[str, object]:
        actor = current_actor()
        return {"kind": actor.kind, "id": actor.id, "account": current_account_id()}

    @app.get("/who")
    def who() -> dict[str, object]:
        try:
            actor = str(current_actor())
        except NotAuthenticated as error:
            actor = error.code
        return {
            "actor": actor,
            "account": current_account_id(),
            "staff": current_staff() is not None,
        }

    return app


def test_a_page_for_residents_sends_others_to_sign_in_and_back(guarded: Flask) -> None:
    browser = Browser(guarded)
    answer = browser.get("/guarded?month=3&x=%2F")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/sign-in?next=/guarded?month%3D3%26x%3D%252F",
    )
    browser.get(answer.headers["Location"])
    page = browser.get(answer.headers["Location"]).text
    assert 'value="/guarded?month=3&amp;x=%2F"' in page


def test_a_form_that_comes_too_late_is_not_come_back_to(guarded: Flask) -> None:
    browser = Browser(guarded)
    answer = browser.post("/guarded", {}, page="/sign-in")
    assert answer.headers["Location"] == "/sign-in"


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(guarded: Flask) -> None:
    answer = Browser(guarded).get("/guarded", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/sign-in")


def test_residents_staff_and_nobody_are_told_apart(guarded: Flask) -> None:
    totp = add_dana(guarded)
    nobody, resident, member = Browser(guarded), Browser(guarded), Browser(guarded)
    resident.sign_in(ALICE)
    member.sign_in_staff(totp.now())
    assert nobody.get("/who").json == {
        "actor": "sign_in_needed",
        "account": None,
        "staff": False,
    }
    assert member.get("/who").json == {"actor": "staff:dana", "account": None, "staff": True}
    who, page = resident.get("/who").json, resident.get("/guarded").json
    assert who is not None
    assert page is not None
    assert who["actor"].startswith("resident:")
    assert page == {"kind": "resident", "id": who["account"], "account": who["account"]}
