"""Which language a page speaks, and how a person changes it."""

import pytest
from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.models import Resident
from tests.people import ALICE, Browser, writing


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-US,en;q=0.9", "en"),
        ("en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0.8,en;q=0.8", "zh-CN"),
        ("fr-FR,fr;q=0.9", "zh-CN"),
        ("*", "zh-CN"),
        ("nonsense;;;q=x", "zh-CN"),
    ],
)
def test_english_only_when_the_browser_clearly_wants_it(
    app: Flask, header: str | None, lang: str
) -> None:
    headers = {} if header is None else {"Accept-Language": header}
    page = Browser(app).get("/privacy", headers=headers)
    assert f'<html lang="{lang}">' in page.text


def test_a_choice_goes_before_the_browser_and_comes_back_to_the_page(app: Flask) -> None:
    browser = Browser(app)
    answer = browser.post("/language", {"locale": "en", "next": "/privacy"}, page="/privacy")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/privacy")
    page = browser.get("/privacy", headers={"Accept-Language": "zh-CN"})
    assert '<html lang="en">' in page.text
    assert "Who handles your information" in page.text


def test_a_residents_choice_is_remembered_and_follows_to_another_browser(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE)
    browser.post("/language", {"locale": "en", "next": "/me"}, page="/me")
    with writing(app) as session:
        assert session.exec(select(Resident.locale)).one() == "en"
    twin = browser.twin()
    with twin.client.session_transaction() as cookie:
        del cookie["locale"]
    assert '<html lang="en">' in twin.get("/me").text


def test_a_choice_survives_signing_in_and_out(app: Flask) -> None:
    browser = Browser(app)
    browser.post("/language", {"locale": "en"}, page="/privacy")
    browser.sign_in(ALICE)
    assert '<html lang="en">' in browser.get("/me").text
    browser.post("/sign-out", {}, page="/me")
    assert '<html lang="en">' in browser.get("/privacy").text


def test_a_language_we_do_not_speak_is_refused(app: Flask) -> None:
    answer = Browser(app).post("/language", {"locale": "fr"}, page="/privacy")
    assert answer.status_code == 400


def test_it_does_not_lead_to_another_site(app: Flask) -> None:
    answer = Browser(app).post(
        "/language", {"locale": "en", "next": "//evil.example/"}, page="/privacy"
    )
    assert answer.headers["Location"] == "/"


def test_it_needs_the_forms_token(app: Flask) -> None:
    assert app.test_client().post("/language", data={"locale": "en"}).status_code == 400
