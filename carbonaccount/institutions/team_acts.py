"""What members and their teams are told to have done, for pages that may not read records.

The room that keeps the records registers what it told. Parts of months are told once and for good,
a week after they are over; a challenge is a view of them and tells nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sqlmodel import Session

from carbonaccount.errors import Unavailable
from carbonaccount.institutions.month_parts import Part

# For so many days after a part of a month records may come late and still be told with it.
LATE_DAYS = 7


class BehaviorChoice(NamedTuple):
    """A behaviour that a challenge can be about; names by language (zh, en)."""

    code: str
    names: dict[str, str]


class TeamActs(NamedTuple):
    """How many were in a team, and how often they did it: None when it is withheld."""

    members: int
    acts: int | None


@dataclass(frozen=True)
class PartActs:
    """What is told of a part of a month; acts of all members, None when they are withheld.

    Members without a team stand under "".
    """

    part: Part
    acts: int | None
    teams: Mapping[str, TeamActs]


@dataclass(frozen=True)
class Question:
    """Whose acts are asked for: which behaviour of an institution's members, in which parts."""

    institution_id: int
    behavior: str
    parts: tuple[Part, ...]


ActsOf = Callable[[Session, Question], Sequence[PartActs]]
ChoicesOf = Callable[[Session], Sequence[BehaviorChoice]]
_registered: list[tuple[ActsOf, ChoicesOf]] = []


def register_team_acts(acts: ActsOf, choices: ChoicesOf) -> None:
    """Say how acts are told and what can be counted; once for the application."""
    if _registered not in ([], [(acts, choices)]):
        raise ValueError("two rooms tell what teams have done")
    _registered[:] = [(acts, choices)]


def told_on(part: Part) -> date:
    """Return the day from which a part of a month is told."""
    return part.last + timedelta(days=LATE_DAYS + 1)


def team_acts(session: Session, question: Question) -> list[PartActs]:
    """Return what was told of those of the parts that are closed, in order.

    Raises Unavailable (no_records_room) when no room keeps records.
    """
    return list(_room()[0](session, question))


def behavior_choices(session: Session) -> list[BehaviorChoice]:
    """Return the behaviours that a challenge can be about, in their usual order."""
    return list(_room()[1](session))


def _room() -> tuple[ActsOf, ChoicesOf]:
    if not _registered:
        raise Unavailable("no_records_room")
    return _registered[0]
