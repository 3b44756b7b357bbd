"""Who takes coupons: merchants, their tills and people, and what they are owed."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class Merchant(SQLModel, table=True):
    """A shop or public place where coupons are used."""

    __tablename__ = "merchant"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    name_zh: str = Field(max_length=80)
    name_en: str = Field(default="", max_length=120)
    district_code: str | None = Field(
        default=None, foreign_key="district.code", ondelete="RESTRICT", max_length=12
    )
    address: str = Field(default="", max_length=200)
    active: bool = True
    created_at: datetime


class MerchantTill(SQLModel, table=True):
    """A till of a merchant."""

    __tablename__ = "merchant_till"
    __table_args__ = (sa.UniqueConstraint("merchant_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT")
    name: str = Field(max_length=40)
    active: bool = True


class MerchantMember(SQLModel, table=True):
    """A person who works at a merchant's tills; signs in as any resident does.

    role: owner (people, tills, statements) or cashier.
    """

    __tablename__ = "merchant_member"
    __table_args__ = (sa.CheckConstraint("role IN ('owner', 'cashier')", name="role"),)

    merchant_id: int = Field(primary_key=True, foreign_key="merchant.id", ondelete="RESTRICT")
    account_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="account.id", ondelete="RESTRICT"
    )
    role: str = Field(max_length=12)
    active: bool = True
    joined_at: datetime


class MerchantInvitation(SQLModel, table=True):
    """A code by which a person joins a merchant: shown once, good once, for a day."""

    __tablename__ = "merchant_invitation"

    code_hash: str = Field(primary_key=True, max_length=64)
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT")
    role: str = Field(max_length=12)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class RewardMerchant(SQLModel, table=True):
    """A merchant that takes the coupons of a reward."""

    __tablename__ = "reward_merchant"

    reward_id: int = Field(primary_key=True, foreign_key="reward.id", ondelete="RESTRICT")
    merchant_id: int = Field(
        primary_key=True, foreign_key="merchant.id", ondelete="RESTRICT", index=True
    )


class ScanAttempt(SQLModel, table=True):
    """What a till sent and what it was answered; the same request again gets the same answer.

    Holds no code and no secret: `request_key` is the till's own key of the press.
    """

    __tablename__ = "scan_attempt"
    __table_args__ = (
        sa.UniqueConstraint("merchant_id", "request_key"),
        sa.Index("ix_scan_attempt_merchant_id_attempted_at", "merchant_id", "attempted_at"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT")
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    till_id: int | None = Field(default=None, foreign_key="merchant_till.id", ondelete="RESTRICT")
    request_key: str = Field(max_length=64)
    # SHA-256 of what was scanned or typed: the same key with other content is a conflict.
    content_sha256: str = Field(max_length=64)
    action: str = Field(max_length=12)  # look, use or undo
    outcome: str = Field(max_length=32)  # ok, or the code of the refusal
    coupon_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT"
    )
    reason: str = Field(default="", max_length=200)
    attempted_at: datetime


class Settlement(SQLModel, table=True):
    """What a merchant is owed for the coupons used in a period.

    status: draft, in_review, approved, paid, cancelled (its coupons are free again).
    """

    __tablename__ = "settlement"
    __table_args__ = (
        sa.CheckConstraint(
            "status IN ('draft', 'in_review', 'approved', 'paid', 'cancelled')", name="status"
        ),
        sa.CheckConstraint("deducted_fen BETWEEN 0 AND value_fen", name="nothing_owed_back"),
        sa.Index("ix_settlement_merchant_id", "merchant_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT")
    first_day: date
    last_day: date
    status: str = Field(default="draft", max_length=12)
    coupons: int = 0
    credits: int = Field(default=0, sa_type=sa.BigInteger)
    value_fen: int = Field(default=0, sa_type=sa.BigInteger)
    # What earlier settlements paid for uses that were taken back; owed is value less this.
    deducted_fen: int = Field(default=0, sa_type=sa.BigInteger)
    drafted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    submitted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    approved_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    paid_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    payment_reference: str = Field(default="", max_length=80)
    created_at: datetime
    decided_at: datetime | None = None
    paid_at: datetime | None = None


class CouponDispute(SQLModel, table=True):
    """A holder says that a use was not theirs; while open the coupon is left out of settlements."""

    __tablename__ = "coupon_dispute"
    __table_args__ = (
        sa.CheckConstraint("status IN ('open', 'upheld', 'refused')", name="status"),
        sa.UniqueConstraint("coupon_id", "use_number"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    coupon_id: int = Field(sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT")
    # Which use of the coupon (its `uses`), and what it was: a use taken back leaves the coupon.
    use_number: int
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT", index=True)
    till_id: int | None = Field(default=None, foreign_key="merchant_till.id", ondelete="RESTRICT")
    used_at: datetime
    used_by: int | None = Field(
        default=None, sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT"
    )
    text: str = Field(max_length=500)
    status: str = Field(default="open", max_length=12)
    raised_at: datetime
    # Whoever of staff found it when checking by hand; None for the holder.
    raised_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decided_at: datetime | None = None
    decided_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    decision: str = Field(default="", max_length=500)


class SettlementCheck(SQLModel, table=True):
    """A coupon of a settlement drawn for checking by hand, and what the check found."""

    __tablename__ = "settlement_check"

    settlement_id: int = Field(primary_key=True, foreign_key="settlement.id", ondelete="RESTRICT")
    coupon_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="coupon.id", ondelete="RESTRICT"
    )
    result: str = Field(default="", max_length=12)  # "", fine or wrong
    note: str = Field(default="", max_length=500)
    checked_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    checked_at: datetime | None = None


class SettlementDeduction(SQLModel, table=True):
    """A use that was paid and then taken back: a later settlement of the merchant is less by it.

    `settlement_id` is the settlement that deducts it, None until there is one large enough.
    """

    __tablename__ = "settlement_deduction"
    __table_args__ = (sa.Index("ix_settlement_deduction_merchant_id", "merchant_id"),)

    dispute_id: int = Field(
        sa_type=BigId, primary_key=True, foreign_key="coupon_dispute.id", ondelete="RESTRICT"
    )
    merchant_id: int = Field(foreign_key="merchant.id", ondelete="RESTRICT")
    # The settlement in which the use was counted.
    counted_in: int = Field(foreign_key="settlement.id", ondelete="RESTRICT")
    settlement_id: int | None = Field(
        default=None, foreign_key="settlement.id", ondelete="RESTRICT", index=True
    )
    credits: int = Field(sa_type=sa.BigInteger)
    value_fen: int = Field(sa_type=sa.BigInteger)
    noted_at: datetime
