"""The life of rules beyond their text: previews, re-scorings, stops, reviews and appeals."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class WorkStatus(StrEnum):
    """Where a piece of background work stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RuleNote(SQLModel, table=True):
    """What people said and did to a rule version: who, which step, and why. Append-only."""

    __tablename__ = "rule_note"
    __table_args__ = (sa.Index("ix_rule_note_rule_version_id", "rule_version_id"),)

    id: int | None = Field(default=None, primary_key=True)
    rule_version_id: int = Field(foreign_key="rule_version.id", ondelete="RESTRICT")
    staff_id: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    # drafted, edited, submitted, returned, approved, activated, superseded, withdrawn
    step: str = Field(max_length=16)
    reason: str = Field(default="", max_length=500)
    happened_at: datetime


class RulePreview(SQLModel, table=True):
    """A run of drafts over the city's own history; its result stays with the versions."""

    __tablename__ = "rule_preview"
    __table_args__ = (sa.Index("ix_rule_preview_behavior_id", "behavior_id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    behavior_id: int = Field(foreign_key="behavior.id", ondelete="RESTRICT")
    rule_version_ids: list[int] = Field(default_factory=list, sa_type=sa.JSON)
    first_day: date
    last_day: date
    status: str = Field(max_length=12)
    records_done: int = Field(default=0, sa_type=sa.BigInteger)
    records_total: int | None = Field(default=None, sa_type=sa.BigInteger)
    cancel_asked: bool = False
    # By rule version id: totals, groups, distribution, examples; see behaviors.preview.
    result: dict[str, object] | None = Field(default=None, sa_type=sa.JSON)
    error: str | None = Field(default=None, max_length=300)
    staff_id: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    asked_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Rescore(SQLModel, table=True):
    """Scoring past records again under a corrected rule: proposed, approved by another, booked."""

    __tablename__ = "rescore"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    behavior_id: int = Field(foreign_key="behavior.id", ondelete="RESTRICT")
    rule_version_id: int = Field(foreign_key="rule_version.id", ondelete="RESTRICT")
    first_day: date
    last_day: date
    # asked (being worked out), failed, proposed, approved, booked, refused
    status: str = Field(max_length=12)
    reason: str = Field(max_length=500)
    records_done: int = Field(default=0, sa_type=sa.BigInteger)
    records_total: int | None = Field(default=None, sa_type=sa.BigInteger)
    # Why it could not be worked out or booked: a code with its numbers.
    error: dict[str, object] | None = Field(default=None, sa_type=sa.JSON)
    # When somebody wanted it booked; it is at work, was interrupted, or an error says why not.
    booking_asked_at: datetime | None = None
    # Totals before and after, people gaining and losing, as shown to the approver (like a
    # version's part of a preview's result).
    difference: dict[str, object] = Field(default_factory=dict, sa_type=sa.JSON)
    proposed_by: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    proposed_at: datetime
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    booked_at: datetime | None = None


class RescoreLine(SQLModel, table=True):
    """One person's difference in a re-scoring; its id is the cause of the adjusting transfers."""

    __tablename__ = "rescore_line"
    __table_args__ = (sa.UniqueConstraint("rescore_id", "account_id"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    rescore_id: int = Field(foreign_key="rescore.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    records: int
    difference_g: int = Field(sa_type=sa.BigInteger)
    difference_credits: int = Field(sa_type=sa.BigInteger)
    # What could not be taken back because it was spent; a debt that later earnings pay.
    debt_g: int = Field(default=0, sa_type=sa.BigInteger)
    debt_credits: int = Field(default=0, sa_type=sa.BigInteger)
    # How much of the debt later earnings have paid.
    paid_g: int = Field(default=0, sa_type=sa.BigInteger)
    paid_credits: int = Field(default=0, sa_type=sa.BigInteger)


class RecordAdjustment(SQLModel, table=True):
    """What a re-scoring changes of one record; in force once the re-scoring is booked.

    The record keeps what it was scored with on its day. `*_before` is what stood when the
    re-scoring was proposed, earlier re-scorings included.
    """

    __tablename__ = "record_adjustment"
    __table_args__ = (sa.Index("ix_record_adjustment_record_id", "record_id"),)

    rescore_id: int = Field(primary_key=True, foreign_key="rescore.id", ondelete="RESTRICT")
    record_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="activity_record.id", ondelete="RESTRICT"
    )
    account_id: int = Field(sa_type=sa.BigInteger)
    # What counts of the measured quantity under the corrected rule, in thousandths.
    counted_milli: int = Field(sa_type=sa.BigInteger)
    g_before: int = Field(sa_type=sa.BigInteger)
    credits_before: int = Field(sa_type=sa.BigInteger)
    difference_g: int = Field(sa_type=sa.BigInteger)
    difference_credits: int = Field(sa_type=sa.BigInteger)


class EvidenceReview(SQLModel, table=True):
    """What a reviewer decided about a held record with a photo."""

    __tablename__ = "evidence_review"
    __table_args__ = (sa.UniqueConstraint("record_id"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    record_id: int = Field(sa_type=BigId, foreign_key="activity_record.id", ondelete="RESTRICT")
    accepted: bool
    # Why it was declined: not_the_act, unreadable, amount_differs, seen_before, too_old, other
    reason_code: str = Field(default="", max_length=32)
    note: str = Field(default="", max_length=300)
    staff_id: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime


class Appeal(SQLModel, table=True):
    """A resident's objection to what became of a record; decided by somebody else than before."""

    __tablename__ = "appeal"
    __table_args__ = (
        sa.Index("ix_appeal_account_id", "account_id"),
        sa.Index("ix_appeal_record_id", "record_id"),
        sa.Index("ix_appeal_status_due_on", "status", "due_on"),
        # One open appeal a record.
        sa.Index(
            "uq_appeal_open",
            "record_id",
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    record_id: int = Field(sa_type=BigId, foreign_key="activity_record.id", ondelete="RESTRICT")
    # What the resident wrote: personal, so it is sealed.
    text_sealed: bytes
    status: str = Field(max_length=12)  # open, upheld, refused
    opened_at: datetime
    due_on: date
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    answer: str = Field(default="", max_length=500)
