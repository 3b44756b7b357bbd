"""How old somebody is of whom only the month of birth is known; worked out by hand."""

from datetime import date

import pytest

from carbonaccount.accounts.guardians import Standing, age, needs_guardian
from rewards.eligibility import why_not
from rewards.models import Reward

MAY_2012 = date(2012, 5, 1)


@pytest.mark.parametrize(
    ("day", "years"),
    [
        # Born on any day of May: on the last of May 2026 perhaps 13 still, in June surely 14.
        (date(2026, 4, 30), 13),
        (date(2026, 5, 1), 13),
        (date(2026, 5, 31), 13),
        (date(2026, 6, 1), 14),
        (date(2027, 5, 31), 14),
        (date(2027, 6, 1), 15),
        (date(2012, 5, 20), 0),
        (date(2013, 5, 31), 0),
        (date(2013, 6, 1), 1),
    ],
)
def test_a_year_counts_when_its_month_is_over(day: date, years: int) -> None:
    assert age(MAY_2012, day) == years


def test_december_turns_into_the_next_year() -> None:
    assert age(date(2011, 12, 1), date(2025, 12, 31)) == 13
    assert age(date(2011, 12, 1), date(2026, 1, 1)) == 14


def test_who_needs_a_guardian() -> None:
    assert not needs_guardian(None, date(2026, 6, 1))
    assert needs_guardian(MAY_2012, date(2026, 5, 31))
    assert not needs_guardian(MAY_2012, date(2026, 6, 1))


def offer(**values: object) -> Reward:
    """Return a reward that is offered in June 2026."""
    days = {"offered_from": date(2026, 6, 1), "offered_until": date(2026, 6, 30)}
    plain = {"status": "published", "districts": [], "minimum_age": 0, **days}
    return Reward(**{**plain, **values})  # type: ignore[arg-type]


CHILD = Standing(date(2013, 1, 1), has_guardian=False, district_code="370811")
GUARDED = Standing(date(2013, 1, 1), has_guardian=True, district_code="370811")
ADULT = Standing(date(1990, 1, 1), has_guardian=False, district_code="370811")
UNTOLD = Standing(None, has_guardian=False, district_code=None)


@pytest.mark.parametrize(
    ("reward", "standing", "day", "code"),
    [
        (offer(), ADULT, date(2026, 6, 1), ""),
        (offer(), ADULT, date(2026, 6, 30), ""),
        (offer(), ADULT, date(2026, 5, 31), "reward_not_offered"),
        (offer(), ADULT, date(2026, 7, 1), "reward_not_offered"),
        (offer(status="paused"), ADULT, date(2026, 6, 1), "reward_not_offered"),
        (offer(status="in_review"), ADULT, date(2026, 6, 1), "reward_not_offered"),
        (offer(districts=["370811"]), ADULT, date(2026, 6, 1), ""),
        (offer(districts=["370812"]), ADULT, date(2026, 6, 1), "reward_not_in_district"),
        (offer(districts=["370811"]), UNTOLD, date(2026, 6, 1), "reward_not_in_district"),
        # No age is asked where none is needed.
        (offer(), UNTOLD, date(2026, 6, 1), ""),
        (offer(minimum_age=6), UNTOLD, date(2026, 6, 1), "reward_age_unknown"),
        (offer(minimum_age=18), GUARDED, date(2026, 6, 1), "reward_too_young"),
        (offer(minimum_age=6), GUARDED, date(2026, 6, 1), ""),
        (offer(minimum_age=6), CHILD, date(2026, 6, 1), "guardian_needed"),
        # Nothing for people under 14 without a guardian, whatever its own limit is.
        (offer(), CHILD, date(2026, 6, 1), "guardian_needed"),
        (offer(), GUARDED, date(2026, 6, 1), ""),
    ],
)
def test_who_may_take_a_reward(reward: Reward, standing: Standing, day: date, code: str) -> None:
    assert why_not(reward, standing, day) == code
