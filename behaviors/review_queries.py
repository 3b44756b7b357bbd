"""What reviewers read: the queue of photos, one record with its photo, and what looks like it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, EvidencePhoto, PhotoMatch
from behaviors.rule_models import EvidenceReview
from carbonaccount.accounts.models import Staff

WAITING, ACCEPTED, DECLINED = "waiting", "accepted", "declined"
STATES = (WAITING, ACCEPTED, DECLINED)
_AWAITING = "awaiting_review"
# Spelt out as in the index: SQLite uses a partial index for nothing else.
_IS_HELD = "activity_record.status = 'h'"


@dataclass(frozen=True)
class ReviewFilter:
    """Which photos a list shows."""

    state: str = WAITING
    behavior_id: int | None = None
    only_similar: bool = False


class ReviewRow(NamedTuple):
    """A record with its photo, how many others look like it, and who decided what."""

    record: ActivityRecord
    photo: EvidencePhoto
    similar: int
    review: EvidenceReview | None
    reviewer: Staff | None


class SimilarPhoto(NamedTuple):
    """Another photo that looks like the one under review."""

    match: PhotoMatch
    photo: EvidencePhoto
    record: ActivityRecord


SIMILAR_COUNT = (
    sa.select(sa.func.count())
    .select_from(PhotoMatch)
    .where(col(PhotoMatch.record_id) == col(ActivityRecord.id))
    .correlate(ActivityRecord)
    .scalar_subquery()
)


def review_rows(chosen: ReviewFilter) -> sa.Select[Any]:
    """Return the statement of a list; its columns make a ReviewRow."""
    return (
        sa.select(ActivityRecord, EvidencePhoto, SIMILAR_COUNT, EvidenceReview, Staff)
        .join(EvidencePhoto, col(EvidencePhoto.record_id) == col(ActivityRecord.id))
        .outerjoin(EvidenceReview, col(EvidenceReview.record_id) == col(ActivityRecord.id))
        .outerjoin(Staff, col(Staff.id) == col(EvidenceReview.staff_id))
        .where(*_conditions(chosen))
    )


def _conditions(chosen: ReviewFilter) -> list[sa.ColumnElement[bool]]:
    if chosen.state == WAITING:
        wanted: list[sa.ColumnElement[bool]] = [
            sa.text(_IS_HELD),  # type: ignore[list-item]
            col(ActivityRecord.outcome) == _AWAITING,
        ]
    else:
        wanted = [col(EvidenceReview.accepted).is_(chosen.state == ACCEPTED)]
    if chosen.behavior_id is not None:
        wanted.append(col(ActivityRecord.behavior_id) == chosen.behavior_id)
    if chosen.only_similar:
        pairs = sa.select(col(PhotoMatch.record_id)).where(
            col(PhotoMatch.record_id) == col(ActivityRecord.id)
        )
        wanted.append(pairs.correlate(ActivityRecord).exists())
    return wanted


def review_row(session: Session, record_id: int) -> ReviewRow | None:
    """Return a record with its photo, whatever became of it; None when it has no photo."""
    row = session.execute(
        sa.select(ActivityRecord, EvidencePhoto, SIMILAR_COUNT, EvidenceReview, Staff)
        .join(EvidencePhoto, col(EvidencePhoto.record_id) == col(ActivityRecord.id))
        .outerjoin(EvidenceReview, col(EvidenceReview.record_id) == col(ActivityRecord.id))
        .outerjoin(Staff, col(Staff.id) == col(EvidenceReview.staff_id))
        .where(col(ActivityRecord.id) == record_id)
    ).first()
    return None if row is None else ReviewRow(*row)


def is_waiting(record: ActivityRecord) -> bool:
    """Return whether the record waits for a reviewer."""
    return record.status == "h" and record.outcome == _AWAITING


def neighbour(
    session: Session,
    record: ActivityRecord | None,
    *,
    chosen: ReviewFilter,
    forward: bool = True,
) -> int | None:
    """Return the record that waits next after (or before) one, oldest first; None at the end.

    Without a record the first that waits.
    """
    wanted = (
        sa.select(col(ActivityRecord.id))
        .join(EvidencePhoto, col(EvidencePhoto.record_id) == col(ActivityRecord.id))
        .where(*_conditions(chosen))
    )
    place = sa.tuple_(col(ActivityRecord.recorded_at), col(ActivityRecord.id))
    if record is not None:
        here = sa.tuple_(sa.literal(record.recorded_at), sa.literal(record.id))
        wanted = wanted.where(place > here if forward else place < here)
    ways = [column.asc() if forward else column.desc() for column in _PLACE]
    return session.execute(wanted.order_by(*ways).limit(1)).scalar_one_or_none()


_PLACE = (col(ActivityRecord.recorded_at), col(ActivityRecord.id))


def waiting_count(session: Session, *, before: ActivityRecord | None = None) -> int:
    """Return how many photos wait, or how many came before one."""
    counted = (
        sa.select(sa.func.count())
        .select_from(ActivityRecord)
        .join(EvidencePhoto, col(EvidencePhoto.record_id) == col(ActivityRecord.id))
        .where(*_conditions(ReviewFilter()))
    )
    if before is not None:
        here = sa.tuple_(sa.literal(before.recorded_at), sa.literal(before.id))
        counted = counted.where(sa.tuple_(*_PLACE) < here)
    return int(session.execute(counted).scalar_one())


def decided_since(session: Session, *, since: datetime) -> dict[bool, int]:
    """Return how many photos were accepted (True) and declined (False) since a moment."""
    rows = session.execute(
        sa.select(col(EvidenceReview.accepted), sa.func.count())
        .where(col(EvidenceReview.decided_at) >= since)
        .group_by(col(EvidenceReview.accepted))
    )
    return {bool(accepted): int(count) for accepted, count in rows}


def similar_photos(session: Session, record_id: int) -> list[SimilarPhoto]:
    """Return the photos that look like a record's, the nearest first."""
    rows = session.exec(
        select(PhotoMatch, EvidencePhoto, ActivityRecord)
        .join(EvidencePhoto, col(EvidencePhoto.record_id) == col(PhotoMatch.other_id))
        .join(ActivityRecord, col(ActivityRecord.id) == col(PhotoMatch.other_id))
        .where(col(PhotoMatch.record_id) == record_id)
        .order_by(col(PhotoMatch.distance), col(PhotoMatch.other_id))
    ).all()
    return [SimilarPhoto(*row) for row in rows]


def review_of(session: Session, record_id: int) -> EvidenceReview | None:
    """Return what a reviewer decided about a record."""
    return session.exec(
        select(EvidenceReview).where(col(EvidenceReview.record_id) == record_id)
    ).first()
