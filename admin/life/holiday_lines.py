"""A year's holidays as lines of text, as people copy them from the State Council's notice. Pure.

A line is a day or a range of days, whether it is off (休) or worked (班), and the holiday's name:
`2027-02-05~2027-02-11 休 春节`.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from carbonaccount.errors import Invalid
from carbonaccount.policy.models import Holiday

OFF, WORKED = "休", "班"
MOST_DAYS = 62
_LINE = re.compile(
    r"(?P<first>\d{4}-\d{2}-\d{2})(?:\s*[~～至]\s*(?P<last>\d{4}-\d{2}-\d{2}))?"
    rf"\s+(?P<kind>{OFF}|{WORKED})\s+(?P<name>\S.*)"
)


def read_holidays(text: str) -> dict[date, tuple[bool, str]]:
    """Return by day whether it is worked and the holiday's name.

    Raises Invalid (holiday_line for what is no such line, holiday_twice for a day named twice).
    """
    found: dict[date, tuple[bool, str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        for day, worked, name in _days_of(line.strip(), number):
            if day in found:
                raise Invalid("holiday_twice", field="days", line=number, day=day.isoformat())
            found[day] = (worked, name)
    return found


def _days_of(line: str, number: int) -> Iterator[tuple[date, bool, str]]:
    read = _LINE.fullmatch(line)
    bad = Invalid("holiday_line", field="days", line=number)
    if read is None:
        raise bad
    try:
        first = date.fromisoformat(read["first"])
        last = date.fromisoformat(read["last"] or read["first"])
    except ValueError:
        raise bad from None
    if not 0 <= (last - first).days < MOST_DAYS:
        raise bad
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset), read["kind"] == WORKED, read["name"].strip()


def write_holidays(days: Iterable[Holiday]) -> str:
    """Return stored days as lines, days of one holiday that follow each other on one."""
    runs: list[list[Holiday]] = []
    for day in days:
        last = runs[-1][-1] if runs else None
        follows = last is not None and last.day + timedelta(days=1) == day.day
        if follows and (last.is_workday, last.name_zh) == (day.is_workday, day.name_zh):  # type: ignore[union-attr]
            runs[-1].append(day)
        else:
            runs.append([day])
    return "\n".join(_line(run) for run in runs)


def _line(run: list[Holiday]) -> str:
    first, last = run[0], run[-1]
    days = f"{first.day}~{last.day}" if len(run) > 1 else f"{first.day}"
    return f"{days} {WORKED if first.is_workday else OFF} {first.name_zh}"
