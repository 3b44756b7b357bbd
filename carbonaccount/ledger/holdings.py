"""Taking from what one resident holds, the oldest credits first, and moving what was set aside.

For acts of one person (a coupon, a gift); batches of people go through `services.post` directly.
Balances are guarded by the statements that move them, so that people who act at the same time
need no lock of their own.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from carbonaccount import bulk
from carbonaccount.clock import business_day
from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger import services
from carbonaccount.ledger.models import (
    COMPUTED_KINDS,
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


class Purse(NamedTuple):
    """A resident's ledger account of one vintage, locked until the transaction ends.

    `hold_id` is the account of what is set aside of the same vintage, None when there is none.
    """

    id: int
    vintage: int
    balance: int
    hold_id: int | None


def available(session: Session, *, account_id: int, unit: Unit) -> list[Part]:
    """Return what a resident holds, by vintage, the oldest first; empty ones are left out."""
    return [
        Part(row.vintage, row.balance)
        for row in purses(session, account_id=account_id, unit=unit)
        if row.balance
    ]


def purses(session: Session, *, account_id: int, unit: Unit) -> list[Purse]:
    """Return a resident's accounts by vintage, which nobody else moves until the transaction ends.

    They are locked in the order of their ids, as batches lock them.
    """
    direct = bulk.Direct(session)
    rows = direct.rows(
        direct.locking(_PURSES),
        account_id,
        int(LedgerKind.RESIDENT),
        int(LedgerKind.HOLD),
        int(unit),
    )
    held = {vintage: number for number, kind, vintage, _ in rows if kind == LedgerKind.HOLD}
    found = [
        Purse(number, vintage, balance, held.get(vintage))
        for number, kind, vintage, balance in rows
        if kind == LedgerKind.RESIDENT
    ]
    return sorted(found, key=lambda purse: purse.vintage)


_PURSES = (
    "SELECT id, kind, vintage, balance FROM ledger_account "
    "WHERE owner_id = ? AND kind IN (?, ?) AND unit = ? ORDER BY id"
)


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
    found: list[Purse] | None = None,
) -> list[Part]:
    """Move an amount from a resident to an owner's account of a kind, vintage by vintage.

    `found`: the resident's purses, when the caller has locked them already. Returns what was
    taken of which vintage. Raises InsufficientBalance (with `available`) when the resident holds
    less. Does not commit.
    """
    if found is None:
        found = purses(session, account_id=account_id, unit=unit)
    parts = _oldest_first(found, amount)
    own = {purse.vintage: purse for purse in found}
    sets_aside = (to_owner, to_kind) == (account_id, LedgerKind.HOLD)
    targets = [
        (own[part.vintage].hold_id if sets_aside else None)
        or account_of(session, to_owner, to_kind, unit=unit, vintage=part.vintage)
        for part in parts
    ]
    _post(
        session,
        parts,
        [own[part.vintage].id for part in parts],
        targets,
        unit,
        movement,
        now,
        frozenset(targets if to_kind in COMPUTED_KINDS else []),
    )
    return parts


def _oldest_first(rows: list[Purse], amount: int) -> list[Part]:
    parts = []
    left = amount
    for row in rows:
        taken = min(left, row.balance)
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
    sources = [account_of(session, *source, unit=unit, vintage=part.vintage) for part in parts]
    targets = [account_of(session, *target, unit=unit, vintage=part.vintage) for part in parts]
    computed = (sources if source[1] in COMPUTED_KINDS else []) + (
        targets if target[1] in COMPUTED_KINDS else []
    )
    _post(session, parts, sources, targets, unit, movement, now, frozenset(computed))


def _post(
    session: Session,
    parts: list[Part],
    sources: list[int],
    targets: list[int],
    unit: Unit,
    movement: Movement,
    now: datetime,
    computed: frozenset[int],
) -> None:
    """Book one transfer a part, from its source to its target."""
    postings = [
        services.Posting(
            debit_id=sources[place],
            credit_id=targets[place],
            amount=part.amount,
            unit=unit,
            kind=movement.kind,
            cause=movement.cause,
            cause_id=movement.cause_id,
            revision=movement.round * VINTAGES_A_ROUND + place,
            business_day=business_day(now),
            occurred_at=now,
        )
        for place, part in enumerate(parts)
    ]
    services.post_few(session, postings=postings, computed=computed, booked_at=now)


def undo(
    session: Session,
    *,
    cause: Cause,
    cause_id: int,
    kind: TransferKind,
    round_: int,
    now: datetime,
) -> None:
    """Reverse what one movement moved, each transfer once. Raises InsufficientBalance.

    A second try meets the database's IntegrityError. Does not commit.
    """
    found = session.exec(
        _standing(cause, cause_id, kind, round_).order_by(col(Transfer.revision))
    ).all()
    touched = {ledger for row in found for ledger in (row.debit_id, row.credit_id)}
    computed = session.exec(
        select(col(LedgerAccount.id)).where(
            col(LedgerAccount.id).in_(touched), col(LedgerAccount.kind).in_(COMPUTED_KINDS)
        )
    ).all()
    services.post_few(
        session,
        postings=[_reversal(row, now) for row in found],
        computed=frozenset(ledger for ledger in computed if ledger is not None),
        booked_at=now,
    )


def _standing(
    cause: Cause, cause_id: int, kind: TransferKind, round_: int
) -> SelectOfScalar[Transfer]:
    """Return the statement for the transfers of one movement."""
    first = round_ * VINTAGES_A_ROUND
    return select(Transfer).where(
        col(Transfer.cause_id) == cause_id,
        col(Transfer.cause) == cause,
        col(Transfer.kind) == kind,
        col(Transfer.revision).between(first, first + VINTAGES_A_ROUND - 1),
    )


def _reversal(transfer: Transfer, now: datetime) -> services.Posting:
    return services.Posting(
        debit_id=transfer.credit_id,
        credit_id=transfer.debit_id,
        amount=transfer.amount,
        unit=Unit(transfer.unit),
        kind=TransferKind.REVERSE,
        cause=Cause(transfer.cause),
        cause_id=transfer.cause_id,
        revision=transfer.revision,
        business_day=business_day(now),
        occurred_at=now,
        reverses_id=transfer.id,
    )


def account_of(
    session: Session, owner_id: int, kind: LedgerKind, *, unit: Unit, vintage: int
) -> int:
    """Return the id of an owner's ledger account, opened when it is missing."""
    return services.owned_account(session, owner_id=owner_id, kind=kind, unit=unit, vintage=vintage)
