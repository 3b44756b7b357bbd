"""Applications for a recognition (绿色学校 and the like), their answers and their evidence."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class CaseStatus(StrEnum):
    """Where an application for a recognition stands; expired is told by the day, not stored."""

    DRAFT = "draft"  # the institution fills the checklist
    SUBMITTED = "submitted"  # the officer looks at it
    RETURNED = "returned"  # criteria were sent back; the institution mends them
    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"  # granted by mistake, or not deserved any more; with a reason


class AnswerStatus(StrEnum):
    """What the officer thought of one criterion."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class RecognitionCase(SQLModel, table=True):
    """An institution's application for one recognition after one version of its checklist.

    At most one is under way or granted per institution and scheme. `submitted_by` is the account
    of the person who sent it in; that person cannot be the officer who decides.

    `named_by` and `named_at`: which owner of a family agreed that the public list says its name,
    and when; empty for who did not, or does not any more. Others are always named.
    """

    __tablename__ = "recognition_case"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(CaseStatus)}", name="status"),
        sa.CheckConstraint(
            "(status IN ('granted', 'revoked')) = "
            "(valid_from IS NOT NULL AND valid_until IS NOT NULL)",
            name="validity",
        ),
        sa.CheckConstraint(
            "(status = 'revoked') = (revoked_by IS NOT NULL AND revoked_at IS NOT NULL "
            "AND revoked_reason IS NOT NULL)",
            name="revoked",
        ),
        sa.CheckConstraint("(named_by IS NULL) = (named_at IS NULL)", name="named"),
        sa.CheckConstraint("valid_until >= valid_from", name="days"),
        sa.Index(
            "uq_recognition_case_under_way",
            "institution_id",
            "scheme",
            unique=True,
            sqlite_where=sa.text("status IN ('draft', 'submitted', 'returned')"),
            postgresql_where=sa.text("status IN ('draft', 'submitted', 'returned')"),
        ),
        sa.Index("ix_recognition_case_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    scheme: str = Field(max_length=32)
    scheme_version: int
    status: str = Field(default="draft", max_length=12)
    started_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    started_at: datetime
    submitted_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    submitted_at: datetime | None = None
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    decision: str = Field(default="", max_length=500)
    valid_from: date | None = None
    valid_until: date | None = None
    revoked_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    revoked_at: datetime | None = None
    revoked_reason: str | None = Field(default=None, max_length=500)
    named_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    named_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class RecognitionAnswer(SQLModel, table=True):
    """What an institution says to one criterion, and what the officer thought of it."""

    __tablename__ = "recognition_answer"
    __table_args__ = (sa.CheckConstraint(f"status IN {_in(AnswerStatus)}", name="status"),)

    case_id: int = Field(primary_key=True, foreign_key="recognition_case.id", ondelete="RESTRICT")
    criterion: str = Field(primary_key=True, max_length=32)
    note: str = Field(default="", max_length=1000)
    status: str = Field(default="open", max_length=12)
    reason: str = Field(default="", max_length=500)
    reviewed_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")


class RecognitionFile(SQLModel, table=True):
    """A file that shows a criterion is met; `sha256` is of the bytes that are kept."""

    __tablename__ = "recognition_file"
    __table_args__ = (
        sa.Index(
            "uq_recognition_file_once",
            "case_id",
            "criterion",
            "sha256",
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="recognition_case.id", ondelete="RESTRICT")
    criterion: str = Field(max_length=32)
    title: str = Field(max_length=80)
    file_name: str = Field(max_length=40)
    sha256: str = Field(max_length=64)
    size_bytes: int
    added_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    added_at: datetime
    removed_at: datetime | None = None
