"""Leading for a while: a lease on the database's clock, with an epoch that rises at each take-over.

A leader that stood still for longer than its lease (a stopped process, a paused machine) does not
know that another leads by then. So a lease alone keeps nobody from writing: each transaction of a
leader asks whether its epoch is still the newest, in the transaction itself, and fails when it is
not. The lock of `leadership` is help only: it tells early that a holder is gone.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlmodel import Field, Session, SQLModel, col
from sqlmodel.sql.sqltypes import UTCDateTime

from carbonaccount.database import is_sqlite, reading
from carbonaccount.errors import Conflict
from carbonaccount.leadership import ProcessLock, is_locked, take_lock

FENCED = "job_fenced"
# A holder that was not heard of for this part of its lease, and whose lock is free, is gone.
QUIET_PART = 2
# Who holds the row of the lease for longer than this stands still: the next try ends it.
_LOCK_WAIT_S = 5
_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%f000"


class JobLease(SQLModel, table=True):
    """Who leads, in which epoch, and until when by the database's clock.

    holder: host, process and a random part; nothing of a person.
    """

    __tablename__ = "job_lease"

    name: str = Field(primary_key=True, max_length=32)
    holder: str = Field(max_length=120)
    epoch: int = Field(sa_type=sa.BigInteger)
    taken_at: datetime
    heartbeat_at: datetime
    expires_at: datetime


class Standing(NamedTuple):
    """Who leads now, or led last.

    is_alive: the lease runs, or the holder's lock shows that it lives.  has_given_up: the holder
    stopped in order and said so.
    """

    holder: str
    epoch: int
    taken_at: datetime
    heartbeat_at: datetime
    is_alive: bool
    has_given_up: bool


class _Row(NamedTuple):
    holder: str
    epoch: int
    taken_at: datetime
    heartbeat_at: datetime
    left_s: float
    is_given_up: bool


class Fence(NamedTuple):
    """The right of one epoch to write, which each of its transactions asks for."""

    name: str
    epoch: int
    lease_s: float

    @property
    def mark(self) -> str:
        """Return the name that PostgreSQL shows for this epoch's transactions."""
        return f"{self.name} epoch {self.epoch}"

    def enter(self, session: Session) -> None:
        """Begin a transaction of this epoch. Raises Conflict (job_fenced) when it is over.

        On PostgreSQL the transaction carries the epoch's name, so that who takes over can end it
        and wait for no lock of a process that stands still.
        """
        if not is_sqlite(session):
            session.execute(
                sa.text("SELECT set_config('application_name', :mark, true)"), {"mark": self.mark}
            )
        wanted = sa.select(col(JobLease.epoch)).where(col(JobLease.name) == self.name)
        if session.execute(wanted).scalar() != self.epoch:
            raise Conflict(FENCED, epoch=self.epoch)

    def seal(self, session: Session) -> None:
        """Say, as the last statement before the commit, that this epoch is still the newest.

        It is the heartbeat as well: while a transaction writes on SQLite, no other can. Raises
        Conflict (job_fenced).
        """
        session.flush()
        if _renewed(session.connection(), self) != 1:
            raise Conflict(FENCED, epoch=self.epoch)

    def is_broken(self, engine: Engine) -> bool:
        """Return whether a newer epoch has begun."""
        with reading(engine).connect() as connection:
            wanted = sa.select(col(JobLease.epoch)).where(col(JobLease.name) == self.name)
            return connection.execute(wanted).scalar() != self.epoch


class Lease:
    """A try at being the one that leads; any number of processes may try.

    lease_s: how long a holder leads without a heartbeat; `renew` is to be called several times
    within it.
    """

    def __init__(self, engine: Engine, *, name: str, folder: Path, lease_s: float) -> None:
        self._engine, self._name, self._folder = engine, name, folder
        self._lease_s = lease_s
        self.holder = f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._fence: Fence | None = None
        self._lock: ProcessLock | None = None

    def hold(self) -> Fence | None:
        """Return the fence of the epoch in which this process leads, None when another does."""
        if self.renew():
            return self._fence
        self._release()
        return self._take_over(_row_of(self._engine, self._name))

    def renew(self) -> bool:
        """Say that this process is there; False when it does not lead or does so no more."""
        fence = self._fence
        if fence is None:
            return False
        with _at_once(self._engine) as connection:
            holds = _renewed(connection, fence) == 1
        if not holds and self._fence is fence:
            self._fence = None
        return holds

    def give_up(self) -> None:
        """Let another process lead at once."""
        fence, self._fence = self._fence, None
        if fence is not None:
            with _at_once(self._engine) as connection:
                # Over since the last heartbeat, which no lease that only ran out is.
                over = {"expires_at": col(JobLease.heartbeat_at)}
                connection.execute(_of_epoch(fence).values(over))
        self._release()

    def _take_over(self, row: _Row) -> Fence | None:
        if not self._is_free(row):
            return None
        fence = Fence(self._name, row.epoch + 1, self._lease_s)
        # Whoever has it shows from now on that this epoch's process lives; nobody waits for it.
        lock = take_lock(
            self._engine, name=_lock_name(fence.epoch, self._name), folder=self._folder
        )
        self._end_transactions(row.epoch)
        if not self._raised(row, fence):
            if lock is not None:
                lock.release()
            return None
        self._end_transactions(row.epoch)
        self._fence, self._lock = fence, lock
        left_behind = self._lock_of(row.epoch)
        if left_behind is not None:
            # The file of a process that was killed.
            left_behind.release()
        return fence

    def _lock_of(self, epoch: int) -> ProcessLock | None:
        return take_lock(self._engine, name=_lock_name(epoch, self._name), folder=self._folder)

    def _is_free(self, row: _Row) -> bool:
        """Return whether the lease is over, or its holder went without saying so."""
        if row.left_s <= 0:
            return True
        if row.left_s > self._lease_s / QUIET_PART:
            return False
        name = _lock_name(row.epoch, self._name)
        return not is_locked(self._engine, name=name, folder=self._folder)

    def _raised(self, seen: _Row, fence: Fence) -> bool:
        """Begin the next epoch; False when another did, or the holder gave a sign of life."""
        with _at_once(self._engine) as connection:
            now = _database_time(connection)
            changed = connection.execute(
                sa.update(JobLease)
                .where(
                    col(JobLease.name) == self._name,
                    col(JobLease.epoch) == seen.epoch,
                    col(JobLease.heartbeat_at) == seen.heartbeat_at,
                )
                .values(
                    holder=self.holder,
                    epoch=fence.epoch,
                    taken_at=now,
                    heartbeat_at=now,
                    expires_at=_database_time(connection, plus_s=self._lease_s),
                )
            )
            return bool(changed.rowcount == 1)

    def _end_transactions(self, epoch: int) -> None:
        """End what an epoch that is over left open, on PostgreSQL; it could not commit anyhow.

        On SQLite a process that stands still in a transaction keeps everybody from writing, so
        nobody can take over before it goes on or ends.
        """
        if is_sqlite(self._engine):
            return
        with _at_once(self._engine) as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name = :mark"
                ),
                {"mark": Fence(self._name, epoch, 0).mark},
            ).all()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None


def standing(engine: Engine, *, name: str, folder: Path) -> Standing | None:
    """Return who leads or led last; None when nobody ever did."""
    with reading(engine).connect() as connection:
        row = _read(connection, name)
    if row is None or row.epoch == 0:
        return None
    lives = row.left_s > 0 or is_locked(engine, name=_lock_name(row.epoch, name), folder=folder)
    given_up = row.is_given_up and not lives
    return Standing(row.holder, row.epoch, row.taken_at, row.heartbeat_at, lives, given_up)


def _lock_name(epoch: int, name: str) -> str:
    return f"{name}-{epoch}"


def _row_of(engine: Engine, name: str) -> _Row:
    """Return the row of a lease, made when there is none: of nobody, and over."""
    with reading(engine).connect() as connection:
        found = _read(connection, name)
    if found is not None:
        return found
    insert = sqlite.insert if is_sqlite(engine) else postgresql.insert
    with _at_once(engine) as connection:
        now = _database_time(connection)
        values = {"name": name, "holder": "", "epoch": 0}
        connection.execute(
            insert(JobLease.__table__)  # type: ignore[attr-defined]
            .values(**values, taken_at=now, heartbeat_at=now, expires_at=now)
            .on_conflict_do_nothing()
        )
    with reading(engine).connect() as connection:
        made = _read(connection, name)
    assert made is not None
    return made


def _read(connection: Connection, name: str) -> _Row | None:
    row = connection.execute(
        sa.select(
            col(JobLease.holder), col(JobLease.epoch), col(JobLease.taken_at),
            col(JobLease.heartbeat_at), col(JobLease.expires_at), _database_time(connection),
        ).where(col(JobLease.name) == name)
    ).first()  # fmt: skip
    if row is None:
        return None
    holder, epoch, taken_at, heartbeat_at, expires_at, now = row
    left_s = (expires_at - now).total_seconds()
    return _Row(holder, epoch, taken_at, heartbeat_at, left_s, expires_at <= heartbeat_at)


@contextmanager
def _at_once(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which a statement is its own transaction, and waits for no lock long.

    A process that is stopped between two statements would keep a lock on the row otherwise.
    """
    if is_sqlite(engine):
        with engine.begin() as connection:
            yield connection
        return
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_WAIT_S}s'")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _of_epoch(fence: Fence) -> Any:
    return sa.update(JobLease).where(
        col(JobLease.name) == fence.name, col(JobLease.epoch) == fence.epoch
    )


def _renewed(connection: Connection, fence: Fence) -> int:
    """Renew the lease of an epoch and return the number of rows that had it."""
    changed = connection.execute(
        _of_epoch(fence).values(
            heartbeat_at=_database_time(connection),
            expires_at=_database_time(connection, plus_s=fence.lease_s),
        )
    )
    return changed.rowcount


def _database_time(connection: Connection, *, plus_s: float = 0) -> sa.ColumnElement[datetime]:
    """Return the database's clock as an expression, in the format its datetimes are kept in."""
    if is_sqlite(connection):
        shift = f"{plus_s:+.3f} seconds"
        return sa.func.strftime(_SQLITE_FORMAT, "now", shift, type_=UTCDateTime())
    shifted = sa.func.clock_timestamp() + sa.literal(timedelta(seconds=plus_s), sa.Interval())
    return sa.type_coerce(shifted, UTCDateTime())
