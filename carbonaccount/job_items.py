"""Work on one thing after another: what fails with one thing must not stop the rest."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

Item = TypeVar("Item")
Result = TypeVar("Result")
_FAILED = "carbonaccount.failed_items"
_log = structlog.stdlib.get_logger(__name__)


def one_by_one(
    session: Session,
    items: Iterable[Item],
    do: Callable[[Item], Result],
    *,
    key: Callable[[Item], object],
) -> list[Result]:
    """Do something with each item in a savepoint of its own; of one that fails nothing stays.

    Returns what came of the others; a job's summary says how many failed. `key` names an item in
    the log, without personal data. Raises what ends the connection, since nothing could follow.
    """
    results = []
    for item in items:
        name = str(key(item))
        try:
            with session.begin_nested():
                result = do(item)
                session.flush()
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise
            session.info[_FAILED] = session.info.get(_FAILED, 0) + 1
            _log.exception("job_item_failed", item=name)
        else:
            results.append(result)
    return results


def take_failed(session: Session) -> int:
    """Return how many items failed since this was asked last."""
    return int(session.info.pop(_FAILED, 0))
