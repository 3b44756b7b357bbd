"""What happens to coupons every day by itself."""

from datetime import date, datetime

from sqlmodel import Session

from carbonaccount.clock import business_day
from carbonaccount.scheduler import scheduled
from rewards import coupon_codes, redeeming, scanning


@scheduled(
    name="reward-expiry",
    description="End coupons that nobody used in time, and remind holders of those that end soon",
    hour=0,
    minute=10,
)
def end_coupons(session: Session, *, period: date, now: datetime) -> str:
    """End what was over on the period's day; reminders go by the day of the run."""
    ended = redeeming.expire_due(session, day=period, now=now)
    reminded = redeeming.remind_ending(session, day=business_day(now), now=now)
    return f"ended={ended} reminded={reminded}"


@scheduled(
    name="forget-coupon-digits",
    description="Delete the digits of coupons that are over, and what tills sent long ago",
    hour=3,
    minute=30,
)
def forget_coupon_digits(session: Session, *, period: date, now: datetime) -> str:
    """Delete digits that ended more than a day ago, and old requests of tills."""
    digits = coupon_codes.forget_digits(session, now=now)
    return f"digits={digits} attempts={scanning.forget_attempts(session, now=now)}"
