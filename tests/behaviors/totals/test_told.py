"""What may be told of members: by hand, and by all that sums and differences could tell."""

import random
from datetime import date
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from behaviors.told import ALL, Rest, Sum, TeamCell, rest_of, told_months, told_teams
from carbonaccount.disclosure import Cell
from carbonaccount.institutions.month_parts import (
    Part,
    part_of,
    parts_before,
    whole_parts,
)


def test_parts_divide_the_months() -> None:
    february = [Part("2028-02", number) for number in (1, 2, 3, 4)]
    days = [(part.first.day, part.last.day) for part in february]
    assert days == [(1, 7), (8, 14), (15, 21), (22, 29)]
    assert [part_of(date(2026, 12, day)).number for day in (1, 7, 8, 21, 22, 31)] == [
        1, 1, 2, 3, 4, 4,
    ]  # fmt: skip
    assert Part("2026-12", 4).after() == Part("2027-01", 1)
    # From the 2nd to the 21st only two parts lie within; from the 9th to the 20th none does.
    assert whole_parts(date(2026, 3, 2), date(2026, 3, 21)) == [
        Part("2026-03", 2),
        Part("2026-03", 3),
    ]
    assert whole_parts(date(2026, 3, 9), date(2026, 3, 20)) == []
    assert parts_before(Part("2026-01", 2), 2) == [Part("2025-12", 4), Part("2026-01", 1)]


@pytest.mark.parametrize(
    ("teams", "told"),
    [
        # 12 and 11 acted: both, and nobody is left.
        ({"a": (12, 12, 30), "b": (11, 11, 20)}, {"a", "b"}),
        # Of c 9 acted: with b 20 are left untold; b as well and 9 would be.
        ({"a": (12, 12, 30), "b": (11, 11, 20), "c": (9, 9, 9)}, {"a"}),
        # Of a alone: the other 9 would be told.
        ({"a": (12, 12, 30), "c": (9, 9, 9)}, set()),
        # The three of c did nothing: told, since the sum of a is the whole, if a is told.
        ({"a": (12, 12, 30), "c": (3, 0, 0)}, set()),
        # Of ten people it may be known that none did it.
        ({"a": (12, 12, 30), "c": (10, 0, 0)}, {"a"}),
        ({"": (40, 10, 10)}, {""}),
    ],
)
def test_teams_by_hand(teams: dict[str, tuple[int, int, int]], told: set[str]) -> None:
    cells = {name: TeamCell(*numbers) for name, numbers in teams.items()}
    total = Cell(
        sum(cell.people for cell in cells.values()), sum(cell.records for cell in cells.values())
    )
    assert told_teams(total, cells) == told


def test_a_record_between_two_counts_tells_of_nobody() -> None:
    # The total does not know the act of a tenth of b yet: beside a it would tell of nine.
    cells = {"a": TeamCell(12, 12, 30), "b": TeamCell(12, 10, 10)}
    assert told_teams(Cell(21, 39), cells) == {"b"}


def some(first: int, count: int, records: int) -> Rest:
    return Rest(frozenset(range(first, first + count)), records == 0, records)


@pytest.mark.parametrize(
    ("rests", "told"),
    [
        # Bus by 13, metro by 1 of them: bus would tell metro. What D found: 13 acts less 12.
        ({1: some(0, 12, 12), 2: some(12, 1, 1)}, {ALL}),
        ({1: some(0, 12, 12), 2: some(0, 12, 14)}, {ALL, 1, 2}),
        ({1: some(0, 12, 12), 2: some(0, 10, 11), 3: some(0, 9, 10)}, {ALL, 1}),
        ({1: some(0, 9, 9), 2: some(3, 4, 4)}, set()),
        # The parts of bus are told as a whole; the one by metro would be what the month has more.
        ({1: some(0, 0, 0), 2: some(12, 1, 1)}, {1}),
        # Everything of bus but 3 acts of 3 people is told: neither bus nor the month is.
        ({1: some(0, 3, 3), 2: some(0, 12, 12)}, {ALL}),
    ],
)
def test_months_by_hand(rests: dict[int, Rest], told: set[int]) -> None:
    assert told_months(rests) == told


def test_what_came_late_is_not_nothing() -> None:
    # 20 acts were told of the only part; one more came late, or one gram was corrected.
    for month in (Sum(21, 200), Sum(19, 190), Sum(20, 199)):
        late = rest_of(month, told=[Sum(20, 200)], untold=[], people=frozenset())
        assert not late.nothing
        assert told_months({1: late}) == set()
    same = rest_of(Sum(20, 200), told=[Sum(20, 200)], untold=[], people=frozenset())
    assert told_months({1: same}) == {ALL, 1}
    # A late act for one part and one taken back in another cancel out; there are acts all the same.
    hidden = rest_of(Sum(20, 200), told=[Sum(20, 200)], untold=[Sum(1, 10)], people=frozenset({7}))
    assert told_months({1: hidden}) == set()


# --- everything that can be added and subtracted ---

PEOPLE, TEAMS, BEHAVIORS, FEWEST = 9, 3, 3, 3


class Act(NamedTuple):
    """An act; `late` ones are known when the month is told and were not when their part was."""

    person: int
    behavior: int
    part: int
    late: bool


def invented(chance: random.Random) -> list[Act]:
    """Return acts of some people, frequent or rare by behaviour."""
    often = [chance.choice((0.1, 0.4, 0.9)) for _ in range(BEHAVIORS)]
    late = chance.choice((0, 0, 0.1))
    return [
        Act(person, behavior, part, chance.random() < late)
        for person in range(PEOPLE)
        for behavior in range(1, BEHAVIORS + 1)
        for part in range(1, 5)
        if chance.random() < often[behavior - 1]
    ]


def people_of(acts: list[Act]) -> frozenset[int]:
    return frozenset(act.person for act in acts)


def told_figures(acts: list[Act], team_of: list[list[int]]) -> list[list[Act]]:
    """Return the acts of each figure that is told; team_of: by part and person."""
    figures: list[list[Act]] = []
    rests: dict[int, Rest] = {}
    for behavior in range(1, BEHAVIORS + 1):
        own = [act for act in acts if act.behavior == behavior]
        told, untold, left = [], [], set[int]()
        for part in range(1, 5):
            known = [act for act in own if act.part == part and not act.late]
            if len(people_of(known)) >= FEWEST:
                told.append(Sum(len(known), 0))
                figures += [known, *teams_told(known, team_of[part - 1])]
            else:
                now = [act for act in own if act.part == part]
                untold.append(Sum(len(now), 0))
                left |= people_of(now)
        if own:
            month = Sum(len(own), 0)
            rests[behavior] = rest_of(month, told=told, untold=untold, people=frozenset(left))
    for found in told_months(rests, fewest=FEWEST):
        figures.append([act for act in acts if found in (ALL, act.behavior)])
    return figures


def teams_told(acts: list[Act], team_of: list[int]) -> list[list[Act]]:
    by_team = {team: [act for act in acts if team_of[act.person] == team] for team in range(TEAMS)}
    cells = {
        str(team): TeamCell(team_of.count(team), len(people_of(of)), len(of))
        for team, of in by_team.items()
    }
    total = Cell(len(people_of(acts)), len(acts))
    return [by_team[int(team)] for team in told_teams(total, cells, fewest=FEWEST)]


def matrix(acts: list[Act], figures: list[list[Act]]) -> npt.NDArray[np.float64]:
    """Return a row a figure, and in it 1 for each act that the figure adds up."""
    return np.array([[float(act in figure) for act in acts] for figure in map(set, figures)])


def gives_away(acts: list[Act], figures: list[list[Act]]) -> list[tuple[int, ...]]:
    """Return the groups of fewer people than may be told of whom some sum is of them alone.

    There is one when the figures depend on each other outside the group, and not with it: some
    combination is nothing for everybody else.
    """
    if not figures:
        return []
    rows = matrix(acts, figures)
    rank = np.linalg.matrix_rank(rows)
    groups = chain.from_iterable(combinations(range(PEOPLE), size) for size in range(1, FEWEST))
    return [
        group
        for group in groups
        if np.linalg.matrix_rank(rows[:, [act.person not in group for act in acts]]) < rank
    ]


def test_no_sum_of_told_figures_is_of_fewer_people() -> None:
    told = 0
    for seed in range(300):
        chance = random.Random(seed)
        acts = invented(chance)
        # People change their team from part to part.
        team_of = [[chance.randrange(TEAMS) for _ in range(PEOPLE)] for _ in range(4)]
        figures = told_figures(acts, team_of)
        assert gives_away(acts, figures) == [], seed
        told += len(figures)
    assert told > 2000, "little was told, so little was proved"


def test_the_proof_sees_what_gives_a_person_away() -> None:
    acts = [Act(person, 1, part, late=False) for person in range(PEOPLE) for part in (1, 2)]
    acts.append(Act(5, 1, 3, late=False))
    month = [act for act in acts if act.part < 3]
    assert gives_away(acts, [month]) == []
    # A challenge that is a day longer, and a member who is in another team the day after.
    assert gives_away(acts, [month, acts])[0] == (5,)
    moved = [act for act in month if act.person != 4]
    assert gives_away(acts, [month, moved])[0] == (4,)
