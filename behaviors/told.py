"""Which figures of members may be told: pure rules over how many people and acts they tell of.

Figures of members lie within one another like boxes: an institution's month; in it the month of
each behaviour; in that the behaviour's parts of the month (`month_parts`); in a part the teams. No
two of them overlap otherwise, and each is told once or never.

The rule: what a told figure holds beyond the told figures within it is either of at least ten
people, or nothing at all. Whoever adds and subtracts told figures gets sums of such rests, so that
no sum tells of fewer than ten people (docs/decisions/0020).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from carbonaccount.disclosure import FEWEST_PEOPLE, Cell

# Behaviour 0 is all of them together.
ALL = 0


class TeamCell(NamedTuple):
    """A team in a part of a month: who is in it, how many of them acted and how often."""

    members: int
    people: int
    records: int


class Sum(NamedTuple):
    """Records and the grams that they save."""

    records: int = 0
    grams: int = 0


class Rest(NamedTuple):
    """What a behaviour's month holds beyond its parts that were told.

    people: who acted in it.  nothing: there are no acts in it, and no late change of what was told.
    records: of the whole month.
    """

    people: frozenset[int]
    nothing: bool
    records: int


def rest_of(
    month: Sum, *, told: Collection[Sum], untold: Collection[Sum], people: frozenset[int]
) -> Rest:
    """Return what a month holds beyond the told ones of its parts.

    month, untold: as they are by now.  told: as it was told; what came late for it, or was taken
    back, is in the month and in no part.  people: who acted in the untold parts.
    """
    beyond = (
        month.records - sum(total.records for total in told),
        month.grams - sum(total.grams for total in told),
    )
    return Rest(
        people=people,
        nothing=not any(beyond) and not any(any(total) for total in untold),
        records=month.records,
    )


def told_teams(
    total: Cell, teams: Mapping[str, TeamCell], *, fewest: int = FEWEST_PEOPLE
) -> set[str]:
    """Return the teams whose acts may be told beside the told total of all teams.

    Those with the most acts come first. Of the others at least ten people must have acted, or at
    least ten did nothing: that nobody acted says something of each of them as well.
    """
    told: set[str] = set()
    for name in sorted(teams, key=lambda name: (-teams[name].records, name)):
        tried = told | {name}
        others = [cell for other, cell in teams.items() if other not in tried]
        beyond = Cell(
            min(
                sum(cell.people for cell in others),
                total.people - sum(teams[one].people for one in tried),
            ),
            total.records - sum(teams[one].records for one in tried),
        )
        idle = sum(cell.members for cell in others)
        silent = not any(beyond) and not any(cell.records for cell in others)
        enough = beyond.people >= fewest or (silent and (not idle or idle >= fewest))
        if teams[name].people >= fewest and enough:
            told = tried
    return told


def told_months(rests: Mapping[int, Rest], *, fewest: int = FEWEST_PEOPLE) -> set[int]:
    """Return the behaviours whose whole month may be told, and ALL for the month as a whole.

    The month as a whole comes first, then the behaviours with the most acts.
    """
    told: set[int] = set()
    if rests and _enough(rests.values(), fewest):
        told.add(ALL)
    for behavior in sorted(rests, key=lambda behavior: (-rests[behavior].records, behavior)):
        others = _beyond(rests, {*told, behavior})
        if _enough([rests[behavior]], fewest) and (ALL not in told or _enough(others, fewest)):
            told.add(behavior)
    return told


def _beyond(rests: Mapping[int, Rest], told: Collection[int]) -> list[Rest]:
    return [rest for behavior, rest in rests.items() if behavior not in told]


def _enough(rests: Iterable[Rest], fewest: int) -> bool:
    """Return whether rests are together of enough people, or nothing."""
    rests = list(rests)
    people = frozenset[int]().union(*(rest.people for rest in rests))
    return len(people) >= fewest or all(rest.nothing for rest in rests)
