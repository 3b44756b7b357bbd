"""Working days of 2026, looked up in the State Council's notice of 2025-11-04 and a calendar."""

from datetime import date

import pytest

from carbonaccount.policy.calendar import WorkCalendar
from carbonaccount.policy.library import shipped_holidays

SHIPPED = WorkCalendar({item.day: item.is_workday for item in shipped_holidays()})


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("2026-03-03", "2026-03-04"),  # an ordinary Tuesday
        ("2026-03-06", "2026-03-09"),  # a Friday
        ("2025-12-31", "2026-01-04"),  # New Year, and the Sunday worked for it
        ("2026-02-13", "2026-02-14"),  # the Saturday before the Spring Festival is worked
        ("2026-02-14", "2026-02-24"),  # then nine days off
        ("2026-02-27", "2026-02-28"),  # a Saturday worked
        ("2026-04-03", "2026-04-07"),
        ("2026-04-30", "2026-05-06"),
        ("2026-05-08", "2026-05-09"),
        ("2026-06-18", "2026-06-22"),
        ("2026-09-18", "2026-09-20"),  # a Sunday worked
        ("2026-09-24", "2026-09-28"),
        ("2026-09-30", "2026-10-08"),
        ("2026-10-09", "2026-10-10"),
        ("2026-10-10", "2026-10-12"),
    ],
)
def test_the_next_working_day_of_2026(day: str, following: str) -> None:
    assert SHIPPED.next_workday(date.fromisoformat(day)) == date.fromisoformat(following)


def test_2026_has_the_days_off_and_the_days_worked_of_the_notice() -> None:
    # 3 + 9 + 3 + 5 + 3 + 3 + 7 days off, and six weekend days worked.
    off = [day for day, worked in SHIPPED.exceptions.items() if not worked]
    worked = [day for day, worked in SHIPPED.exceptions.items() if worked]
    assert len(off) == 33
    assert [f"{day:%m-%d}" for day in sorted(worked)] == [
        "01-04", "02-14", "02-28", "05-09", "09-20", "10-10",
    ]  # fmt: skip
    assert all(day.weekday() >= 5 for day in worked)


def test_a_year_that_is_not_published_goes_by_the_weekday_and_is_named() -> None:
    assert SHIPPED.next_workday(date(2026, 12, 31)) == date(2027, 1, 1)  # a Friday
    assert SHIPPED.unpublished_years(date(2026, 12, 1), date(2028, 1, 1)) == [2027, 2028]
    assert SHIPPED.unpublished_years(date(2026, 1, 1), date(2026, 12, 31)) == []


def test_fifteen_working_days_pass_over_the_national_holiday() -> None:
    # From Friday 25 September, itself a holiday: Sep 28-30, Oct 8-9, the Saturday 10,
    # Oct 12-16 make 11; Oct 19, 20, 21, 22 the rest.
    assert SHIPPED.add_workdays(date(2026, 9, 25), 15) == date(2026, 10, 22)


def test_a_day_is_not_its_own_next_working_day() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SHIPPED.add_workdays(date(2026, 3, 3), 0)
