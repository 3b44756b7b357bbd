"""Writing and reading whole columns: the one module that knows both dialects' fast paths.

PostgreSQL takes rows by COPY and column parameters as arrays; SQLite takes rows by executemany
and column parameters as one JSON text. Everything runs on the session's own connection and so
inside its transaction.
"""

import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import orjson
import polars as pl
from sqlalchemy import Table
from sqlmodel import Session

from carbonaccount.database import is_sqlite

SQLITE_TIME_FORMAT = "%Y-%m-%d %H:%M:%S%.6f"


def driver_connection(session: Session) -> Any:
    """Return the driver's connection behind the session, inside its transaction."""
    return session.connection().connection.driver_connection


class Direct:
    """The driver inside a session's transaction, for acts of one person that must be quick.

    Building and compiling the dozen statements of such an act takes many times longer than the
    database needs for them. Parameters are written as question marks. What the session was given
    to add before is written first; rows that it has read are not told of what changes here.
    """

    def __init__(self, session: Session) -> None:
        session.flush()
        self._connection = driver_connection(session)
        self._is_sqlite = is_sqlite(session)

    def run(self, statement: str, *values: object) -> int:
        """Run a statement and return how many rows it changed. Raises the driver's errors."""
        return int(self._execute(statement, values).rowcount)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; dates and times come as the driver gives them."""
        return list(self._execute(statement, values).fetchall())

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a statement, None when there is none."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def locking(self, statement: str) -> str:
        """Return a SELECT whose rows nobody else moves until the end of the transaction."""
        return statement if self._is_sqlite else f"{statement} FOR UPDATE"

    def _execute(self, statement: str, values: tuple[object, ...]) -> Any:
        if self._is_sqlite:
            return self._connection.execute(statement, tuple(map(_sqlite_value, values)))
        return self._connection.execute(_with_percent_marks(statement), values)


@cache
def _with_percent_marks(statement: str) -> str:
    return statement.replace("?", "%s")


def _sqlite_value(value: object) -> object:
    """Return a value as SQLAlchemy would store it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value.isoformat() if isinstance(value, date) else value


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
    # One text instead of a row an id: the driver would spend longer on rows than the server.
    statement = (
        f"SELECT string_agg(nextval('{table.name}_id_seq')::text, ',') FROM generate_series(1, %s)"
    )
    with connection.cursor() as cursor:
        (text,) = cursor.execute(statement, (count,)).fetchone()
    return np.fromstring(text, dtype=np.int64, sep=",")


def select_matching(
    session: Session,
    *,
    select: str,
    keys: Mapping[str, tuple[str, pl.Series]],
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
        statement = _by_index(select).replace("{keys}", source)
        for name in parameters or {}:
            statement = statement.replace(f":{name}", f"%({name})s")
        with driver_connection(session).cursor() as cursor:
            if len(next(iter(keys.values()))[1]) >= _MANY_KEYS:
                # Thousands of lookups look dear to the planner, and compiling them costs more.
                cursor.execute("SET LOCAL jit = off")
            rows = cursor.execute(statement, {**bound, **(parameters or {})}).fetchall()
    return pl.DataFrame(rows, schema=dict(schema), orient="row")


_MANY_KEYS = 1000
# `{keys} JOIN table alias ON condition`, up to what follows the condition.
_FIRST_JOIN = re.compile(
    r"\{keys\} JOIN (?P<table>\w+) (?P<alias>\w+) ON (?P<condition>.*?)"
    r"(?= WHERE | JOIN | LEFT JOIN | GROUP BY | ORDER BY |$)"
)


def _by_index(select: str) -> str:
    """Have PostgreSQL look each key up by its index, as SQLite is told to.

    Left to itself its planner reads the whole table when that seems cheaper, or, while its
    statistics are older than the last batches, looks through all keys for each row: the time of
    a batch would grow with the history. OFFSET 0 keeps it from taking the subquery apart. Rows
    that are to be locked cannot stand in such a subquery; they are asked for by their own id.
    """
    if " FOR UPDATE" in select:
        return select
    changed, found = _FIRST_JOIN.subn(
        r"{keys} CROSS JOIN LATERAL "
        r"(SELECT * FROM \g<table> \g<alias> WHERE \g<condition> OFFSET 0) \g<alias>",
        " ".join(select.split()),
        count=1,
    )
    if not found:
        raise ValueError("the keys must be joined first: {keys} JOIN table alias ON condition")
    return changed


def _json_keys(keys: Mapping[str, tuple[str, pl.Series]]) -> tuple[str, dict[str, Any]]:
    """SQLite: the keys as one JSON array of rows, read with json_each."""
    names = list(keys)
    columns = [values.to_list() for _, values in keys.values()]
    if len(names) == 1:
        data = orjson.dumps(columns[0]).decode()
        return f"(SELECT value AS {names[0]} FROM json_each(:k_rows)) k", {"k_rows": data}
    data = orjson.dumps(list(zip(*columns, strict=True))).decode()
    selected = ", ".join(f"value ->> {i} AS {name}" for i, name in enumerate(names))
    return f"(SELECT {selected} FROM json_each(:k_rows)) k", {"k_rows": data}


def _array_keys(keys: Mapping[str, tuple[str, pl.Series]]) -> tuple[str, dict[str, Any]]:
    """PostgreSQL: one text a column, taken apart and unnested side by side by the server.

    The driver would take longer to turn a list into an array than the server to use it. Keys
    hold no line breaks.
    """
    arrays = ", ".join(_array(f"%(k_{name})s", sql_type) for name, (sql_type, _) in keys.items())
    bound = {f"k_{name}": _joined(values) for name, (_, values) in keys.items()}
    return f"unnest({arrays}) k({', '.join(keys)})", bound


def _array(mark: str, sql_type: str) -> str:
    return f"string_to_array({mark}, E'\\n')::{sql_type}[]"


def _joined(values: pl.Series) -> str:
    return "\n".join(values.cast(pl.String).to_list())


def run_many(session: Session, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement once a row; parameters are written as question marks."""
    connection = driver_connection(session)
    if is_sqlite(session):
        connection.executemany(statement, rows)
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement.replace("?", "%s"), rows)


def add_to_balances(session: Session, *, changes: pl.DataFrame) -> int:
    """Add to ledger accounts' balances unless one would fall below zero.

    `changes` has the columns id and delta, an account once. Returns how many rows moved; fewer
    than given means that a guard held, and the caller must give up the transaction.
    """
    if is_sqlite(session):
        statement = (
            "UPDATE ledger_account SET balance = balance + ?1 WHERE id = ?2 AND balance + ?1 >= 0"
        )
        rows = changes.select("delta", "id").rows()
        return int(driver_connection(session).executemany(statement, rows).rowcount)
    statement = (
        "UPDATE ledger_account a SET balance = a.balance + d.delta "
        f"FROM unnest({_array('%s', 'bigint')}, {_array('%s', 'bigint')}) d(id, delta) "
        "WHERE a.id = d.id AND a.balance + d.delta >= 0"
    )
    with driver_connection(session).cursor() as cursor:
        texts = (_joined(changes["id"]), _joined(changes["delta"]))
        return int(cursor.execute(statement, texts).rowcount)
