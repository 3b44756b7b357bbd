"""What pays for rewards: programmes of sponsors, a budget a year, and credits that end."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId


class Sponsor(SQLModel, table=True):
    """Who pays."""

    __tablename__ = "sponsor"

    id: int | None = Field(default=None, primary_key=True)
    name_zh: str = Field(max_length=80, unique=True)
    name_en: str = Field(default="", max_length=120)
    created_at: datetime


class FundProgramme(SQLModel, table=True):
    """A programme of a sponsor, with the rule by which it warns, slows and pauses.

    The shares are of the year's budget that is still free, in percent: at or below `warn_pct`
    operators are warned, at or below `slow_pct` at most `slow_coupons_per_day` coupons of the
    programme a day are given, at or below `pause_pct` none. The rule is public.
    """

    __tablename__ = "fund_programme"
    __table_args__ = (
        sa.CheckConstraint(
            "100 >= warn_pct AND warn_pct >= slow_pct AND slow_pct >= pause_pct AND pause_pct >= 0",
            name="thresholds_in_order",
        ),
        sa.UniqueConstraint("sponsor_id", "name_zh"),
    )

    id: int | None = Field(default=None, primary_key=True)
    sponsor_id: int = Field(foreign_key="sponsor.id", ondelete="RESTRICT")
    name_zh: str = Field(max_length=80)
    name_en: str = Field(default="", max_length=120)
    warn_pct: int = 30
    slow_pct: int = 15
    pause_pct: int = 2
    slow_coupons_per_day: int = 20
    created_at: datetime


class FundBudget(SQLModel, table=True):
    """What a programme may cost in a year, and where that money stands, in fen.

    `committed_fen` is the value of coupons that were given and not used, `spent_fen` of those
    used; both move in the statement that guards them, so a budget is never overdrawn.
    """

    __tablename__ = "fund_budget"
    __table_args__ = (
        sa.UniqueConstraint("programme_id", "year"),
        sa.CheckConstraint(
            "committed_fen >= 0 AND spent_fen >= 0 AND committed_fen + spent_fen <= budget_fen",
            name="never_overdrawn",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    programme_id: int = Field(foreign_key="fund_programme.id", ondelete="RESTRICT")
    year: int
    budget_fen: int = Field(sa_type=sa.BigInteger)
    committed_fen: int = Field(default=0, sa_type=sa.BigInteger)
    spent_fen: int = Field(default=0, sa_type=sa.BigInteger)
    # fine, warned, slowed or paused: the last state operators were told of.
    told_state: str = Field(default="fine", max_length=12)
    told_at: datetime | None = None


class FundProposal(SQLModel, table=True):
    """A change of a budget that somebody proposed and another person decides.

    status: open, approved, refused or withdrawn.
    """

    __tablename__ = "fund_proposal"
    __table_args__ = (
        sa.CheckConstraint("change_fen <> 0", name="changes_something"),
        sa.CheckConstraint("status IN ('open', 'approved', 'refused', 'withdrawn')", name="status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    budget_id: int = Field(foreign_key="fund_budget.id", ondelete="RESTRICT", index=True)
    change_fen: int = Field(sa_type=sa.BigInteger)
    reason: str = Field(max_length=500)
    status: str = Field(default="open", max_length=12)
    proposed_by: str = Field(max_length=80)
    proposed_at: datetime
    decided_by: str = Field(default="", max_length=80)
    decided_at: datetime | None = None
    decision: str = Field(default="", max_length=500)


class FundMovement(SQLModel, table=True):
    """A change of a budget, with its reason and the two people behind it. Append-only."""

    __tablename__ = "fund_movement"

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    budget_id: int = Field(foreign_key="fund_budget.id", ondelete="RESTRICT", index=True)
    change_fen: int = Field(sa_type=sa.BigInteger)
    reason: str = Field(max_length=500)
    # Who proposed it, and who approved it.
    moved_by: str = Field(max_length=80)
    approved_by: str = Field(default="", max_length=80)
    # A proposal is booked once.
    proposal_id: int | None = Field(
        default=None, foreign_key="fund_proposal.id", ondelete="RESTRICT", unique=True
    )
    moved_at: datetime


class FundDay(SQLModel, table=True):
    """How many coupons a budget gave on a day and their value; guards the slowed pace.

    Coupons that were cancelled later stay counted.
    """

    __tablename__ = "fund_day"

    budget_id: int = Field(primary_key=True, foreign_key="fund_budget.id", ondelete="RESTRICT")
    day: date = Field(primary_key=True)
    coupons: int = 0
    committed_fen: int = Field(default=0, sa_type=sa.BigInteger)


class CreditExpiry(SQLModel, table=True):
    """Credits of one vintage that ended for one person; its id is the cause of the transfer."""

    __tablename__ = "credit_expiry"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "vintage", "period"),
        sa.CheckConstraint("credits > 0", name="something_ended"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    vintage: int = Field(sa_type=sa.SmallInteger)
    # The day of the run that ended them.
    period: date
    credits: int = Field(sa_type=sa.BigInteger)
    booked_at: datetime
