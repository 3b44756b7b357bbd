"""What the members of an institution came to, told to pages that may not read records.

The room that keeps the records registers what it told: of whole calendar months, once and for good,
of at least ten people. A total is the sum of what it shows (docs/decisions/0020).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from carbonaccount.disclosure import FEWEST_PEOPLE as FEWEST_PEOPLE
from carbonaccount.errors import Unavailable


@dataclass(frozen=True)
class MemberGroup:
    """What members came to in a group: a behaviour (`key` its code) or a month ("2026-03").

    `names` by language, empty for months. `people` only of months. Without numbers when withheld.
    """

    key: str
    names: dict[str, str]
    people: int | None
    records: int | None
    reduction_g: int | None
    withheld: bool


@dataclass(frozen=True)
class MemberTotals:
    """What members came to in some months; `people` are those of the fullest month.

    `withheld` says that no month of the time may be told; then there are no numbers at all.
    `partly` says that some months are not in the numbers because too few people acted in them.
    """

    people: int | None
    records: int | None
    reduction_g: int | None
    by_behavior: tuple[MemberGroup, ...]
    by_month: tuple[MemberGroup, ...]
    withheld: bool
    partly: bool


TotalsOf = Callable[[Session, int, date, date], MemberTotals]
_registered: list[TotalsOf] = []


def register_member_totals(function: TotalsOf) -> TotalsOf:
    """Say how the totals of members are worked out; once for the application."""
    if _registered not in ([], [function]):
        raise ValueError("two rooms tell what members have done")
    _registered[:] = [function]
    return function


def member_totals(
    session: Session, *, institution_id: int, first: date, last: date
) -> MemberTotals:
    """Return what an institution's members came to from `first` to `last`, both included.

    A member counts on the days of their membership; what came later than a week after the month is
    not in the numbers. Raises ValueError unless the time is whole calendar months, Unavailable
    (no_records_room) when no room keeps records.
    """
    if first.day != 1 or (last + timedelta(days=1)).day != 1 or last < first:
        raise ValueError("totals of members are told by whole months")
    if not _registered:
        raise Unavailable("no_records_room")
    return _registered[0](session, institution_id, first, last)
