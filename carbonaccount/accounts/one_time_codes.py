"""Codes by short message: six digits, once, five minutes, five guesses, for one request only.

The browser that asks holds a random request token in its session; a code is worth something only
together with it. Guesses are claimed in the database before they are looked at, so that any number
of parallel requests gets five looks, and using a code is one guarded update, so that it works once.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import OneTimeCode
from carbonaccount.crypto import Vault, token_hash
from carbonaccount.errors import NotAuthenticated

CODE_DIGITS = 6
CODE_LIFETIME = timedelta(minutes=5)
MAXIMUM_ATTEMPTS = 5
_SEAL_PURPOSE = "one-time-code"


@dataclass(frozen=True)
class ClaimedAttempt:
    """One of the five looks at a code, paid for whatever the guess was."""

    request_hash: str
    code_hash: str
    phone_sealed: bytes
    attempts_left: int


def issue_code(
    session: Session,
    *,
    phone: str,
    phone_index: str,
    request_token: str,
    vault: Vault,
    now: datetime,
) -> str:
    """Store a new code for a request and return it for sending; expired codes go at once."""
    remove_expired_codes(session, now=now)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    request_hash = token_hash(request_token)
    session.add(
        OneTimeCode(
            request_hash=request_hash,
            phone_index=phone_index,
            phone_sealed=vault.seal(phone, purpose=_SEAL_PURPOSE),
            code_hash=_code_hash(vault, request_hash, code),
            created_at=now,
            expires_at=now + CODE_LIFETIME,
        )
    )
    return code


def discard_code(session: Session, *, request_token: str) -> None:
    """Forget a code that could not be sent, and the number with it."""
    session.exec(
        sa.delete(OneTimeCode).where(col(OneTimeCode.request_hash) == token_hash(request_token))
    )


def remove_expired_codes(session: Session, *, now: datetime) -> int:
    """Delete codes that are over, with the sealed numbers they hold; returns how many."""
    result = session.exec(sa.delete(OneTimeCode).where(col(OneTimeCode.expires_at) <= now))
    return result.rowcount


def phone_index_of_request(session: Session, *, request_token: str) -> str | None:
    """Return the blind index of the number a request is about, None when it is over."""
    code = session.get(OneTimeCode, token_hash(request_token))
    return None if code is None else code.phone_index


def claim_attempt(session: Session, *, request_token: str, now: datetime) -> ClaimedAttempt:
    """Pay for one guess; the caller commits before it looks at the guess.

    Raises NotAuthenticated with `code_expired` when there is no living code for the request, and
    with `code_guesses_used_up` when all guesses are spent.
    """
    request_hash = token_hash(request_token)
    claimed = session.exec(
        sa.update(OneTimeCode)
        .where(
            col(OneTimeCode.request_hash) == request_hash,
            col(OneTimeCode.used_at).is_(None),
            col(OneTimeCode.expires_at) > now,
            col(OneTimeCode.attempts) < MAXIMUM_ATTEMPTS,
        )
        .values(attempts=col(OneTimeCode.attempts) + 1)
        .returning(
            col(OneTimeCode.code_hash), col(OneTimeCode.phone_sealed), col(OneTimeCode.attempts)
        )
    ).one_or_none()
    if claimed is None:
        raise NotAuthenticated(_why_not(session, request_hash, now))
    code_hash, phone_sealed, attempts = claimed
    return ClaimedAttempt(request_hash, code_hash, phone_sealed, MAXIMUM_ATTEMPTS - attempts)


def _why_not(session: Session, request_hash: str, now: datetime) -> str:
    spent = session.exec(
        select(OneTimeCode.request_hash).where(
            col(OneTimeCode.request_hash) == request_hash,
            col(OneTimeCode.used_at).is_(None),
            col(OneTimeCode.expires_at) > now,
        )
    ).first()
    return "code_expired" if spent is None else "code_guesses_used_up"


def check_guess(attempt: ClaimedAttempt, *, guess: str, vault: Vault) -> None:
    """Raise NotAuthenticated unless the guess is the code.

    Its code is `code_wrong`, with how many guesses are left, or `code_guesses_used_up`.
    """
    if hmac.compare_digest(attempt.code_hash, _code_hash(vault, attempt.request_hash, guess)):
        return
    if attempt.attempts_left == 0:
        raise NotAuthenticated("code_guesses_used_up")
    raise NotAuthenticated("code_wrong", attempts_left=attempt.attempts_left)


def use_code(session: Session, *, attempt: ClaimedAttempt, vault: Vault, now: datetime) -> str:
    """Use a code up and return the number it was sent to; the number leaves the row.

    Raises NotAuthenticated with `code_expired` when a parallel request was first.
    """
    used = session.exec(
        sa.update(OneTimeCode)
        .where(
            col(OneTimeCode.request_hash) == attempt.request_hash,
            col(OneTimeCode.used_at).is_(None),
        )
        .values(used_at=now, phone_sealed=b"")
    )
    if used.rowcount != 1:
        raise NotAuthenticated("code_expired")
    return vault.open(attempt.phone_sealed, purpose=_SEAL_PURPOSE)


def _code_hash(vault: Vault, request_hash: str, code: str) -> str:
    # Keyed, since a million plain hashes are tried in a second by whoever reads the table.
    return vault.index(f"{request_hash}:{code}", purpose="one-time-code")
