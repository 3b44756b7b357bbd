"""Certified grams of people by source and days, and how many of them are still theirs to give.

The room that keeps the records registers how they are worked out. Every room that lets certified
grams go (gifts, attributions, pools) registers what it holds or took of an account, so that no
gram is claimed by two of them, and none that was never certified by any.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount.errors import Unavailable
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.standing import certified_g


@dataclass(frozen=True)
class SourceName:
    """Where records come from, by name."""

    source_id: int
    code: str
    name_zh: str
    name_en: str


CertifiedBetween = Callable[
    [Session, Collection[int], int | None, date, date, Collection[str] | None], Mapping[int, int]
]
SourcesOf = Callable[[Session, int], list[SourceName]]
NamesOf = Callable[[Session, Collection[int]], Mapping[int, SourceName]]
CommittedOf = Callable[[Session, Collection[int]], Mapping[int, int]]


@dataclass(frozen=True)
class Records:
    """How the room of the records answers; see the functions below for each."""

    certified_between: CertifiedBetween
    sources_of: SourcesOf
    names_of: NamesOf


_records: list[Records] = []
_committed: list[CommittedOf] = []


def register_records(records: Records) -> None:
    """Say how certified grams and sources are found; once for the application."""
    if _records and _records != [records]:
        raise ValueError("two rooms tell what is certified")
    _records[:] = [records]


def tells_committed(function: CommittedOf) -> CommittedOf:
    """Ask `function(session, account_ids)` for the certified grams that a room holds or took.

    It returns grams by account; accounts of which it holds nothing may be left out.
    """
    if function not in _committed:
        _committed.append(function)
    return function


def _told() -> Records:
    if not _records:
        raise Unavailable("no_records_room")
    return _records[0]


def certified_between(
    session: Session,
    *,
    account_ids: Collection[int],
    first: date,
    last: date,
    source_id: int | None = None,
    behaviors: Collection[str] | None = None,
) -> dict[int, int]:
    """Return the certified grams of accounts on the days first to last, corrections included.

    Of one source, or of all; of some behaviors by their codes, or of all. Accounts without any are
    left out. Raises Unavailable (no_records_room) when no room keeps records.
    """
    told = _told().certified_between(session, account_ids, source_id, first, last, behaviors)
    return {account_id: grams for account_id, grams in told.items() if grams > 0}


def sources_of(session: Session, *, account_id: int) -> list[SourceName]:
    """Return the sources that report for an account at present."""
    return _told().sources_of(session, account_id)


def source_names(session: Session, *, source_ids: Collection[int]) -> dict[int, SourceName]:
    """Return the names of sources."""
    return dict(_told().names_of(session, source_ids)) if source_ids else {}


def certified_free_g(session: Session, account_id: int) -> int:
    """Return how many certified grams an account holds and has not let go or promised.

    Never more than the balance: a correction may have taken grams back. Whoever takes on the
    strength of this number locks the account's balance first.
    """
    held = session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(col(LedgerAccount.balance)), 0)).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.G,
        )
    ).scalar_one()
    committed = committed_g(session, account_ids=[account_id]).get(account_id, 0)
    return max(0, min(int(held), certified_g(session, account_id) - committed))


def committed_g(session: Session, *, account_ids: Collection[int]) -> dict[int, int]:
    """Return the certified grams of accounts that rooms hold or took; without any, left out."""
    session.flush()  # Rooms read by the driver.
    found: Counter[int] = Counter()
    for function in _committed:
        found.update(function(session, account_ids))
    return dict(found)
