"""Logs tell what happened and never to whom."""

import json
import logging
from typing import Any, cast

import pytest
import structlog
from flask import Flask, request

from carbonaccount.web.logging import json_formatter
from tests.people import ALICE, Browser, add_dana


def lines(text: str) -> list[dict[str, object]]:
    """Return the JSON lines of captured output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_signing_in_leaves_no_number_no_code_and_no_token_in_the_log(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    browser = Browser(app, address="203.0.113.77")
    browser.ask_code(ALICE, district="370811")
    code = browser.shown_code()
    browser.enter("000000" if code != "000000" else "000001")
    browser.enter(code)
    cookie = browser.cookie
    browser.get(f"/me?phone={ALICE}")
    browser.get(f"/no-such-page/{ALICE}")
    browser.post("/sign-out", {}, page="/me")
    captured = capfd.readouterr()
    requests = [line for line in lines(captured.err) if line["event"] == "request"]
    assert len(requests) >= 8
    logged = "\n".join(line for line in captured.err.splitlines() if line.startswith("{"))
    for personal in (ALICE, code, "203.0.113.77", "370811", cookie):
        assert personal not in logged
    assert ALICE not in captured.err + captured.out


def test_a_line_names_rule_status_and_duration(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = app.test_client().get("/privacy?secret=1")
    (line,) = lines(capfd.readouterr().err)
    assert line["event"] == "request"
    assert (line["method"], line["url_rule"], line["status"]) == ("GET", "/privacy", 200)
    assert isinstance(line["duration_ms"], float)
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert set(line) == {
        "event",
        "method",
        "url_rule",
        "status",
        "duration_ms",
        "request_id",
        "level",
        "logger",
        "timestamp",
    }


def test_requests_have_ids_of_their_own_whatever_the_client_says(app: Flask) -> None:
    client = app.test_client()
    ids = {
        client.get("/privacy", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"]
        for _ in range(3)
    }
    assert len(ids) == 3
    assert "mine" not in ids


def test_a_crash_is_logged_with_its_frames_but_without_what_people_typed(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/crash/<typed>")
    def crash() -> str:
        typed = request.path.rsplit("/", 1)[-1]
        try:
            int(f"x{typed}")
        except ValueError as error:
            raise RuntimeError(f"{len(typed)} characters\nDETAIL: 张三 {typed}") from error
        return ""

    assert app.test_client().get(f"/crash/{ALICE}").status_code == 500
    logged = capfd.readouterr().err
    (error,) = [line for line in lines(logged) if line["level"] == "error"]
    assert (error["event"], error["url_rule"]) == ("unhandled", "/crash/<typed>")
    assert error["request_id"]
    told = [(part["exc_type"], part["exc_value"]) for part in cast("Any", error["exception"])]
    assert told == [
        ("RuntimeError", "11 characters"),
        ("ValueError", "invalid literal for int() with base 10: …"),
    ]
    assert "test_logging.py" in json.dumps(error["exception"])
    assert ALICE not in logged


def test_no_input_can_begin_a_line_of_its_own() -> None:
    text = 'x\r\n{"event": "forged"}\u2028y'
    for record in (
        logging.LogRecord("a", logging.INFO, "f", 1, "said %s", (text,), None),
        logging.LogRecord("a", logging.INFO, "f", 1, {"event": "e", "name": text}, None, None),
    ):
        record.__dict__.setdefault("_from_structlog", False)
        formatted = json_formatter().format(record)
        assert len(formatted.splitlines()) == 1
        assert "\u2028" not in formatted


def test_structured_and_plain_loggers_come_out_alike(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.get_logger("one").info("structured", rows=3)
    logging.getLogger("two").warning("plain %d", 4)
    first, second = lines(capfd.readouterr().err)
    assert (first["event"], first["rows"], first["level"]) == ("structured", 3, "info")
    assert (second["event"], second["level"], second["logger"]) == ("plain 4", "warning", "two")
    assert app.name


def test_staff_sign_in_leaves_neither_login_nor_password(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    totp = add_dana(app)
    browser = Browser(app)
    browser.sign_in_staff("000000", login="hunter2-typed-as-login", password="a wrong password")
    browser.sign_in_staff(totp.now())
    logged = capfd.readouterr().err
    assert '"/staff/sign-in"' in logged
    for secret in ("hunter2", "a wrong password", "correct horse"):
        assert secret not in logged
