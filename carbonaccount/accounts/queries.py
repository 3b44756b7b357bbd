"""Reads about people, for pages and for signing in."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import (
    Account,
    Consent,
    District,
    LoginSession,
    Resident,
    Staff,
    StaffRole,
)
from carbonaccount.accounts.notices import PRIVACY_PURPOSE
from carbonaccount.accounts.sessions import Owner, idle_limit
from carbonaccount.crypto import token_hash
from carbonaccount.messages.models import Message


def account_of_phone(session: Session, phone_index: str) -> Account | None:
    """Return the account behind a number's blind index."""
    return session.exec(
        select(Account)
        .join(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(Resident.phone_index) == phone_index)
    ).first()


class SignedInBrowser(NamedTuple):
    """A browser's session with what every page needs to know of whoever signed in.

    The fields of a resident are None for staff, and when the account is closed or its personal
    half was erased. `notice_version` is that of the notice the resident agreed to, `unread` how
    many messages they have not read.
    """

    staff_id: int | None
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    account_id: int | None
    public_id: str | None
    phone_tail: str | None
    locale: str | None
    notice_version: str | None
    unread: int


def _browser() -> sa.Select[Any]:
    """Build the statement once, of tables rather than classes: every page asks it."""
    login, account, resident, consent, message = (
        sa.inspect(table).local_table
        for table in (LoginSession, Account, Resident, Consent, Message)
    )
    unread = (
        sa.select(sa.func.count())
        .select_from(message)
        .where(message.c.account_id == login.c.account_id, message.c.read_at.is_(None))
        .scalar_subquery()
    )
    living = (account.c.id == login.c.account_id) & account.c.closed_at.is_(None)
    agreed = (
        (consent.c.account_id == login.c.account_id)
        & (consent.c.purpose == PRIVACY_PURPOSE)
        & consent.c.withdrawn_at.is_(None)
    )
    return (
        sa.select(
            login.c.staff_id,
            login.c.last_seen_at,
            login.c.expires_at,
            login.c.revoked_at,
            resident.c.account_id,
            account.c.public_id,
            resident.c.phone_tail,
            resident.c.locale,
            consent.c.version,
            unread,
        )
        .select_from(login)
        .outerjoin(account, living)
        .outerjoin(resident, resident.c.account_id == account.c.id)
        .outerjoin(consent, agreed)
        .where(login.c.token_hash == sa.bindparam("token_hash"))
    )


_BROWSER = _browser()


def signed_in_browser(session: Session, token: str) -> SignedInBrowser | None:
    """Return the session of a token with its resident; None when there is none by that token."""
    found = session.connection().execute(_BROWSER, {"token_hash": token_hash(token)}).first()
    return None if found is None else SignedInBrowser(*found)


def consent_in_force(session: Session, account_id: int, purpose: str) -> Consent | None:
    """Return the living consent of a purpose."""
    return session.exec(
        select(Consent).where(
            col(Consent.account_id) == account_id,
            col(Consent.purpose) == purpose,
            col(Consent.withdrawn_at).is_(None),
        )
    ).first()


def consents_of(session: Session, account_id: int) -> list[Consent]:
    """Return all consents of an account, the newest first, those withdrawn too."""
    return list(
        session.exec(
            select(Consent)
            .where(col(Consent.account_id) == account_id)
            .order_by(col(Consent.given_at).desc(), col(Consent.id).desc())
        )
    )


def districts(session: Session) -> list[District]:
    """Return the city's districts in their official order."""
    return list(session.exec(select(District).order_by(col(District.sort))))


def open_logins(session: Session, *, owner: Owner, now: datetime) -> list[LoginSession]:
    """Return the browsers that are signed in now, the one seen last first."""
    rows = session.exec(
        select(LoginSession)
        .where(
            owner.owns(),
            col(LoginSession.revoked_at).is_(None),
            col(LoginSession.expires_at) > now,
        )
        .order_by(col(LoginSession.last_seen_at).desc())
    )
    return [row for row in rows if now - row.last_seen_at < idle_limit(row)]


def staff_by_login(session: Session, login: str) -> Staff | None:
    """Return a member of staff, active or not."""
    return session.exec(select(Staff).where(col(Staff.login) == login)).first()


def roles_of(session: Session, staff_id: int) -> frozenset[str]:
    """Return the roles a member of staff holds."""
    rows = session.exec(select(StaffRole.role).where(col(StaffRole.staff_id) == staff_id))
    return frozenset(rows)


def staff_members(session: Session) -> list[tuple[Staff, list[str]]]:
    """Return all staff by login with their roles."""
    members = session.exec(select(Staff).order_by(col(Staff.login))).all()
    roles: dict[int, list[str]] = {}
    for role in session.exec(select(StaffRole).order_by(col(StaffRole.role))):
        roles.setdefault(role.staff_id, []).append(role.role)
    return [(member, roles.get(member.id or 0, [])) for member in members]
