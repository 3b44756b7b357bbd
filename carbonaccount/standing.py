"""What a person has done for the climate, told to rooms that may not ask for it themselves.

The room that keeps the records registers how it is worked out; the room that writes certificates
and takes gifts of grams asks here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from carbonaccount.errors import Unavailable


@dataclass(frozen=True)
class YearLine:
    """What one behaviour came to in a year at one evidence grade (A to D).

    `names` by language; `certified` says whether its grams count as certified: the rule may be
    certified by and the evidence is A or B.
    """

    behavior: str
    names: dict[str, str]
    evidence: str
    certified: bool
    records: int
    reduction_g: int


CertifiedOf = Callable[[Session, int], int]
YearOf = Callable[[Session, int, int], Sequence[YearLine]]


@dataclass
class _Registered:
    certified: CertifiedOf | None = None
    year: YearOf | None = None


_registered = _Registered()


def register_certified(function: CertifiedOf) -> CertifiedOf:
    """Say how the certified grams of an account are worked out; once for the application."""
    if _registered.certified not in (None, function):
        raise ValueError("two rooms tell what is certified")
    _registered.certified = function
    return function


def register_year(function: YearOf) -> YearOf:
    """Say how the grams of an account in a year are worked out; once for the application."""
    if _registered.year not in (None, function):
        raise ValueError("two rooms tell what people have done")
    _registered.year = function
    return function


def certified_g(session: Session, account_id: int) -> int:
    """Return the certified grams an account has ever earned, corrections included.

    Raises Unavailable (no_records_room) when no room keeps records.
    """
    if _registered.certified is None:
        raise Unavailable("no_records_room")
    return _registered.certified(session, account_id)


def grams_of_year(session: Session, account_id: int, year: int) -> list[YearLine]:
    """Return what an account came to in a year by behaviour and evidence grade.

    Behaviours in their usual order, the best grade first; corrections of re-scorings are in the
    numbers. Raises Unavailable as `certified_g` does.
    """
    if _registered.year is None:
        raise Unavailable("no_records_room")
    return list(_registered.year(session, account_id, year))
