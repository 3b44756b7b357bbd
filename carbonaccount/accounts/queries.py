"""Reads about people, for pages and for signing in."""

from datetime import datetime

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
from carbonaccount.messages.models import Message


def account_of_phone(session: Session, phone_index: str) -> Account | None:
    """Return the account behind a number's blind index."""
    return session.exec(
        select(Account)
        .join(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(Resident.phone_index) == phone_index)
    ).first()


# Built once: every page of a resident asks it.
_ACCOUNT_ID: sa.BindParameter[int] = sa.bindparam("account_id")
_UNREAD = (
    sa.select(sa.func.count())
    .select_from(Message)
    .where(col(Message.account_id) == _ACCOUNT_ID, col(Message.read_at).is_(None))
    .scalar_subquery()
)
_SIGNED_IN = (
    select(Account, Resident, Consent, _UNREAD)
    .join(Resident, col(Resident.account_id) == col(Account.id))
    .outerjoin(
        Consent,
        (col(Consent.account_id) == col(Account.id))
        & (col(Consent.purpose) == PRIVACY_PURPOSE)
        & col(Consent.withdrawn_at).is_(None),
    )
    .where(col(Account.id) == _ACCOUNT_ID, col(Account.closed_at).is_(None))
)


def resident_signed_in(
    session: Session, account_id: int
) -> tuple[Account, Resident, str | None, int] | None:
    """Return what a page needs to know of a resident, with the notice version they agreed to
    and how many messages they have not read.

    None when the account is closed or its personal half was erased.
    """
    found = session.exec(_SIGNED_IN, params={"account_id": account_id}).first()
    if found is None:
        return None
    account, resident, consent, waiting = found
    return account, resident, consent.version if consent else None, waiting


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
