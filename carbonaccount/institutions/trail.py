"""One way for all services of this room to write what was done to an institution."""

from datetime import datetime

from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid
from carbonaccount.institutions.models import Institution

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


def read_reason(text: str) -> str:
    """Return a reason without blanks at its ends. Raises Invalid (reason_length)."""
    reason = text.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(
            "reason_length", field="reason", minimum=SHORTEST_REASON, maximum=LONGEST_REASON
        )
    return reason
