"""A behaviour's records of a period, held in columns, with the people they belong to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlmodel import Session

from behaviors.preview.measuring import Draft, Measured, measured
from behaviors.preview.reading import (
    LOST,
    REPLACED,
    Block,
    Int64s,
    Selection,
    empty_rows,
    id_range,
    read_blocks,
)
from carbonaccount import bulk

# Told after each block: how many ids were gone through, and of how many.
Progress = Callable[[int, int], None]
_WIDEST_LOOKUP = 32_000_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class People:
    """Every carbon account: ids ascending, and the number of each one's district in `districts`.

    The first district is "": nobody said where they live.
    """

    ids: Int64s
    district_of: NDArray[np.int16]
    districts: tuple[str, ...]

    def positions(self, accounts: Int64s) -> NDArray[np.int32]:
        """Return where each account stands in `ids`."""
        table = self._table
        if table is None:
            return np.searchsorted(self.ids, accounts).astype(np.int32)
        found: NDArray[np.int32] = table[accounts - self.ids[0]]
        return found

    @cached_property
    def _table(self) -> NDArray[np.int32] | None:
        """The position by id, where ids lie close enough together; looking up beats searching."""
        width = int(self.ids[-1] - self.ids[0]) + 1 if self.ids.size else 0
        if not 0 < width <= _WIDEST_LOOKUP:
            return None
        table = np.zeros(width, dtype=np.int32)
        table[self.ids - self.ids[:1]] = np.arange(self.ids.size, dtype=np.int32)
        return table


@dataclass(frozen=True)
class Aside:
    """Records that do not count now: they lost to another one, or another one took their place."""

    ids: Int64s
    persons: NDArray[np.int32]
    days: NDArray[np.int32]
    quantity: Int64s
    flags: NDArray[np.uint8]
    measured: dict[int, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """Counted records in columns of one length, in the order of their ids.

    persons: positions in `people`.  days: from `selection.first_day` on.  quantity in
    thousandths, grams and credits: what stands in the books now, re-scorings included.
    measured: by rule version, what drafts that measure otherwise make of the same acts.
    """

    selection: Selection
    people: People
    ids: Int64s
    persons: NDArray[np.int32]
    days: NDArray[np.int32]
    evidence: NDArray[np.uint8]
    capped: NDArray[np.bool_]
    quantity: Int64s
    grams: Int64s
    credits: Int64s
    aside: Aside
    measured: dict[int, Measured] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records count now."""
        return int(self.ids.size)

    def unix_days(self, rows: slice | NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the business days of records as days since 1970-01-01."""
        days: NDArray[np.int32] = self.days[rows] + np.int32(
            (self.selection.first_day - _EPOCH).days
        )
        return days

    def day(self, position: int) -> date:
        """Return the business day of one record."""
        return self.selection.first_day + timedelta(days=int(self.days[position]))


def read_people(session: Session) -> People:
    """Read every account's id and district."""
    rows = bulk.driver_connection(session).execute(
        "SELECT id, coalesce(district_code, '') FROM account ORDER BY id"
    )
    frame = pl.DataFrame(
        rows.fetchall(), schema={"id": pl.Int64, "district": pl.String}, orient="row"
    )
    districts = ("", *sorted(set(frame["district"].unique().to_list()) - {""}))
    numbers = {code: number for number, code in enumerate(districts)}
    return People(
        frame["id"].to_numpy(),
        frame["district"].replace_strict(numbers, return_dtype=pl.Int16).to_numpy(),
        districts,
    )


def read_history(
    sessions: list[Session],
    selection: Selection,
    drafts: list[Draft],
    *,
    progress: Progress = lambda _done, _total: None,
) -> History:
    """Read the selected records; the sessions share a snapshot (see `reading.snapshot`)."""
    people = read_people(sessions[0])
    columns = _Columns(people, drafts)
    first, end = id_range(sessions[0])
    done = 0
    for block in read_blocks(sessions, selection):
        columns.add(block)
        done += block.ids_read
        progress(done, end - first)
    history = columns.history(selection)
    _add_adjustments(sessions[0], history)
    return history


class _Columns:
    """Gathers blocks, narrowed as far as they go, until all have come."""

    def __init__(self, people: People, drafts: list[Draft]) -> None:
        self._people, self._drafts = people, drafts
        self._counted: dict[str, list[NDArray[Any]]] = {}
        self._aside: dict[str, list[NDArray[Any]]] = {}
        # A history without a record has columns too.
        nothing = pl.DataFrame(schema={"id": pl.Int64, "activity": pl.String})
        self.add(Block(empty_rows(), 0, nothing))

    def add(self, block: Block) -> None:
        rows = block.rows
        aside = (rows.flags & (LOST | REPLACED)) != 0
        columns: dict[str, NDArray[Any]] = {
            "ids": rows.ids,
            "persons": self._people.positions(rows.accounts),
            "days": rows.days,
            "evidence": rows.evidence,
            "flags": rows.flags,
            "quantity": rows.quantity,
            "grams": rows.grams,
            "credits": rows.credits,
        }
        for draft in self._drafts:
            if draft.measures_anew:
                part = measured(draft, rows.ids, rows.quantity, block.activity)
                columns[f"quantity {draft.id}"] = part.quantity
                columns[f"refused {draft.id}"] = part.refused
        some = bool(aside.any())
        for name, column in columns.items():
            self._counted.setdefault(name, []).append(column[~aside] if some else column)
            self._aside.setdefault(name, []).append(column[aside] if some else column[:0])

    def history(self, selection: Selection) -> History:
        """Join the columns; the parts are let go of, so that no two copies pile up."""
        aside = self._joined(self._aside, ("ids", "persons", "days", "quantity", "flags"))
        counted = self._joined(self._counted, tuple(self._counted))
        capped = counted.pop("flags").astype(np.bool_)
        return History(
            selection=selection,
            people=self._people,
            capped=capped,
            aside=Aside(**aside),
            **counted,
        )

    def _joined(self, parts: dict[str, list[NDArray[Any]]], names: Iterable[str]) -> dict[str, Any]:
        return {
            **{name: _whole(parts, name) for name in names if " " not in name},
            "measured": self._measured(parts),
        }

    def _measured(self, parts: dict[str, list[NDArray[Any]]]) -> dict[int, Measured]:
        return {
            draft.id: Measured(
                _whole(parts, f"quantity {draft.id}"), _whole(parts, f"refused {draft.id}")
            )
            for draft in self._drafts
            if draft.measures_anew
        }


def _whole(parts: dict[str, list[NDArray[Any]]], name: str) -> NDArray[Any]:
    return np.concatenate(parts.pop(name))


def _add_adjustments(session: Session, history: History) -> None:
    """Add what booked re-scorings changed, so that "before" is what people hold now."""
    rows = (
        bulk.driver_connection(session)
        .execute(
            "SELECT a.record_id, sum(a.difference_g), sum(a.difference_credits) "  # noqa: S608 - a number
            "FROM record_adjustment a JOIN rescore r ON r.id = a.rescore_id "
            f"WHERE r.status = 'booked' AND r.behavior_id = {int(history.selection.behavior_id)} "
            "GROUP BY a.record_id ORDER BY a.record_id"
        )
        .fetchall()
    )
    if not rows:
        return
    changes = np.array([[int(value) for value in row] for row in rows], dtype=np.int64)
    places = np.searchsorted(history.ids, changes[:, 0])
    found = places < history.records
    found[found] = history.ids[places[found]] == changes[found, 0]
    history.grams[places[found]] += changes[found, 1]
    history.credits[places[found]] += changes[found, 2]


def blocks_of(records: int, size: int) -> Iterator[slice]:
    """Cut a column's length into slices."""
    for start in range(0, records, size):
        yield slice(start, min(start + size, records))
