"""Writing a decided batch: records, transfers, replacements, conflicts. Nothing is decided here."""

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from sqlmodel import Session

from behaviors import totals
from behaviors.intake.known import UTC_TIME
from behaviors.intake.overlaps import Resolution
from behaviors.models import ActivityRecord, IntakeBatch, IntakeConflict, Source
from carbonaccount import bulk
from carbonaccount.clock import business_day
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, TransferKind, Unit

RECORD_COLUMNS = (
    "id",
    "source_id",
    "event_id",
    "account_id",
    "subject_id",
    "behavior_id",
    "rule_version_id",
    "occurred_at",
    "ended_at",
    "business_day",
    "evidence",
    "activity",
    "device_key",
    "quantity_milli",
    "counted_milli",
    "reduction_g",
    "credits",
    "status",
    "outcome",
    "overlapped_by",
    "fingerprint",
    "revision",
    "batch_id",
    "recorded_at",
)


def write_records(
    session: Session,
    rows: pl.DataFrame,
    *,
    resolution: Resolution,
    batch: IntakeBatch,
    now: datetime,
) -> pl.Series:
    """Insert the records and book what they earned; returns their ids in the rows' order.

    Rows are written in the order of their unique key, which the database takes twice as fast.
    """
    order = rows["event_id"].arg_sort().to_numpy()
    ids = np.empty(rows.height, dtype=np.int64)
    ids[order] = bulk.next_ids(session, ActivityRecord.__table__, rows.height)  # type: ignore[attr-defined]
    record_ids = (
        dict(zip(rows["idx"].to_list(), ids.tolist(), strict=True))
        if (resolution.losers or resolution.replaced)
        else {}
    )
    records = rows.with_columns(
        pl.Series("id", ids),
        pl.Series("overlapped_by", _overlapped_by(rows, resolution, record_ids), dtype=pl.Int64),
        revision=pl.lit(0, pl.Int16),
        batch_id=pl.lit(batch.id, pl.Int64),
        recorded_at=pl.lit(now, UTC_TIME),
    )
    bulk.insert_frame(session, ActivityRecord.__table__, records[order].select(RECORD_COLUMNS))  # type: ignore[attr-defined]
    _book(session, records[order], resolution=resolution, record_ids=record_ids, now=now)
    return records["id"]


def book_released(
    session: Session,
    records: pl.DataFrame,
    *,
    resolution: Resolution,
    now: datetime,
    revision: int = 0,
) -> None:
    """Book what records come to that are in the table already.

    `revision` tells this posting from what the same records have been booked with before.
    """
    record_ids = dict(records.select("idx", "id").iter_rows())
    losers = zip(records["id"], _overlapped_by(records, resolution, record_ids), strict=True)
    bulk.run_many(
        session,
        "UPDATE activity_record SET overlapped_by = ? WHERE id = ?",
        [(winner, record_id) for record_id, winner in losers if winner is not None],
    )
    _book(
        session, records, resolution=resolution, record_ids=record_ids, now=now, revision=revision
    )


def _book(
    session: Session,
    records: pl.DataFrame,
    *,
    resolution: Resolution,
    record_ids: dict[int, int],
    now: datetime,
    revision: int = 0,
) -> None:
    """Post what the records earned, and take back what those they replace had earned."""
    postings = [_earned(session, records, now, revision)]
    if resolution.replaced:
        _mark_replaced(session, resolution, record_ids)
        postings.append(_reversals(session, _ids(resolution), now))
    ledger.post(session, postings=pl.concat(postings), booked_at=now)
    days = records["business_day"].unique().to_list()
    totals.mark_days(session, [*days, *(act.business_day for act in resolution.replaced.values())])


def _overlapped_by(
    rows: pl.DataFrame, resolution: Resolution, record_ids: dict[int, int]
) -> list[int | None]:
    if not resolution.losers:
        return [None] * rows.height
    winners = {}
    for idx, act in resolution.losers.items():
        winners[idx] = act.record_id if act.idx is None else record_ids[act.idx]
    return [winners.get(idx) for idx in rows["idx"].to_list()]


def _mark_replaced(session: Session, resolution: Resolution, record_ids: dict[int, int]) -> None:
    """Take the booked records that gave way out of the count; their transfers are reversed."""
    rows = [
        (record_ids[act.idx], record_id)
        for record_id, act in sorted(resolution.replaced.items())
        if act.idx is not None
    ]
    bulk.run_many(
        session,
        "UPDATE activity_record SET status = 'r', outcome = 'overlap', counted_milli = 0, "
        "reduction_g = 0, credits = 0, overlapped_by = ? WHERE id = ?",
        rows,
    )


def _earned(session: Session, records: pl.DataFrame, now: datetime, revision: int) -> pl.DataFrame:
    """Return the postings of what the records earned: grams, and credits of this year's issue."""
    vintage = business_day(now).year
    parts = []
    for unit, column, year in ((Unit.G, "reduction_g", 0), (Unit.CREDIT, "credits", vintage)):
        earning = records.filter(pl.col(column) > 0)
        if earning.is_empty():
            continue
        accounts = ledger.resident_accounts(
            session,
            owner_ids=earning["account_id"].unique().sort(),
            unit=unit,
            vintage=year,
        )
        issuance = ledger.issuance_account(session, unit=unit, vintage=year)
        parts.append(
            earning.join(
                accounts, left_on="account_id", right_on="owner_id", maintain_order="left"
            ).select(
                debit_id=pl.lit(issuance, pl.Int64),
                credit_id="ledger_id",
                amount=column,
                unit=pl.lit(int(unit), pl.Int16),
                kind=pl.lit(int(TransferKind.EARN), pl.Int16),
                cause=pl.lit(int(Cause.RECORD), pl.Int16),
                cause_id="id",
                revision=pl.lit(revision, pl.Int16),
                reverses_id=pl.lit(None, pl.Int64),
                business_day="business_day",
                occurred_at="occurred_at",
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=ledger.POSTING_SCHEMA)


def _ids(resolution: Resolution) -> pl.Series:
    return pl.Series(sorted(resolution.replaced), dtype=pl.Int64)


def _reversals(session: Session, record_ids: pl.Series, now: datetime) -> pl.DataFrame:
    """Return the postings that take back what replaced records had earned."""
    earned = ledger.earned_transfers(session, record_ids=record_ids)
    return earned.select(
        debit_id="credit_id",
        credit_id="debit_id",
        amount="amount",
        unit="unit",
        kind=pl.lit(int(TransferKind.REVERSE), pl.Int16),
        cause=pl.lit(int(Cause.RECORD), pl.Int16),
        cause_id="cause_id",
        revision="revision",
        reverses_id="id",
        business_day="business_day",
        occurred_at=pl.lit(now, UTC_TIME),
    )


def unspendable(session: Session, resolution: Resolution) -> frozenset[int]:
    """Return the booked records among those to be replaced that cannot be taken back.

    If what they earned has been spent, taking it back would leave an account below zero. If they
    were scored again, the difference is booked with that of the person's other records. So they
    keep their place. The accounts looked at stay locked until the end of the transaction.
    """
    rescored = _rescored(session, _ids(resolution))
    earned = ledger.earned_transfers(session, record_ids=_ids(resolution))
    if earned.is_empty():
        return rescored
    balances = ledger.locked_balances(session, ledger_ids=earned["credit_id"].unique())
    short = (
        earned.group_by("credit_id")
        .agg(pl.col("amount").sum())
        .join(balances, left_on="credit_id", right_on="ledger_id")
        .filter(pl.col("amount") > pl.col("balance"))
    )
    spent = earned.join(short, on="credit_id", how="semi")
    return rescored | frozenset(spent["cause_id"].to_list())


def _rescored(session: Session, record_ids: pl.Series) -> frozenset[int]:
    """Return those of the records to which a booked re-scoring changed something."""
    found = bulk.select_matching(
        session,
        select=(
            "SELECT a.record_id FROM {keys} JOIN record_adjustment a ON a.record_id = k.record_id "
            "JOIN rescore r ON r.id = a.rescore_id WHERE r.status = 'booked'"
        ),
        keys={"record_id": ("bigint", record_ids)},
        schema={"record_id": pl.Int64},
    )
    return frozenset(found["record_id"].to_list())


def write_conflicts(
    session: Session, rows: pl.DataFrame, *, source: Source, batch: IntakeBatch, now: datetime
) -> None:
    """Keep contradicting items apart for a person; the same contradiction is kept once."""
    if rows.is_empty():
        return
    kept = rows.unique(["event_id", "fingerprint"], keep="first", maintain_order=True)
    known = bulk.select_matching(
        session,
        select=(
            "SELECT c.event_id, c.fingerprint FROM {keys} JOIN intake_conflict c "
            "ON c.event_id = k.event_id AND c.source_id = :source_id"
        ),
        keys={"event_id": ("text", kept["event_id"].unique())},
        schema={"event_id": pl.String, "fingerprint": pl.Int64},
        parameters={"source_id": source.id},
    )
    fresh = kept.join(known, on=["event_id", "fingerprint"], how="anti", maintain_order="left")
    table: Any = IntakeConflict.__table__  # type: ignore[attr-defined]
    bulk.insert_frame(
        session,
        table,
        fresh.select(
            pl.Series("id", bulk.next_ids(session, table, fresh.height)),
            pl.lit(source.id).alias("source_id"),
            "event_id",
            "fingerprint",
            pl.lit(batch.id, pl.Int64).alias("batch_id"),
            "behavior",
            "occurred_at",
            "activity",
            "evidence",
            pl.lit(now, UTC_TIME).alias("received_at"),
        ),
    )
