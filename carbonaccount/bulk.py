"""Writing and reading whole columns: the one module that knows both dialects' fast paths.

PostgreSQL takes rows by COPY and column parameters as arrays; SQLite takes rows by executemany
and column parameters as one JSON text. Everything runs on the session's own connection and so
inside its transaction.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import polars as pl
from sqlalchemy import Table
from sqlmodel import Session

from carbonaccount.database import is_sqlite

SQLITE_TIME_FORMAT = "%Y-%m-%d %H:%M:%S%.6f"
_COPY_HEADER_BYTES = 19
_COPY_TRAILER_BYTES = 2


def driver_connection(session: Session) -> Any:
    """Return the driver's connection behind the session, inside its transaction."""
    return session.connection().connection.driver_connection


def insert_frame(session: Session, table: Table, frame: pl.DataFrame) -> None:
    """Insert every row of the frame; its column names are the table's.

    Times are aware (UTC) microseconds. Raises the driver's IntegrityError when a key is taken:
    nothing of the transaction may be kept then.
    """
    if frame.is_empty():
        return
    if is_sqlite(session):
        _insert_sqlite(session, table, frame)
    else:
        _copy_postgresql(session, table, frame)


def _insert_sqlite(session: Session, table: Table, frame: pl.DataFrame) -> None:
    columns = ", ".join(frame.columns)
    marks = ", ".join("?" * frame.width)
    statement = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"
    driver_connection(session).executemany(statement, sqlite_rows(frame))


def sqlite_rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows as SQLite stores them: times and dates as the text SQLAlchemy writes."""
    as_text = [
        pl.col(name).dt.strftime(SQLITE_TIME_FORMAT)
        if isinstance(dtype, pl.Datetime)
        else pl.col(name).cast(pl.String)
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime) or dtype == pl.Date
    ]
    return frame.with_columns(as_text).rows()


def _copy_postgresql(session: Session, table: Table, frame: pl.DataFrame) -> None:
    columns = ", ".join(frame.columns)
    statement = f"COPY {table.name} ({columns}) FROM STDIN"
    with driver_connection(session).cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(copy_text(frame))


def copy_text(frame: pl.DataFrame) -> bytes:
    """Return the frame in COPY's text format.

    Texts must be free of tabs, line breaks and backslashes; intake admits no others, and the
    assertion keeps a later caller from finding out in the database.
    """
    buffer = io.BytesIO()
    frame.write_csv(
        buffer,
        include_header=False,
        separator="\t",
        quote_style="never",
        null_value="\\N",
        datetime_format="%Y-%m-%d %H:%M:%S%.6f+00",
    )
    data = buffer.getvalue()
    assert data.count(b"\n") == frame.height, "a text holds a line break"
    return data


def next_ids(session: Session, table: Table, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return `count` fresh ids of a table, ascending; shape (count,), int64.

    SQLite writes one at a time, so the highest id says which come next; on PostgreSQL the
    table's sequence gives them, and other writers may take some in between.
    """
    if count == 0:
        return np.empty(0, dtype=np.int64)
    connection = driver_connection(session)
    if is_sqlite(session):
        (last,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").fetchone()
        return np.arange(last + 1, last + 1 + count, dtype=np.int64)
    statement = (
        f"COPY (SELECT nextval('{table.name}_id_seq') FROM generate_series(1, {int(count)})) "
        "TO STDOUT (FORMAT binary)"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        data = b"".join(bytes(part) for part in copy)
    body = np.frombuffer(
        data[_COPY_HEADER_BYTES:-_COPY_TRAILER_BYTES],
        dtype=np.dtype([("fields", ">i2"), ("length", ">i4"), ("value", ">i8")]),
    )
    return body["value"].astype(np.int64)


def select_matching(
    session: Session,
    *,
    select: str,
    keys: Mapping[str, tuple[str, Sequence[Any]]],
    schema: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Run a SELECT that joins a table with columns of keys, and return the rows.

    `select` holds `FROM {keys} JOIN ...`, where the keys stand as a table named `k`; `keys` maps a
    column name to its PostgreSQL type and its values (all of one length); other parameters are
    written `:name`. `schema` names and types the columns of the result.
    """
    if is_sqlite(session):
        source, bound = _json_keys(keys)
        # CROSS JOIN is how SQLite is told to start from the keys and look each up by an index.
        statement = select.replace("{keys} JOIN", f"{source} CROSS JOIN")
        cursor = driver_connection(session).execute(statement, {**bound, **(parameters or {})})
        rows = cursor.fetchall()
    else:
        source, bound = _array_keys(keys)
        statement = select.replace("{keys}", source)
        for name in parameters or {}:
            statement = statement.replace(f":{name}", f"%({name})s")
        with driver_connection(session).cursor() as cursor:
            rows = cursor.execute(statement, {**bound, **(parameters or {})}).fetchall()
    return pl.DataFrame(rows, schema=dict(schema), orient="row")


def _json_keys(keys: Mapping[str, tuple[str, Sequence[Any]]]) -> tuple[str, dict[str, Any]]:
    """SQLite: the keys as one JSON array of rows, read with json_each."""
    names = list(keys)
    if len(names) == 1:
        data = orjson.dumps(list(keys[names[0]][1])).decode()
        return f"(SELECT value AS {names[0]} FROM json_each(:k_rows)) k", {"k_rows": data}
    rows = list(zip(*(values for _, values in keys.values()), strict=True))
    data = orjson.dumps(rows).decode()
    columns = ", ".join(f"value ->> {i} AS {name}" for i, name in enumerate(names))
    return f"(SELECT {columns} FROM json_each(:k_rows)) k", {"k_rows": data}


def _array_keys(keys: Mapping[str, tuple[str, Sequence[Any]]]) -> tuple[str, dict[str, Any]]:
    """PostgreSQL: one array a column, unnested side by side."""
    arrays = ", ".join(f"%(k_{name})s::{sql_type}[]" for name, (sql_type, _) in keys.items())
    bound = {f"k_{name}": list(values) for name, (_, values) in keys.items()}
    return f"unnest({arrays}) k({', '.join(keys)})", bound


def add_to_balances(session: Session, *, account_ids: Sequence[int], deltas: Sequence[int]) -> int:
    """Add each delta to its ledger account's balance unless it would fall below zero.

    Returns how many rows moved; fewer than given means that a guard held, and the caller must
    give up the transaction.
    """
    if is_sqlite(session):
        statement = (
            "UPDATE ledger_account SET balance = balance + ?1 WHERE id = ?2 AND balance + ?1 >= 0"
        )
        cursor = driver_connection(session).executemany(
            statement, zip(deltas, account_ids, strict=True)
        )
        return int(cursor.rowcount)
    statement = (
        "UPDATE ledger_account a SET balance = a.balance + d.delta "
        "FROM unnest(%s::bigint[], %s::bigint[]) d(id, delta) "
        "WHERE a.id = d.id AND a.balance + d.delta >= 0"
    )
    with driver_connection(session).cursor() as cursor:
        return int(cursor.execute(statement, (list(account_ids), list(deltas))).rowcount)
