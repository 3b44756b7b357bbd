"""Signed-in browsers: opened at sign-in, checked at each request, revoked at once.

The cookie carries a random token, the table its hash; who reads the table cannot sign in with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount import audit
from carbonaccount.accounts.models import LoginSession
from carbonaccount.audit import Actor
from carbonaccount.crypto import random_token, token_hash
from carbonaccount.errors import NotFound

RESIDENT_IDLE = timedelta(minutes=30)
RESIDENT_ABSOLUTE = timedelta(days=30)
STAFF_IDLE = timedelta(minutes=15)
STAFF_ABSOLUTE = timedelta(hours=12)
# A page view writes at most once in this time; idling is therefore known to the minute.
TOUCH_AFTER = timedelta(minutes=1)
REFERENCE_LENGTH = 16


class Login(Protocol):
    """What decides about a signed-in browser: a row of the table, or one read with more."""

    @property
    def staff_id(self) -> int | None:
        """Return the member of staff who signed in, None for a resident."""

    @property
    def last_seen_at(self) -> datetime:
        """Return when the browser was last noted."""

    @property
    def expires_at(self) -> datetime:
        """Return until when it may be signed in at most."""

    @property
    def revoked_at(self) -> datetime | None:
        """Return when it was signed out."""


@dataclass(frozen=True)
class Owner:
    """Whose sessions are meant: a resident's account or a member of staff, never both."""

    account_id: int | None = None
    staff_id: int | None = None

    def owns(self) -> sa.ColumnElement[bool]:
        """Return the condition under which a session is this owner's."""
        if self.staff_id is not None:
            return col(LoginSession.staff_id) == self.staff_id
        return col(LoginSession.account_id) == self.account_id


def open_login(session: Session, *, owner: Owner, now: datetime) -> str:
    """Open a session and return its new token, which is told only to the browser."""
    token = random_token()
    lifetime = STAFF_ABSOLUTE if owner.staff_id is not None else RESIDENT_ABSOLUTE
    session.add(
        LoginSession(
            token_hash=token_hash(token),
            account_id=owner.account_id,
            staff_id=owner.staff_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def holds(login: Login, *, now: datetime) -> bool:
    """Return whether a session still holds: neither revoked, nor idle for too long, nor over."""
    if login.revoked_at is not None or now >= login.expires_at:
        return False
    return now - login.last_seen_at < idle_limit(login)


def idle_limit(login: Login) -> timedelta:
    """Return how long this browser may stay silent."""
    return STAFF_IDLE if login.staff_id is not None else RESIDENT_IDLE


def touch(session: Session, *, token: str, now: datetime) -> None:
    """Note that the browser was seen; never revives a revoked session. The caller commits."""
    session.exec(
        sa.update(LoginSession)
        .where(
            col(LoginSession.token_hash) == token_hash(token),
            col(LoginSession.revoked_at).is_(None),
            col(LoginSession.last_seen_at) < now,
        )
        .values(last_seen_at=now)
    )


def is_due(login: Login, *, now: datetime) -> bool:
    """Return whether the last note is old enough to be worth a write."""
    return now - login.last_seen_at >= TOUCH_AFTER


def reference(login: LoginSession) -> str:
    """Return what a page calls a session: enough of the hash to tell one's own sessions apart."""
    return login.token_hash[:REFERENCE_LENGTH]


def revoke_by_token(session: Session, *, token: str, acting_user: Actor, now: datetime) -> None:
    """Sign this browser out; a copy of its cookie is worth nothing afterwards."""
    _revoke(session, col(LoginSession.token_hash) == token_hash(token), now=now)
    audit.record(
        session, acting_user=acting_user, action="session.end", subject=str(acting_user), now=now
    )


def revoke_by_reference(
    session: Session, *, owner: Owner, ref: str, acting_user: Actor, now: datetime
) -> None:
    """Sign out another of one's own browsers; raises NotFound when there is none by that name."""
    if len(ref) != REFERENCE_LENGTH or not ref.isalnum():
        raise NotFound("session_not_found")
    named = col(LoginSession.token_hash).startswith(ref)
    if not _revoke(session, sa.and_(owner.owns(), named), now=now):
        raise NotFound("session_not_found")
    audit.record(
        session, acting_user=acting_user, action="session.revoke", subject=str(acting_user), now=now
    )


def revoke_all(
    session: Session,
    *,
    owner: Owner,
    acting_user: Actor,
    now: datetime,
    keep_token: str | None = None,
) -> int:
    """Sign out every browser of an owner but the one named; returns how many."""
    condition = owner.owns()
    if keep_token is not None:
        condition = sa.and_(condition, col(LoginSession.token_hash) != token_hash(keep_token))
    revoked = _revoke(session, condition, now=now)
    audit.record(
        session,
        acting_user=acting_user,
        action="session.revoke_all",
        subject=_subject(owner),
        now=now,
        sessions=revoked,
    )
    return revoked


def _subject(owner: Owner) -> str:
    if owner.staff_id is not None:
        return f"staff:{owner.staff_id}"
    return f"account:{owner.account_id}"


def _revoke(session: Session, condition: sa.ColumnElement[bool], *, now: datetime) -> int:
    result = session.exec(
        sa.update(LoginSession)
        .where(condition, col(LoginSession.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    return result.rowcount
