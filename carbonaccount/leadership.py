"""Locks between processes that end with the process that holds them, however it ends.

On PostgreSQL a lock is an advisory lock on a connection of its own, so it holds across machines;
on SQLite, where all processes are on one machine, it is a locked file. Neither needs a clock: a
killed holder has let go at once, a slow one never loses its lock.
"""

import fcntl
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from carbonaccount.database import is_sqlite, reading

# Keeps our advisory locks apart from those of batches, which have a space of their own.
_SPACE = 0x0CA4B1
# Whoever only looks whether a file is locked holds it for a moment.
_TRIES, _PAUSE_S = 5, 0.02


class ProcessLock(Protocol):
    """A lock this process has."""

    def holds(self) -> bool:
        """Return whether the lock is still ours; a lost connection to the database ends it."""

    def release(self) -> None:
        """Let go."""


def take_lock(engine: Engine, *, name: str, folder: Path) -> ProcessLock | None:
    """Return the lock of a name, None when another holder has it; never waits for the holder.

    `folder` is where the files of locks lie on SQLite, the same for all processes.
    """
    return _FileLock.take(_file(folder, name)) if is_sqlite(engine) else _RowLock.take(engine, name)


def is_locked(engine: Engine, *, name: str, folder: Path) -> bool:
    """Return whether some process has the lock of a name now."""
    if is_sqlite(engine):
        return _is_file_locked(_file(folder, name))
    with reading(engine).connect() as connection:
        return _is_key_locked(connection, _key(name))


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), signed=True)


class _RowLock:
    """An advisory lock; the connection is not the pool's, so nobody else gets it by accident."""

    def __init__(self, connection: Connection, key: int) -> None:
        self._connection, self._key = connection, key

    @classmethod
    def take(cls, engine: Engine, name: str) -> "_RowLock | None":
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        # A machine that lost its power says no goodbye: let the server ask whether it is there.
        for setting in ("idle = 30", "interval = 10", "count = 3"):
            connection.exec_driver_sql(f"SET tcp_keepalives_{setting}")
        statement = sa.text("SELECT pg_try_advisory_lock(:space, :key)")
        if connection.execute(statement, {"space": _SPACE, "key": _key(name)}).scalar_one():
            return cls(connection, _key(name))
        connection.close()
        return None

    def holds(self) -> bool:
        # Asked once more, a lost connection would be opened anew, without the lock.
        if self._connection.closed or self._connection.invalidated:
            return False
        try:
            return bool(self._connection.exec_driver_sql("SELECT true").scalar_one())
        except DBAPIError:
            return False

    def release(self) -> None:
        # Said aloud: the server notices a closed connection a moment later only.
        if self.holds():
            with suppress(DBAPIError):
                self._connection.execute(
                    sa.text("SELECT pg_advisory_unlock(:space, :key)"),
                    {"space": _SPACE, "key": self._key},
                )
        self._connection.close()


def _is_key_locked(connection: Connection, key: int) -> bool:
    statement = sa.text(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND classid::bigint = :space AND objid::bigint = :key AND objsubid = 2)"
    )
    # The view shows the two halves of a key without a sign.
    found = connection.execute(statement, {"space": _SPACE, "key": key % 2**32})
    return bool(found.scalar_one())


class _FileLock:
    """A locked file; the system unlocks it when the process ends."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file

    @classmethod
    def take(cls, path: Path) -> "_FileLock | None":
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            file = path.open("ab")
            if _locked(file, fcntl.LOCK_EX) and _is_same_file(path, file):
                return cls(path, file)
            file.close()
            time.sleep(_PAUSE_S)
        return None

    def holds(self) -> bool:
        return _is_same_file(self._path, self._file)

    def release(self) -> None:
        # A lock whose file was taken away is somebody else's by now.
        if self.holds():
            self._path.unlink(missing_ok=True)
        self._file.close()


def _is_file_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not _locked(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _locked(file: IO[bytes], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same_file(path: Path, file: IO[bytes]) -> bool:
    """Return whether the file is the one at the path: a former holder may have taken it away."""
    if file.closed:
        return False
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
