"""What the panel's pages show of uploads, batches, held records and sources. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.intake.uploads import UNFINISHED
from behaviors.models import ActivityRecord, Behavior, IntakeBatch, IntakeUpload, Source
from behaviors.models import UploadStatus as Status
from carbonaccount.accounts.models import Staff

PAGE_ROWS = 50
# What people filter by: the states in which somebody is at work are one.
STATUS_GROUPS: dict[str, tuple[Status, ...]] = {
    "unfinished": UNFINISHED,
    "done": (Status.DONE,),
    "stopped": (Status.STOPPED,),
    "failed": (Status.FAILED,),
}


@dataclass(frozen=True)
class UploadFilter:
    """Which uploads a list shows; empty lets everything through."""

    source_id: int | None = None
    group: str = ""

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return what rows have to meet."""
        conditions = []
        if self.source_id is not None:
            conditions.append(col(IntakeUpload.source_id) == self.source_id)
        if self.group:
            conditions.append(col(IntakeUpload.status).in_(STATUS_GROUPS[self.group]))
        return conditions


class UploadRow(NamedTuple):
    """An upload with the source it belongs to and who sent it."""

    upload: IntakeUpload
    source: Source
    staff: Staff


class BatchTotals(NamedTuple):
    """What came through the door from one source in a period."""

    source: Source
    batches: int
    counts: dict[str, int]
    last_at: datetime


class SourceRow(NamedTuple):
    """A source with the moment of its last batch."""

    source: Source
    last_at: datetime | None


def uploads(
    session: Session, *, chosen: UploadFilter, offset: int = 0, limit: int | None = PAGE_ROWS
) -> list[UploadRow]:
    """Return uploads, newest first."""
    rows = session.exec(
        _uploads()
        .where(*chosen.conditions())
        .order_by(col(IntakeUpload.uploaded_at).desc(), col(IntakeUpload.id).desc())
        .offset(offset)
        .limit(limit)
    ).all()
    return [UploadRow(*row) for row in rows]


def _uploads() -> Any:
    return (
        select(IntakeUpload, Source, Staff)
        .join(Source, col(Source.id) == col(IntakeUpload.source_id))
        .join(Staff, col(Staff.id) == col(IntakeUpload.staff_id))
    )


def count_uploads(session: Session, *, chosen: UploadFilter) -> int:
    """Return how many uploads there are."""
    statement = sa.select(sa.func.count()).select_from(IntakeUpload).where(*chosen.conditions())
    return int(session.execute(statement).scalar_one())


def upload_row(session: Session, *, upload_id: str) -> UploadRow | None:
    """Return one upload."""
    row = session.exec(_uploads().where(col(IntakeUpload.public_id) == upload_id)).first()
    return None if row is None else UploadRow(*row)


def batch_totals(session: Session, *, since: datetime) -> list[BatchTotals]:
    """Return what came in since a moment by source, the newest source first."""
    statuses = ("accepted", "duplicate", "rejected", "conflict", "held")
    sums = [sa.func.sum(col(getattr(IntakeBatch, status))) for status in statuses]
    last = sa.func.max(col(IntakeBatch.received_at))
    rows = session.execute(
        sa.select(col(IntakeBatch.source_id), sa.func.count(), last, *sums)
        # From the few sources to their batches: that is the order of the index.
        .select_from(Source)
        .join(IntakeBatch, col(IntakeBatch.source_id) == col(Source.id))
        .where(col(IntakeBatch.received_at) >= since)
        .group_by(col(IntakeBatch.source_id))
        .order_by(last.desc())
    ).all()
    found = {source.id: source for source in session.exec(select(Source)).all()}
    return [
        BatchTotals(
            found[source_id],
            batches,
            # PostgreSQL sums into NUMERIC, which arrives as Decimal.
            {status: int(count) for status, count in zip(statuses, counts, strict=True)},
            last_at,
        )
        for source_id, batches, last_at, *counts in rows
    ]


def held_by_behavior(session: Session) -> list[tuple[Behavior, int]]:
    """Return how many records wait for a person, by behaviour."""
    rows = session.execute(
        sa.select(col(ActivityRecord.behavior_id), sa.func.count())
        # Spelt out as in the index: SQLite uses a partial index for nothing else.
        .where(sa.text("activity_record.status = 'h'"))
        .group_by(col(ActivityRecord.behavior_id))
    ).all()
    counts = {behavior_id: int(count) for behavior_id, count in rows}
    found = session.exec(
        select(Behavior).where(col(Behavior.id).in_(counts)).order_by(col(Behavior.sort))
    )
    return [(behavior, counts[behavior.id or 0]) for behavior in found]


def sources(session: Session) -> list[SourceRow]:
    """Return all sources by code."""
    last = (
        sa.select(sa.func.max(col(IntakeBatch.received_at)))
        .where(col(IntakeBatch.source_id) == col(Source.id))
        .correlate(Source)
        .scalar_subquery()
    )
    rows = session.execute(sa.select(Source, last).order_by(col(Source.code))).all()
    return [SourceRow(source, last_at) for source, last_at in rows]
