"""Reads about settlements: their lines, their sample, and what the books say of them."""

from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, Staff
from carbonaccount.clock import business_day
from carbonaccount.errors import NotFound
from carbonaccount.ledger.models import Cause, Transfer, TransferKind
from rewards.merchant_models import (
    CouponDispute,
    Merchant,
    MerchantTill,
    Settlement,
    SettlementCheck,
    SettlementDeduction,
)
from rewards.models import Coupon, CouponStatus, Reward


class SettlementRow(NamedTuple):
    """A settlement with its merchant."""

    settlement: Settlement
    merchant: Merchant


class Line(NamedTuple):
    """A coupon of a settlement; its holder is not told to merchants."""

    coupon: Coupon
    reward: Reward
    till: str
    used_at: datetime | None


class Checked(NamedTuple):
    """A drawn coupon with what the check found and who pressed at the till."""

    check: SettlementCheck
    coupon: Coupon
    reward: Reward
    till: str
    cashier: str
    checker: Staff | None


class Deducted(NamedTuple):
    """A deduction with the coupon it is about and the settlement that had counted it."""

    deduction: SettlementDeduction
    coupon: Coupon
    counted_in: Settlement


class Waiting(NamedTuple):
    """What a merchant took that is in no settlement yet, disputed uses left out."""

    coupons: int
    credits: int
    value_fen: int
    oldest: date | None


def find_settlement(session: Session, *, public_id: str) -> SettlementRow:
    """Return a settlement with its merchant; raises NotFound with settlement_not_found."""
    found = session.exec(
        select(Settlement, Merchant)
        .join(Merchant, col(Merchant.id) == col(Settlement.merchant_id))
        .where(col(Settlement.public_id) == public_id)
    ).first()
    if found is None:
        raise NotFound("settlement_not_found")
    return SettlementRow(*found)


def settlements_of(session: Session, *, merchant_id: int) -> list[Settlement]:
    """Return what a merchant is shown of its settlements: approved and paid ones."""
    return list(
        session.exec(
            select(Settlement)
            .where(
                col(Settlement.merchant_id) == merchant_id,
                col(Settlement.status).in_(("approved", "paid")),
            )
            .order_by(col(Settlement.last_day).desc(), col(Settlement.id).desc())
        )
    )


def lines_of(session: Session, *, settlement_id: int) -> list[Line]:
    """Return the coupons of a settlement in the order they were used.

    A use that was taken back after the approval stays in the statement, but the coupon has no
    time and till of it any more: its dispute keeps them.
    """
    used_at = sa.func.coalesce(col(Coupon.used_at), col(CouponDispute.used_at))
    till_id = sa.func.coalesce(col(Coupon.till_id), col(CouponDispute.till_id))
    rows = session.exec(
        select(Coupon, Reward, col(MerchantTill.name), used_at)
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .outerjoin(
            CouponDispute,
            (col(CouponDispute.coupon_id) == col(Coupon.id))
            & (col(CouponDispute.use_number) == col(Coupon.uses)),
        )
        .outerjoin(MerchantTill, col(MerchantTill.id) == till_id)
        .where(col(Coupon.settlement_id) == settlement_id)
        .order_by(used_at, col(Coupon.id))
    )
    return [Line(coupon, reward, till or "", when) for coupon, reward, till, when in rows]


def sample_of(session: Session, *, settlement_id: int) -> list[Checked]:
    """Return the drawn coupons of a settlement."""
    rows = session.execute(
        sa.select(
            SettlementCheck, Coupon, Reward, col(MerchantTill.name), col(Account.public_id), Staff
        )
        .join(Coupon, col(Coupon.id) == col(SettlementCheck.coupon_id))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .outerjoin(MerchantTill, col(MerchantTill.id) == col(Coupon.till_id))
        .outerjoin(Account, col(Account.id) == col(Coupon.used_by))
        .outerjoin(Staff, col(Staff.id) == col(SettlementCheck.checked_by))
        .where(col(SettlementCheck.settlement_id) == settlement_id)
        .order_by(col(Coupon.public_id))
    )
    return [
        Checked(check, coupon, reward, till or "", cashier or "", staff)
        for check, coupon, reward, till, cashier, staff in rows
    ]


def deductions_of(session: Session, *, settlement_id: int) -> list[Deducted]:
    """Return what a settlement deducts for uses that earlier ones had counted."""
    rows = session.exec(
        select(SettlementDeduction, Coupon, Settlement)
        .join(CouponDispute, col(CouponDispute.id) == col(SettlementDeduction.dispute_id))
        .join(Coupon, col(Coupon.id) == col(CouponDispute.coupon_id))
        .join(Settlement, col(Settlement.id) == col(SettlementDeduction.counted_in))
        .where(col(SettlementDeduction.settlement_id) == settlement_id)
        .order_by(col(SettlementDeduction.dispute_id))
    )
    return [Deducted(*row) for row in rows]


def taken_back_credits(session: Session, *, settlement_id: int) -> int:
    """Return the credits of uses in a settlement that were taken back after its approval."""
    return int(
        session.exec(
            select(sa.func.coalesce(sa.func.sum(col(SettlementDeduction.credits)), 0)).where(
                col(SettlementDeduction.counted_in) == settlement_id
            )
        ).one()
    )


def booked_credits(session: Session, *, settlement_id: int) -> int:
    """Return what the books say was redeemed by a settlement's coupons and stands."""
    reversal = aliased(Transfer)
    return int(
        session.exec(
            select(sa.func.coalesce(sa.func.sum(col(Transfer.amount)), 0))
            .join(Coupon, col(Coupon.id) == col(Transfer.cause_id))
            .outerjoin(reversal, col(reversal.reverses_id) == col(Transfer.id))
            .where(
                col(Transfer.cause) == Cause.COUPON,
                col(Transfer.kind) == TransferKind.REDEEM,
                col(reversal.id).is_(None),
                col(Coupon.settlement_id) == settlement_id,
            )
        ).one()
    )


def waiting_of(session: Session, *, merchant_id: int) -> Waiting:
    """Return what a merchant took that no settlement holds."""
    found = session.execute(_waiting().where(col(Coupon.merchant_id) == merchant_id)).first()
    return Waiting(0, 0, 0, None) if found is None else _as_waiting(*found)


def waiting_by_merchant(session: Session) -> dict[int | None, Waiting]:
    """Return what waits for a settlement, of those merchants that have something."""
    return {row[0]: _as_waiting(*row) for row in session.execute(_waiting())}


def _waiting() -> sa.Select[Any]:
    disputed = sa.select(col(CouponDispute.coupon_id)).where(col(CouponDispute.status) == "open")
    wanted: Any = (
        sa.select(
            col(Coupon.merchant_id),
            sa.func.count(),
            sa.func.sum(col(Coupon.price_credits)),
            sa.func.sum(col(Coupon.value_fen)),
            sa.func.min(col(Coupon.used_at)),
        )
        .where(
            col(Coupon.merchant_id).is_not(None),
            col(Coupon.status) == CouponStatus.USED,
            col(Coupon.settlement_id).is_(None),
            col(Coupon.id).not_in(disputed),
        )
        .group_by(col(Coupon.merchant_id))
    )
    found: sa.Select[Any] = wanted
    return found


def _as_waiting(
    _merchant_id: int, coupons: int, price: int, value_fen: int, oldest: datetime
) -> Waiting:
    return Waiting(int(coupons), int(price), int(value_fen), business_day(oldest))


def staff_names(session: Session, ids: list[int | None]) -> dict[int | None, str]:
    """Return the names of members of staff by id."""
    rows = session.exec(
        select(col(Staff.id), col(Staff.display_name)).where(col(Staff.id).in_(ids))
    )
    return dict(rows.all())
