"""Codes below the pages: the guard that uses a code up, and what is stored of it."""

import secrets
from datetime import UTC, datetime

import pytest
from sqlmodel import Session, select

from carbonaccount.accounts.models import OneTimeCode
from carbonaccount.accounts.one_time_codes import check_guess, claim_attempt, issue_code, use_code
from carbonaccount.crypto import Vault
from carbonaccount.errors import NotAuthenticated
from tests.people import ALICE

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
VAULT = Vault(b"k" * 32)


def issue(session: Session, request_token: str) -> str:
    """Issue a code for a request."""
    return issue_code(
        session,
        phone=ALICE,
        phone_index="index",
        request_token=request_token,
        vault=VAULT,
        now=NOON,
    )


def test_of_two_attempts_claimed_before_either_is_used_one_wins(session: Session) -> None:
    code = issue(session, "token")
    attempts = [claim_attempt(session, request_token="token", now=NOON) for _ in range(2)]
    for attempt in attempts:
        check_guess(attempt, guess=code, vault=VAULT)
    assert use_code(session, attempt=attempts[0], vault=VAULT, now=NOON) == ALICE
    with pytest.raises(NotAuthenticated, match="code_expired"):
        use_code(session, attempt=attempts[1], vault=VAULT, now=NOON)


def test_a_used_code_cannot_be_claimed(session: Session) -> None:
    issue(session, "token")
    attempt = claim_attempt(session, request_token="token", now=NOON)
    use_code(session, attempt=attempt, vault=VAULT, now=NOON)
    with pytest.raises(NotAuthenticated, match="code_expired"):
        claim_attempt(session, request_token="token", now=NOON)


def test_equal_codes_of_two_requests_are_stored_differently(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda _limit: 42)
    assert [issue(session, "first"), issue(session, "second")] == ["000042", "000042"]
    session.flush()
    assert len(set(session.exec(select(OneTimeCode.code_hash)))) == 2


def test_codes_are_six_digits_and_not_always_the_same(session: Session) -> None:
    codes = {issue(session, f"token {number}") for number in range(50)}
    assert len(codes) > 40
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
