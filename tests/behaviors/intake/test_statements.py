"""A batch takes a fixed number of statements, whatever its size: no query an item."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import psycopg
import pytest
from sqlmodel import Session

from behaviors.models import Source
from carbonaccount import bulk
from carbonaccount.database import is_sqlite
from tests.behaviors.intake.arranging import bring, item, open_person

# How far two statements must be alike to be one statement with other values.
_BEGINNING = 60


@contextmanager
def statements(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what the driver is told, also by the fast paths that SQLAlchemy does not see."""
    seen: list[str] = []
    if is_sqlite(session):
        raw = bulk.driver_connection(session)
        raw.set_trace_callback(lambda statement: seen.append(statement[:_BEGINNING]))
        yield seen
        raw.set_trace_callback(None)
        # Rows of one executemany come one after the other.
        seen[:] = [beginning for beginning, _ in groupby(seen)]
        return
    with monkeypatch.context() as patch:
        for name in ("execute", "executemany", "copy"):
            patch.setattr(psycopg.Cursor, name, _noting(getattr(psycopg.Cursor, name), seen))
        yield seen


def _noting(method: Any, seen: list[str]) -> Any:
    def noted(cursor: Any, statement: Any, *rest: Any, **options: Any) -> Any:
        seen.append(str(statement)[:_BEGINNING])
        return method(cursor, statement, *rest, **options)

    return noted


def events(first: int, size: int, evidence: str) -> list[dict[str, Any]]:
    """Rides of 20 people: some overlap with each other, and some with those of a batch before."""
    return [
        item(
            f"e{evidence}{first + n}",
            subject=f"rider-{n % 20}",
            occurred_at=f"2026-03-02T{n // 20 % 24:02d}:{n // 480 * 7:02d}:00+08:00",
            ended_at=f"2026-03-02T{n // 20 % 24:02d}:{n // 480 * 7 + 10:02d}:00+08:00",
            activity={"distance_km": "0.1"},
            evidence=evidence,
        )
        for n in range(size)
    ]


def test_the_number_of_statements_does_not_depend_on_the_size(
    session: Session, bikes: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        open_person(session, (bikes, f"rider-{number}"))
    session.commit()
    bring(session, bikes, *events(0, 1, "D"))  # Opens this year's accounts of the city.
    counts = {}
    for size in (10, 1000):
        first = size * 10
        # New people's accounts and worse evidence first, then better evidence that replaces it,
        # then all again, with contradictions.
        new, better = events(first, size, "B"), events(first, size, "A")
        contradictions = [one | {"evidence": "B"} for one in better]
        for name, batch in (("new", new), ("better", better), ("again", [*new, *contradictions])):
            bulk.driver_connection(session)  # Begins the transaction before counting.
            with statements(session, monkeypatch) as seen:
                result = bring(session, bikes, *batch)
            counts[name, size] = len(seen)
            assert sum(result.counts.values()) == len(batch)
    for name in ("new", "better", "again"):
        assert counts[name, 1000] <= counts[name, 10] + 2, counts
        assert 5 < counts[name, 1000] < 40, counts
