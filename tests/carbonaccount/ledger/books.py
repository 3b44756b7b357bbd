"""Accounts and postings for the tests of the books."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from sqlmodel import Session, col, select

from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import (
    COMPUTED_KINDS,
    Cause,
    LedgerAccount,
    LedgerKind,
    Transfer,
    TransferKind,
    Unit,
)
from carbonaccount.ledger.verify import verify

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
DAY = date(2026, 3, 10)
ALICE, BOB, SCHOOL = 1001, 1002, 2001


def open_ledger(
    session: Session,
    owner: int,
    kind: LedgerKind = LedgerKind.RESIDENT,
    unit: Unit = Unit.CREDIT,
    vintage: int = 2026,
) -> int:
    """Open a ledger account with nothing in it; returns its id."""
    if kind in COMPUTED_KINDS:
        return ledger.ending_account(session, kind=kind, unit=unit, vintage=vintage)
    account = LedgerAccount(owner_id=owner, kind=kind, unit=unit, vintage=vintage)
    session.add(account)
    session.flush()
    assert account.id is not None
    return account.id


def issuance(session: Session, unit: Unit = Unit.CREDIT, vintage: int = 2026) -> int:
    """Return the account that credits of a year, or grams, come from."""
    return ledger.issuance_account(session, unit=unit, vintage=vintage)


def posting(debit_id: int, credit_id: int, amount: int, **changes: Any) -> dict[str, Any]:
    """One transfer, of credits earned by operation 1 unless told otherwise."""
    return {
        "debit_id": debit_id,
        "credit_id": credit_id,
        "amount": amount,
        "unit": int(Unit.CREDIT),
        "kind": int(TransferKind.EARN),
        "cause": int(Cause.OPERATION),
        "cause_id": 1,
        "revision": 0,
        "reverses_id": None,
        "business_day": DAY,
        "occurred_at": NOW,
        **changes,
    }


def post(session: Session, *postings: dict[str, Any]) -> None:
    """Book postings as one batch."""
    frame = pl.DataFrame(list(postings), schema=ledger.POSTING_SCHEMA)
    ledger.post(session, postings=frame, booked_at=NOW)


def held(session: Session, *account_ids: int) -> list[int | None]:
    """Return the balances of ledger accounts."""
    rows = session.exec(
        select(col(LedgerAccount.id), col(LedgerAccount.balance)).where(
            col(LedgerAccount.id).in_(account_ids)
        )
    ).all()
    found = {row[0]: row[1] for row in rows}
    return [found[account_id] for account_id in account_ids]


def ended(session: Session, *account_ids: int) -> list[int]:
    """Return what came to accounts without a stored balance, less what went back."""
    moves = transfers(session)
    return [
        sum(move.amount for move in moves if move.credit_id == account_id)
        - sum(move.amount for move in moves if move.debit_id == account_id)
        for account_id in account_ids
    ]


def transfers(session: Session) -> list[Transfer]:
    """Return all transfers in the order of booking."""
    return list(session.exec(select(Transfer).order_by(col(Transfer.id))).all())


def broken(session: Session, only: Iterable[str] = ()) -> dict[str, int]:
    """Return the invariants that do not hold, with their violations."""
    found = {code: count for code, _, count in verify(session) if count}
    return {code: found.get(code, 0) for code in only} or found
