"""What the panel reads about sources: when they last sent, how much failed, day by day."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Channel, IntakeBatch, Source, SourceKey
from carbonaccount.city_time import city_day

STATUSES = ("accepted", "duplicate", "rejected", "conflict", "held")
# Reasons are told of the latest batches only: a source may send one every second.
LATEST_BATCHES = 200


@dataclass(frozen=True)
class SourceLine:
    """A source with its living keys, when it was last heard of, and what it sent lately."""

    source: Source
    live_keys: int
    last_batch_at: datetime | None
    last_key_use_at: datetime | None
    counts: dict[str, int]

    @property
    def items(self) -> int:
        """Items sent in the period."""
        return sum(self.counts.values())

    @property
    def failed(self) -> int:
        """Items of the period that were rejected or in conflict."""
        return self.counts["rejected"] + self.counts["conflict"]

    @property
    def failed_permille(self) -> int:
        """Failed items of a thousand, rounded up, so that a few are never none."""
        return -(-1000 * self.failed // self.items) if self.items else 0


class DayTotals(NamedTuple):
    """What a source sent on one business day, as the control totals a partner compares."""

    day: date
    batches: int
    counts: dict[str, int]


def source_lines(session: Session, *, since: datetime, now: datetime) -> list[SourceLine]:
    """Return all sources by code, with counts since a moment."""
    sums = [sa.func.sum(col(getattr(IntakeBatch, status))) for status in STATUSES]
    sent = {
        source_id: {name: int(value) for name, value in zip(STATUSES, counts, strict=True)}
        for source_id, *counts in session.execute(
            sa.select(col(IntakeBatch.source_id), *sums)
            .select_from(Source)
            .join(IntakeBatch, col(IntakeBatch.source_id) == col(Source.id))
            .where(col(IntakeBatch.received_at) >= since)
            .group_by(col(IntakeBatch.source_id))
        )
    }
    keys = _keys_by_source(session, now=now)
    empty = dict.fromkeys(STATUSES, 0)
    return [
        SourceLine(
            source,
            live_keys=keys.get(source.stored_id, (0, None))[0],
            last_batch_at=last_at,
            last_key_use_at=keys.get(source.stored_id, (0, None))[1],
            counts=sent.get(source.stored_id, empty),
        )
        for source, last_at in session.execute(
            sa.select(Source, _LAST_BATCH).order_by(col(Source.code))
        )
    ]


_LAST_BATCH = (
    sa.select(sa.func.max(col(IntakeBatch.received_at)))
    .where(
        col(IntakeBatch.source_id) == col(Source.id),
        col(IntakeBatch.channel) != Channel.RELEASE.value,
    )
    .correlate(Source)
    .scalar_subquery()
)


def _keys_by_source(session: Session, *, now: datetime) -> dict[int, tuple[int, datetime | None]]:
    """Return how many keys of each source live, and when one of its keys was last used."""
    found: dict[int, tuple[int, datetime | None]] = {}
    for key in session.exec(select(SourceKey)):
        live, used_at = found.get(key.source_id, (0, None))
        latest = max(filter(None, (used_at, key.last_used_at)), default=None)
        found[key.source_id] = (live + (key_state(key, now) in ("live", "ending")), latest)
    return found


def keys_of(session: Session, source: Source) -> list[SourceKey]:
    """Return a source's keys, the newest first."""
    return list(
        session.exec(
            select(SourceKey)
            .where(col(SourceKey.source_id) == source.id)
            .order_by(col(SourceKey.created_at).desc(), col(SourceKey.key_id))
        )
    )


def key_state(key: SourceKey, now: datetime) -> str:
    """Return whether a key is live, ending (live until a day), ended or revoked."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "live"
    return "ending" if now < key.expires_at else "ended"


def day_totals(session: Session, source: Source, *, since: datetime) -> list[DayTotals]:
    """Return what a source sent on each business day since a moment, the latest day first."""
    day = city_day(session, col(IntakeBatch.received_at)).label("day")
    sums = [sa.func.sum(col(getattr(IntakeBatch, status))) for status in STATUSES]
    rows = session.execute(
        sa.select(day, sa.func.count(), *sums)
        .where(
            col(IntakeBatch.source_id) == source.id,
            col(IntakeBatch.received_at) >= since,
            col(IntakeBatch.channel) != Channel.RELEASE.value,
        )
        .group_by(day)
        .order_by(day.desc())
    )
    return [
        DayTotals(found, batches, {name: int(n) for name, n in zip(STATUSES, counts, strict=True)})
        for found, batches, *counts in rows
    ]


def latest_reasons(session: Session, source: Source) -> list[tuple[str, int]]:
    """Return the reasons that the latest batches gave, the most frequent first."""
    batches = session.exec(
        select(col(IntakeBatch.reasons))
        .where(col(IntakeBatch.source_id) == source.id)
        .order_by(col(IntakeBatch.received_at).desc())
        .limit(LATEST_BATCHES)
    )
    total: Counter[str] = Counter()
    for reasons in batches:
        total.update(reasons)
    return sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
