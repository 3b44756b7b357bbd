"""Inventories of institutions: years, lines of activity data, evidence files, and who did what.

A line keeps what was entered (amount and unit as written), what that is in the factor's unit, and
the factor with its version and value, so that yesterday's inventory never changes with tomorrow's
factor library.
"""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class InventoryStatus(StrEnum):
    """Where a version of a year's inventory stands in its life."""

    OPEN = "open"
    IN_REVIEW = "in_review"
    LOCKED = "locked"


class Basis(StrEnum):
    """Where the amount of a line comes from."""

    METERED = "metered"  # a meter or a bill
    COMPUTED = "computed"  # worked out from other records
    ESTIMATED = "estimated"


class Inventory(SQLModel, table=True):
    """One version of an institution's inventory of a year.

    A correction after locking is a new version with a reason; the old one stays as it was. Floor
    area (square decimetres) and head count are those of the year.
    """

    __tablename__ = "inventory"
    __table_args__ = (
        sa.UniqueConstraint("institution_id", "year", "version"),
        sa.CheckConstraint("status IN ('open', 'in_review', 'locked')", name="status"),
        sa.CheckConstraint("year BETWEEN 2000 AND 2100 AND version > 0", name="year_and_version"),
        sa.CheckConstraint("floor_area_dm2 >= 0 AND head_count >= 0", name="sizes"),
        sa.CheckConstraint("version = 1 OR reason <> ''", name="corrections_have_a_reason"),
        sa.CheckConstraint("locked_by IS NULL OR locked_by <> submitted_by", name="second_person"),
        # One version of a year at a time is being worked on.
        sa.Index(
            "uq_inventory_at_work",
            "institution_id",
            "year",
            unique=True,
            sqlite_where=sa.text("status <> 'locked'"),
            postgresql_where=sa.text("status <> 'locked'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    year: int
    version: int = 1
    status: str = Field(default="open", max_length=12)
    reason: str = Field(default="", max_length=500)
    floor_area_dm2: int = Field(default=0, sa_type=sa.BigInteger)
    head_count: int = 0
    # Accounts of residents; NULL where an operator's import did it, told in `origin`.
    created_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    created_at: datetime
    origin: str = Field(default="", max_length=200)
    submitted_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    submitted_at: datetime | None = None
    returned_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    returned_at: datetime | None = None
    return_reason: str = Field(default="", max_length=500)
    locked_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    locked_at: datetime | None = None
    # What a locked version comes to, so that pages need not read the lines of every year: direct,
    # power, heat and optional in kilograms, as decimal text.
    sums: dict[str, str] | None = Field(default=None, sa_type=sa.JSON)

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class InventoryEvidence(SQLModel, table=True):
    """A bill, meter reading or list that lines refer to; the file lies under its public id."""

    __tablename__ = "inventory_evidence"
    __table_args__ = (
        sa.UniqueConstraint("institution_id", "sha256"),
        sa.CheckConstraint("kind IN ('pdf', 'jpeg', 'png', 'xlsx')", name="kind"),
        sa.CheckConstraint("size_bytes > 0", name="size_bytes"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    sha256: str = Field(max_length=64)
    name: str = Field(max_length=200)
    kind: str = Field(max_length=4)
    size_bytes: int
    uploaded_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    uploaded_at: datetime

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class InventoryLine(SQLModel, table=True):
    """Activity data of one kind of energy in a month (0: the whole year) at one place or meter.

    Amounts are decimal text: SQLite would keep a NUMERIC as a binary float. `entered_*` are as
    written, in `entered_unit`; `amount`, `green_power` and `resupplied` are the same in the
    factor's activity unit. `origin_id` is the line's id in the first version that had it.
    """

    __tablename__ = "inventory_line"
    __table_args__ = (
        sa.CheckConstraint("month BETWEEN 0 AND 12", name="month"),
        sa.CheckConstraint("basis IN ('metered', 'computed', 'estimated')", name="basis"),
        sa.Index(
            "uq_inventory_line_place",
            "inventory_id",
            "month",
            "factor_code",
            "place",
            unique=True,
            sqlite_where=sa.text("removed = 0"),
            postgresql_where=sa.text("NOT removed"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    inventory_id: int = Field(foreign_key="inventory.id", ondelete="RESTRICT")
    origin_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    month: int
    factor_code: str = Field(max_length=64)
    factor_version: int
    factor_value: str = Field(max_length=32)
    factor_unit: str = Field(max_length=32)
    place: str = Field(default="", max_length=60)
    entered_unit: str = Field(max_length=32)
    entered_amount: str = Field(max_length=32)
    entered_green_power: str = Field(default="0", max_length=32)
    entered_resupplied: str = Field(default="0", max_length=32)
    amount: str = Field(max_length=32)
    green_power: str = Field(default="0", max_length=32)
    resupplied: str = Field(default="0", max_length=32)
    basis: str = Field(default="metered", max_length=10)
    evidence_id: int | None = Field(
        default=None, foreign_key="inventory_evidence.id", ondelete="RESTRICT"
    )
    note: str = Field(default="", max_length=200)
    removed: bool = False
    changed_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    changed_at: datetime

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class InventoryChange(SQLModel, table=True):
    """What became of one line by one act; the acts of a `batch` are undone together.

    `before` and `after` hold the line's fields; none before is a new line, none after a removed
    one. An undone change stays, marked.
    """

    __tablename__ = "inventory_change"
    __table_args__ = (
        sa.Index("ix_inventory_change_inventory_id", "inventory_id", "id"),
        sa.Index("ix_inventory_change_inventory_id_changed_at", "inventory_id", "changed_at"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    inventory_id: int = Field(foreign_key="inventory.id", ondelete="RESTRICT")
    line_id: int = Field(sa_type=BigId, foreign_key="inventory_line.id", ondelete="RESTRICT")
    batch: str = Field(max_length=32)
    what: str = Field(max_length=200)
    before: dict[str, object] | None = Field(default=None, sa_type=sa.JSON)
    after: dict[str, object] | None = Field(default=None, sa_type=sa.JSON)
    undone: bool = False
    changed_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    changed_at: datetime


class InventoryUpload(SQLModel, table=True):
    """A file of lines that somebody looks at before it is taken; at most one waits a year.

    `content` goes when the file is taken or given up.
    """

    __tablename__ = "inventory_upload"

    inventory_id: int = Field(primary_key=True, foreign_key="inventory.id", ondelete="RESTRICT")
    key: str = Field(max_length=32)
    name: str = Field(max_length=200)
    content: bytes
    uploaded_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    uploaded_at: datetime


class InventoryBaseYear(SQLModel, table=True):
    """The year that an institution measures itself against; the earliest one where none is set."""

    __tablename__ = "inventory_base_year"

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", ondelete="RESTRICT")
    year: int
    reason: str = Field(max_length=500)
    changed_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    changed_at: datetime


class ListedInstitution(SQLModel, table=True):
    """An institution that came from a published list: which list, and its number there."""

    __tablename__ = "listed_institution"

    source: str = Field(primary_key=True, max_length=40)
    number: str = Field(primary_key=True, max_length=40)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT", unique=True)
    imported_at: datetime
