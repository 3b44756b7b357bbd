"""Every error below /api/ is an RFC 9457 problem, in the reader's language."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from behaviors.api import score
from tests.behaviors.api.conftest import body_of


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Not found"),
        ("en-GB,en;q=0.9", "Not found"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "找不到"),
        ("fr", "找不到"),
        (None, "找不到"),
    ],
)
def test_an_unknown_address(public: FlaskClient, language: str | None, title: str) -> None:
    headers = {"Accept-Language": language} if language else {}
    response = public.get("/api/v1/nothing", headers=headers)
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert body_of(response)["title"] == title
    assert set(body_of(response)) == {"type", "title", "status", "detail", "code"}
    assert "Accept-Language" in response.headers["Vary"]


def test_another_method_says_which_are_allowed(public: FlaskClient) -> None:
    response = public.delete("/api/v1/score")
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert set(response.headers["Allow"].replace(" ", "").split(",")) == {"POST", "OPTIONS"}


def test_a_failure_of_ours_tells_nothing_of_its_insides(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("secret insides")

    monkeypatch.setattr(score, "scored", fails)
    app.config["TESTING"] = False
    response = app.test_client().post(
        "/api/v1/score", json={"behavior": "bus_trip", "activity": {"distance_km": "1"}}
    )
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert body_of(response)["code"] == "http_500"
    assert "secret" not in response.text


def test_pages_keep_their_own_errors(public: FlaskClient) -> None:
    assert public.get("/nothing").mimetype != "application/problem+json"
