"""What the help desk does with residents: finding them, and looking at a number with a reason."""

from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts import queries, sessions
from carbonaccount.accounts.models import Account, Resident
from carbonaccount.accounts.rules import normalize_phone
from carbonaccount.accounts.services import PHONE_PURPOSE, phone_index
from carbonaccount.accounts.sessions import Owner
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound

LEAST_REASON, LONGEST_REASON = 5, 300


def find_by_phone(
    session: Session, *, phone: str, vault: Vault, acting_user: Actor, now: datetime
) -> Account | None:
    """Return the account of a number; that somebody asked is written down, the number is not.

    Raises Invalid (phone_invalid). The caller commits whether somebody was found or not.
    """
    account = queries.account_of_phone(session, phone_index(vault, normalize_phone(phone)))
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.search",
        subject=f"account:{account.id}" if account else "account:unknown",
        now=now,
        success=account is not None,
    )
    return account


def note_look(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> None:
    """Write down that somebody looked at a resident's page: who, which account, when; no more."""
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.look",
        subject=f"account:{public_id}",
        now=now,
    )


def unmask_phone(
    session: Session,
    *,
    account_id: int,
    reason: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> str:
    """Return a resident's whole number; who looked and why is written down.

    Raises Invalid (unmask_reason), NotFound (no_resident). Does not commit.
    """
    reason, resident = _reason(reason, "unmask_reason", "reason"), _resident(session, account_id)
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.unmask",
        subject=f"account:{account_id}",
        now=now,
        reason=reason,
    )
    return vault.open(resident.phone_sealed, purpose=PHONE_PURPOSE)


def has_told_born_month(session: Session, *, account_id: int) -> bool:
    """Return whether the resident of an account told a month of birth."""
    told = select(col(Resident.born_month)).where(col(Resident.account_id) == account_id)
    return session.exec(told).first() is not None


def forget_born_month(
    session: Session, *, account_id: int, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Forget a month of birth that was told wrongly; the resident tells it anew.

    The help desk never types one in: only the person says how old they are. The month itself is
    not written down. Raises Invalid (born_month_reason), Conflict (no_born_month), NotFound
    (no_resident). Does not commit.
    """
    reason = _reason(reason, "born_month_reason", "born_reason")
    resident = _resident(session, account_id)
    if resident.born_month is None:
        raise Conflict("no_born_month")
    resident.born_month = None
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.forget_born_month",
        subject=f"account:{account_id}",
        now=now,
        reason=reason,
    )


def _reason(reason: str, code: str, field: str) -> str:
    reason = reason.strip()
    if not LEAST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(code, field=field, minimum=LEAST_REASON, maximum=LONGEST_REASON)
    return reason


def _resident(session: Session, account_id: int) -> Resident:
    found = session.exec(select(Resident).where(col(Resident.account_id) == account_id)).first()
    if found is None:
        raise NotFound("no_resident")
    return found


def sign_out_everywhere(
    session: Session, *, account_id: int, acting_user: Actor, now: datetime
) -> int:
    """Sign a resident out of every browser; returns of how many. Does not commit."""
    owner = Owner(account_id=account_id)
    return sessions.revoke_all(session, owner=owner, acting_user=acting_user, now=now)
