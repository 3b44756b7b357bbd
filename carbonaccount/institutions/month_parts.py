"""The four parts of a month: days 1 to 7, 8 to 14, 15 to 21, and 22 to the end.

Challenges are made of whole parts, so that they divide the months in which members' totals are
told and never cut across them. A week of the calendar would: what a month and the weeks within it
tell together is a few days.
"""

from datetime import date, timedelta
from typing import NamedTuple

FIRST_DAYS = (1, 8, 15, 22)
PARTS = len(FIRST_DAYS)
WEEK_DAYS = 7


class Part(NamedTuple):
    """A part of a month ("2026-10"); `number` from 1 to 4. Parts sort by time."""

    month: str
    number: int

    @property
    def code(self) -> str:
        """Return how a part is named in the books, like "2026-10/1"."""
        return f"{self.month}/{self.number}"

    @property
    def first(self) -> date:
        """Return the first day."""
        return date.fromisoformat(f"{self.month}-{FIRST_DAYS[self.number - 1]:02d}")

    @property
    def last(self) -> date:
        """Return the last day."""
        return self.after().first - timedelta(days=1)

    @property
    def days(self) -> int:
        """Return how many days a part has: 7, the last one of a month up to 10."""
        return (self.last - self.first).days + 1

    def after(self) -> "Part":
        """Return the part that follows."""
        if self.number < PARTS:
            return Part(self.month, self.number + 1)
        year, month = map(int, self.month.split("-"))
        return Part(f"{year + month // 12}-{month % 12 + 1:02d}", 1)


def part_of(day: date) -> Part:
    """Return the part that a day is in."""
    return Part(day.isoformat()[:7], sum(day.day >= first for first in FIRST_DAYS))


def parsed(code: str) -> Part:
    """Return the part of a code."""
    month, _, number = code.partition("/")
    return Part(month, int(number))


def whole_parts(first: date, last: date) -> list[Part]:
    """Return the parts that lie within some days as a whole."""
    found, part = [], part_of(first)
    if part.first < first:
        part = part.after()
    while part.last <= last:
        found.append(part)
        part = part.after()
    return found


def parts_before(part: Part, count: int) -> list[Part]:
    """Return as many parts as asked for that end right before one, the earliest first."""
    found: list[Part] = []
    while len(found) < count:
        part = part_of(part.first - timedelta(days=1))
        found.insert(0, part)
    return found
