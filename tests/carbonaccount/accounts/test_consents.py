"""Consents: given with the hash of the text, ended at once, never overwritten."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from carbonaccount.accounts import notices
from carbonaccount.accounts.models import Account, AccountKind, Consent
from carbonaccount.accounts.queries import consents_of
from carbonaccount.accounts.services import (
    give_consent,
    open_account,
    resident_actor,
    withdraw_consent,
)
from carbonaccount.audit import AuditEntry
from tests.people import Browser, field_errors, writing

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=3)


@pytest.fixture
def account(session: Session) -> Account:
    """An account to consent for."""
    return open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOON)


def give(
    session: Session, account: Account, purpose: str, version: str = "1", now: datetime = NOON
) -> Consent:
    """Consent to a purpose with an invented text."""
    return give_consent(
        session,
        account_id=account.stored_id,
        purpose=purpose,
        version=version,
        text=f"{purpose} {version}",
        channel="web",
        acting_user=resident_actor(account),
        now=now,
    )


def withdraw(session: Session, account: Account, purpose: str, now: datetime = LATER) -> bool:
    """Withdraw a consent."""
    return withdraw_consent(
        session,
        account_id=account.stored_id,
        purpose=purpose,
        acting_user=resident_actor(account),
        now=now,
    )


def in_force(session: Session, account: Account) -> list[tuple[str, str]]:
    """Return purpose and version of what is in force."""
    found = consents_of(session, account.stored_id)
    return sorted((each.purpose, each.version) for each in found if each.withdrawn_at is None)


def test_a_consent_keeps_the_hash_of_its_text(session: Session, account: Account) -> None:
    consent = give(session, account, "source:bike")
    assert consent.text_sha256 == hashlib.sha256(b"source:bike 1").hexdigest()
    assert (consent.given_at, consent.withdrawn_at) == (NOON, None)


def test_the_same_consent_again_changes_nothing(session: Session, account: Account) -> None:
    assert give(session, account, "source:bike").id == give(session, account, "source:bike").id
    assert len(consents_of(session, account.stored_id)) == 1


def test_a_new_version_ends_the_old_one_and_keeps_it(session: Session, account: Account) -> None:
    give(session, account, "privacy", "1")
    give(session, account, "privacy", "2", LATER)
    history = [
        (each.version, each.given_at, each.withdrawn_at)
        for each in consents_of(session, account.stored_id)
    ]
    assert history == [("2", LATER, None), ("1", NOON, LATER)]


def test_withdrawing_one_source_leaves_the_others(session: Session, account: Account) -> None:
    for purpose in ("privacy", "source:bike", "source:charging"):
        give(session, account, purpose)
    assert withdraw(session, account, "source:bike")
    assert in_force(session, account) == [("privacy", "1"), ("source:charging", "1")]
    assert not withdraw(session, account, "source:bike")


def test_withdrawing_the_notice_ends_every_consent(session: Session, account: Account) -> None:
    for purpose in ("privacy", "source:bike", "source:charging"):
        give(session, account, purpose)
    assert withdraw(session, account, "privacy")
    assert in_force(session, account) == []


def test_consent_can_be_given_again_after_withdrawal(session: Session, account: Account) -> None:
    give(session, account, "source:bike")
    withdraw(session, account, "source:bike")
    give(session, account, "source:bike", now=LATER)
    assert len(consents_of(session, account.stored_id)) == 2
    assert in_force(session, account) == [("source:bike", "1")]


def test_the_database_allows_one_consent_of_a_purpose_in_force(
    session: Session, account: Account
) -> None:
    give(session, account, "source:bike")
    session.add(
        Consent(
            account_id=account.stored_id,
            purpose="source:bike",
            version="2",
            text_sha256="0" * 64,
            channel="web",
            given_at=LATER,
        )
    )
    with pytest.raises(IntegrityError):
        session.flush()


def test_giving_and_withdrawing_are_on_the_trail(session: Session, account: Account) -> None:
    give(session, account, "source:bike")
    withdraw(session, account, "source:bike")
    session.flush()
    trail = session.exec(select(AuditEntry)).all()
    assert [entry.action for entry in trail] == ["consent.give", "consent.withdraw"]
    assert {entry.actor for entry in trail} == {f"resident:{account.public_id}"}


@pytest.fixture
def new_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put a newer version of the notice in force."""
    for language in notices.LANGUAGES:
        text = "New {version} {city} {operator} {contact}"
        (tmp_path / f"privacy-2027-01-01.{language}.txt").write_text(text, "utf-8")
    monkeypatch.setattr(notices, "FOLDER", tmp_path)
    monkeypatch.setattr(notices, "PRIVACY_VERSION", "2027-01-01")


def test_after_a_new_version_the_next_page_asks_again(
    app: Flask, request: pytest.FixtureRequest
) -> None:
    browser = Browser(app)
    browser.sign_in()
    assert browser.get("/me?x=1").status_code == 200
    request.getfixturevalue("new_notice")
    for path in ("/me?x=1", "/sessions"):
        assert browser.get(path).headers["Location"].startswith("/privacy/agree?next=")
    assert browser.get("/privacy").status_code == 200

    refused = browser.post("/privacy/agree", {})
    assert refused.status_code == 400
    assert field_errors(refused)
    agreed = browser.post("/privacy/agree", {"agree": "y", "next": "/me?x=1"})
    assert agreed.headers["Location"] == "/me?x=1"
    assert browser.get("/me").status_code == 200
    with writing(app) as session:
        given = session.exec(select(Consent).order_by(Consent.version)).all()
        assert [each.version for each in given] == ["2026-11-21", "2027-01-01"]
        assert [each.withdrawn_at is None for each in given] == [False, True]


@pytest.mark.usefixtures("new_notice")
def test_a_form_cannot_be_sent_past_the_question(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    with writing(app) as session:
        consent = session.exec(select(Consent)).one()
        consent.version = "2020-01-01"
        session.add(consent)
        session.commit()
    answer = browser.post("/me", {"district": "370811", "locale": "zh"}, page="/privacy/agree")
    assert answer.headers["Location"] == "/privacy/agree"
    with writing(app) as session:
        account = session.exec(select(Account).where(Account.kind == "person")).one()
        assert account.district_code is None


def test_withdrawing_on_the_page_signs_every_browser_out(app: Flask) -> None:
    browser = Browser(app)
    browser.sign_in()
    twin = browser.twin()
    assert browser.post("/me/withdraw", {}, page="/me").headers["Location"] == "/me"
    assert twin.is_signed_in()
    browser.post("/me/withdraw", {"sure": "y"}, page="/me")
    assert not browser.is_signed_in()
    assert not twin.is_signed_in()
    with writing(app) as session:
        assert session.exec(select(Consent)).one().withdrawn_at is not None
