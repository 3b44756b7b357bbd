"""What a challenge comes to: pure arithmetic over what was told of parts of months.

Teams are compared with themselves: the acts a member and week during the challenge, less those in
as many parts right before it. Whoever did little before and a little more now stands before whoever
always did much. A challenge tells only sums of what is told anyway, so that two challenges that
overlap tell no more than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from carbonaccount.institutions.month_parts import WEEK_DAYS
from carbonaccount.institutions.team_acts import PartActs


@dataclass(frozen=True)
class TeamResult:
    """A team's acts a member and week, and by how much they changed; None where withheld.

    `members` as of the last part that is told. `place` counts from 1, equal changes share one;
    None where nothing is ranked.
    """

    team: str
    members: int
    weekly: Fraction | None
    change: Fraction | None
    place: int | None = None


@dataclass(frozen=True)
class CampaignResult:
    """How far a challenge has come: acts of all members in the parts that are told.

    `told_parts` of its `parts` are closed; `acts` is None when all of them are withheld, `partly`
    says that some are.
    """

    parts: int
    told_parts: int
    acts: int | None
    partly: bool
    goal_acts: int
    teams: tuple[TeamResult, ...]

    @property
    def goal_percent(self) -> int | None:
        """Return how much of the goal is reached, rounded down; it may be above 100."""
        return None if self.acts is None else self.acts * 100 // self.goal_acts


def result(
    during: Sequence[PartActs],
    before: Sequence[PartActs],
    *,
    parts: int,
    goal_acts: int,
    ranked: bool,
) -> CampaignResult:
    """Return what teams came to: ranked by change if wanted, else by name; withheld ones last.

    during, before: the closed parts of the challenge and of the time before it.
    """
    told = [part.acts for part in during if part.acts is not None]
    teams = [_team(name, during, before) for name in _names(during)]
    known = sorted(
        (team for team in teams if team.change is not None),
        key=lambda team: (-(team.change or 0) if ranked else 0, team.team),
    )
    hidden = sorted(
        (team for team in teams if team.change is None),
        key=lambda team: (team.weekly is None, team.team),
    )
    return CampaignResult(
        parts=parts,
        told_parts=len(during),
        acts=sum(told) if told else None,
        partly=len(told) < len(during),
        goal_acts=goal_acts,
        teams=(*(_placed(known) if ranked else known), *hidden),
    )


def _names(during: Sequence[PartActs]) -> list[str]:
    """Return the teams that anybody was in."""
    names = {name for part in during for name in part.teams}
    return sorted(names)


def _team(name: str, during: Sequence[PartActs], before: Sequence[PartActs]) -> TeamResult:
    weekly, earlier = _weekly(name, during), _weekly(name, before)
    members = [part.teams[name].members for part in during if name in part.teams]
    return TeamResult(
        name,
        members[-1],
        weekly,
        None if weekly is None or earlier is None else weekly - earlier,
    )


def _weekly(name: str, parts: Sequence[PartActs]) -> Fraction | None:
    """Return a team's acts a member and week over the parts that tell of it."""
    acts, days = 0, 0
    for part in parts:
        team = part.teams.get(name)
        if team is not None and team.acts is not None:
            acts += team.acts
            days += team.members * part.part.days
    return Fraction(acts * WEEK_DAYS, days) if days else None


def _placed(teams: Sequence[TeamResult]) -> list[TeamResult]:
    changes = [team.change for team in teams]
    return [
        TeamResult(
            team.team, team.members, team.weekly, team.change, changes.index(team.change) + 1
        )
        for team in teams
    ]


def tenths(number: Fraction) -> Decimal:
    """Return a number with one decimal, rounded half away from zero."""
    rounded = (abs(number) * 20 + 1) // 2
    return Decimal(-rounded if number < 0 else rounded).scaleb(-1)


def change_text(change: Fraction) -> str:
    """Return a change with its sign and one decimal, rounded half away from zero, e.g. +0.7."""
    rounded = tenths(change)
    return f"{rounded:+}" if rounded else "0.0"
