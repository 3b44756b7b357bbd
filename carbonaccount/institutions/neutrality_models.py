"""The way to neutrality: an institution's plan with its measures, and its statements of years."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class MeasureArea(StrEnum):
    """What a measure reduces."""

    POWER = "power"
    FUEL = "fuel"
    HEAT = "heat"
    TRAVEL = "travel"
    OTHER = "other"


class StatementStatus(StrEnum):
    """Where a statement stands; sent back, it is a draft again, with the reason."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class NeutralityPlan(SQLModel, table=True):
    """What an institution wants to reach, and by when; reductions come first."""

    __tablename__ = "neutrality_plan"
    __table_args__ = (
        sa.CheckConstraint("base_year < target_year", name="years"),
        sa.CheckConstraint("0 <= reduce_permille AND reduce_permille <= 1000", name="share"),
    )

    institution_id: int = Field(primary_key=True, foreign_key="institution.id", ondelete="RESTRICT")
    base_year: int
    target_year: int
    # By how much emissions shall fall from the base year to the target year, before any offset.
    reduce_permille: int
    aim: str = Field(default="", max_length=1000)
    changed_at: datetime


class PlanMeasure(SQLModel, table=True):
    """A measure of a year: the grams it was expected to avoid, and those it did, once known."""

    __tablename__ = "plan_measure"
    __table_args__ = (
        sa.CheckConstraint(f"area IN {_in(MeasureArea)}", name="area"),
        sa.CheckConstraint("expected_g >= 0 AND achieved_g >= 0", name="effects"),
        sa.Index("ix_plan_measure_institution_id_year", "institution_id", "year"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    year: int
    area: str = Field(max_length=8)
    title: str = Field(max_length=120)
    expected_g: int = Field(sa_type=sa.BigInteger)
    achieved_g: int | None = Field(default=None, sa_type=sa.BigInteger)
    # How the achieved effect was found.
    basis: str = Field(default="", max_length=500)
    changed_at: datetime


class NeutralityStatement(SQLModel, table=True):
    """What an institution says about a year: account, measures, lots used, what remains.

    `content` is canonical JSON; written when it is sent to review, with a SHA-256 digest over it,
    and once more with reviewer and day when it is published, then sealed with a keyed hash. A
    published one never changes; a withdrawn one stays and says so.
    """

    __tablename__ = "neutrality_statement"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(StatementStatus)}", name="status"),
        sa.CheckConstraint(
            "(status IN ('published', 'withdrawn')) = (published_at IS NOT NULL) AND "
            "(status = 'withdrawn') = (withdrawn_at IS NOT NULL)",
            name="moments",
        ),
        sa.UniqueConstraint("institution_id", "year", "revision"),
        sa.Index(
            "uq_neutrality_statement_standing",
            "institution_id",
            "year",
            unique=True,
            sqlite_where=sa.text("status <> 'withdrawn'"),
            postgresql_where=sa.text("status <> 'withdrawn'"),
        ),
        sa.Index("ix_neutrality_statement_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    institution_id: int = Field(foreign_key="institution.id", ondelete="RESTRICT")
    year: int
    revision: int = 0
    status: str = Field(default="draft", max_length=12)
    # The locked inventory that it stands on.
    inventory_id: int
    inventory_version: int
    note: str = Field(default="", max_length=2000)
    # A note on uncertainty in the institution's own words; figures stand in StatementUncertainty.
    uncertainty: str = Field(default="", max_length=1000)
    content: str = Field(default="", sa_type=sa.Text)
    digest: str = Field(default="", max_length=64)
    seal: str = Field(default="", max_length=64)
    # What lists show of it, in grams; the text says the same.
    is_neutral: bool = False
    emissions_g: int = Field(default=0, sa_type=sa.BigInteger)
    after_power_g: int = Field(default=0, sa_type=sa.BigInteger)
    offsets_g: int = Field(default=0, sa_type=sa.BigInteger)
    drafted_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    drafted_at: datetime
    submitted_at: datetime | None = None
    returned_reason: str = Field(default="", max_length=500)
    reviewed_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    reviewed_at: datetime | None = None
    published_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    published_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_reason: str = Field(default="", max_length=500)

    @property
    def remaining_g(self) -> int:
        """Return what nothing made good."""
        return max(0, self.after_power_g - self.offsets_g)

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class StatementLot(SQLModel, table=True):
    """How many of the first numbers of a lot a statement uses.

    The lot is split, if need be, and retired when the statement is published; until then nothing
    of it is touched.
    """

    __tablename__ = "statement_lot"
    __table_args__ = (sa.CheckConstraint("serials > 0", name="serials"),)

    statement_id: int = Field(
        primary_key=True, foreign_key="neutrality_statement.id", ondelete="RESTRICT"
    )
    lot_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="offset_lot.id", ondelete="RESTRICT"
    )
    serials: int = Field(sa_type=sa.BigInteger)


class StatementUncertainty(SQLModel, table=True):
    """What an institution states for one factor of a statement: two half widths and why.

    Half the 95 % confidence interval of the activity data (what the factor is multiplied with)
    and of the factor, in hundredths of a percent: 250 is 2.50 %. None is not stated.
    """

    __tablename__ = "statement_uncertainty"
    __table_args__ = (
        sa.CheckConstraint(
            "1 <= activity_permyriad AND activity_permyriad <= 10000", name="activity"
        ),
        sa.CheckConstraint("1 <= factor_permyriad AND factor_permyriad <= 10000", name="factor"),
        # What is given has a basis, and what is not given has none.
        sa.CheckConstraint(
            "(activity_permyriad IS NULL) = (activity_basis = '') AND "
            "(factor_permyriad IS NULL) = (factor_basis = '') AND "
            "(activity_permyriad IS NOT NULL OR factor_permyriad IS NOT NULL)",
            name="given",
        ),
    )

    statement_id: int = Field(
        primary_key=True, foreign_key="neutrality_statement.id", ondelete="RESTRICT"
    )
    factor_code: str = Field(primary_key=True, max_length=64)
    activity_permyriad: int | None = None
    activity_basis: str = Field(default="", max_length=200)
    factor_permyriad: int | None = None
    factor_basis: str = Field(default="", max_length=200)
    stated_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    stated_at: datetime


class StatementGap(SQLModel, table=True):
    """Why something that is missing in a statement's year is as it should be.

    `gap` is the key of `statement_completeness.Gap`: it names the months, so that it answers this
    gap and no other.
    """

    __tablename__ = "statement_gap"
    __table_args__ = (sa.CheckConstraint("reason <> ''", name="reason"),)

    statement_id: int = Field(
        primary_key=True, foreign_key="neutrality_statement.id", ondelete="RESTRICT"
    )
    gap: str = Field(primary_key=True, max_length=200)
    reason: str = Field(max_length=500)
    explained_by: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    explained_at: datetime
