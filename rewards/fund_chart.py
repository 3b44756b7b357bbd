"""Four weeks of a programme as bars, as plain geometry. Pure; the table behind says the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from rewards.fund_reports import DaySpent

WIDTH, HEIGHT = 580, 180
TOP, BOTTOM = 24, 26
_LEAST_HEIGHT = 2
# A bar takes seven tenths of a day's room.
_BAR_TENTHS = 7
# A day's name stands below each seventh bar from the last.
_LABEL_EVERY = 7


@dataclass(frozen=True)
class Bar:
    """A day: its bar's place and size, and whether the day's name stands below it."""

    day: DaySpent
    x: int
    y: int
    width: int
    height: int
    is_labelled: bool

    @property
    def centre(self) -> int:
        """Return the middle of the bar."""
        return self.x + self.width // 2


@dataclass(frozen=True)
class Chart:
    """Bars of fen a day; `highest` is the largest, `top_bar` where it stands."""

    bars: Sequence[Bar]
    highest: int
    width: int = WIDTH
    height: int = HEIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM

    @property
    def top_bar(self) -> Bar | None:
        """Return the bar of the largest day, None when nothing was given."""
        return max(self.bars, key=lambda bar: bar.day.committed_fen) if self.highest else None


def chart(days: Sequence[DaySpent]) -> Chart:
    """Lay out days, oldest first."""
    highest = max((day.committed_fen for day in days), default=0)
    count = max(1, len(days))
    width = max(2, WIDTH * _BAR_TENTHS // (10 * count))
    return Chart(
        [
            _bar(
                day,
                place * WIDTH // count,
                width,
                highest,
                (len(days) - 1 - place) % _LABEL_EVERY == 0,
            )
            for place, day in enumerate(days)
        ],
        highest,
    )


def _bar(day: DaySpent, x: int, width: int, highest: int, is_labelled: bool) -> Bar:
    room = HEIGHT - BOTTOM - TOP
    height = day.committed_fen * room // highest if highest else 0
    height = max(_LEAST_HEIGHT, height) if day.committed_fen else 0
    return Bar(day, x, HEIGHT - BOTTOM - height, width, height, is_labelled)
