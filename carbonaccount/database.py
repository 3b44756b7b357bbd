"""Engines and sessions for SQLite and PostgreSQL; nothing here knows Flask.

SQLite is run so that nothing acknowledged is lost and no update either: WAL, `synchronous=FULL`,
foreign keys and recursive triggers on, the driver's own transaction handling off, and
`BEGIN IMMEDIATE` unless a caller asks for a reading transaction.
"""

import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, SQLModel

from carbonaccount.errors import DatabaseUnsafe

SessionFactory = Callable[[], Session]

# Set before the first model, so that every constraint has a name that migrations can use.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite counts rows in INTEGER PRIMARY KEY only; PostgreSQL needs 64 bits for the same columns.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Keys compare byte by byte on both databases: faster, and the same order everywhere.
KeyText = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")

SQLITE_BUSY_MS = 30_000
SQLITE_CACHE_KIB = 64 * 1024
SYNCHRONOUS_FULL = 2
# A connection to PostgreSQL that rested so long is asked whether it still answers.
ASKED_AFTER_S = 1.0


def make_engine(url: str, *, pool_size: int = 20) -> Engine:
    """Return an engine with this product's transaction behaviour.

    `hide_parameters` keeps personal data out of the text of database errors.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(url, parsed.database, pool_size)
    engine = sa.create_engine(url, hide_parameters=True, pool_size=pool_size, max_overflow=10)
    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", _ask_after_a_rest)
    return engine


def _note_return(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["returned_s"] = time.monotonic()


def _ask_after_a_rest(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Replace all connections when one that rested does not answer any more.

    One that answered a moment ago is not asked: under load that would be a journey a request.
    """
    if time.monotonic() - record.info.get("returned_s", math.inf) < ASKED_AFTER_S:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except connection.OperationalError as gone:
        raise sa.exc.InvalidatePoolError("the server closed the connection") from gone


def _sqlite_engine(url: str, file: str | None, pool_size: int) -> Engine:
    if not file or file == ":memory:":
        raise DatabaseUnsafe("database_in_memory", url=url)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=10,
        connect_args={"check_same_thread": False, "timeout": SQLITE_BUSY_MS / 1000},
    )
    event.listen(engine, "connect", _prepare_sqlite_connection)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite_connection(dbapi: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver would otherwise open no transaction for a SELECT, and updates would be lost.
    dbapi.isolation_level = None
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # Without it INSERT OR REPLACE would slip past the append-only triggers.
        "recursive_triggers=ON",
        f"cache_size=-{SQLITE_CACHE_KIB}",
        "temp_store=MEMORY",
    ):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")


def reading(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read: they never wait for a writer."""
    return engine.execution_options(sqlite_begin="DEFERRED")


def open_session(engine: Engine) -> Session:
    """Return a session whose objects stay readable after the commit at the edge."""
    return Session(engine, expire_on_commit=False)


def is_sqlite(bind: Session | Connection | Engine) -> bool:
    """Return whether the two-dialect statements have to take the SQLite side."""
    dialect = bind.get_bind().dialect if isinstance(bind, Session) else bind.dialect
    return dialect.name == "sqlite"


def assert_durable(engine: Engine) -> None:
    """Refuse a database that may lose an acknowledged commit on power loss.

    Raises DatabaseUnsafe for SQLite without `synchronous=FULL` and for PostgreSQL with fsync,
    full_page_writes or synchronous_commit off.
    """
    with reading(engine).connect() as connection:
        if engine.dialect.name == "sqlite":
            found = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
            if int(found) < SYNCHRONOUS_FULL:
                raise DatabaseUnsafe("sqlite_not_synchronous", synchronous=found)
            return
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off":
                raise DatabaseUnsafe("postgresql_not_durable", setting=name)
