"""Shares that stand on nothing any more are ended once a day, should any be left."""

from datetime import date, datetime

from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.institutions.attribution_ends import end_all_untied
from carbonaccount.scheduler import scheduled


@scheduled(
    name="end-shares",
    description="End shares of sources whose giver has left the institution, or which is closed",
    hour=0,
    minute=35,
)
def end_shares(session: Session, *, period: date, now: datetime) -> str:
    """End them as of the day of the run: shares from before leaving ended them, too."""
    return f"ended={end_all_untied(session, acting_user=audit.SYSTEM, now=now)}"
