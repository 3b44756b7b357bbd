"""What credits buy: rewards with their prices and stock, and the coupons given out for them."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class RewardStatus(StrEnum):
    """How far a reward has come; what residents may take is PUBLISHED only."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    PAUSED = "paused"
    ENDED = "ended"


class RewardClass(StrEnum):
    """What kind of thing a reward is."""

    PUBLIC_SERVICE = "public_service"
    CULTURE_SPORT = "culture_sport"
    REPAIR_SECOND_HAND = "repair_second_hand"
    GREEN_GOODS = "green_goods"
    DONATION = "donation"
    TREE = "tree"
    OTHER = "other"


# What a coupon of these is for happens when it is taken: there is nothing to scan.
USED_AT_ONCE = (RewardClass.TREE, RewardClass.DONATION)


class Allotment(StrEnum):
    """Who gets a scarce reward."""

    FIRST_COME = "first_come"
    QUEUE = "queue"
    DRAW = "draw"


class LimitPeriod(StrEnum):
    """The span in which one person may take `limit_per_person` of a reward."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


class CouponStatus(StrEnum):
    """What became of a coupon: ISSUED holds credits, the others are ends of it."""

    ISSUED = "issued"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Reward(SQLModel, table=True):
    """Something that credits buy, what it costs, and how many are left.

    texts: {"zh": {"title", "text", "terms"}, "en": {...}}. `stock_left` is guarded: it is moved
    by the statement that takes a coupon and by stock movements only. `value_fen` is what one
    costs the fund, never shown to residents.
    """

    __tablename__ = "reward"
    __table_args__ = (
        sa.CheckConstraint("stock_left >= 0", name="stock_not_negative"),
        sa.CheckConstraint("price_credits > 0", name="price_positive"),
        sa.CheckConstraint("value_fen >= 0", name="value_not_negative"),
        sa.CheckConstraint(
            "(proposed_price IS NULL) = (price_proposed_by IS NULL)", name="price_proposed_by_whom"
        ),
        sa.Index("ix_reward_status_reward_class", "status", "reward_class"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    status: str = Field(default=RewardStatus.DRAFT, max_length=12)
    reward_class: str = Field(max_length=24)
    texts: dict[str, dict[str, str]] = Field(default_factory=dict, sa_type=sa.JSON)
    # File name of the re-encoded picture in the instance folder, "" for none.
    picture: str = Field(default="", max_length=80)
    price_credits: int = Field(sa_type=sa.BigInteger)
    value_fen: int = Field(sa_type=sa.BigInteger)
    programme_id: int = Field(foreign_key="fund_programme.id", ondelete="RESTRICT")
    stock_left: int = Field(default=0, sa_type=sa.BigInteger)
    # None: as many a day as there are.
    stock_per_day: int | None = None
    limit_per_person: int | None = None
    limit_period: str = Field(default=LimitPeriod.EVER, max_length=8)
    # Residents may take it from and until these days, both included.
    offered_from: date
    offered_until: date
    coupon_days: int = 30
    refund_when_expired: bool = True
    # Codes of the districts whose residents may take it; empty for the whole city.
    districts: list[str] = Field(default_factory=list, sa_type=sa.JSON)
    minimum_age: int = 0
    allotment: str = Field(default=Allotment.FIRST_COME, max_length=12)
    # Merchants that may take its coupons are in reward_merchant; for TREE the plots say it.
    drafted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    approved_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    created_at: datetime
    published_at: datetime | None = None
    ended_at: datetime | None = None
    pause_reason: str = Field(default="", max_length=500)
    # A price that waits for a second person; residents pay `price_credits` until then.
    proposed_price: int | None = Field(default=None, sa_type=sa.BigInteger)
    price_proposed_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")


class RewardPrice(SQLModel, table=True):
    """What a reward cost from a moment on; the rows are its price history."""

    __tablename__ = "reward_price"

    reward_id: int = Field(primary_key=True, foreign_key="reward.id", ondelete="RESTRICT")
    valid_from: datetime = Field(primary_key=True)
    price_credits: int = Field(sa_type=sa.BigInteger)
    set_by: str = Field(max_length=80)


class StockMovement(SQLModel, table=True):
    """A change of a reward's stock by staff: delivered, lost, corrected. Append-only.

    What coupons take and give back is not here: it is told by the coupons themselves.
    """

    __tablename__ = "stock_movement"
    __table_args__ = (
        sa.CheckConstraint("change <> 0", name="changes_something"),
        sa.Index("ix_stock_movement_reward_id", "reward_id"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    reward_id: int = Field(foreign_key="reward.id", ondelete="RESTRICT")
    change: int = Field(sa_type=sa.BigInteger)
    reason: str = Field(max_length=500)
    moved_by: str = Field(max_length=80)
    moved_at: datetime


class RewardDay(SQLModel, table=True):
    """How many coupons of a reward were given on a day; guards `stock_per_day`."""

    __tablename__ = "reward_day"

    reward_id: int = Field(primary_key=True, foreign_key="reward.id", ondelete="RESTRICT")
    day: date = Field(primary_key=True)
    taken: int = 0


class RewardTaker(SQLModel, table=True):
    """How many coupons of a reward a person took in a period; guards `limit_per_person`.

    `period_start` is the first day of the period, 0001-01-01 for EVER.
    """

    __tablename__ = "reward_taker"

    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    reward_id: int = Field(primary_key=True, foreign_key="reward.id", ondelete="RESTRICT")
    period_start: date = Field(primary_key=True)
    taken: int = 0


class RewardFavourite(SQLModel, table=True):
    """A reward a resident keeps an eye on."""

    __tablename__ = "reward_favourite"

    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    reward_id: int = Field(primary_key=True, foreign_key="reward.id", ondelete="RESTRICT")
    added_at: datetime


class Coupon(SQLModel, table=True):
    """One reward taken by one person: the credits are held until it is used.

    `request_key` is the Idempotency-Key of the press that took it: the same person's same key is
    the same coupon. `uses` counts how often it was used (an undone use is followed by another), so
    that each posting to the books has a key of its own.
    """

    __tablename__ = "coupon"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "request_key"),
        sa.CheckConstraint("status IN ('issued', 'used', 'cancelled', 'expired')", name="status"),
        sa.CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name="used_when"),
        sa.Index("ix_coupon_account_id_issued_at", "account_id", "issued_at"),
        sa.Index("ix_coupon_reward_id_status", "reward_id", "status"),
        sa.Index("ix_coupon_merchant_id_used_at", "merchant_id", "used_at"),
        sa.Index(
            "ix_coupon_open",
            "expires_on",
            sqlite_where=sa.text("status = 'issued'"),
            postgresql_where=sa.text("status = 'issued'"),
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    reward_id: int = Field(foreign_key="reward.id", ondelete="RESTRICT")
    # The budget that pays: fund_budget of the year in which it was taken.
    budget_id: int = Field(foreign_key="fund_budget.id", ondelete="RESTRICT")
    request_key: str = Field(max_length=64)
    status: str = Field(default=CouponStatus.ISSUED, max_length=12)
    price_credits: int = Field(sa_type=sa.BigInteger)
    value_fen: int = Field(sa_type=sa.BigInteger)
    issued_at: datetime
    issued_day: date
    # The last day on which it can be used.
    expires_on: date
    uses: int = 0
    used_at: datetime | None = None
    merchant_id: int | None = Field(default=None, foreign_key="merchant.id", ondelete="RESTRICT")
    till_id: int | None = Field(default=None, foreign_key="merchant_till.id", ondelete="RESTRICT")
    used_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    ended_at: datetime | None = None
    settlement_id: int | None = Field(
        default=None, foreign_key="settlement.id", ondelete="RESTRICT", index=True
    )

    @property
    def stored_id(self) -> int:
        """Return the id of a row that has been written."""
        if self.id is None:
            raise ValueError("the row has no id before it is flushed")
        return self.id


class CouponCode(SQLModel, table=True):
    """The eight digits a holder reads out, good for five minutes; only a keyed hash is stored."""

    __tablename__ = "coupon_code"
    __table_args__ = (sa.Index("ix_coupon_code_expires_at", "expires_at"),)

    code_hash: str = Field(primary_key=True, max_length=64)
    coupon_id: int = Field(sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT", unique=True)
    # Sealed, so that the page can show the same digits again until they end.
    code_sealed: bytes
    created_at: datetime
    expires_at: datetime
    extended: bool = False


class DrawStatus(StrEnum):
    """How far a draw has come."""

    OPEN = "open"
    CLOSED = "closed"
    DRAWN = "drawn"
    CALLED_OFF = "called_off"


class RewardDraw(SQLModel, table=True):
    """A draw that can be checked afterwards: the commitment is published before, the seed after.

    commitment = lower-case hex SHA-256 of the seed's text. The seed is sealed until the draw.
    """

    __tablename__ = "reward_draw"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    reward_id: int = Field(foreign_key="reward.id", ondelete="RESTRICT", index=True)
    status: str = Field(default=DrawStatus.OPEN, max_length=12)
    commitment: str = Field(max_length=64)
    seed_sealed: bytes
    # Published when drawn.
    seed: str | None = Field(default=None, max_length=64)
    winners_wanted: int
    closes_at: datetime
    drawn_at: datetime | None = None
    # SHA-256 over the entries in order, published at closing, so that nobody is added later.
    entries_sha256: str | None = Field(default=None, max_length=64)
    # Public: why it was called off.
    call_off_reason: str = Field(default="", max_length=500)
    created_by: str = Field(max_length=80)
    created_at: datetime


class DrawEntry(SQLModel, table=True):
    """A person's entry in a draw; `ticket` is random and public, so that anyone finds their own."""

    __tablename__ = "draw_entry"
    __table_args__ = (sa.UniqueConstraint("draw_id", "ticket"),)

    draw_id: int = Field(primary_key=True, foreign_key="reward_draw.id", ondelete="RESTRICT")
    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    ticket: str = Field(max_length=32)
    entered_at: datetime
    # 1 for the first; NULL until the draw.
    rank: int | None = None
    coupon_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT"
    )
    # "" while open, won, not_drawn, or the code of why the coupon could not be given.
    outcome: str = Field(default="", max_length=24)


class QueuePlace(SQLModel, table=True):
    """A person waiting for a scarce reward; who is offered one has until `offer_ends_at`."""

    __tablename__ = "queue_place"
    __table_args__ = (
        sa.Index(
            "uq_queue_place_waiting",
            "reward_id",
            "account_id",
            unique=True,
            sqlite_where=sa.text("status IN ('waiting', 'offered')"),
            postgresql_where=sa.text("status IN ('waiting', 'offered')"),
        ),
        sa.CheckConstraint(
            "status IN ('waiting', 'offered', 'taken', 'passed', 'left')", name="status"
        ),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    reward_id: int = Field(foreign_key="reward.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    status: str = Field(default="waiting", max_length=12)
    joined_at: datetime
    offered_at: datetime | None = None
    offer_ends_at: datetime | None = None
    coupon_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT"
    )
