"""On which day a budget runs out at the pace of the last four weeks, and how sure that is. Pure.

Method. The last 28 whole days (four weeks, so that each weekday counts alike) give the mean m and
the sample variance s^2 of what a day takes out. With F fen left until giving stops, the expected
number of days is n = F / m. By the central limit theorem of renewal processes the number of days
a sum of independent daily amounts needs to reach F has about the variance n c^2, c = s / m; that m
itself is known from d days only adds (n c)^2 / d. So the band of 80 percent is

    n -+ 1.2816 c sqrt(n (1 + n / d)).

Days are taken to be independent and the pace to go on; that giving slows near the end is left
out, so the budget lasts longer than told, not shorter. Cancelled coupons stay in the pace, for the
same side of caution. With fewer than seven days, or nothing given in them, nothing is forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Final

WINDOW_DAYS: Final = 28
LEAST_DAYS: Final = 7
# The 90th percentile of the normal distribution: a tenth on either side of the band.
BAND = Decimal("1.2816")
# Beyond ten years a forecast says nothing; it also keeps the dates in the calendar.
MOST_DAYS: Final = 3650


@dataclass(frozen=True)
class Forecast:
    """When giving stops: the expected day and the ends of the band of 80 percent.

    days_seen: how many days the pace was taken from; pace_fen: fen a day, rounded up to a whole
    fen. A day beyond ten years is None.
    """

    days_seen: int
    pace_fen: int
    ends_on: date | None
    earliest: date | None
    latest: date | None


def forecast(daily_fen: Sequence[int], left_fen: int, today: date) -> Forecast | None:
    """Return when `left_fen` is used up; None when the days do not say it.

    daily_fen: what each of the last whole days took, in fen, zeros among them, at most the last
    28 are used. left_fen: what can still be given before giving stops; 0 and below is today.
    """
    days = daily_fen[-WINDOW_DAYS:]
    if len(days) < LEAST_DAYS or not sum(days):
        return None
    with localcontext() as context:
        context.prec = 40
        count = Decimal(len(days))
        mean = sum(days) / count
        variance = sum((day - mean) ** 2 for day in days) / (count - 1)
        needed = max(Decimal(left_fen), Decimal(0)) / mean
        spread = BAND * (variance * needed * (1 + needed / count)).sqrt() / mean
        return Forecast(
            days_seen=len(days),
            pace_fen=_up(mean),
            ends_on=_day(today, needed),
            earliest=_day(today, needed - spread),
            latest=_day(today, needed + spread),
        )


def _up(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))


def _day(today: date, days: Decimal) -> date | None:
    """Return the day after so many days from today, a part of a day counting as one."""
    whole = max(0, _up(days))
    return today + timedelta(days=whole) if whole <= MOST_DAYS else None
