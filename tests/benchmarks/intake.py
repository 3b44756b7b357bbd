"""Intake end to end against the same final rows written bare, on both databases.

End to end means: read the CSV file, check, find the people, de-duplicate, score, cap, resolve
overlaps, write records and transfers, move balances, commit. The limit is the same rows, made
before the clock starts, written by COPY or executemany into the same tables with the same keys
and indexes, the same balances moved, committed in the same batches.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import sqlalchemy as sa
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
from tests.benchmarks.memory import peak_rss_mib
from tests.postgres import running_postgres

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
    return pl.DataFrame(
        rows, schema=[c.name for c in table.columns], orient="row", infer_schema_length=None
    )


def _bare_writer(engine: Engine, rows: dict[str, pl.DataFrame]) -> Callable[[], None]:
    """Return a function that writes one batch's rows and commits; all encoding is done before."""
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    tables = (
        ("ledger_account", "accounts"),
        ("activity_record", "records"),
        ("transfer", "transfers"),
    )
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


def in_child(
    kind: str, url: str, path: str, records: int, batch_rows: int, folder: str
) -> tuple[float, float, float]:
    """Import a file twice in a fresh process: rate of new ones, of duplicates, and peak RSS.

    A process of its own, so that its memory is that of the intake and nothing else.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_child, url, path, records, batch_rows, folder).result()


def _child(
    url: str, path: str, records: int, batch_rows: int, folder: str
) -> tuple[float, float, float]:
    import_models()
    engine = make_engine(url)
    new = take(engine, Path(path), records, batch_rows, Path(folder))
    rss_mib = peak_rss_mib()
    again = take(engine, Path(path), records, batch_rows, Path(folder))
    engine.dispose()
    return new.per_s, again.per_s, rss_mib


def fill_history(engine: Engine, records: int) -> None:
    """Put records and transfers of earlier days into the books, by the database itself."""
    postgresql = engine.dialect.name == "postgresql"
    numbers = (
        f"generate_series(1, {records}) n"
        if postgresql
        else "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
        f"WHERE n < {records}) SELECT n FROM c)"
    )
    day = (
        "DATE '2025-01-01' + (n % 300)::int"
        if postgresql
        else ("date('2025-01-01', (n % 300) || ' days')")
    )
    moment = (
        "TIMESTAMPTZ '2025-01-01 00:00:00+00'" if postgresql else "'2025-01-01 00:00:00.000000'"
    )
    event = "'H' || lpad(n::text, 10, '0')" if postgresql else "printf('H%010d', n)"
    account = f"(SELECT min(account_id) FROM source_subject) + n % {ACCOUNTS}"
    with engine.begin() as connection:

        def run(statement: str) -> None:
            # psycopg takes a single percent sign for the beginning of a parameter.
            connection.exec_driver_sql(statement.replace("%", "%%") if postgresql else statement)

        run(
            "INSERT INTO activity_record (id, source_id, event_id, account_id, subject_id, "
            "behavior_id, rule_version_id, occurred_at, business_day, evidence, activity, "
            "device_key, quantity_milli, counted_milli, reduction_g, credits, status, outcome, "
            "fingerprint, revision, batch_id, recorded_at) "
            f"SELECT n, 1, {event}, {account}, 1, 1, 1, {moment}, {day}, 'A', "
            "'{\"distance_km\":\"5\"}', 0, 5000, 5000, 260, 260, 'c', 'ok', n, 0, 0, "
            f"{moment} FROM {numbers}"
        )
        for unit in (1, 2):
            run(
                "INSERT INTO transfer (id, debit_id, credit_id, amount, unit, kind, cause, "
                "cause_id, revision, business_day, occurred_at, booked_at) "
                f"SELECT n + {(unit - 1) * records}, 1, 2 + n % {ACCOUNTS}, 260, {unit}, "
                f"1, 1, n, 0, {day}, {moment}, {moment} FROM {numbers}"
            )
        if postgresql:
            for table, last in (("activity_record", records), ("transfer", 2 * records)):
                run(f"SELECT setval('{table}_id_seq', {last})")
    if postgresql:
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM ANALYZE activity_record")
            connection.exec_driver_sql("VACUUM ANALYZE transfer")


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a measurement, on PostgreSQL and on SQLite."""
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        folder = Path(name)
        with running_postgres(SERVER_SETTINGS) as server:
            yield from _measure(
                "postgresql", lambda label: _postgres_url(server, label), folder, quick
            )
        yield from _measure(
            "sqlite", lambda label: f"sqlite:///{folder / label}.sqlite3", folder, quick
        )


# What an operator would set on a small machine; durability stays on.
SERVER_SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "512MB",
}


def _postgres_url(server: str, label: str) -> str:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{label}"')
    engine.dispose()
    return sa.make_url(server).set(database=label).render_as_string(hide_password=False)


def _measure(
    kind: str, url_of: Callable[[str], str], folder: Path, quick: bool
) -> Iterator[dict[str, object]]:
    sizes = (
        [(20_000, 20_000), (20_000, 10_000)]
        if quick
        else [(100_000, 100_000), (100_000, 10_000), (1_000_000, 100_000)]
    )
    for records, batch_rows in sizes:
        path = folder / f"trips-{records}.csv"
        if not path.exists():
            write_csv(path, records, seed=records)
        label = f"{kind}-{records}-{batch_rows}"
        url = url_of(label)
        written = prepare(url)
        new, again, rss_mib = in_child(kind, url, str(path), records, batch_rows, str(folder))
        bare = prepare(url_of(f"{label}-bare"))
        floor = limit(written, bare, batch_rows)
        yield {
            "benchmark": "intake",
            "database": kind,
            "records": records,
            "batch": batch_rows,
            "events_per_s": round(new),
            "limit_events_per_s": round(floor.per_s),
            "ratio": round(new / floor.per_s, 2),
            "duplicates_per_s": round(again),
            "duplicates_ratio": round(again / new, 2),
            "peak_rss_mib": round(rss_mib),
            "books_clean": clean(written),
        }
        written.dispose()
        bare.dispose()
    yield from _measure_history(kind, url_of, folder, 200_000 if quick else 10_000_000, quick)


def _measure_history(
    kind: str, url_of: Callable[[str], str], folder: Path, history: int, quick: bool
) -> Iterator[dict[str, object]]:
    """Compare the rate on an empty database with the rate on one that holds a long history."""
    records = 20_000 if quick else 300_000
    batch_rows = 20_000 if quick else 100_000
    path = folder / f"more-{records}.csv"
    write_csv(path, records, seed=7, start=5_000_000)
    rates = {}
    for label, size in (("empty", 0), ("full", history)):
        url = url_of(f"{kind}-history-{label}")
        engine = prepare(url)
        if size:
            fill_history(engine, size)
        engine.dispose()
        rates[label] = in_child(kind, url, str(path), records, batch_rows, str(folder))[0]
    yield {
        "benchmark": "intake_with_history",
        "database": kind,
        "records": records,
        "history": history,
        "events_per_s": round(rates["full"]),
        "limit_events_per_s": round(rates["empty"]),
        "ratio": round(rates["full"] / rates["empty"], 2),
    }


def clean(engine: Engine) -> bool:
    """Return whether every invariant of the books holds."""
    with open_session(engine) as session:
        return all(count == 0 for _, _, count in verify(session))
