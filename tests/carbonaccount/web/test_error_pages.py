"""Errors as pages: the right status, a sentence in the reader's language, no insides."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, abort

import carbonaccount
from carbonaccount.errors import (
    Conflict,
    DomainError,
    InsufficientBalance,
    Invalid,
    LimitReached,
    NotAuthenticated,
    NotFound,
    Refused,
    Unavailable,
)
from carbonaccount.web.messages import SENTENCES
from tests.people import Browser

ENGLISH = {"Accept-Language": "en-GB,en;q=0.9"}


@pytest.fixture
def broken(app: Flask) -> Flask:
    """The application with a page that raises what the test asks for."""
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/raise")
    def page() -> str:
        raise app.config["RAISE"]

    def stop(status: int) -> str:
        abort(status)

    # Not by app.get, which would make it a part of the API's document.
    app.add_url_rule("/abort/<int:status>", view_func=stop)

    return app


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound(), 404),
        (Refused(), 403),
        (Invalid(), 422),
        (Conflict(), 409),
        (InsufficientBalance(), 409),
        (NotAuthenticated("sign_in_needed"), 401),
        (LimitReached(retry_after_s=90), 429),
        (Unavailable("sms_unavailable"), 503),
    ],
)
def test_a_domain_error_becomes_a_page(broken: Flask, error: DomainError, status: int) -> None:
    broken.config["RAISE"] = error
    answer = broken.test_client().get("/raise")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert f">{status}<" in answer.text
    assert error.code not in answer.text


def test_a_limit_says_how_long(broken: Flask) -> None:
    broken.config["RAISE"] = LimitReached(retry_after_s=90)
    answer = broken.test_client().get("/raise")
    assert answer.headers["Retry-After"] == "90"
    assert "2 分钟" in answer.text


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 429, 500])
def test_errors_of_http_are_pages_in_both_languages(broken: Flask, status: int) -> None:
    chinese = broken.test_client().get(f"/abort/{status}")
    english = broken.test_client().get(f"/abort/{status}", headers=ENGLISH)
    for answer, index in ((chinese, 0), (english, 1)):
        assert answer.status_code == status
        assert SENTENCES[f"http_{status}"][index] in answer.text


def test_a_wrong_method_says_which_are_right(app: Flask) -> None:
    answer = app.test_client().get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_crash_shows_nothing_of_its_insides(broken: Flask) -> None:
    broken.config["RAISE"] = RuntimeError("secret 13800138000")
    answer = broken.test_client().get("/raise")
    assert answer.status_code == 500
    assert SENTENCES["http_500"][0] in answer.text
    for inside in ("secret", "RuntimeError", "Traceback", "13800138000"):
        assert inside not in answer.text


def test_the_apology_needs_no_database(broken: Flask) -> None:
    browser = Browser(broken)
    browser.sign_in()
    with broken.extensions["carbonaccount.engine"].begin() as connection:
        connection.execute(sa.text("ALTER TABLE login_session RENAME TO login_session_gone"))
    answer = browser.get("/me")
    assert answer.status_code == 500
    assert SENTENCES["http_500"][0] in answer.text


def test_a_form_without_a_token_says_what_to_do(app: Flask) -> None:
    answer = app.test_client().post("/sign-out")
    assert answer.status_code == 400
    assert SENTENCES["form_expired"][0] in answer.text


def test_a_form_that_is_too_large_is_413(broken: Flask) -> None:
    browser = Browser(broken)
    answer = browser.post("/sign-in", {"phone": "1" * 300_000})
    assert answer.status_code == 413


def raised_codes() -> Iterator[tuple[str, str]]:
    """Find every code that a file of this room raises with an error of the tree."""
    errors = {
        name
        for name, value in vars(__import__("carbonaccount.errors", fromlist=["*"])).items()
        if isinstance(value, type) and issubclass(value, DomainError)
    } - {"ConfigurationError", "DatabaseUnsafe"}
    root = Path(carbonaccount.__file__).parent
    for file in [*root.glob("accounts/*.py"), *root.glob("web/*.py"), root / "scheduler.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in errors
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield file.name, str(node.args[0].value)


def test_every_code_has_its_sentence() -> None:
    found = list(raised_codes())
    assert len(found) > 15
    missing = [(file, code) for file, code in found if code not in SENTENCES]
    assert missing == []


def test_what_a_database_cannot_keep_is_refused_before_it_is_asked(app: Flask) -> None:
    browser = Browser(app)
    told = "无法保存的字符"
    assert browser.get("/statements/%00").status_code == 404
    asked = browser.get("/rewards?q=%00")
    assert (asked.status_code, told in asked.text) == (422, True)
    typed = browser.post("/sign-in", {"phone": "138\0", "agree": "y", "adult": "y"})
    assert (typed.status_code, told in typed.text) == (422, True)
