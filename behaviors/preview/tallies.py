"""Adding up what a draft changes: in total, by group, by person, and at the cap."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from behaviors.preview.history import History
from behaviors.preview.reading import Int64s
from behaviors.preview.worth import Outlook, Scored
from behaviors.scoring import GRADES
from carbonaccount.errors import Invalid

# A sum of whole numbers below this is exact as a binary fraction too.
_EXACT_AS_FLOAT = 1 << 53
# Two of these still fit 64 bits together.
_MOST = 1 << 61


class Sums(NamedTuple):
    """Amounts before and after, of one group or of many (then arrays of one shape)."""

    records: Int64s
    g_before: Int64s
    g_after: Int64s
    credits_before: Int64s
    credits_after: Int64s


@dataclass
class Tally:
    """What a draft changes, added up slice by slice.

    cells: by district, evidence and month, in an array of that shape.  gained: the difference in
    credits of every account; took_part: whether it has a record.  cut_before, cut_after: whether
    a record of the account counted for less than was measured.
    """

    outlook: Outlook
    months: tuple[str, ...]
    cells: Sums
    gained: Int64s
    took_part: NDArray[np.bool_]
    cut_before: NDArray[np.bool_]
    cut_after: NDArray[np.bool_]
    month_of_day: Int64s
    records_cut_before: int = 0
    records_cut_after: int = 0

    @classmethod
    def of(cls, outlook: Outlook) -> "Tally":
        """Return a tally with nothing added up yet."""
        history = outlook.history
        days = _months_of(history)
        months = tuple(dict.fromkeys(days))
        numbers = {month: number for number, month in enumerate(months)}
        shape = (len(history.people.districts), len(GRADES), len(months))
        people = history.people.ids.size
        nobody = np.zeros(people, dtype=np.bool_)
        return cls(
            outlook=outlook,
            months=months,
            cells=Sums(*(np.zeros(shape, dtype=np.int64) for _ in Sums._fields)),
            gained=np.zeros(people, dtype=np.int64),
            took_part=nobody,
            cut_before=nobody.copy(),
            cut_after=nobody.copy(),
            month_of_day=np.array([numbers[month] for month in days], dtype=np.int64),
        )

    def add(self, scored: Scored) -> None:
        """Add a slice. Raises Invalid (preview_amounts_too_large)."""
        history, part = self.outlook.history, scored.part
        persons = history.persons[part]
        before_g, before = history.grams[part], history.credits[part]
        cells = self._cells_of(part)
        ones = np.ones(persons.size, dtype=np.int64)
        columns = (ones, before_g, scored.grams, before, scored.credits)
        for total, column in zip(self.cells, columns, strict=True):
            _add_up(total.reshape(-1), cells, column)
            if int(total.sum()) > _MOST:
                raise Invalid("preview_amounts_too_large")
        _add_up(self.gained, persons, scored.credits - before)
        self.took_part[persons] = True
        self._add_cuts(part, persons, scored)

    def _add_cuts(self, part: slice, persons: NDArray[np.int32], scored: Scored) -> None:
        before = self.outlook.history.capped[part]
        after = scored.counted < self.outlook.quantity[part]
        self.records_cut_before += int(before.sum())
        self.records_cut_after += int(after.sum())
        self.cut_before[persons[before]] = True
        self.cut_after[persons[after]] = True

    def _cells_of(self, part: slice) -> Int64s:
        """Return the number of each record's district, evidence and month in one."""
        history = self.outlook.history
        district = history.people.district_of[history.persons[part]].astype(np.int64)
        grade = history.evidence[part].astype(np.int64) - ord(GRADES[0])
        month = self.month_of_day[history.days[part]]
        return (district * len(GRADES) + grade) * len(self.months) + month

    def total(self) -> Sums:
        """Return the sums over everything."""
        return Sums(*(cells.sum() for cells in self.cells))

    def by(self, axis: int) -> Sums:
        """Return the sums by district (axis 0), evidence (1) or month (2)."""
        others = tuple(other for other in range(3) if other != axis)
        return Sums(*(cells.sum(axis=others) for cells in self.cells))


def _months_of(history: History) -> list[str]:
    first: date = history.selection.first_day
    return [f"{first + timedelta(days=day):%Y-%m}" for day in range(history.selection.days)]


def _add_up(totals: Int64s, places: NDArray[np.integer[Any]], amounts: Int64s) -> None:
    """Add each amount to the total of its place; exact, or Invalid (preview_amounts_too_large)."""
    if not amounts.size:
        return
    largest = max(int(amounts.max()), -int(amounts.min()))
    if largest * amounts.size > _MOST and sum(abs(int(amount)) for amount in amounts) > _MOST:
        raise Invalid("preview_amounts_too_large")
    if largest * amounts.size < _EXACT_AS_FLOAT and totals.size < amounts.size:
        totals += np.bincount(places, weights=amounts, minlength=totals.size).astype(np.int64)
    else:
        np.add.at(totals, places, amounts)
