"""Counting statements, so that a page that begins to query in a loop is noticed."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import event

_NOT_COUNTED = ("BEGIN", "PRAGMA")


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """Collect the statements the application sends while the block runs."""
    engine = app.extensions["carbonaccount.engine"]
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(_NOT_COUNTED):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
