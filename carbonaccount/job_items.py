"""Jobs that treat one thing after another: what fails with one thing must not stop the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

Item = TypeVar("Item")
Result = TypeVar("Result")
_log = structlog.stdlib.get_logger(__name__)


@dataclass
class Done(Generic[Result]):
    """What came of the things that did not fail, and how many did."""

    results: list[Result] = field(default_factory=list)
    failed: int = 0


def one_by_one(
    session: Session,
    items: Iterable[Item],
    do: Callable[[Item], Result],
    *,
    key: Callable[[Item], object],
) -> Done[Result]:
    """Do something with each item in a savepoint of its own; of one that fails nothing stays.

    `key` names an item in the log, without personal data. Raises what ends the connection, since
    nothing could follow it.
    """
    done: Done[Result] = Done()
    for item in items:
        try:
            with session.begin_nested():
                done.results.append(do(item))
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            done.failed += 1
            _log.exception("job_item_failed", item=str(key(item)))
    return done


def summary_of(*done: Done[Result], **counts: int) -> str:
    """Return the summary of a job: its counts, and how many things failed if any did."""
    failed = sum(each.failed for each in done)
    words = [f"{name}={count}" for name, count in counts.items()]
    return " ".join(words + ([f"failed={failed}"] if failed else []))
