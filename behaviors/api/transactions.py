"""One transaction at the edge, tried again when another one was in its way."""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg import errors as postgresql
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from carbonaccount.errors import InsufficientBalance
from carbonaccount.web.database import writing_session
from carbonaccount.web.problems import RETRY_AFTER_S, RequestRefused

ATTEMPTS = 3
_PAUSE_S = 0.05

_POSTGRESQL_RACES = (
    postgresql.UniqueViolation,
    postgresql.SerializationFailure,
    postgresql.DeadlockDetected,
    postgresql.LockNotAvailable,
)
_SQLITE_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

T = TypeVar("T")


def in_transaction(work: Callable[[Session], T]) -> T:
    """Run `work` in a writing transaction and commit it.

    When another transaction took the same key, lock or balance, all of it is undone and done
    again, three times at most; then RequestRefused 503 with Retry-After. Every other error
    undoes it and goes on.
    """
    for attempt in range(1, ATTEMPTS + 1):
        with writing_session() as session:
            try:
                result = work(session)
                session.commit()
            except (DBAPIError, sqlite3.Error, psycopg.Error, InsufficientBalance) as error:
                session.rollback()
                if not is_race(error):
                    raise
            else:
                return result
        time.sleep(_PAUSE_S * attempt)
    raise RequestRefused(503, "busy", headers={"Retry-After": str(RETRY_AFTER_S)})


def is_race(error: BaseException | None) -> bool:
    """Return whether an error only says that somebody else was quicker."""
    if isinstance(error, DBAPIError):
        # SQLAlchemy wraps the driver's error; fast paths let it through as it is.
        return is_race(error.orig)
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        # The low byte is the primary code: busy comes with several reasons.
        return code in _SQLITE_UNIQUE or (code is not None and code & 0xFF in _SQLITE_BUSY)
    # Somebody spent what the batch takes back, between its look and its posting.
    return isinstance(error, (*_POSTGRESQL_RACES, InsufficientBalance))
