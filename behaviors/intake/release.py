"""Held records: counted after all as if they came now, or declined; many at a time.

An appeal that is upheld counts one record again that had been declined, replaced or reduced.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlmodel import Session

from behaviors.intake import known, subjects, writing
from behaviors.intake.door import count
from behaviors.intake.overlaps import Resolution
from behaviors.models import ActivityRecord, Channel, IntakeBatch, RecordStatus
from behaviors.rulebook import RuleBook
from carbonaccount import audit, bulk
from carbonaccount.audit import Actor
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, NotFound

_HELD_SCHEMA = {
    "id": pl.Int64,
    "source_id": pl.Int64,
    "event_id": pl.String,
    "account_id": pl.Int64,
    "behavior_id": pl.Int64,
    "rule_version_id": pl.Int64,
    "occurred_at": known.UTC_TIME,
    "ended_at": known.UTC_TIME,
    "business_day": pl.Date,
    "evidence": pl.String,
    "device_key": pl.Int64,
    "quantity_milli": pl.Int64,
}


@dataclass(frozen=True)
class ReleaseResult:
    """What releasing came to: the ids of the records now counted, and their grams and credits."""

    booked: list[int]
    grams: int
    credits: int


def release_held(
    session: Session, *, record_ids: list[int], acting_user: Actor, now: datetime
) -> ReleaseResult:
    """Count held records: overlaps and caps as the books stand now, by the rule of their day.

    Records that are not held (any more) are left alone, so that doing it twice books once.
    Raises NotFound (nothing_held) when none of them is. Does not commit.
    """
    held = _lock_held(session, record_ids)
    batch = _open_batch(session, held, now)
    frame, resolution = _counted(session, held, batch, overlapping=True)
    writing.book_released(session, frame, resolution=resolution, now=now)
    _audit(session, "record.release", batch, frame.height, acting_user, now)
    return _result(frame)


def count_again(
    session: Session, *, record_id: int, overlapping: bool, acting_user: Actor, now: datetime
) -> ReleaseResult:
    """Count a record anew that was declined, replaced or reduced; books only what is added.

    It counts as if it came last: by the rule of its day, within what the cap leaves now, and
    without `overlapping` although it tells of the same act as another one, because a person
    found that it does not. What it had been booked with stays. Raises NotFound, Conflict
    (nothing_to_add) when it comes to nothing more; the caller must then give up the
    transaction. Does not commit.
    """
    before = _lock_record(session, record_id)
    _set_aside(session, before)
    held = _held(session, pl.Series([record_id], dtype=pl.Int64))
    batch = _open_batch(session, held, now)
    frame, resolution = _counted(session, held, batch, overlapping=overlapping)
    added = frame.with_columns(
        pl.col("reduction_g") - before.reduction_g, pl.col("credits") - before.credits
    )
    grams, credited = int(added["reduction_g"][0]), int(added["credits"][0])
    if min(grams, credited) < 0 or max(grams, credited) == 0:
        raise Conflict("nothing_to_add")
    revision = before.revision + 1
    writing.book_released(session, added, resolution=resolution, now=now, revision=revision)
    _audit(session, "record.count_again", batch, 1, acting_user, now)
    return _result(added)


def _lock_record(session: Session, record_id: int) -> ActivityRecord:
    """Return a record after its person's books have been locked, as it stands now."""
    first = session.get(ActivityRecord, record_id)
    if first is None:
        raise NotFound("unknown_record")
    subjects.lock_accounts(session, pl.Series([first.account_id], dtype=pl.Int64))
    return session.get_one(ActivityRecord, record_id, populate_existing=True)


def _set_aside(session: Session, record: ActivityRecord) -> None:
    """Take a record out of the count, so that it does not stand in its own way."""
    session.expunge(record)  # The statement below goes past the session's copy.
    bulk.run_many(
        session,
        "UPDATE activity_record SET status = 'h', counted_milli = 0, reduction_g = 0, "
        "credits = 0, overlapped_by = NULL, revision = ? WHERE id = ?",
        [(record.revision + 1, record.id)],
    )


def _open_batch(session: Session, held: pl.DataFrame, now: datetime) -> IntakeBatch:
    source_id = int(held["source_id"][0])
    batch = IntakeBatch(source_id=source_id, channel=Channel.RELEASE.value, received_at=now)
    session.add(batch)
    session.flush()  # The records name the batch they were counted with.
    return batch


def _counted(
    session: Session, held: pl.DataFrame, batch: IntakeBatch, *, overlapping: bool
) -> tuple[pl.DataFrame, Resolution]:
    """Work out what held records come to and write it onto them."""
    book = RuleBook.load(session)
    codes = {info.id: info.code for info in book.behaviors.values()}
    frame = held.with_row_index("idx").with_columns(
        behavior=pl.col("behavior_id").replace_strict(codes, return_dtype=pl.String),
        code=pl.lit(None, pl.String),
        held=pl.lit(value=False),
        held_because=pl.lit(None, pl.String),
    )
    frame, resolution = count(session, frame, book=book, overlapping=overlapping)
    _update_records(session, frame, batch)
    return frame, resolution


def _result(frame: pl.DataFrame) -> ReleaseResult:
    return ReleaseResult(
        frame["id"].to_list(), int(frame["reduction_g"].sum()), int(frame["credits"].sum())
    )


def _audit(
    session: Session,
    action: str,
    batch: IntakeBatch,
    records: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"batch:{batch.id}",
        now=now,
        records=records,
    )


def decline_held(
    session: Session, *, record_ids: list[int], acting_user: Actor, now: datetime
) -> int:
    """Mark held records as not accepted; returns how many. Does not commit.

    Raises NotFound (nothing_held) when none of them is held.
    """
    held = _lock_held(session, record_ids)
    _set_status(session, held["id"], RecordStatus.DECLINED)
    audit.record(
        session,
        acting_user=acting_user,
        action="record.decline",
        subject=f"record:{held['id'][0]}",
        now=now,
        records=held.height,
    )
    return held.height


def _lock_held(session: Session, record_ids: list[int]) -> pl.DataFrame:
    """Return the held ones of the records, after their people's books have been locked.

    Read twice: who they belong to, to lock; then what is still held, to decide.
    """
    asked = pl.Series(sorted(set(record_ids)), dtype=pl.Int64)
    first = _held(session, asked)
    subjects.lock_accounts(session, first["account_id"])
    held = _held(session, asked)
    if held.is_empty():
        raise NotFound("nothing_held")
    return held


def _held(session: Session, record_ids: pl.Series) -> pl.DataFrame:
    text = is_sqlite(session)
    times = ("occurred_at", "ended_at", "business_day")
    found = bulk.select_matching(
        session,
        select=(
            f"SELECT {', '.join('r.' + name for name in _HELD_SCHEMA)} "
            "FROM {keys} JOIN activity_record r ON r.id = k.id WHERE r.status = 'h'"
        ),
        keys={"id": ("bigint", record_ids)},
        schema={**_HELD_SCHEMA, **(dict.fromkeys(times, pl.String) if text else {})},
    )
    return (known.from_sqlite_times(found) if text else found).sort("id")


def _update_records(session: Session, frame: pl.DataFrame, batch: IntakeBatch) -> None:
    rows = frame.select(
        "counted_milli", "reduction_g", "credits", "outcome", pl.lit(batch.id), "id"
    ).rows()
    bulk.run_many(
        session,
        "UPDATE activity_record SET status = 'c', counted_milli = ?, reduction_g = ?, "
        "credits = ?, outcome = ?, released_batch_id = ? WHERE id = ?",
        rows,
    )


def _set_status(session: Session, record_ids: pl.Series, status: RecordStatus) -> None:
    bulk.run_many(
        session,
        "UPDATE activity_record SET status = ?, outcome = 'declined' WHERE id = ?",
        [(status.value, record_id) for record_id in record_ids.to_list()],
    )
