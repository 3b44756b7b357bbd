"""The books: ledger accounts with guarded balances, and append-only transfers between them."""

from datetime import date, datetime
from enum import IntEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId


class Unit(IntEnum):
    """What is counted: grams of CO2e avoided, or credits. One transfer never mixes them."""

    G = 1
    CREDIT = 2


class LedgerKind(IntEnum):
    """What a ledger account stands for."""

    ISSUANCE = 1  # where reductions and credits come from; its balance is computed, not stored
    RESIDENT = 2  # what a resident holds: grams, or the credits of one vintage
    DEBT = 3  # what could not be taken back because it was spent before
    INSTITUTION = 4  # what was given to, or belongs to, a beneficiary or institution
    EXPIRED = 5  # where credits of a vintage end; the city's, computed
    REDEEMED = 6  # where used credits of a vintage end; the city's, computed
    HOLD = 7  # what a resident has set aside for a coupon or a pledge, by vintage
    # What stands against debts: the city may still take it back. Computed, like issuance.
    CLAIM = 8
    RETIRED = 9  # where grams end that made an emission good; the city's, computed


# The balances of these are the sums of their transfers.
COMPUTED_KINDS = (
    LedgerKind.ISSUANCE,
    LedgerKind.EXPIRED,
    LedgerKind.REDEEMED,
    LedgerKind.CLAIM,
    LedgerKind.RETIRED,
)


class TransferKind(IntEnum):
    """Why a transfer was made."""

    EARN = 1
    REVERSE = 2
    ADJUST = 3
    REDEEM = 4
    EXPIRE = 5
    GIVE = 6
    HOLD = 7
    RELEASE = 8
    ACQUIRE = 9  # an institution's lot of reductions enters the books
    RETIRE = 10  # a lot makes an emission good and is gone
    ATTRIBUTE = 11  # an institution's share of what was recorded for an account


class Cause(IntEnum):
    """What kind of thing `cause_id` names."""

    RECORD = 1
    OPERATION = 2
    COUPON = 3
    GIFT = 4
    EXPIRY = 5
    ADOPTION = 6
    LOT = 7
    ATTRIBUTION = 8
    POOL_SHARE = 9


class LedgerAccount(SQLModel, table=True):
    """One account of the books: an owner, a kind, a unit and, for credits, a vintage.

    `balance` is NULL for issuance accounts: if each act moved their balance, every act of the
    city would wait for the same row; their balance is the sum of their transfers. So it is where
    credits and grams end (redeemed, expired, retired), and for claims, which stand against debts
    and would be below zero. All others move with each transfer and never fall below zero.
    """

    __tablename__ = "ledger_account"
    __table_args__ = (
        sa.UniqueConstraint("owner_id", "kind", "unit", "vintage"),
        sa.CheckConstraint("balance IS NULL OR balance >= 0", name="balance_not_negative"),
        sa.CheckConstraint(
            "(balance IS NULL) = (kind IN (1, 5, 6, 8, 9))", name="balance_is_stored"
        ),
        sa.CheckConstraint("unit IN (1, 2)", name="unit"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    # The carbon account; 0 for accounts that belong to the city itself.
    owner_id: int = Field(sa_type=sa.BigInteger)
    kind: int = Field(sa_type=sa.SmallInteger)
    unit: int = Field(sa_type=sa.SmallInteger)
    # Year of issue of credits; 0 where vintages do not apply.
    vintage: int = Field(default=0, sa_type=sa.SmallInteger)
    balance: int | None = Field(default=0, sa_type=sa.BigInteger)


class Transfer(SQLModel, table=True):
    """One movement from the debited to the credited account; never changed, never removed.

    A correction is another transfer that names the one it reverses. `revision` counts how often
    the same cause was posted anew after a reversal, so that the unique key lets each posting
    happen once and only once.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        sa.UniqueConstraint("cause_id", "cause", "kind", "unit", "revision"),
        # A transfer is reversed at most once; partial, so that ordinary postings do not pay for it.
        sa.Index(
            "uq_transfer_reverses_id",
            "reverses_id",
            unique=True,
            sqlite_where=sa.text("reverses_id IS NOT NULL"),
            postgresql_where=sa.text("reverses_id IS NOT NULL"),
        ),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("debit_id <> credit_id", name="two_accounts"),
        sa.CheckConstraint("unit IN (1, 2)", name="unit"),
        sa.CheckConstraint("(reverses_id IS NULL) = (kind <> 2)", name="reversal_names_original"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    debit_id: int = Field(sa_type=sa.BigInteger)
    credit_id: int = Field(sa_type=sa.BigInteger)
    amount: int = Field(sa_type=sa.BigInteger)
    unit: int = Field(sa_type=sa.SmallInteger)
    kind: int = Field(sa_type=sa.SmallInteger)
    cause: int = Field(sa_type=sa.SmallInteger)
    cause_id: int = Field(sa_type=sa.BigInteger)
    revision: int = Field(default=0, sa_type=sa.SmallInteger)
    reverses_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    business_day: date
    occurred_at: datetime
    booked_at: datetime
