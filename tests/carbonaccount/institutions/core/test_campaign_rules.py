"""What a challenge comes to, worked out by hand."""

from datetime import date
from fractions import Fraction

import pytest

from carbonaccount.institutions.campaign_rules import (
    TeamResult,
    change_text,
    counted_days,
    result,
)
from carbonaccount.institutions.team_acts import TeamActs

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 22)


@pytest.mark.parametrize(
    ("today", "days"),
    [
        (date(2026, 3, 1), 0),
        (date(2026, 3, 2), 0),
        (date(2026, 3, 8), 0),
        (date(2026, 3, 9), 7),
        (date(2026, 3, 15), 7),
        (date(2026, 3, 16), 14),
        (date(2026, 3, 22), 14),
        (date(2026, 3, 23), 21),
        (date(2027, 1, 1), 21),
    ],
)
def test_results_move_by_whole_weeks_and_end_whole(today: date, days: int) -> None:
    assert counted_days(FIRST, LAST, today) == days


def test_the_end_counts_days_that_make_no_week() -> None:
    assert counted_days(FIRST, date(2026, 3, 11), date(2026, 3, 12)) == 10


# 12 people went from 30 to 54 acts: 24 / 12 = 2 each; 20 people from 400 to 420: 1 each; 10 people
# from 50 to 45: -1/2 each; of the 4th team only 9 acted.
TEAMS = (
    TeamActs("三班", 20, 20, 20, 400, 420),
    TeamActs("一班", 12, 10, 10, 30, 54),
    TeamActs("二班", 10, 10, 9, 50, 45),
    TeamActs("四班", 30, 9, 9, 1, 90),
)


def test_teams_are_ranked_by_their_own_change() -> None:
    found = result(TEAMS, days=7, goal_acts=800, ranked=True)
    assert found.teams == (
        TeamResult("一班", 12, Fraction(2), 1),
        TeamResult("三班", 20, Fraction(1), 2),
        TeamResult("二班", 10, Fraction(-1, 2), 3),
        TeamResult("四班", 30, None, None),
    )
    # 420 + 54 + 45 + 90 = 609 acts; 609 / 800 = 76.1 %.
    assert (found.acts, found.goal_percent, found.counted_days) == (609, 76, 7)


def test_without_ranking_by_name_and_without_places() -> None:
    found = result(TEAMS, days=7, goal_acts=800, ranked=False)
    assert [team.team for team in found.teams] == ["一班", "三班", "二班", "四班"]
    assert {team.place for team in found.teams} == {None}


def test_equal_changes_share_a_place() -> None:
    rows = [TeamActs(name, 10, 10, 10, 0, acts) for name, acts in (("a", 5), ("b", 5), ("c", 1))]
    found = result(rows, days=7, goal_acts=1, ranked=True)
    assert [team.place for team in found.teams] == [1, 1, 3]
    assert found.goal_percent == 1100


def test_nothing_is_told_of_fewer_than_ten_who_acted() -> None:
    rows = [TeamActs("a", 40, 9, 9, 5, 50), TeamActs("b", 40, 9, 0, 50, 0)]
    found = result(rows, days=7, goal_acts=10, ranked=True)
    assert (found.acts, found.goal_percent) == (None, None)
    assert {team.change for team in found.teams} == {None}
    assert result([], days=0, goal_acts=10, ranked=True).teams == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Fraction(2), "+2.0"),
        (Fraction(1, 3), "+0.3"),
        (Fraction(1, 20), "+0.1"),
        (Fraction(-1, 20), "-0.1"),
        (Fraction(1, 21), "0.0"),
        (Fraction(-1, 21), "0.0"),
        (Fraction(0), "0.0"),
        (Fraction(-25, 2), "-12.5"),
    ],
)
def test_a_change_as_text(change: Fraction, text: str) -> None:
    assert change_text(change) == text
