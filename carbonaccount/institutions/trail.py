"""One way for all services of this room to write what was done to an institution, and tell it."""

from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from carbonaccount.messages.services import Outgoing, send_many

SHORTEST_REASON, LONGEST_REASON = 2, 500


def note(
    session: Session,
    institution: Institution,
    action: str,
    *,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: object,
) -> None:
    """Write an act at an institution into the audit trail; details hold no personal data."""
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"institution:{institution.public_id}",
        now=now,
        reason=reason,
        success=True,
        **details,
    )


def tell_owners(
    session: Session,
    institution: Institution,
    kind: str,
    *,
    cause: str,
    now: datetime,
    **params: object,
) -> None:
    """Tell an institution's owners of a decision; each is told once, by cause and time."""
    owners = session.exec(
        select(col(InstitutionPerson.account_id)).where(
            col(InstitutionPerson.institution_id) == institution.id,
            col(InstitutionPerson.seat) == Seat.OWNER,
            col(InstitutionPerson.active),
        )
    ).all()
    told = {
        "institution": institution.public_id,
        "name_zh": institution.name_zh,
        "name_en": institution.name_en,
        **params,
    }
    once = f"{cause}:{int(now.timestamp())}"
    outgoing = [Outgoing(account_id, once, told) for account_id in owners]
    send_many(session, kind=kind, outgoing=outgoing, now=now)


def read_reason(text: str) -> str:
    """Return a reason without blanks at its ends. Raises Invalid (reason_length)."""
    reason = text.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(
            "reason_length", field="reason", minimum=SHORTEST_REASON, maximum=LONGEST_REASON
        )
    return reason
