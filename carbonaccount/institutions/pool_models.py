"""Pools: residents' certified grams of a period, gathered with their consent for one buyer."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class PoolStatus(StrEnum):
    """How far a pool has come."""

    DRAFT = "draft"
    OPEN = "open"  # residents may take part
    CLOSED = "closed"  # the grams are set aside; whoever took part can still leave
    SOLD = "sold"  # or given, when the price is 0
    CALLED_OFF = "called_off"


class ShareStatus(StrEnum):
    """What became of a resident's part in a pool."""

    JOINED = "joined"
    GATHERED = "gathered"  # set aside in the books
    NOTHING = "nothing"  # there was nothing to set aside
    SOLD = "sold"
    LEFT = "left"
    RETURNED = "returned"  # the pool was called off


def _in(values: type[StrEnum]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class Pool(SQLModel, table=True):
    """What is gathered, for whom, for what, and at which price; drafted by one, ended by another.

    first_day to last_day: the period, within one year.  buyer_id: an institution of the platform;
    others are named by buyer_zh, buyer_en.  price_fen_per_t: fen for a tonne of CO2e, 0 for a
    gift.  proceeds: where the money goes.  amount_g, people: what was gathered at the close, and
    at the sale what was sold.  lot_id: the buyer's lot.
    """

    __tablename__ = "pool"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(PoolStatus)}", name="status"),
        sa.CheckConstraint("first_day <= last_day", name="days"),
        sa.CheckConstraint("price_fen_per_t >= 0 AND amount_g >= 0 AND people >= 0", name="sizes"),
        sa.CheckConstraint("buyer_id IS NOT NULL OR buyer_zh <> ''", name="has_buyer"),
        sa.CheckConstraint("lot_id IS NULL OR status = 'sold'", name="lot_of_a_sale"),
        sa.Index("ix_pool_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    status: str = Field(default="draft", max_length=12)
    title_zh: str = Field(max_length=60)
    title_en: str = Field(max_length=120)
    purpose_zh: str = Field(max_length=500)
    purpose_en: str = Field(max_length=800)
    proceeds_zh: str = Field(default="", max_length=300)
    proceeds_en: str = Field(default="", max_length=500)
    first_day: date
    last_day: date
    joins_until: date
    buyer_id: int | None = Field(default=None, foreign_key="institution.id", ondelete="RESTRICT")
    buyer_zh: str = Field(default="", max_length=80)
    buyer_en: str = Field(default="", max_length=120)
    price_fen_per_t: int = Field(default=0, sa_type=sa.BigInteger)
    amount_g: int = Field(default=0, sa_type=sa.BigInteger)
    people: int = 0
    lot_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="offset_lot.id", ondelete="RESTRICT"
    )
    drafted_by: int = Field(foreign_key="staff.id", ondelete="RESTRICT")
    drafted_at: datetime
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    ended_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    ended_at: datetime | None = None
    end_reason: str = Field(default="", max_length=500)

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id

    @property
    def serial_prefix(self) -> str:
        """Return what stands before the numbers of the pool, one a gram, given at the sale."""
        return f"CP{self.first_day.year}-{self.public_id}-"

    @property
    def serial_width(self) -> int:
        """Return how many digits a number of a sold pool is padded to."""
        return len(str(self.amount_g))

    def serial(self, number: int) -> str:
        """Return a number of a sold pool as every page, file and lot of it prints it."""
        return f"{self.serial_prefix}{number:0{self.serial_width}d}"


class PoolShare(SQLModel, table=True):
    """A resident's part in a pool, and which numbers of it are theirs (both included)."""

    __tablename__ = "pool_share"
    __table_args__ = (
        sa.CheckConstraint(f"status IN {_in(ShareStatus)}", name="status"),
        sa.CheckConstraint(
            "(status IN ('gathered', 'sold') AND amount_g > 0) OR "
            "(status IN ('joined', 'nothing') AND amount_g = 0) OR "
            "(status IN ('left', 'returned') AND amount_g >= 0)",
            name="amount",
        ),
        sa.CheckConstraint(
            "(status = 'sold' AND serial_first >= 1 AND serial_last - serial_first + 1 = amount_g)"
            " OR (status <> 'sold' AND serial_first IS NULL AND serial_last IS NULL)",
            name="numbers",
        ),
        sa.CheckConstraint("(status IN ('left', 'returned')) = (left_at IS NOT NULL)", name="left"),
        # One part of a person in a pool; whoever left may come back while it is open.
        sa.Index(
            "uq_pool_share_in_force",
            "pool_id",
            "account_id",
            unique=True,
            sqlite_where=sa.text("left_at IS NULL"),
            postgresql_where=sa.text("left_at IS NULL"),
        ),
        sa.Index("ix_pool_share_account_id", "account_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    pool_id: int = Field(foreign_key="pool.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    consent_id: int = Field(sa_type=BigId, foreign_key="consent.id", ondelete="RESTRICT")
    status: str = Field(default="joined", max_length=8)
    amount_g: int = Field(default=0, sa_type=sa.BigInteger)
    serial_first: int | None = Field(default=None, sa_type=sa.BigInteger)
    serial_last: int | None = Field(default=None, sa_type=sa.BigInteger)
    joined_at: datetime
    left_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id
