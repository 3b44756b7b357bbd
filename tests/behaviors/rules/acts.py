"""A partner, a rider and staff for tests of rules; everything in the test's own session."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlmodel import Session

from behaviors.intake.door import ItemResult, take_items
from behaviors.models import Channel, Source, SourceSubject
from carbonaccount.accounts.models import AccountKind, Staff, StaffRole
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.accounts.staff import staff_actor
from carbonaccount.audit import SYSTEM, Actor

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def rider_account(session: Session) -> int:
    """Open an account of a person."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=LONG_AGO)
    session.flush()
    return account.stored_id


def partner_with_rider(session: Session, *behaviors: str, subject: str = "rider-1") -> Source:
    """Admit a partner for some behaviours, with a resident whom it calls rider-1."""
    source = Source(
        code=f"partner-{subject}",
        name_zh="合作方",
        name_en="Partner",
        behaviors=list(behaviors),
        created_at=LONG_AGO,
    )
    session.add(source)
    session.flush()
    session.add(
        SourceSubject(
            source_id=source.stored_id,
            subject=subject,
            account_id=rider_account(session),
            bound_at=LONG_AGO,
        )
    )
    session.flush()
    return source


def take_one(
    session: Session,
    source: Source,
    event_id: str,
    behavior: str,
    activity: Mapping[str, str],
    *,
    occurred_at: datetime,
    now: datetime | None = None,
    evidence: str = "A",
) -> ItemResult:
    """Send one metered act of rider-1 through the door; by default as it happens."""
    batch = take_items(
        session,
        source=source,
        channel=Channel.API,
        items=[
            {
                "event_id": event_id,
                "subject": "rider-1",
                "behavior": behavior,
                "occurred_at": occurred_at.isoformat(),
                "activity": activity,
                "evidence": evidence,
            }
        ],
        acting_user=SYSTEM,
        now=now or occurred_at,
    )
    (result,) = batch.results()
    return result


def staff(session: Session, login: str, *roles: Role) -> Actor:
    """Add a member of staff, who never signs in, with roles."""
    member = Staff(
        login=login,
        display_name=login,
        password_hash="-",
        totp_sealed=b"-",
        created_at=LONG_AGO,
    )
    session.add(member)
    session.flush()
    for role in roles:
        session.add(StaffRole(staff_id=member.stored_id, role=role, granted_at=LONG_AGO))
    session.flush()
    return staff_actor(member)
