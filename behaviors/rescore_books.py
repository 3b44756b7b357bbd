"""What a re-scoring does to the books: one adjusting transfer a person and unit, and debts.

More is issued to the person, less goes back to where it was issued. Nobody falls below zero:
credits are taken from the oldest year first, as spending takes them, and what is not there any
more becomes a debt of the person, which stands against the city's claims (see docs/decisions).
"""

from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.intake.known import UTC_TIME
from behaviors.models import ActivityRecord
from behaviors.rule_models import RecordAdjustment, Rescore
from carbonaccount import bulk
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit

_LINES = {
    "id": pl.Int64,
    "account_id": pl.Int64,
    "records": pl.Int64,
    "difference_g": pl.Int64,
    "difference_credits": pl.Int64,
    "g_before": pl.Int64,
    "credits_before": pl.Int64,
}
HOLDINGS = {
    "account_id": pl.Int64,
    "ledger_id": pl.Int64,
    "vintage": pl.Int64,
    "balance": pl.Int64,
}
_HELD = """SELECT a.owner_id, a.id, a.vintage, a.balance
    FROM {keys} JOIN ledger_account a ON a.owner_id = k.account_id
    WHERE a.kind = :kind AND a.unit = :unit AND a.balance > 0"""
_OF_RECORD = """SELECT a.record_id, sum(a.difference_g) AS g, sum(a.difference_credits) AS credits
    FROM record_adjustment a JOIN rescore r ON r.id = a.rescore_id AND r.status = 'booked'
    GROUP BY a.record_id"""


def lines_of(session: Session, rescore: Rescore) -> pl.DataFrame:
    """Return a re-scoring's lines with what the adjusted records came to before; one a person."""
    rows = bulk.driver_connection(session).execute(
        "SELECT l.id, l.account_id, l.records, l.difference_g, l.difference_credits, "  # noqa: S608 - a number
        "sum(a.g_before), sum(a.credits_before) FROM rescore_line l JOIN record_adjustment a "
        "ON a.rescore_id = l.rescore_id AND a.account_id = l.account_id "
        f"WHERE l.rescore_id = {int(rescore.id or 0)} GROUP BY l.id ORDER BY l.account_id"
    )
    # PostgreSQL sums BIGINT into NUMERIC.
    lines = [[int(value) for value in row] for row in rows.fetchall()]
    return pl.DataFrame(lines, schema=_LINES, orient="row").with_columns(
        g_after=pl.col("g_before") + pl.col("difference_g"),
        credits_after=pl.col("credits_before") + pl.col("difference_credits"),
    )


def days_of(session: Session, rescore: Rescore) -> list[date]:
    """Return the days of the records that a re-scoring changes."""
    return list(
        session.exec(
            select(col(ActivityRecord.business_day))
            .join(RecordAdjustment, col(RecordAdjustment.record_id) == col(ActivityRecord.id))
            .where(col(RecordAdjustment.rescore_id) == rescore.id)
            .distinct()
        )
    )


def outdated_records(session: Session, rescore: Rescore) -> int:
    """Return how many records have come to something else since the re-scoring was proposed."""
    statement = sa.text(
        f"""SELECT count(*) FROM record_adjustment a
            JOIN activity_record r ON r.id = a.record_id
            LEFT JOIN ({_OF_RECORD}) s ON s.record_id = a.record_id
            WHERE a.rescore_id = :rescore_id
              AND (r.reduction_g + coalesce(s.g, 0) <> a.g_before
                OR r.credits + coalesce(s.credits, 0) <> a.credits_before)"""  # noqa: S608 - our own words
    )
    return int(session.execute(statement, {"rescore_id": rescore.id}).scalar_one())


def post(session: Session, lines: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """Book the lines and return them with their debts (debt_g, debt_credits)."""
    postings = []
    for unit, name in ((Unit.G, "g"), (Unit.CREDIT, "credits")):
        change = lines.select(
            pl.col("id").alias("cause_id"), "account_id", amount=f"difference_{name}"
        )
        more = change.filter(pl.col("amount") > 0)
        less = change.filter(pl.col("amount") < 0).with_columns(-pl.col("amount"))
        taken = takings(less, holdings(session, unit, less["account_id"]))
        debts = _debts(less, taken)
        postings += [
            _issued(session, unit, more, now),
            returned(session, unit, taken),
            _owed(session, unit, debts),
        ]
        debt = debts.select(pl.col("cause_id").alias("id"), pl.col("amount").alias(f"debt_{name}"))
        lines = lines.join(debt, on="id", how="left", maintain_order="left")
    post_adjusting(session, pl.concat(postings), now=now)
    lines = lines.with_columns(pl.col("debt_g", "debt_credits").fill_null(0))
    owing = lines.filter((pl.col("debt_g") > 0) | (pl.col("debt_credits") > 0))
    bulk.run_many(
        session,
        "UPDATE rescore_line SET debt_g = ?, debt_credits = ? WHERE id = ?",
        owing.select("debt_g", "debt_credits", "id").rows(),
    )
    return lines


def post_adjusting(session: Session, moves: pl.DataFrame, *, now: datetime) -> None:
    """Book adjusting transfers of re-scoring lines.

    `moves` has debit_id, credit_id, amount, unit, cause_id and revision, which numbers the
    transfers of one line and unit.
    """
    postings = moves.with_columns(
        kind=pl.lit(int(TransferKind.ADJUST), pl.Int16),
        cause=pl.lit(int(Cause.OPERATION), pl.Int16),
        reverses_id=pl.lit(None, pl.Int64),
        business_day=pl.lit(business_day(now)),
        occurred_at=pl.lit(now, UTC_TIME),
    )
    ledger.post(session, postings=postings.select(*ledger.POSTING_SCHEMA), booked_at=now)


def holdings(session: Session, unit: Unit, account_ids: pl.Series) -> pl.DataFrame:
    """Return what people hold of a unit, locked; columns of HOLDINGS, the oldest year first."""
    found = bulk.select_matching(
        session,
        select=_HELD if is_sqlite(session) else f"{_HELD} ORDER BY a.id FOR UPDATE OF a",
        keys={"account_id": ("bigint", account_ids)},
        schema=HOLDINGS,
        parameters={"kind": int(LedgerKind.RESIDENT), "unit": int(unit)},
    )
    return found.sort("account_id", "vintage")


def takings(wanted: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return what is taken from which account: cause_id, ledger_id, vintage, amount, revision.

    `wanted` has cause_id, account_id and amount, a person once.
    """
    rows = wanted.rename({"amount": "wanted"}).join(held, on="account_id", maintain_order="left")
    before = pl.col("balance").cum_sum().over("cause_id") - pl.col("balance")
    left = (pl.col("wanted") - before).clip(lower_bound=0)
    rows = rows.with_columns(amount=pl.min_horizontal("balance", left))
    return rows.filter(pl.col("amount") > 0).with_columns(
        revision=pl.int_range(pl.len(), dtype=pl.Int16).over("cause_id")
    )


def _debts(wanted: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Return what could not be taken; revision comes after those of the takings."""
    sums = taken.group_by("cause_id").agg(
        pl.col("amount").sum().alias("taken"), pl.len().cast(pl.Int16).alias("revision")
    )
    rows = wanted.join(sums, on="cause_id", how="left", maintain_order="left").with_columns(
        pl.col("taken").fill_null(0), pl.col("revision").fill_null(0)
    )
    return rows.with_columns(amount=pl.col("amount") - pl.col("taken")).filter(pl.col("amount") > 0)


def _issued(session: Session, unit: Unit, more: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the moves that give people more; credits are of the year in which they come."""
    vintage = 0 if unit is Unit.G else business_day(now).year
    accounts = ledger.resident_accounts(
        session, owner_ids=more["account_id"], unit=unit, vintage=vintage
    )
    issuance = ledger.issuance_account(session, unit=unit, vintage=vintage)
    rows = more.join(accounts, left_on="account_id", right_on="owner_id", maintain_order="left")
    rows = rows.with_columns(revision=pl.lit(0, pl.Int16))
    return _moves(rows, unit, debit=pl.lit(issuance, pl.Int64), credit=pl.col("ledger_id"))


def returned(session: Session, unit: Unit, taken: pl.DataFrame) -> pl.DataFrame:
    """Return the moves that take what people hold back to where it was issued."""
    issuance = {
        vintage: ledger.issuance_account(session, unit=unit, vintage=vintage)
        for vintage in taken["vintage"].unique().sort().to_list()
    }
    back = pl.col("vintage").replace_strict(issuance, return_dtype=pl.Int64)
    return _moves(taken, unit, debit=pl.col("ledger_id"), credit=back)


def _owed(session: Session, unit: Unit, debts: pl.DataFrame) -> pl.DataFrame:
    """Return the moves that let people owe what they do not have."""
    accounts = ledger.owned_accounts(
        session, kind=LedgerKind.DEBT, owner_ids=debts["account_id"], unit=unit, vintage=0
    )
    claims = ledger.claim_account(session, unit=unit)
    rows = debts.join(accounts, left_on="account_id", right_on="owner_id", maintain_order="left")
    return _moves(rows, unit, debit=pl.lit(claims, pl.Int64), credit=pl.col("ledger_id"))


def _moves(rows: pl.DataFrame, unit: Unit, *, debit: pl.Expr, credit: pl.Expr) -> pl.DataFrame:
    columns: dict[str, Any] = {"debit_id": debit, "credit_id": credit}
    return rows.select(
        **columns,
        amount="amount",
        unit=pl.lit(int(unit), pl.Int16),
        cause_id="cause_id",
        revision="revision",
    )
