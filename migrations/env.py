"""Alembic's environment: same migrations on SQLite and PostgreSQL, one transaction each."""

from alembic import context
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from carbonaccount.app import import_models
from carbonaccount.config import load_settings
from carbonaccount.database import make_engine

import_models()


def _configure_and_run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or load_settings().resolved_database_url
    engine = make_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Batch mode recreates tables; with foreign keys on, that would delete or refuse
            # children. The pragma only takes effect outside a transaction, hence the raw handle.
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.execute("PRAGMA foreign_keys=OFF").close()
            try:
                _configure_and_run(connection)
                broken = raw.execute("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise RuntimeError(f"migration leaves {len(broken)} broken foreign keys")
                connection.commit()
            finally:
                raw.rollback()
                raw.execute("PRAGMA foreign_keys=ON").close()
        else:
            connection.exec_driver_sql("SET lock_timeout = '4s'")
            connection.commit()
            _configure_and_run(connection)
    engine.dispose()


_run()
