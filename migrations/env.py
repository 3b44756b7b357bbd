"""Alembic's environment: same migrations on SQLite and PostgreSQL, one transaction each."""

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from carbonaccount.app import import_models
from carbonaccount.config import load_settings
from carbonaccount.database import make_engine

import_models()


def _refuse_broken_keys(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Undo a migration that leaves children without their parents: called in its transaction."""
    connection = ctx.connection
    assert connection is not None
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"migration leaves {len(broken)} broken foreign keys")


def _configure_and_run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=True,
        on_version_apply=_refuse_broken_keys,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or load_settings().resolved_database_url
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            _run_on(connection)
    finally:
        engine.dispose()


def _run_on(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET lock_timeout = '4s'")
        connection.commit()
        _configure_and_run(connection)
        return
    # Batch mode recreates tables; with foreign keys on, that would delete or refuse
    # children. The pragma only takes effect outside a transaction, hence the raw handle.
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys=OFF").close()
    try:
        _configure_and_run(connection)
        connection.commit()
    finally:
        raw.rollback()
        raw.execute("PRAGMA foreign_keys=ON").close()


_run()
