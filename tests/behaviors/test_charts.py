"""The week's picture: seven days, heights in proportion, nothing lost to the colours."""

from datetime import date, timedelta

from behaviors.charts import OTHERS, week
from behaviors.queries import DayTotal

TODAY = date(2026, 3, 8)


def total(days_ago: int, behavior: int, grams: int, credits: int = 0) -> DayTotal:
    return DayTotal(TODAY - timedelta(days=days_ago), behavior, 1, grams, credits)


def test_an_empty_week_has_seven_empty_days() -> None:
    picture = week([], today=TODAY)
    assert [bar.day.day for bar in picture.bars] == [2, 3, 4, 5, 6, 7, 8]
    assert [bar.total for bar in picture.bars] == [0] * 7
    assert [bar.is_today for bar in picture.bars] == [False] * 6 + [True]
    assert picture.total == 0


def test_heights_are_in_proportion() -> None:
    picture = week([total(0, 1, 1000), total(1, 1, 500)], today=TODAY)
    (half,), (whole,) = picture.bars[5].segments, picture.bars[6].segments
    assert whole.height == picture.plot_height
    assert half.height == picture.plot_height // 2
    assert whole.y == picture.plot_top
    assert half.y + half.height == whole.y + whole.height == picture.plot_top + picture.plot_height


def test_credits_are_drawn_when_there_are_no_grams() -> None:
    picture = week([total(0, 1, 0, 130)], today=TODAY)
    assert (picture.measure, picture.total) == ("credits", 130)


def test_the_smallest_behaviours_share_a_colour_and_nothing_is_lost() -> None:
    picture = week([total(0, number, number * 100) for number in range(1, 10)], today=TODAY)
    assert picture.series == [9, 8, 7, 6, 5, OTHERS]
    assert picture.bars[6].total == sum(number * 100 for number in range(1, 10))
    assert [piece.series for piece in picture.bars[6].segments] == [9, 8, 7, 6, 5, OTHERS]


def test_a_little_is_still_seen() -> None:
    picture = week([total(0, 1, 1_000_000), total(1, 1, 1)], today=TODAY)
    assert picture.bars[5].segments[0].height > 0
