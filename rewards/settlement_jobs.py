"""Settlements of a month are drafted on the first of the next; people submit and approve them."""

from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.clock import day_end, day_start
from carbonaccount.errors import Conflict
from carbonaccount.job_items import one_by_one
from carbonaccount.scheduler import scheduled
from rewards import settling
from rewards.models import Coupon, CouponStatus


@scheduled(
    name="merchant-settlements",
    description="Draft the settlements of the month before, on the first of a month",
    hour=5,
    minute=0,
)
def draft_settlements(session: Session, *, period: date, now: datetime) -> str:
    """Draft what each merchant is owed for last month; on other days there is nothing to do."""
    if period.day != 1:
        return "drafted=0"
    last = period - timedelta(days=1)
    return f"drafted={draft_month(session, first=last.replace(day=1), last=last, now=now)}"


def draft_month(session: Session, *, first: date, last: date, now: datetime) -> int:
    """Draft a settlement for each merchant that took coupons; returns how many there are.

    Coupons that are in a settlement already are left alone, so doing it again drafts nothing.
    """
    merchants = session.exec(
        select(col(Coupon.merchant_id))
        .where(
            col(Coupon.status) == CouponStatus.USED,
            col(Coupon.settlement_id).is_(None),
            col(Coupon.merchant_id).is_not(None),
            col(Coupon.used_at) >= day_start(first),
            col(Coupon.used_at) < day_end(last),
        )
        .distinct()
        .order_by(col(Coupon.merchant_id))
    ).all()

    def draft(merchant_id: int | None) -> bool:
        return _draft(session, merchant_id or 0, first, last, now)

    return sum(one_by_one(session, merchants, draft, key=lambda number: f"merchant:{number}"))


def _draft(session: Session, merchant_id: int, first: date, last: date, now: datetime) -> bool:
    """Draft a merchant's settlement; False when all its coupons are disputed."""
    try:
        with session.begin_nested():
            settling.draft(
                session,
                merchant_id=merchant_id,
                first_day=first,
                last_day=last,
                acting_user=SYSTEM,
                now=now,
            )
    except Conflict as error:
        if error.code != "nothing_to_settle":
            raise
        return False
    return True
