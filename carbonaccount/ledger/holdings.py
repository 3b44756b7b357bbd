"""Taking from what one resident holds, the oldest credits first, and moving what was set aside.

For acts of one person (a coupon, a gift); batches of people go through `services.post` directly.
Balances are guarded by the statements that move them, so that people who act at the same time
need no lock of their own.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlmodel import Session, col, select

from carbonaccount.clock import business_day
from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger import services
from carbonaccount.ledger.models import (
    Cause,
    LedgerAccount,
    LedgerKind,
    Transfer,
    TransferKind,
    Unit,
)

# The revision of a posting is the round times this, and the place of the vintage in it.
VINTAGES_A_ROUND = 16


@dataclass(frozen=True)
class Movement:
    """Why something moves: kind, the thing that caused it, and which time it is (`round`)."""

    kind: TransferKind
    cause: Cause
    cause_id: int
    round: int = 0


@dataclass(frozen=True)
class Part:
    """An amount of one vintage (0 for grams)."""

    vintage: int
    amount: int


def available(session: Session, *, account_id: int, unit: Unit) -> list[Part]:
    """Return what a resident holds, by vintage, the oldest first; empty ones are left out."""
    return [
        Part(row.vintage, row.balance or 0)
        for row in _resident_rows(session, account_id, unit)
        if row.balance
    ]


def _resident_rows(session: Session, account_id: int, unit: Unit) -> list[LedgerAccount]:
    statement = (
        select(LedgerAccount)
        .where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == unit,
        )
        .order_by(col(LedgerAccount.vintage))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.exec(statement))


def take(
    session: Session,
    *,
    account_id: int,
    unit: Unit,
    amount: int,
    to_owner: int,
    to_kind: LedgerKind,
    movement: Movement,
    now: datetime,
) -> list[Part]:
    """Move an amount from a resident to an owner's account of a kind, vintage by vintage.

    Returns what was taken of which vintage. Raises InsufficientBalance (with `available`) when
    the resident holds less. Does not commit.
    """
    parts = _oldest_first(_resident_rows(session, account_id, unit), amount)
    move(
        session,
        parts=parts,
        unit=unit,
        source=(account_id, LedgerKind.RESIDENT),
        target=(to_owner, to_kind),
        movement=movement,
        now=now,
    )
    return parts


def _oldest_first(rows: list[LedgerAccount], amount: int) -> list[Part]:
    parts = []
    left = amount
    for row in rows:
        taken = min(left, row.balance or 0)
        if taken:
            parts.append(Part(row.vintage, taken))
            left -= taken
    if left:
        raise InsufficientBalance(available=amount - left, needed=amount)
    return parts


def moved(
    session: Session, *, cause: Cause, cause_id: int, kind: TransferKind, round_: int = 0
) -> list[Part]:
    """Return what one movement took, by vintage; empty when there was none."""
    first = round_ * VINTAGES_A_ROUND
    statement = (
        select(col(LedgerAccount.vintage), col(Transfer.amount))
        .join(LedgerAccount, col(LedgerAccount.id) == col(Transfer.debit_id))
        .where(
            col(Transfer.cause_id) == cause_id,
            col(Transfer.cause) == cause,
            col(Transfer.kind) == kind,
            col(Transfer.revision).between(first, first + VINTAGES_A_ROUND - 1),
        )
        .order_by(col(Transfer.revision))
    )
    return [Part(vintage, amount) for vintage, amount in session.exec(statement)]


def move(
    session: Session,
    *,
    parts: list[Part],
    unit: Unit,
    source: tuple[int, LedgerKind],
    target: tuple[int, LedgerKind],
    movement: Movement,
    now: datetime,
) -> None:
    """Move parts between two owners' accounts, each vintage to the same vintage.

    source, target: (owner id, kind); the city's computed accounts (REDEEMED, EXPIRED) are owned
    by 0. Raises InsufficientBalance. Does not commit.
    """
    rows = [
        {
            "debit_id": account_of(session, *source, unit=unit, vintage=part.vintage),
            "credit_id": account_of(session, *target, unit=unit, vintage=part.vintage),
            "amount": part.amount,
            "unit": int(unit),
            "kind": int(movement.kind),
            "cause": int(movement.cause),
            "cause_id": movement.cause_id,
            "revision": movement.round * VINTAGES_A_ROUND + place,
            "reverses_id": None,
            "business_day": business_day(now),
            "occurred_at": now,
        }
        for place, part in enumerate(parts)
    ]
    services.post(
        session, postings=pl.DataFrame(rows, schema=services.POSTING_SCHEMA), booked_at=now
    )


def account_of(
    session: Session, owner_id: int, kind: LedgerKind, *, unit: Unit, vintage: int
) -> int:
    """Return the id of an owner's ledger account, opened when it is missing."""
    if kind in (LedgerKind.REDEEMED, LedgerKind.EXPIRED):
        return services.ending_account(session, kind=kind, unit=unit, vintage=vintage)
    found = services.owned_accounts(
        session,
        kind=kind,
        owner_ids=pl.Series([owner_id], dtype=pl.Int64),
        unit=unit,
        vintage=vintage,
    )
    return int(found["ledger_id"][0])
