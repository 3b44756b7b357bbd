"""What a challenge comes to, worked out by hand."""

from fractions import Fraction

import pytest

from carbonaccount.institutions.campaign_rules import TeamResult, change_text, result
from carbonaccount.institutions.month_parts import Part
from carbonaccount.institutions.team_acts import PartActs, TeamActs

# February 2027 has 28 days, so that all its parts have seven; the last one of March has ten.
SECOND, THIRD, LAST = Part("2027-02", 2), Part("2027-02", 3), Part("2027-03", 4)


def part(of: Part, acts: int | None, **teams: tuple[int, int | None]) -> PartActs:
    return PartActs(of, acts, {name: TeamActs(*numbers) for name, numbers in teams.items()})


# 12 people went from 30 to 54 acts: 24 / 12 = 2 each; 20 people from 400 to 420: 1 each; 10 people
# from 50 to 45: -1/2 each; of 四班 too few acted, of 五班 too few acted before.
BEFORE = part(
    SECOND, 500, 三班=(20, 400), 一班=(12, 30), 二班=(10, 50), 四班=(30, None), 五班=(15, None)
)
DURING = part(
    THIRD, 609, 三班=(20, 420), 一班=(12, 54), 二班=(10, 45), 四班=(30, None), 五班=(15, 30)
)


def test_teams_are_ranked_by_their_own_change() -> None:
    found = result([DURING], [BEFORE], parts=2, goal_acts=800, ranked=True)
    assert found.teams == (
        TeamResult("一班", 12, Fraction(54, 12), Fraction(2), 1),
        TeamResult("三班", 20, Fraction(21), Fraction(1), 2),
        TeamResult("二班", 10, Fraction(9, 2), Fraction(-1, 2), 3),
        TeamResult("五班", 15, Fraction(2), None, None),
        TeamResult("四班", 30, None, None, None),
    )
    # 609 / 800 = 76.1 %.
    assert (found.acts, found.goal_percent, found.partly) == (609, 76, False)
    assert (found.told_parts, found.parts) == (1, 2)


def test_without_ranking_by_name_and_without_places() -> None:
    found = result([DURING], [BEFORE], parts=1, goal_acts=800, ranked=False)
    assert [team.team for team in found.teams] == ["一班", "三班", "二班", "五班", "四班"]
    assert {team.place for team in found.teams} == {None}


def test_parts_of_other_lengths_are_compared_by_week() -> None:
    # 10 members x 7 days and 11 members x 10 days: 36 acts in 180 days of members, 1.4 a week.
    found = result(
        [part(THIRD, 14, 一班=(10, 14)), part(LAST, 22, 一班=(11, 22))],
        [],
        parts=2,
        goal_acts=30,
        ranked=True,
    )
    assert found.teams == (TeamResult("一班", 11, Fraction(7, 5), None),)
    assert (found.acts, found.goal_percent) == (36, 120)


def test_withheld_parts_are_in_no_sum() -> None:
    found = result(
        [part(THIRD, 14, 一班=(10, 14)), part(LAST, None, 一班=(10, None))],
        [part(SECOND, None, 一班=(10, None))],
        parts=2,
        goal_acts=30,
        ranked=True,
    )
    assert (found.acts, found.partly, found.told_parts) == (14, True, 2)
    assert found.teams == (TeamResult("一班", 10, Fraction(14, 10), None),)
    nothing = result([part(THIRD, None)], [], parts=1, goal_acts=1, ranked=True)
    assert (nothing.acts, nothing.goal_percent, nothing.teams) == (None, None, ())
    assert result([], [], parts=1, goal_acts=10, ranked=True).told_parts == 0


def test_equal_changes_share_a_place() -> None:
    teams = {"a": (10, 5), "b": (10, 5), "c": (10, 1)}
    before = part(SECOND, 30, **dict.fromkeys(teams, (10, 10)))
    found = result([part(THIRD, 11, **teams)], [before], parts=1, goal_acts=1, ranked=True)
    assert [team.place for team in found.teams] == [1, 1, 3]
    assert found.goal_percent == 1100


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
