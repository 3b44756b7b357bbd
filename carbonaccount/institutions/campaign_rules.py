"""What a challenge comes to: pure arithmetic over what teams did.

Teams are compared with themselves: the acts a member during the challenge, less those in as many
days right before it. Whoever did little before and a little more now stands before whoever always
did much. Nothing is told of fewer than ten people who acted, and results move in steps of seven
days, so that nobody can read single days out of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from carbonaccount.institutions.member_totals import FEWEST_PEOPLE
from carbonaccount.institutions.team_acts import TeamActs

STEP_DAYS = 7


@dataclass(frozen=True)
class TeamResult:
    """A team's change in acts a member; without it when fewer than ten of it acted.

    `place` counts from 1, equal changes share one; None where nothing is ranked.
    """

    team: str
    members: int
    change: Fraction | None
    place: int | None = None


@dataclass(frozen=True)
class CampaignResult:
    """How far a challenge has come: acts of all members, None when fewer than ten acted."""

    counted_days: int
    acts: int | None
    goal_acts: int
    teams: tuple[TeamResult, ...]

    @property
    def goal_percent(self) -> int | None:
        """Return how much of the goal is reached, rounded down; it may be above 100."""
        return None if self.acts is None else self.acts * 100 // self.goal_acts


def counted_days(first: date, last: date, today: date) -> int:
    """Return how many days of a challenge are in its results: whole weeks, at the end all."""
    length = (last - first).days + 1
    if today > last:
        return length
    return max(0, (today - first).days // STEP_DAYS * STEP_DAYS)


def result(rows: Sequence[TeamActs], *, days: int, goal_acts: int, ranked: bool) -> CampaignResult:
    """Return what teams came to: ranked by change if wanted, else by name; withheld ones last."""
    acting = sum(row.active_during for row in rows)
    told = [TeamResult(row.team, row.members, _change(row)) for row in rows]
    known = sorted(
        (team for team in told if team.change is not None),
        key=lambda team: (-(team.change or 0) if ranked else 0, team.team),
    )
    hidden = sorted((team for team in told if team.change is None), key=lambda team: team.team)
    return CampaignResult(
        counted_days=days,
        acts=sum(row.acts_during for row in rows) if acting >= FEWEST_PEOPLE else None,
        goal_acts=goal_acts,
        teams=(*(_placed(known) if ranked else known), *hidden),
    )


def _change(row: TeamActs) -> Fraction | None:
    if row.active < FEWEST_PEOPLE:
        return None
    return Fraction(row.acts_during - row.acts_before, row.members)


def _placed(teams: Sequence[TeamResult]) -> list[TeamResult]:
    changes = [team.change for team in teams]
    return [
        TeamResult(team.team, team.members, team.change, changes.index(team.change) + 1)
        for team in teams
    ]


def change_text(change: Fraction) -> str:
    """Return a change with its sign and one decimal, rounded half away from zero, e.g. +0.7."""
    tenths = (abs(change) * 20 + 1) // 2
    sign = "-" if change < 0 and tenths else "+" if tenths else ""
    return f"{sign}{tenths // 10}.{tenths % 10}"
