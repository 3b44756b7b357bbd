"""Daily caps over a whole history: which records would have counted for less than was measured.

Intake serves a person's day in the order of booking: batches one after another (a record that
was held counts with the batch of its release), in a batch the earlier act, of one moment the
smaller event id. What a batch finds used is what the records before it counted; a record that
better evidence replaced later used up its share until then.

Few days meet a cap. So all days are added up first, and only those above it are put in order.
"""

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlmodel import Session

from behaviors.intake.known import UTC_TIME
from behaviors.preview.history import History, blocks_of
from behaviors.preview.reading import REPLACED, Int64s
from carbonaccount import bulk
from carbonaccount.database import is_sqlite

# Days are added up in this many sums. Two days that share one are told apart afterwards.
_SUMS = 1 << 25
_BLOCK = 1 << 20
# Without a number: nothing took its place.
_NEVER = np.iinfo(np.int64).max


class Capped(NamedTuple):
    """Records that count for less than was measured: positions, ascending, and what counts."""

    positions: NDArray[np.int64]
    counted: Int64s


def capped_records(
    session: Session,
    history: History,
    *,
    quantity: Int64s,
    replaced_quantity: Int64s,
    cap_milli: int | None,
) -> Capped:
    """Return which records a cap would have cut, had it held on every day of the history.

    quantity: of the records of the history, in thousandths; shape (records,).
    replaced_quantity: the same of those aside; shape (aside records,).
    """
    if cap_milli is None:
        return Capped(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    gone = _replaced(history, replaced_quantity)
    positions = _on_crowded_days(history, quantity, gone, cap_milli)
    frame = pl.DataFrame(
        {
            "position": positions,
            "id": history.ids[positions],
            "day": _days_of(history.persons[positions], history.days[positions], history),
            "quantity": quantity[positions],
        }
    )
    frame = pl.concat([frame, gone.filter(pl.col("day").is_in(frame["day"].unique().implode()))])
    ordered = _in_booking_order(session, frame, cap_milli)
    cut = ordered.filter(
        pl.col("position").is_not_null() & (pl.col("counted") < pl.col("quantity"))
    ).sort("position")
    return Capped(cut["position"].to_numpy(), cut["counted"].to_numpy())


def _days_of(persons: NDArray[np.int32], days: NDArray[np.int32], history: History) -> Int64s:
    """Return one number for each person and day."""
    return persons.astype(np.int64) * history.selection.days + days


def _on_crowded_days(
    history: History, quantity: Int64s, gone: pl.DataFrame, cap: int
) -> NDArray[np.int64]:
    """Return the positions of records on days whose quantities together exceed the cap."""
    size = min(_SUMS, max(1, history.people.ids.size * history.selection.days))
    sums = np.zeros(size, dtype=np.int64)
    _add_up(sums, gone["day"].to_numpy(), gone["quantity"].to_numpy(), cap)
    slices = list(blocks_of(history.records, _BLOCK))
    for part in slices:
        days = _days_of(history.persons[part], history.days[part], history)
        _add_up(sums, days, quantity[part], cap)
    found = []
    crowded = sums > cap
    for part in slices:
        days = _days_of(history.persons[part], history.days[part], history)
        found.append(np.flatnonzero(crowded[days % size]) + part.start)
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _add_up(sums: Int64s, days: Int64s, quantity: Int64s, cap: int) -> None:
    # More than the cap is all that has to be known of one act, and keeps sums within 64 bits.
    np.add.at(sums, days % sums.size, np.minimum(quantity, cap + 1))


def _replaced(history: History, quantity: Int64s) -> pl.DataFrame:
    """Return the records that counted until another took their place."""
    aside = history.aside
    gone = np.flatnonzero((aside.flags & REPLACED) != 0)
    return pl.DataFrame(
        {
            "position": pl.Series([None] * gone.size, dtype=pl.Int64),
            "id": aside.ids[gone],
            "day": _days_of(aside.persons[gone], aside.days[gone], history),
            "quantity": quantity[gone],
        }
    )


def _in_booking_order(session: Session, frame: pl.DataFrame, cap: int) -> pl.DataFrame:
    """Return the rows of days above the cap with what counts of each (`counted`)."""
    capped = pl.col("quantity").clip(upper_bound=cap + 1)
    frame = frame.filter(capped.sum().over("day") > cap)
    booked = bookings(session, frame["id"])
    frame = frame.join(booked, on="id", how="left").sort(
        "day", "batch", "occurred_at", "event_id", "id"
    )
    simple = frame.filter(pl.col("removed_in").is_null().all().over("day"))
    before = capped.cum_sum().over("day") - capped
    left = (cap - before).clip(lower_bound=0)
    simple = simple.with_columns(counted=pl.min_horizontal("quantity", left))
    changed = frame.join(simple.select("id"), on="id", how="anti", maintain_order="left")
    return pl.concat([simple, _replayed(changed, cap)])


def _replayed(frame: pl.DataFrame, cap: int) -> pl.DataFrame:
    """Serve days one batch after another on which a counted record was replaced later."""
    counted: list[int] = []
    rows = frame.select("day", "batch", "quantity", "removed_in").iter_rows()
    for _, day in groupby(rows, key=lambda row: row[0]):
        counted += _served(list(day), cap)
    return frame.with_columns(pl.Series("counted", counted, dtype=pl.Int64))


def _served(rows: list[tuple[int, int, int, int | None]], cap: int) -> list[int]:
    """Return what counts of each row of one day, in the order of booking."""
    counted: list[int] = []
    standing: list[tuple[int, int]] = []
    for batch, arriving in groupby(rows, key=lambda row: row[1]):
        used = sum(amount for amount, removed in standing if removed > batch)
        for _, _, quantity, removed_in in arriving:
            counts = max(0, min(quantity, cap - used))
            used += quantity
            counted.append(counts)
            standing.append((counts, _NEVER if removed_in is None else removed_in))
    return counted


def bookings(session: Session, ids: pl.Series) -> pl.DataFrame:
    """Return the place of records in the order of booking.

    Columns: id, batch (the one it was counted with), occurred_at, event_id, removed_in (the
    batch of the record that took its place, null while it counts).
    """
    text = is_sqlite(session)
    schema: dict[str, Any] = {
        "id": pl.Int64,
        "batch": pl.Int64,
        # Texts of one width stand in the order of the moments they tell.
        "occurred_at": pl.String if text else UTC_TIME,
        "event_id": pl.String,
        "removed_in": pl.Int64,
    }
    return bulk.select_matching(
        session,
        select=(
            "SELECT r.id, coalesce(r.released_batch_id, r.batch_id), r.occurred_at, r.event_id, "
            "CASE WHEN r.status = 'r' THEN coalesce(w.released_batch_id, w.batch_id) END "
            "FROM {keys} JOIN activity_record r ON r.id = k.id "
            "LEFT JOIN activity_record w ON w.id = r.overlapped_by"
        ),
        keys={"id": ("bigint", ids)},
        schema=schema,
    )
