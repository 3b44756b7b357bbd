"""Copies of whole databases: a file on SQLite, CREATE DATABASE ... TEMPLATE on PostgreSQL."""

import shutil
import uuid
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from carbonaccount.database import make_engine
from tests.fast_files import fast_folder

# From here on PostgreSQL can be told how to copy.
STRATEGY_SINCE = 150_000


def database_on(server_url: str, name: str) -> str:
    """Return the URL of a database on the same server."""
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def execute(server_url: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def make_copy(server_url: str, name: str, *, template: str) -> None:
    """Make a database with all that is in another, to which nobody is connected."""
    statement = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
    # In memory copying files is quicker than writing each block to the log as well; on a disk
    # each of hundreds of files would be waited for.
    if fast_folder() and _server_version(server_url) >= STRATEGY_SINCE:
        statement += " STRATEGY FILE_COPY"
    execute(server_url, statement)


def gather_sqlite(file: Path) -> None:
    """Bring everything into the one file, so that a copy of it is the whole database."""
    engine = make_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.rollback()
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    engine.dispose()


def keep_copy(url: str, folder: Path) -> str:
    """Copy a database to which nobody is connected; returns what `put_back` takes."""
    kept = f"kept_{uuid.uuid4().hex[:12]}"
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        gather_sqlite(Path(parsed.database))
        shutil.copyfile(parsed.database, folder / kept)
        return str(folder / kept)
    make_copy(database_on(url, "postgres"), kept, template=parsed.database or "")
    return kept


def put_back(kept: str, url: str) -> None:
    """Put a kept copy in the place of a database to which nobody is connected."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        shutil.copyfile(kept, parsed.database)
        return
    execute(database_on(url, "postgres"), f'DROP DATABASE "{parsed.database}"')
    make_copy(database_on(url, "postgres"), parsed.database or "", template=kept)


@cache
def _server_version(server_url: str) -> int:
    engine = sa.create_engine(server_url)
    with engine.connect() as connection:
        found = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    engine.dispose()
    return found
