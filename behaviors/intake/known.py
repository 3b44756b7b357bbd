"""What is in the books already: records of the same event ids, and of the same people's days."""

from datetime import timedelta
from typing import Any

import polars as pl
from sqlmodel import Session

from behaviors.intake.candidates import mark
from behaviors.models import Source
from carbonaccount import bulk
from carbonaccount.database import is_sqlite

_SEEN_SCHEMA = {
    "event_id": pl.String,
    "seen_fingerprint": pl.Int64,
    "seen_g": pl.Int64,
    "seen_credits": pl.Int64,
    "seen_id": pl.Int64,
}

UTC_TIME = pl.Datetime("us", "UTC")


def mark_repeated(frame: pl.DataFrame) -> pl.DataFrame:
    """Mark rows whose event id came earlier in the same batch: duplicate, or conflict.

    Only among rows that are not in the books yet: what is booked decides before its neighbours.
    """
    fine = frame.filter(pl.col("code").is_null())
    if fine["event_id"].n_unique() == fine.height:
        return frame.with_columns(first_idx=pl.lit(None, pl.UInt32))
    first = fine.unique("event_id", keep="first", maintain_order=True).select(
        "event_id", first_idx="idx", first_fingerprint="fingerprint"
    )
    frame = frame.join(first, on="event_id", how="left", maintain_order="left")
    later = pl.col("idx") != pl.col("first_idx")
    same = pl.col("fingerprint") == pl.col("first_fingerprint")
    frame = mark(frame, "duplicate", later & same)
    return mark(frame, "conflict", later & ~same)


def mark_seen(session: Session, frame: pl.DataFrame, *, source: Source) -> pl.DataFrame:
    """Mark rows whose event id was recorded before: duplicate when all is equal, else conflict.

    Adds what was booked then: `seen_id`, `seen_g`, `seen_credits`.
    """
    asked = frame.filter(pl.col("code").is_null())["event_id"]
    seen = bulk.select_matching(
        session,
        select=(
            "SELECT r.event_id, r.fingerprint, r.reduction_g, r.credits, r.id FROM {keys} "
            "JOIN activity_record r ON r.event_id = k.event_id AND r.source_id = :source_id"
        ),
        keys={"event_id": ("text", asked.unique(maintain_order=True))},
        schema=_SEEN_SCHEMA,
        parameters={"source_id": source.id},
    )
    frame = frame.join(seen, on="event_id", how="left", maintain_order="left")
    same = pl.col("seen_fingerprint") == pl.col("fingerprint")
    frame = mark(frame, "duplicate", same)
    return mark(frame, "conflict", ~same)


DAY_SCHEMA: dict[str, Any] = {
    "record_id": pl.Int64,
    "account_id": pl.Int64,
    "behavior_id": pl.Int64,
    "rule_version_id": pl.Int64,
    "source_id": pl.Int64,
    "occurred_at": UTC_TIME,
    "ended_at": UTC_TIME,
    "business_day": pl.Date,
    "evidence": pl.String,
    "device_key": pl.Int64,
    "quantity_milli": pl.Int64,
    "counted_milli": pl.Int64,
    "credits": pl.Int64,
    "reduction_g": pl.Int64,
}


def standing_records(session: Session, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the counted records of the people in the batch, around the days of the batch.

    A day more on both sides, because a trip may cross midnight. Records that lost to another
    one (outcome overlap) do not stand and are left out.
    """
    asked = (
        frame.filter(pl.col("code").is_null())
        .group_by("account_id")
        .agg(
            pl.col("business_day").min().alias("first"), pl.col("business_day").max().alias("last")
        )
        .sort("account_id")
    )
    day = timedelta(days=1)
    first = (asked["first"] - day).cast(pl.String)
    last = (asked["last"] + day).cast(pl.String)
    text = is_sqlite(session)
    raw = {
        **DAY_SCHEMA,
        **(dict.fromkeys(("occurred_at", "ended_at", "business_day"), pl.String) if text else {}),
    }
    found = bulk.select_matching(
        session,
        select=(
            "SELECT r.id, r.account_id, r.behavior_id, r.rule_version_id, r.source_id, "
            "r.occurred_at, r.ended_at, r.business_day, r.evidence, r.device_key, "
            "r.quantity_milli, r.counted_milli, r.credits, r.reduction_g "
            "FROM {keys} JOIN activity_record r "
            "ON r.account_id = k.account_id AND r.business_day BETWEEN k.first AND k.last "
            "WHERE r.status = 'c' AND r.outcome <> 'overlap'"
        ),
        keys={
            "account_id": ("bigint", asked["account_id"]),
            "first": ("date", first),
            "last": ("date", last),
        },
        schema=raw,
    )
    return from_sqlite_times(found) if text else found


def from_sqlite_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Read the texts in which SQLite keeps times and dates."""
    return frame.with_columns(
        pl.col("occurred_at", "ended_at").str.to_datetime(
            "%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC"
        ),
        pl.col("business_day").str.to_date(),
    )
