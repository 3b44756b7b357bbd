"""What the catalogue does every day by itself."""

from datetime import date, datetime

from sqlmodel import Session

from carbonaccount.clock import business_day
from carbonaccount.scheduler import scheduled
from rewards.favourites import tell_ends_soon


@scheduled(
    name="reward-favourites",
    description="Tell residents which of their favourite rewards end within a week",
    hour=9,
    minute=10,
)
def tell_of_ending_favourites(session: Session, *, period: date, now: datetime) -> str:
    """Tell of rewards that end soon, seen from the day of the run: late news is no news."""
    return f"told={tell_ends_soon(session, day=business_day(now), now=now)}"
