"""What the fund, the draws and the queues do every day by themselves."""

from datetime import date, datetime

from sqlmodel import Session

from carbonaccount.audit import SYSTEM
from carbonaccount.scheduler import scheduled
from rewards import draw_awards, draws, expiry, fund_services, queueing


@scheduled(
    name="credit-expiry",
    description="End the credits of past vintages and remind people of what ends next",
    hour=0,
    minute=20,
)
def end_credits(session: Session, *, period: date, now: datetime) -> str:
    """End what is over on the day of the run, and tell people what ends in 60 and in 15 days."""
    done = expiry.end_credits(session, day=period, now=now)
    told = expiry.remind(session, day=period, now=now)
    return f"ended={done} reminded={told}"


@scheduled(
    name="fund-check",
    description="Tell operators where the budgets of the reward fund stand",
    hour=0,
    minute=30,
)
def check_fund(session: Session, *, period: date, now: datetime) -> str:
    """Tell of every budget of the year whose state is not the one that was told last."""
    return f"told={fund_services.tell_states(session, year=period.year, now=now)}"


@scheduled(
    name="draws",
    description="Close draws whose time is over and give coupons to those who were drawn",
    hour=0,
    minute=35,
)
def run_draws(session: Session, *, period: date, now: datetime) -> str:
    """Close what is due; go on giving coupons where the fund or the stock made people wait."""
    closed = draws.close_due(session, now=now)
    given = draw_awards.award_waiting(session, acting_user=SYSTEM, now=now)
    return f"closed={closed} given={given}"


@scheduled(
    name="queue-offers",
    description="Offer queued rewards to the next in line",
    hour=8,
    minute=0,
)
def offer_queued(session: Session, *, period: date, now: datetime) -> str:
    """End offers that nobody took and make the next ones; in the morning, so that people read."""
    done = queueing.offer_everywhere(session, now=now)
    return f"ended={done.ended} offered={done.offered}"
