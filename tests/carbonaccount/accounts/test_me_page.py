"""The page about oneself: masked number, settings, consents with their history."""

from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.models import Account, Resident
from tests.people import ALICE, Browser, writing


def test_it_needs_sign_in(app: Flask) -> None:
    assert Browser(app).get("/me").headers["Location"] == "/sign-in?next=/me"


def test_only_the_last_four_digits_are_shown(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE)
    page = browser.get("/me").text
    assert "*******8000" in page
    assert ALICE not in page
    assert ALICE[:7] not in page


def test_district_and_language_can_be_changed(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE, district="370811")
    page = browser.get("/me").text
    assert '<option selected value="370811">' in page
    browser.post("/me", {"district": "370881", "locale": "en"})
    with writing(app) as session:
        assert (
            session.exec(select(Account.district_code).where(Account.kind == "person")).one()
            == "370881"
        )
        assert session.exec(select(Resident.locale)).one() == "en"
    page = browser.get("/me").text
    assert '<html lang="en">' in page
    assert "Qufu" in page


def test_the_district_can_be_taken_back(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE, district="370811")
    browser.post("/me", {"district": "", "locale": "zh"})
    with writing(app) as session:
        assert (
            session.exec(select(Account.district_code).where(Account.kind == "person")).one()
            is None
        )


def test_what_is_no_choice_is_refused(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE)
    assert browser.post("/me", {"district": "1", "locale": "zh"}).status_code == 400
    assert browser.post("/me", {"district": "", "locale": "fr"}).status_code == 400


def test_consents_are_listed(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in(ALICE)
    assert "2026-11-21" in browser.get("/me").text
