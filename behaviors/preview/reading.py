"""Reading a behaviour's records as columns, block by block, as of one moment.

A row a record through the driver would cost more than all the arithmetic. So the server packs a
block of records into a few values: PostgreSQL into the binary form of arrays, SQLite into one
text of hexadecimal digits of fixed width. Blocks are read ahead in threads, on connections that
share one snapshot.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.engine import Engine
from sqlmodel import Session

from carbonaccount import bulk
from carbonaccount.database import is_sqlite, reading

BLOCK_IDS = 200_000
READERS = 2
# What became of a record, beside its evidence in one number.
CAPPED, LOST, REPLACED = 1, 2, 4

Int64s = NDArray[np.int64]

_POSTGRES_EPOCH = date(2000, 1, 1)


class Rows(NamedTuple):
    """Columns of one block, all of one length.

    days: from the first day of the period on.  evidence: ord("A") to ord("D").  flags: CAPPED,
    LOST or REPLACED.  quantity in thousandths, grams and credits as booked.
    """

    ids: Int64s
    accounts: Int64s
    quantity: Int64s
    grams: Int64s
    credits: Int64s
    days: NDArray[np.int32]
    evidence: NDArray[np.uint8]
    flags: NDArray[np.uint8]


class Block(NamedTuple):
    """One block: its records, how many ids it went through, and texts where they were asked for.

    activity: `id` and `activity` of the records of the asked rule versions, or None.
    """

    rows: Rows
    ids_read: int
    activity: pl.DataFrame | None


@dataclass(frozen=True)
class Selection:
    """Which records: those of a behaviour and period that counted, lost or were replaced.

    activity_of: rule versions whose records' measured fields are read as well.
    """

    behavior_id: int
    first_day: date
    last_day: date
    activity_of: tuple[int, ...] = ()

    @property
    def days(self) -> int:
        """How many days the period has."""
        return (self.last_day - self.first_day).days + 1

    @property
    def where(self) -> str:
        """The condition beside the range of ids; only numbers and dates are put in."""
        return (
            f"behavior_id = {int(self.behavior_id)} AND business_day BETWEEN "
            f"'{self.first_day.isoformat()}' AND '{self.last_day.isoformat()}' "
            "AND status IN ('c', 'r')"
        )


@contextmanager
def snapshot(engine: Engine, *, readers: int = READERS) -> Iterator[list[Session]]:
    """Open reading sessions that all see the database as of one moment."""
    with ExitStack() as stack:
        opened = _sqlite_sessions if is_sqlite(engine) else _postgresql_sessions
        yield opened(engine, readers, stack)


def _sqlite_sessions(engine: Engine, readers: int, stack: ExitStack) -> list[Session]:
    """A reader sees what was committed when it began, so nobody writes while they begin."""
    sessions = [stack.enter_context(Session(reading(engine))) for _ in range(readers)]
    with ExitStack() as guard:
        if readers > 1:
            guard.enter_context(engine.connect()).exec_driver_sql("SELECT 1")
        for session in sessions:
            bulk.driver_connection(session).execute("SELECT 1 FROM rule_version LIMIT 1").fetchall()
    return sessions


def _postgresql_sessions(engine: Engine, readers: int, stack: ExitStack) -> list[Session]:
    repeatable = engine.execution_options(isolation_level="REPEATABLE READ")
    sessions = [stack.enter_context(Session(repeatable)) for _ in range(readers)]
    first, *others = [bulk.driver_connection(session) for session in sessions]
    (name,) = first.execute("SELECT pg_export_snapshot()").fetchone()
    for other in others:
        other.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
    return sessions


def id_range(session: Session) -> tuple[int, int]:
    """Return the first record's id and the one after the last; equal when there are none."""
    first, last = (
        bulk.driver_connection(session)
        .execute("SELECT min(id), max(id) FROM activity_record")
        .fetchone()
    )
    return (0, 0) if first is None else (int(first), int(last) + 1)


def read_blocks(sessions: Sequence[Session], selection: Selection) -> Iterator[Block]:
    """Yield the selected records in blocks, in the order of their ids."""
    first, end = id_range(sessions[0])
    read = _SqliteReader(selection) if is_sqlite(sessions[0]) else _PostgresReader(selection)
    free: SimpleQueue[Any] = SimpleQueue()
    for session in sessions:
        free.put(bulk.driver_connection(session))

    def task(start: int) -> Block:
        connection = free.get()
        try:
            stop = min(start + BLOCK_IDS, end)
            rows = read.rows(connection, start, stop)
            return Block(rows, stop - start, _activity(connection, selection, start, stop))
        finally:
            free.put(connection)

    ahead: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(len(sessions), thread_name_prefix="history") as threads:
        try:
            for start in range(first, end, BLOCK_IDS):
                ahead.append(threads.submit(task, start))
                if len(ahead) > len(sessions):
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _activity(connection: Any, selection: Selection, start: int, stop: int) -> pl.DataFrame | None:
    if not selection.activity_of:
        return None
    versions = ", ".join(str(int(version)) for version in selection.activity_of)
    rows = connection.execute(
        f"SELECT id, activity FROM activity_record WHERE id >= {start} AND id < {stop} "  # noqa: S608 - numbers only
        f"AND rule_version_id IN ({versions}) AND {selection.where} ORDER BY id"
    ).fetchall()
    return pl.DataFrame(rows, schema={"id": pl.Int64, "activity": pl.String}, orient="row")


class _PostgresReader:
    """Seven arrays a block, all in the order of ids."""

    def __init__(self, selection: Selection) -> None:
        columns = (
            "id",
            "account_id",
            "quantity_milli",
            "reduction_g",
            "credits",
            "business_day",
            "ascii(evidence) + CASE WHEN status = 'r' THEN 1024 WHEN outcome = 'overlap' THEN 512 "
            "WHEN counted_milli < quantity_milli THEN 256 ELSE 0 END",
        )
        packed = ", ".join(f"array_send(array_agg({column}))" for column in columns)
        self._statement = (
            f"SELECT {packed} FROM (SELECT * FROM activity_record "  # noqa: S608
            f"WHERE id >= {{}} AND id < {{}} AND {selection.where} ORDER BY id) block"
        )
        self._first_day = (selection.first_day - _POSTGRES_EPOCH).days

    def rows(self, connection: Any, start: int, stop: int) -> Rows:
        with connection.cursor(binary=True) as cursor:
            packed = cursor.execute(self._statement.format(start, stop)).fetchone()
        if packed[0] is None:
            return empty_rows()
        days, marks = (_unpacked(data, np.int32) for data in packed[5:])
        return _rows(
            (_unpacked(data, np.int64) for data in packed[:5]),
            days=days - self._first_day,
            evidence=marks & 255,
            flags=marks >> 8,
        )


def _unpacked(data: bytes, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Return the elements of an array in PostgreSQL's binary form, none of them NULL.

    20 bytes tell of the dimensions; each element has its length (4 bytes) before it.
    """
    big_endian = np.dtype(dtype).newbyteorder(">")
    element = np.dtype([("length", ">i4"), ("value", big_endian)])
    return np.frombuffer(data, dtype=element, offset=20)["value"].astype(dtype)


def _hex_row(digits: int) -> np.dtype[Any]:
    """Return how a record stands in a block of SQLite's, its digits read as bytes."""
    amounts = [(name, f">u{digits // 2}") for name in Rows._fields[:5]]
    return np.dtype([*amounts, ("day", ">u4"), ("marks", "u1")])


class _SqliteReader:
    """One text a block: 8 hexadecimal digits an amount, the day's 8 digits, evidence, flags.

    In the order of ids, because NOT INDEXED leaves nothing but the table itself.

    A day without its dashes and the letters A to D are hexadecimal digits as they stand. A block
    with an amount of more than 32 bits comes out longer and is read again with 16 digits.
    """

    def __init__(self, selection: Selection) -> None:
        self._statements = [
            (_hex_row(digits), self._select(digits, selection)) for digits in (8, 16)
        ]
        days = (selection.first_day + timedelta(days=i) for i in range(selection.days))
        # The digits of a day read as a hexadecimal number: in the same order as the days.
        self._days = np.array([int(f"{day:%Y%m%d}", 16) for day in days], dtype=np.uint32)

    @staticmethod
    def _select(digits: int, selection: Selection) -> str:
        return (
            f"SELECT count(*), group_concat(printf('{f'%0{digits}x' * 5}%s%s%d', id, account_id, "  # noqa: S608
            "quantity_milli, reduction_g, credits, replace(business_day, '-', ''), evidence, "
            f"CASE WHEN status = 'r' THEN {REPLACED} WHEN outcome = 'overlap' THEN {LOST} "
            f"ELSE counted_milli < quantity_milli END), '') FROM activity_record NOT INDEXED "
            f"WHERE id >= {{}} AND id < {{}} AND {selection.where}"
        )

    def rows(self, connection: Any, start: int, stop: int) -> Rows:
        for dtype, statement in self._statements:
            count, text = connection.execute(statement.format(start, stop)).fetchone()
            if not count:
                return empty_rows()
            if len(text) == count * dtype.itemsize * 2:
                return self._decoded(np.frombuffer(bytes.fromhex(text), dtype=dtype))
        raise ValueError("a record holds a negative amount")

    def _decoded(self, block: NDArray[Any]) -> Rows:
        marks = block["marks"]
        wide = (block[name].astype(np.int64) for name in Rows._fields[:5])
        return _rows(
            wide,
            days=np.searchsorted(self._days, block["day"].astype(np.uint32)).astype(np.int32),
            evidence=(marks >> 4) + (ord("A") - 10),
            flags=marks & 15,
        )


def empty_rows() -> Rows:
    """Return columns without a record."""
    nothing = np.empty(0, dtype=np.int64)
    return _rows([nothing] * 5, days=nothing, evidence=nothing, flags=nothing)


def _rows(
    wide: Iterable[Int64s], *, days: NDArray[Any], evidence: NDArray[Any], flags: NDArray[Any]
) -> Rows:
    ids, accounts, quantity, grams, credited = wide
    return Rows(
        ids,
        accounts,
        quantity,
        grams,
        credited,
        days.astype(np.int32),
        evidence.astype(np.uint8),
        flags.astype(np.uint8),
    )
