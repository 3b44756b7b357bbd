"""Debts of people from whom more should have been taken back than they had: later earnings pay.

A debt is a positive balance on an account of the person that stands against the city's claims.
Paying takes what the person holds by now back to where it was issued, and as much off the debt.
"""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session

from behaviors import rescore_books
from behaviors.intake import subjects
from carbonaccount import bulk
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import LedgerKind, Unit

_COLUMNS = {Unit.G: ("debt_g", "paid_g"), Unit.CREDIT: ("debt_credits", "paid_credits")}
_OWED = {"cause_id": pl.Int64, "account_id": pl.Int64, "amount": pl.Int64}


class Payment(NamedTuple):
    """What is taken from one account for the debt of one re-scoring line."""

    cause_id: int
    account_id: int
    ledger_id: int
    vintage: int
    amount: int


def settle_debts(session: Session, *, now: datetime) -> int:
    """Let people who owe grams or credits pay with what they hold; returns how many payments.

    The oldest debt is paid first, with the oldest credits. Does not commit.
    """
    return sum(_settle(session, unit, now) for unit in _COLUMNS)


def _settle(session: Session, unit: Unit, now: datetime) -> int:
    owing = _owed(session, unit)
    if owing.is_empty():
        return 0
    subjects.lock_accounts(session, owing["account_id"])
    owing = _owed(session, unit)  # Nobody else pays them from here on.
    held = rescore_books.holdings(session, unit, owing["account_id"].unique().sort())
    payments = _payments(owing, held)
    if not payments:
        return 0
    frame = pl.DataFrame(payments, schema=list(Payment._fields), orient="row")
    _book(session, unit, _numbered(session, unit, frame), now)
    paid = frame.group_by("cause_id").agg(pl.col("amount").sum())
    column = _COLUMNS[unit][1]
    bulk.run_many(
        session,
        f"UPDATE rescore_line SET {column} = {column} + ? WHERE id = ?",  # noqa: S608 - our own names
        paid.select("amount", "cause_id").rows(),
    )
    return len(payments)


def _owed(session: Session, unit: Unit) -> pl.DataFrame:
    """Return what lines of re-scorings have left to pay, the oldest first."""
    debt, paid = _COLUMNS[unit]
    rows = session.execute(
        sa.text(
            f"SELECT id, account_id, {debt} - {paid} FROM rescore_line "  # noqa: S608 - our own names
            f"WHERE {debt} > {paid} ORDER BY id"
        )
    ).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=_OWED, orient="row")


def _payments(owing: pl.DataFrame, held: pl.DataFrame) -> list[Payment]:
    """Pay debts in their order out of what each person holds, in the order of the years."""
    purses: dict[int, list[list[int]]] = defaultdict(list)
    for account_id, ledger_id, vintage, balance in held.iter_rows():
        purses[account_id].append([ledger_id, vintage, balance])
    payments = []
    for cause_id, account_id, amount in owing.iter_rows():
        left = amount
        for purse in purses[account_id]:
            taken = min(left, purse[2])
            if taken:
                payments.append(Payment(cause_id, account_id, purse[0], purse[1], taken))
                purse[2] -= taken
                left -= taken
    return payments


def _numbered(session: Session, unit: Unit, payments: pl.DataFrame) -> pl.DataFrame:
    """Number the transfers of each line after those that there are; a payment makes two."""
    latest = bulk.select_matching(
        session,
        select=(
            "SELECT t.cause_id, max(t.revision) FROM {keys} JOIN transfer t "
            "ON t.cause_id = k.cause_id AND t.cause = 2 AND t.kind = 3 AND t.unit = :unit "
            "GROUP BY t.cause_id"
        ),
        keys={"cause_id": ("bigint", payments["cause_id"].unique())},
        schema={"cause_id": pl.Int64, "latest": pl.Int64},
        parameters={"unit": int(unit)},
    )
    number = pl.int_range(pl.len()).over("cause_id") * 2
    return payments.join(latest, on="cause_id", maintain_order="left").with_columns(
        revision=(pl.col("latest") + 1 + number).cast(pl.Int16)
    )


def _book(session: Session, unit: Unit, payments: pl.DataFrame, now: datetime) -> None:
    debts = ledger.owned_accounts(
        session,
        kind=LedgerKind.DEBT,
        owner_ids=payments["account_id"].unique().sort(),
        unit=unit,
        vintage=0,
    )
    claims = ledger.claim_account(session, unit=unit)
    settled = payments.join(
        debts.rename({"owner_id": "account_id", "ledger_id": "debt_id"}),
        on="account_id",
        maintain_order="left",
    ).select(
        debit_id="debt_id",
        credit_id=pl.lit(claims, pl.Int64),
        amount="amount",
        unit=pl.lit(int(unit), pl.Int16),
        cause_id="cause_id",
        revision=pl.col("revision") + 1,
    )
    moves = pl.concat([rescore_books.returned(session, unit, payments), settled])
    rescore_books.post_adjusting(session, moves, now=now)
