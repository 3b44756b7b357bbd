"""Recurring work on people's data: what is over goes."""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount.accounts.models import LoginSession, RateCount
from carbonaccount.accounts.one_time_codes import remove_expired_codes
from carbonaccount.scheduler import scheduled

# As the privacy notice says.
SESSIONS_KEPT = timedelta(days=30)


@scheduled(
    name="cleanup", description="Delete expired codes, counters and sessions", hour=3, minute=20
)
def cleanup(session: Session, *, period: date, now: datetime) -> str:
    """Delete what has expired; `period` is the day the run is for, the clock decides what goes."""
    codes = remove_expired_codes(session, now=now)
    counters = session.exec(sa.delete(RateCount).where(col(RateCount.expires_at) <= now))
    logins = session.exec(sa.delete(LoginSession).where(_ended_before(now - SESSIONS_KEPT)))
    return f"codes={codes} counters={counters.rowcount} sessions={logins.rowcount}"


def _ended_before(moment: datetime) -> sa.ColumnElement[bool]:
    """Return the condition for sessions that were revoked, over or silent by then.

    Silence ends a session within the hour, so the last sign of life tells when it ended.
    """
    return sa.or_(
        col(LoginSession.revoked_at) <= moment,
        col(LoginSession.expires_at) <= moment,
        col(LoginSession.last_seen_at) <= moment,
    )
