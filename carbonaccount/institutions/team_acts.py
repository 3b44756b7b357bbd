"""How often members of a team did something, told to pages that may not read records.

The room that keeps the records registers how it is counted: in one statement for all teams.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlmodel import Session

from carbonaccount.errors import Unavailable


class BehaviorChoice(NamedTuple):
    """A behaviour that a challenge can be about; names by language (zh, en)."""

    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class TeamActs:
    """What a team's members did in two times of equal length, one right before the other.

    `active` are those who did it in either, `active_during` those in the later one. Members
    without a team stand under "".
    """

    team: str
    members: int
    active: int
    active_during: int
    acts_before: int
    acts_during: int


@dataclass(frozen=True)
class Question:
    """Whose acts are asked for: members on `members_on`, `days` from `first` and as many before."""

    institution_id: int
    behavior: str
    first: date
    days: int
    members_on: date


ActsOf = Callable[[Session, Question], Sequence[TeamActs]]
ChoicesOf = Callable[[Session], Sequence[BehaviorChoice]]
_registered: list[tuple[ActsOf, ChoicesOf]] = []


def register_team_acts(acts: ActsOf, choices: ChoicesOf) -> None:
    """Say how acts are counted and what can be counted; once for the application."""
    if _registered not in ([], [(acts, choices)]):
        raise ValueError("two rooms tell what teams have done")
    _registered[:] = [(acts, choices)]


def team_acts(session: Session, question: Question) -> list[TeamActs]:
    """Return what each team did, by name.

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
