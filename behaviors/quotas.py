"""How many new items a source may send by the API on one business day."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from behaviors.intake.door import BatchResult
from behaviors.models import Channel, IntakeBatch, Source
from carbonaccount.clock import business_day, day_end, day_start
from carbonaccount.errors import LimitReached

# Repetitions are left out: who sends a batch again because no answer came pays for it once.
_NEW = (
    col(IntakeBatch.accepted),
    col(IntakeBatch.rejected),
    col(IntakeBatch.conflict),
    col(IntakeBatch.held),
)


def used_today(session: Session, *, source: Source, now: datetime) -> int:
    """Return how many new items a source has sent by the API on the business day of `now`."""
    items = sum(_NEW[1:], _NEW[0])
    counted = sa.select(sa.func.coalesce(sa.func.sum(items), 0)).where(
        col(IntakeBatch.source_id) == source.id,
        col(IntakeBatch.channel) == Channel.API.value,
        col(IntakeBatch.received_at) >= day_start(business_day(now)),
    )
    return int(session.execute(counted).scalar_one())


def hold_place(session: Session, *, source: Source) -> None:
    """Let batches of a source with a quota come one after another, so that none is overdrawn."""
    if source.daily_quota is not None:
        session.execute(
            sa.select(col(Source.id)).where(col(Source.id) == source.id).with_for_update()
        )


def require_quota(session: Session, *, source: Source, result: BatchResult, now: datetime) -> None:
    """Refuse a batch that goes beyond the quota; nothing of it may be kept then.

    Called after the batch was taken, because only then its repetitions are known. Raises
    LimitReached (daily_quota) with the seconds until the next business day.
    """
    quota, new = source.daily_quota, _new_items(result)
    if quota is None or new == 0:
        return
    used = used_today(session, source=source, now=now) - new
    if used + new > quota:
        wait = day_end(business_day(now)) - now
        raise LimitReached(
            "daily_quota", retry_after_s=int(wait.total_seconds()) + 1, quota=quota, used=used
        )


def _new_items(result: BatchResult) -> int:
    return result.accepted + result.rejected + result.conflict + result.held
