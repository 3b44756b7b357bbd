"""Reads of coupons for their holders' pages, each in one statement."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from rewards.merchant_models import Merchant
from rewards.models import Coupon, CouponStatus, Reward

PAGE_ROWS = 20
OPEN, USED, OVER = "open", "used", "over"
# What the filter of the list calls a state, and which coupons it shows.
STATES: dict[str, tuple[CouponStatus, ...]] = {
    OPEN: (CouponStatus.ISSUED,),
    USED: (CouponStatus.USED,),
    OVER: (CouponStatus.CANCELLED, CouponStatus.EXPIRED),
}


class CouponLine(NamedTuple):
    """A coupon with its reward, and where it was used."""

    coupon: Coupon
    reward: Reward
    merchant: Merchant | None


# Built once: an open page of a coupon asks it every few seconds.
_COUPON_OF = (
    select(Coupon, Reward, Merchant)
    .join(Reward, col(Reward.id) == col(Coupon.reward_id))
    .outerjoin(Merchant, col(Merchant.id) == col(Coupon.merchant_id))
    .where(
        col(Coupon.public_id) == sa.bindparam("public_id"),
        col(Coupon.account_id) == sa.bindparam("account_id"),
    )
)


def coupon_of(session: Session, *, account_id: int, public_id: str) -> CouponLine | None:
    """Return a holder's own coupon; another person's is none."""
    asked = {"public_id": public_id, "account_id": account_id}
    row = session.exec(_COUPON_OF, params=asked).first()
    return None if row is None else CouponLine(*row)


def coupons_of(
    session: Session, *, account_id: int, state: str = "", page: int = 1
) -> list[CouponLine]:
    """Return a page of a holder's coupons: the open ones first, by when they end, then the
    others, the latest first. `state` is one of STATES, or "" for all.
    """
    is_open = col(Coupon.status) == CouponStatus.ISSUED
    rows = session.exec(
        select(Coupon, Reward, Merchant)
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .outerjoin(Merchant, col(Merchant.id) == col(Coupon.merchant_id))
        .where(*_of(account_id, state))
        .order_by(
            sa.case((is_open, 0), else_=1),
            sa.case((is_open, col(Coupon.expires_on)), else_=None),
            func.coalesce(col(Coupon.ended_at), col(Coupon.issued_at)).desc(),
            col(Coupon.id).desc(),
        )
        .limit(PAGE_ROWS)
        .offset((page - 1) * PAGE_ROWS)
    )
    return [CouponLine(*row) for row in rows]


def count_by_state(session: Session, *, account_id: int) -> dict[str, int]:
    """Return how many coupons a holder has in each of STATES."""
    rows = session.exec(
        select(Coupon.status, func.count())
        .where(col(Coupon.account_id) == account_id)
        .group_by(col(Coupon.status))
    )
    counts: dict[str, int] = dict(rows.all())
    return {
        state: sum(counts.get(status, 0) for status in statuses)
        for state, statuses in STATES.items()
    }


def _of(account_id: int, state: str) -> list[sa.ColumnElement[bool]]:
    own = [col(Coupon.account_id) == account_id]
    return [*own, col(Coupon.status).in_(STATES[state])] if state in STATES else own
