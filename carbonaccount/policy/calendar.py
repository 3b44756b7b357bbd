"""Working days: what the weekday says, unless the State Council's notice says otherwise. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

SATURDAY = 5


@dataclass(frozen=True)
class WorkCalendar:
    """The days on which offices work.

    exceptions: for each day that is not what its weekday says, whether it is worked. A year
    without any exception has not been published yet: there Monday to Friday count as worked,
    which `is_published` tells, so that pages can say it.
    """

    exceptions: Mapping[date, bool]

    def is_published(self, year: int) -> bool:
        """Return whether the year's public holidays are known."""
        return any(day.year == year for day in self.exceptions)

    def is_workday(self, day: date) -> bool:
        """Return whether offices work on a day."""
        return self.exceptions.get(day, day.weekday() < SATURDAY)

    def next_workday(self, day: date) -> date:
        """Return the first working day after a day."""
        return self.add_workdays(day, 1)

    def add_workdays(self, day: date, count: int) -> date:
        """Return the working day that is `count` (at least 1) working days after a day."""
        if count < 1:
            raise ValueError("count must be at least 1")
        while count:
            day += timedelta(days=1)
            count -= self.is_workday(day)
        return day

    def unpublished_years(self, first: date, last: date) -> list[int]:
        """Return the years from first to last whose holidays are not known yet."""
        years = range(first.year, last.year + 1)
        return [year for year in years if not self.is_published(year)]
