"""The picture of a week: bars a day, stacked by behaviour, as plain geometry. Pure.

A page draws it without JavaScript; the table behind it holds the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from behaviors.queries import DayTotal

DAYS = 7
WIDTH = 350
HEIGHT = 190
_TOP = 26
_BOTTOM = 28
_COLUMN = WIDTH // DAYS
_BAR = 26
_MOST_SERIES = 5
_LEAST_HEIGHT = 2
OTHERS = 0


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: of one behaviour, or of all that have no colour of their own."""

    series: int
    y: int
    height: int


@dataclass(frozen=True)
class Bar:
    """A day: where its bar stands, its pieces from the bottom, and its whole amount."""

    day: date
    x: int
    centre: int
    segments: Sequence[Segment]
    total: int
    top: int
    is_today: bool


@dataclass(frozen=True)
class Week:
    """Seven days of one measure, `reduction_g` or `credits`; `series` are behaviour ids."""

    measure: str
    bars: Sequence[Bar]
    series: Sequence[int]
    total: int
    width: int = WIDTH
    height: int = HEIGHT
    bar_width: int = _BAR
    plot_top: int = _TOP
    plot_height: int = HEIGHT - _TOP - _BOTTOM


def week(totals: Sequence[DayTotal], *, today: date) -> Week:
    """Lay out the week that ends today; credits where the week has no grams at all."""
    measure = "reduction_g" if any(item.reduction_g for item in totals) else "credits"
    amounts: dict[date, dict[int, int]] = {}
    by_behavior: dict[int, int] = {}
    for item in totals:
        amount = getattr(item, measure)
        if amount:
            amounts.setdefault(item.day, {})[item.behavior_id] = amount
            by_behavior[item.behavior_id] = by_behavior.get(item.behavior_id, 0) + amount
    order = sorted(by_behavior, key=lambda behavior: (-by_behavior[behavior], behavior))
    series = order if len(order) <= _MOST_SERIES + 1 else [*order[:_MOST_SERIES], OTHERS]
    days = [today - timedelta(days=DAYS - 1 - position) for position in range(DAYS)]
    highest = max((sum(day.values()) for day in amounts.values()), default=0)
    bars = [
        _bar(position, day, _folded(amounts.get(day, {}), series), highest, day == today)
        for position, day in enumerate(days)
    ]
    return Week(measure, bars, series, sum(by_behavior.values()))


def _folded(amounts: dict[int, int], series: Sequence[int]) -> dict[int, int]:
    """Return a day's amounts by series; behaviours without a colour of their own together."""
    folded = {behavior: amounts[behavior] for behavior in series if behavior in amounts}
    rest = sum(amounts.values()) - sum(folded.values())
    return {**folded, OTHERS: rest} if rest else folded


def _bar(position: int, day: date, amounts: dict[int, int], highest: int, is_today: bool) -> Bar:
    left = position * _COLUMN + (_COLUMN - _BAR) // 2
    bottom = y = HEIGHT - _BOTTOM
    segments = []
    for behavior, amount in amounts.items():
        height = max(_LEAST_HEIGHT, amount * (bottom - _TOP) // highest)
        y -= height
        segments.append(Segment(behavior, y, height))
    centre = left + _BAR // 2
    return Bar(day, left, centre, segments, sum(amounts.values()), y, is_today)
