"""Protection of every answer: pages, errors, static files, the API."""

import re

import pytest
from flask import Flask, abort, render_template_string

from carbonaccount.app import create_app
from carbonaccount.config import Settings
from carbonaccount.errors import Conflict
from tests.people import Browser, add_dana

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def policy(header: str) -> dict[str, list[str]]:
    """Return the directives of a content policy."""
    parts = [part.split() for part in header.split(";")]
    return {name: values for name, *values in parts}


@pytest.fixture
def broken(app: Flask) -> Flask:
    """The application with pages that fail in every way."""
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(status: int) -> str:
        abort(status)

    # Not by app.get, which would make it a part of the API's document.
    app.add_url_rule("/fail/<int:status>", view_func=fail)

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("an invented mistake")

    @app.get("/conflict")
    def conflict() -> str:
        raise Conflict

    return app


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in", 200),
        ("/privacy", 200),
        ("/me", 303),
        ("/no-such-page", 404),
        ("/fail/400", 400),
        ("/fail/403", 403),
        ("/fail/413", 413),
        ("/conflict", 409),
        ("/crash", 500),
        ("/sign-out", 405),
        ("/static/vendor/htmx.min.js", 200),
        ("/static/no-such-file", 404),
        ("/api/v1/no-such-thing", 404),
    ],
)
def test_every_answer_is_protected(broken: Flask, path: str, status: int) -> None:
    with broken.test_client().get(path) as answer:
        assert answer.status_code == status
    for name, value in ALWAYS.items():
        assert answer.headers[name] == value
    directives = policy(answer.headers["Content-Security-Policy"])
    assert directives["default-src"] == ["'self'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert directives["object-src"] == ["'none'"]
    assert directives["script-src"] == ["'self'"]
    assert "camera=(self)" in answer.headers["Permissions-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/sign-in", "/me", "/sessions", "/no-such-page"])
def test_pages_are_not_kept_by_anybody(app: Flask, path: str) -> None:
    browser = Browser(app)
    browser.sign_in()
    assert browser.get(path).headers["Cache-Control"] == "no-store"


def test_static_files_may_be_kept(app: Flask) -> None:
    with app.test_client().get("/static/vendor/htmx.min.js") as answer:
        assert answer.status_code == 200
        assert "no-store" not in answer.headers.get("Cache-Control", "")


def test_a_nonce_is_given_out_once_and_stands_in_the_policy(app: Flask) -> None:
    @app.get("/inline")
    def inline() -> str:
        return render_template_string("{{ csp_nonce() }} {{ csp_nonce() }}")

    nonces = []
    for _ in range(2):
        answer = app.test_client().get("/inline")
        first, second = answer.text.split()
        assert first == second
        directives = policy(answer.headers["Content-Security-Policy"])
        assert directives["script-src"] == ["'self'", f"'nonce-{first}'"]
        nonces.append(first)
    assert nonces[0] != nonces[1]


def test_https_only_is_asked_for_over_https_only(app: Flask) -> None:
    plain = app.test_client().get("/privacy")
    secure = app.test_client().get("/privacy", base_url="https://localhost")
    assert "Strict-Transport-Security" not in plain.headers
    assert re.fullmatch(r"max-age=\d{8,}", secure.headers["Strict-Transport-Security"])


def test_no_own_page_needs_inline_code(app: Flask) -> None:
    """A policy without inline code is worth something only when the pages live with it."""
    totp = add_dana(app)
    resident, member, nobody = Browser(app), Browser(app), Browser(app)
    nobody.ask_code("13912345678")
    member.sign_in_staff(totp.now())
    resident.sign_in()
    pages = [
        nobody.get(path).text
        for path in ("/sign-in", "/sign-in/code", "/staff/sign-in", "/privacy")
    ]
    pages += [resident.get(path).text for path in ("/me", "/sessions", "/privacy/agree")]
    pages.append(member.get("/sessions").text)
    for page in pages:
        assert "</html>" in page
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_proxies_are_believed_only_when_announced(settings: Settings) -> None:
    forged = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    for hops, expected in ((0, False), (1, True)):
        app = create_app(settings.model_copy(update={"proxy_hops": hops}))
        answer = app.test_client().get("/privacy", headers=forged)
        assert ("Strict-Transport-Security" in answer.headers) is expected
        app.extensions["carbonaccount.engine"].dispose()


def test_a_forged_address_does_not_get_around_the_limits(app: Flask) -> None:
    statuses = []
    for number in range(7):
        browser = Browser(app, address="192.0.2.1")
        browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = f"203.0.113.{number}"
        page = browser.sign_in_staff("000000", login=f"guess{number}")
        statuses.append(page.status_code)
    assert statuses == [401] * 5 + [429] * 2


def test_a_host_that_is_not_ours_is_refused(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"trusted_hosts": "carbon.example"}))
    client = app.test_client()
    assert client.get("/privacy", base_url="http://carbon.example").status_code == 200
    refused = client.get("/privacy", base_url="http://evil.example")
    assert refused.status_code == 400
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    app.extensions["carbonaccount.engine"].dispose()


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cookie_secure": True}))
    cookie = app.test_client().get("/sign-in").headers["Set-Cookie"]
    for attribute in ("HttpOnly", "Secure", "SameSite=Lax"):
        assert attribute in cookie
    app.extensions["carbonaccount.engine"].dispose()
