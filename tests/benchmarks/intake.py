"""Intake end to end against the same final rows written bare, on both databases.

End to end means: read the CSV file, check, find the people, de-duplicate, score, cap, resolve
overlaps, write records and transfers, move balances, commit. The limit is the same rows, made
before the clock starts, written by COPY or executemany into the same tables with the same keys
and indexes, the same balances moved, committed in the same batches.
"""

import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy.engine import Engine
from sqlmodel import Session

from behaviors.intake.importing import import_file
from behaviors.models import ActivityRecord, Source
from carbonaccount import bulk
from carbonaccount.accounts.models import Account
from carbonaccount.app import import_models, load_reference_data
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import CITY_ZONE
from carbonaccount.database import is_sqlite, make_engine, open_session
from carbonaccount.ledger.models import LedgerAccount, Transfer
from carbonaccount.ledger.verify import verify
from carbonaccount.migrate import upgrade

ACCOUNTS = 100_000
SOURCE = "bench"
FIRST_DAY = datetime(2026, 3, 1, 6, tzinfo=CITY_ZONE)
DAYS = 30
NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Rate:
    """What was measured of one run."""

    records: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def write_csv(path: Path, records: int, *, seed: int, start: int = 0) -> None:
    """Write a file of bus and metro trips of random people in a month, in the canonical columns.

    Trips of one person do not overlap: each takes a slot of its own in the day.
    """
    chance = random.Random(seed)
    slots: dict[tuple[int, int], int] = {}
    with path.open("w", encoding="ascii") as file:
        file.write("event_id,subject,behavior,occurred_at,ended_at,evidence,distance_km\n")
        for number in range(start, start + records):
            person, day = chance.randrange(ACCOUNTS), chance.randrange(DAYS)
            slot = slots[person, day] = slots.get((person, day), -1) + 1
            begin = FIRST_DAY + timedelta(days=day, minutes=50 * slot)
            end = begin + timedelta(minutes=chance.randrange(5, 45))
            behavior = "bus_trip" if chance.random() < 0.7 else "metro_trip"
            distance = chance.randrange(500, 15_000) / 1000
            file.write(
                f"E{number:09},S{person:06},{behavior},{begin.isoformat()},{end.isoformat()},"
                f"A,{distance:.3f}\n"
            )


def prepare(url: str) -> Engine:
    """Return an engine on a migrated database with methods, a source and its bound people."""
    import_models()
    upgrade(url=url)
    engine = make_engine(url)
    with open_session(engine) as session:
        load_reference_data(session)
        source = Source(
            code=SOURCE,
            name_zh="基准",
            name_en="Benchmark",
            behaviors=["bus_trip", "metro_trip"],
            created_at=NOW,
        )
        session.add(source)
        session.commit()
        _bind_people(session, source)
        session.commit()
    return engine


def _bind_people(session: Session, source: Source) -> None:
    from behaviors.models import SourceSubject

    ids = bulk.next_ids(session, Account.__table__, ACCOUNTS)  # type: ignore[attr-defined]
    accounts = pl.DataFrame({"id": ids}).with_columns(
        public_id=pl.lit("b") + pl.col("id").cast(pl.String),
        kind=pl.lit("pseudonym"),
        opened_at=pl.lit(NOW),
    )
    bulk.insert_frame(session, Account.__table__, accounts)  # type: ignore[attr-defined]
    subject_ids = bulk.next_ids(session, SourceSubject.__table__, ACCOUNTS)  # type: ignore[attr-defined]
    active = pl.lit(1) if is_sqlite(session) else pl.lit(value=True)
    subjects = pl.DataFrame({"id": subject_ids, "account_id": ids}).with_columns(
        subject=pl.lit("S") + pl.int_range(ACCOUNTS).cast(pl.String).str.pad_start(6, "0"),
        source_id=pl.lit(source.id),
        active=active,
        bound_at=pl.lit(NOW),
    )
    bulk.insert_frame(session, SourceSubject.__table__, subjects)  # type: ignore[attr-defined]


def take(engine: Engine, path: Path, records: int, batch_rows: int, folder: Path) -> Rate:
    """Import a file and return the rate; every line must have been accepted or seen before."""
    started = time.perf_counter()
    summary = import_file(
        lambda: open_session(engine),
        path=path,
        source_code=SOURCE,
        mapping=None,
        exceptions_file=folder / "exceptions.csv",
        batch_rows=batch_rows,
        open_unknown=False,
        acting_user=SYSTEM,
        clock=lambda: NOW,
    )
    seconds = time.perf_counter() - started
    taken = summary.counts["accepted"] + summary.counts["duplicate"]
    if taken != records:
        raise RuntimeError(f"of {records} records only {taken} were taken: {summary.reasons}")
    return Rate(records, seconds)


def limit(written: Engine, bare: Engine, batch_rows: int) -> Rate:
    """Write the rows that a run left behind into an equal, empty database, and return the rate."""
    batches = list(_final_rows(written, batch_rows))
    with open_session(bare) as session:
        # The rows of the run bring their own ids; the library's issuance account has one of them.
        bulk.driver_connection(session).execute("DELETE FROM ledger_account")
        session.commit()
    seconds = 0.0
    records = 0
    for rows in batches:
        write = _bare_writer(bare, rows)
        started = time.perf_counter()
        write()
        seconds += time.perf_counter() - started
        records += rows["records"].height
    return Rate(records, seconds)


def _final_rows(engine: Engine, batch_rows: int) -> Iterator[dict[str, pl.DataFrame]]:
    """Yield what each batch of a run left: records, transfers, new accounts, balance changes."""
    with open_session(engine) as session:
        everything = {
            name: _read(session, table)
            for name, table in (
                ("records", ActivityRecord.__table__),  # type: ignore[attr-defined]
                ("transfers", Transfer.__table__),  # type: ignore[attr-defined]
                ("accounts", LedgerAccount.__table__),  # type: ignore[attr-defined]
            )
        }
    known: set[int] = set()
    for batch_id in everything["records"]["batch_id"].unique().sort().to_list():
        records = everything["records"].filter(pl.col("batch_id") == batch_id)
        transfers = everything["transfers"].join(
            records.select(pl.col("id").alias("cause_id")), on="cause_id", how="semi"
        )
        touched = set(transfers["credit_id"]) | set(transfers["debit_id"])
        opened = everything["accounts"].filter(pl.col("id").is_in(list(touched - known)))
        known |= touched
        yield {
            "records": records,
            "transfers": transfers,
            "accounts": opened.with_columns(
                balance=pl.when(pl.col("kind") == 1).then(None).otherwise(0)
            ),
            "balances": transfers.group_by(pl.col("credit_id").alias("id"))
            .agg(pl.col("amount").sum())
            .sort("id"),
        }


def _read(session: Session, table: Any) -> pl.DataFrame:
    """Read a table as text columns, in the form in which it is written bare."""
    names = ", ".join(column.name for column in table.columns)
    cursor = bulk.driver_connection(session).cursor()
    rows = cursor.execute(f"SELECT {names} FROM {table.name} ORDER BY id").fetchall()
    return pl.DataFrame(rows, schema=[c.name for c in table.columns], orient="row", infer_schema_length=None)


def _bare_writer(engine: Engine, rows: dict[str, pl.DataFrame]) -> Callable[[], None]:
    """Return a function that writes one batch's rows and commits; all encoding is done before."""
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    tables = (("ledger_account", "accounts"), ("activity_record", "records"), ("transfer", "transfers"))
    deltas, ids = rows["balances"]["amount"].to_list(), rows["balances"]["id"].to_list()
    if engine.dialect.name == "sqlite":
        encoded = [(name, rows[key].columns, rows[key].rows()) for name, key in tables]
        moves = list(zip(deltas, ids, strict=True))

        def write_sqlite() -> None:
            connection.execute("BEGIN IMMEDIATE")
            for name, columns, tuples in encoded:
                marks = ", ".join("?" * len(columns))
                connection.executemany(
                    f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", tuples
                )
            connection.executemany(
                "UPDATE ledger_account SET balance = balance + ? WHERE id = ?", moves
            )
            connection.commit()
            raw.close()

        return write_sqlite
    texts = [(name, rows[key].columns, bulk.copy_text(rows[key])) for name, key in tables]

    def write_postgresql() -> None:
        with connection.cursor() as cursor:
            for name, columns, text in texts:
                with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
                    copy.write(text)
            cursor.execute(
                "UPDATE ledger_account a SET balance = a.balance + d.delta "
                "FROM unnest(%s::bigint[], %s::bigint[]) d(id, delta) WHERE a.id = d.id",
                (ids, deltas),
            )
        connection.commit()
        raw.close()

    return write_postgresql


def clean(engine: Engine) -> bool:
    """Return whether every invariant of the books holds."""
    with open_session(engine) as session:
        return all(count == 0 for _, _, count in verify(session))


def peak_rss_mib() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a checkpointed SQLite file."""
    shutil.copyfile(source, target)
