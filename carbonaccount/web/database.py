"""The request's session: one per request, for reading on GET, committed once by the view."""

from flask import current_app, g, has_request_context, request
from sqlalchemy.engine import Engine
from sqlmodel import Session

from carbonaccount.database import open_session, reading

_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def engine() -> Engine:
    """Return the application's engine."""
    found: Engine = current_app.extensions["carbonaccount.engine"]
    return found


def current_session() -> Session:
    """Return this request's session; opened on first use, closed when the context ends.

    On GET it is a reading session: on SQLite it never waits for a writer and must not write.
    """
    if "database_session" not in g:
        reads = has_request_context() and request.method in _READING_METHODS
        g.database_session = open_session(reading(engine()) if reads else engine())
    session: Session = g.database_session
    return session


def writing_session() -> Session:
    """Return a fresh session for a small write of its own; the caller closes it."""
    return open_session(engine())


def close_session(_error: BaseException | None = None) -> None:
    """Give the connection back; what was not committed is rolled back."""
    session: Session | None = g.pop("database_session", None)
    if session is not None:
        session.close()
