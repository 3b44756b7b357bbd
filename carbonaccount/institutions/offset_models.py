"""Lots of reductions and certificates, where they come from, and who owns which share of an act."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class LotKind(StrEnum):
    """Where a lot comes from."""

    GREEN_CERTIFICATE = "green_certificate"  # kilowatt-hours, no grams: reduces the power line
    FLEET = "fleet"  # the institution's own vehicles
    STAFF = "staff"  # staff and pupils, by attribution
    GIFT = "gift"  # grams that residents donated
    POOL = "pool"  # residents' certified reductions, gathered
    CCER = "ccer"
    AFFORESTATION = "afforestation"
    OTHER_CREDIT = "other_credit"


class LotStatus(StrEnum):
    """What became of a lot."""

    HELD = "held"
    RETIRED = "retired"
    SPLIT = "split"  # its two parts stand in its place
    WITHDRAWN = "withdrawn"  # taken back before it was used; its numbers are free again


class Purpose(StrEnum):
    """What a lot is retired for; `purpose_id` names the statement or the event."""

    STATEMENT_YEAR = "statement_year"
    EVENT = "event"
    POWER_LINE = "power_line"  # green certificates, for the power line of a statement


class CheckStatus(StrEnum):
    """How a survival check stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class SerialSeries(SQLModel, table=True):
    """A registry's numbers that share a prefix; who adds a range locks the series first.

    Ranges of one series are then compared one after the other, whoever adds them: this is what
    keeps two institutions from registering one number at the same time.
    """

    __tablename__ = "serial_series"

    registry_code: str = Field(primary_key=True, max_length=24)
    # Of registers that others keep there is one row: their numbers are written in many ways.
    prefix: str = Field(sa_type=KeyText, primary_key=True)


# Whom the unique keys of lots watch: not the parts of a split one, nor what was withdrawn, nor
# what stood here under two spellings before they were told to be one.
_ONE_ORIGIN = "origin <> '' AND parent_id IS NULL AND status <> 'withdrawn'"
_ONE_NUMBER = "parent_id IS NULL AND status <> 'withdrawn' AND same_as_id IS NULL"


class OffsetLot(SQLModel, table=True):
    """A range of serial numbers of one registry; retired whole, once, for one purpose.

    The numbers serial_first to serial_last, both included, follow `serial_prefix`, which does not
    end in a digit. A number stands for `serial_g` grams, or for `serial_kwh` kilowatt-hours (green
    certificates have no grams). `amount_g` is what the books hold for it. `origin` names what it
    was made from, once in the city; the parts of a split lot name it through `parent_id`.
    """

    __tablename__ = "offset_lot"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {_in(LotKind)}", name="kind"),
        sa.CheckConstraint(f"status IN {_in(LotStatus)}", name="status"),
        sa.CheckConstraint(f"purpose IN {_in(Purpose)}", name="purpose"),
        sa.CheckConstraint("0 <= serial_first AND serial_first <= serial_last", name="range"),
        sa.CheckConstraint(
            "amount_g = (serial_last - serial_first + 1) * serial_g AND "
            "amount_kwh = (serial_last - serial_first + 1) * serial_kwh",
            name="amount_is_of_its_serials",
        ),
        # A certificate is never a reduction as well.
        sa.CheckConstraint(
            "(kind = 'green_certificate' AND serial_g = 0 AND serial_kwh > 0) OR "
            "(kind <> 'green_certificate' AND serial_g > 0 AND serial_kwh = 0)",
            name="grams_or_kwh",
        ),
        sa.CheckConstraint(
            "(status = 'retired') = (purpose IS NOT NULL) AND "
            "(purpose IS NULL) = (purpose_id IS NULL) AND (purpose IS NULL) = (retired_at IS NULL)",
            name="retired_for_something",
        ),
        sa.CheckConstraint(
            "purpose IS NULL OR (purpose = 'power_line') = (kind = 'green_certificate')",
            name="certificates_reduce_power",
        ),
        sa.CheckConstraint("retired_on <= valid_until", name="not_after_its_end"),
        sa.CheckConstraint(
            "(status = 'withdrawn') = (withdrawn_at IS NOT NULL) AND "
            "(withdrawn_at IS NULL) = (withdrawn_reason = '')",
            name="withdrawn_with_a_reason",
        ),
        sa.Index(
            "uq_offset_lot_origin",
            "origin",
            unique=True,
            sqlite_where=sa.text(_ONE_ORIGIN),
            postgresql_where=sa.text(_ONE_ORIGIN),
        ),
        # No two whole lots begin with the same number; overlaps beyond that are refused under the
        # lock of their series.
        sa.Index(
            "uq_offset_lot_serial_first",
            "registry_code",
            "series_key",
            "serial_first",
            unique=True,
            sqlite_where=sa.text(_ONE_NUMBER),
            postgresql_where=sa.text(_ONE_NUMBER),
        ),
        sa.Index("ix_offset_lot_joined", "registry_code", "joined_key", "joined_first"),
        sa.Index("ix_offset_lot_institution_id_status", "institution_id", "status"),
        sa.Index("ix_offset_lot_purpose_purpose_id", "purpose", "purpose_id"),
        sa.Index("ix_offset_lot_parent_id", "parent_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    kind: str = Field(max_length=20)
    registry_code: str = Field(max_length=24)
    serial_prefix: str = Field(sa_type=KeyText, nullable=False)
    serial_first: int = Field(sa_type=sa.BigInteger)
    serial_last: int = Field(sa_type=sa.BigInteger)
    # How many digits a number is printed with; zeros in front fill up.
    serial_width: int = 1
    # What numbers are compared by, however they are written: see serial_numbers.SeriesKeys.
    series_key: str = Field(sa_type=KeyText, nullable=False)
    joined_key: str = Field(sa_type=KeyText, nullable=False)
    joined_first: int = Field(sa_type=sa.BigInteger)
    joined_last: int = Field(sa_type=sa.BigInteger)
    serial_g: int = Field(sa_type=sa.BigInteger)
    serial_kwh: int = 0
    amount_g: int = Field(sa_type=sa.BigInteger)
    amount_kwh: int = Field(default=0, sa_type=sa.BigInteger)
    # The year in which the reduction, or the green power, came about.
    vintage: int
    title: str = Field(default="", max_length=120)
    # The last day on which it may be used; None where there is none.
    valid_until: date | None = None
    origin: str = Field(default="", sa_type=KeyText)
    parent_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="offset_lot.id", ondelete="RESTRICT"
    )
    # What proves it: SHA-256 of the file as it was sent, and its name in the store.
    evidence_sha256: str = Field(default="", max_length=64)
    evidence_file: str = Field(default="", max_length=80)
    status: str = Field(default="held", max_length=10)
    added_at: datetime
    purpose: str | None = Field(default=None, max_length=16)
    purpose_id: int | None = None
    retired_at: datetime | None = None
    # The city's day of it.
    retired_on: date | None = None
    withdrawn_at: datetime | None = None
    withdrawn_reason: str = Field(default="", max_length=500)
    # By the city's officer, not by the institution.
    withdrawn_by_city: bool = False
    # A lot that came first and holds numbers of this one, spelt differently; found when spellings
    # were compared anew. None for all lots since.
    same_as_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="offset_lot.id", ondelete="RESTRICT"
    )

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id

    @property
    def serials(self) -> int:
        """Return how many numbers the lot has."""
        return self.serial_last - self.serial_first + 1

    @property
    def first_number(self) -> str:
        """Return the first number as it is printed."""
        return f"{self.serial_prefix}{self.serial_first:0{self.serial_width}d}"

    @property
    def last_number(self) -> str:
        """Return the last number as it is printed."""
        return f"{self.serial_prefix}{self.serial_last:0{self.serial_width}d}"


class Plantation(SQLModel, table=True):
    """Trees that an institution planted: where, what, how much, and the paper that proves it.

    `likeness` is one for equal plantations whoever writes them down and however they are spelt;
    None for those that were found equal to an older one when it was introduced.
    """

    __tablename__ = "plantation"
    __table_args__ = (
        sa.CheckConstraint("area_m2 > 0 AND trees > 0", name="sizes"),
        sa.Index("ix_plantation_institution_id", "institution_id"),
        sa.Index("ix_plantation_likeness", "likeness", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    place: str = Field(max_length=200)
    species: str = Field(max_length=80)
    area_m2: int
    trees: int
    planted_on: date
    likeness: str | None = Field(default=None, max_length=64)
    evidence_sha256: str = Field(max_length=64, unique=True)
    evidence_file: str = Field(max_length=80)
    added_at: datetime


class SurvivalCheck(SQLModel, table=True):
    """How many trees of a plantation lived on a day; counts once the city's officer accepted it."""

    __tablename__ = "survival_check"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(CheckStatus)}", name="status"),
        sa.CheckConstraint("living >= 0", name="living"),
        sa.Index("ix_survival_check_plantation_id", "plantation_id"),
        sa.Index("ix_survival_check_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    plantation_id: int = Field(foreign_key="plantation.id", ondelete="RESTRICT")
    checked_on: date
    living: int
    evidence_sha256: str = Field(max_length=64, unique=True)
    evidence_file: str = Field(max_length=80)
    status: str = Field(default="waiting", max_length=8)
    added_at: datetime
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    decision: str = Field(default="", max_length=500)


class SharedSource(SQLModel, table=True):
    """How much of what a source reports for an account belongs to institutions from now on.

    The sum of the shares in force, kept by the statements that change them, so that no two
    institutions together come to more than the whole.
    """

    __tablename__ = "shared_source"
    __table_args__ = (sa.CheckConstraint("0 <= permille AND permille <= 1000", name="whole"),)

    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    source_id: int = Field(primary_key=True)
    permille: int = 0


class Attribution(SQLModel, table=True):
    """That an institution owns a share of what a source reports for an account, from a day on.

    `role`: fleet (its vehicles) or staff. It begins the day after the consent and ends with the
    day on which it is ended, so that the shares of a day never come to more than the whole.
    `taken_through` is the last day whose share has been taken into a lot.
    """

    __tablename__ = "attribution"
    __table_args__ = (
        sa.CheckConstraint("role IN ('fleet', 'staff')", name="role"),
        sa.CheckConstraint("1 <= permille AND permille <= 1000", name="share"),
        sa.Index(
            "uq_attribution_in_force",
            "account_id",
            "source_id",
            "institution_id",
            unique=True,
            sqlite_where=sa.text("last_day IS NULL"),
            postgresql_where=sa.text("last_day IS NULL"),
        ),
        sa.Index("ix_attribution_institution_id_source_id", "institution_id", "source_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    source_id: int
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    role: str = Field(max_length=8)
    permille: int
    first_day: date
    last_day: date | None = None
    taken_through: date | None = None
    consent_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="consent.id", ondelete="RESTRICT"
    )
    begun_at: datetime

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class AttributionTake(SQLModel, table=True):
    """An institution's share of an account's certified grams of some days, moved into a lot.

    amount_g = certified_g x permille / 1000, rounded down, and never more than what the account
    still held of certified grams.
    """

    __tablename__ = "attribution_take"
    __table_args__ = (
        sa.UniqueConstraint("attribution_id", "first_day"),
        sa.CheckConstraint("first_day <= last_day", name="days"),
        sa.CheckConstraint(
            "0 < amount_g AND amount_g * 1000 <= certified_g * permille", name="share"
        ),
        sa.Index("ix_attribution_take_lot_id", "lot_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    attribution_id: int = Field(sa_type=BigId, foreign_key="attribution.id", ondelete="RESTRICT")
    lot_id: int = Field(sa_type=BigId, foreign_key="offset_lot.id", ondelete="RESTRICT")
    first_day: date
    last_day: date
    certified_g: int = Field(sa_type=sa.BigInteger)
    permille: int
    amount_g: int = Field(sa_type=sa.BigInteger)
