"""Grams that residents donated to an institution, told by the room that keeps the gifts.

That room registers how they are listed and how they are made into a lot; an institution's pages
ask here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.errors import NotFound
from carbonaccount.institutions.offset_models import OffsetLot


@dataclass(frozen=True)
class GivenGrams:
    """Donated grams that were used for an institution and are no lot yet."""

    ref: str
    purpose: str
    grams: int
    gifts: int
    used_at: datetime


@dataclass(frozen=True)
class Giving:
    """How the room of the gifts answers.

    waiting(session, institution_id) lists; turn(session, institution_id, ref, actor, now) makes
    the lot, once.
    """

    waiting: Callable[[Session, int], list[GivenGrams]]
    turn: Callable[[Session, int, str, Actor, datetime], OffsetLot]


_giving: list[Giving] = []


def register_giving(giving: Giving) -> None:
    """Say how donated grams are found and made into lots; once for the application."""
    if _giving and _giving != [giving]:
        raise ValueError("two rooms keep gifts")
    _giving[:] = [giving]


def waiting(session: Session, *, institution_id: int) -> list[GivenGrams]:
    """Return what was given to an institution and is no lot yet; none where nobody keeps gifts."""
    return _giving[0].waiting(session, institution_id) if _giving else []


def turn_into_lot(
    session: Session, *, institution_id: int, ref: str, acting_user: Actor, now: datetime
) -> OffsetLot:
    """Make a lot of donated grams, once.

    Raises NotFound (unknown_given), Conflict (lot_made_before).
    """
    if not _giving:
        raise NotFound("unknown_given")
    return _giving[0].turn(session, institution_id, ref, acting_user, now)
