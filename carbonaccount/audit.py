"""Who changed what: an append-only trail written in the same transaction as the change."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel

from carbonaccount.database import BigId


@dataclass(frozen=True)
class Actor:
    """Who acts: a resident's account, a member of staff, a partner's key, or the system.

    `kind` is one of resident, staff, partner, system; `ref` the id within that kind, never a
    name or a phone number.
    """

    kind: str
    ref: str
    id: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.ref}"


SYSTEM = Actor("system", "system")


class AuditEntry(SQLModel, table=True):
    """One act of consequence; rows are never changed or removed (guarded by triggers)."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.Index("ix_audit_entry_happened_at", "happened_at"),
        # With the id, so that the newest of an actor, act or subject are found without sorting.
        sa.Index("ix_audit_entry_actor", "actor", "id"),
        sa.Index("ix_audit_entry_action", "action", "id"),
        sa.Index("ix_audit_entry_subject", "subject", "id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    happened_at: datetime
    actor: str = Field(max_length=80)
    action: str = Field(max_length=64)
    subject: str = Field(max_length=120)
    success: bool = True
    reason: str | None = Field(default=None, max_length=500)
    details: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)


def record(
    session: Session,
    *,
    acting_user: Actor,
    action: str,
    subject: str,
    now: datetime,
    reason: str | None = None,
    success: bool = True,
    **details: object,
) -> None:
    """Add one entry to the trail; it is committed or lost together with the act it tells of.

    `details` may hold ids, codes and numbers, no personal data.
    """
    session.add(
        AuditEntry(
            happened_at=now,
            actor=str(acting_user),
            action=action,
            subject=subject,
            success=success,
            reason=reason,
            details=details,
        )
    )
