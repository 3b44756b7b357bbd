"""Doing a transaction again when another one was faster; for the edges, which commit."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

T = TypeVar("T")

TRIES = 5
# A key that another transaction wrote first, or two that waited for each other.
_OF_RACES = frozenset(
    {
        "IntegrityError",
        "UniqueViolation",
        "SerializationFailure",
        "DeadlockDetected",
        "LockNotAvailable",
    }
)


def lost_a_race(error: Exception) -> bool:
    """Return whether the same transaction may succeed when it is done again.

    Takes errors of the driver as they are, and as SQLAlchemy wraps them. That SQLite is locked is
    none: it was waited for half a minute before that was said.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return type(cause).__name__ in _OF_RACES


def committed(session: Session, work: Callable[[Session], T], *, tries: int = TRIES) -> T:
    """Do the work and commit it; again from the beginning when another transaction was faster.

    Whatever the work raises otherwise is rolled back and passed on.
    """
    for attempt in range(tries):
        try:
            result = work(session)
            session.commit()
        except Exception as error:
            session.rollback()
            if attempt + 1 == tries or not lost_a_race(error):
                raise
        else:
            return result
    raise AssertionError("the loop returns or raises")
