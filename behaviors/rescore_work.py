"""The two parts of a re-scoring that take a while: working it out and booking it.

Both are done beside the requests (see `carbonaccount.tasks`); how they stand is in the row.
"""

import time
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlmodel import col

from behaviors import rescoring
from behaviors.rule_models import Rescore
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import DomainError

Clock = Callable[[], datetime]
# A row that changed with each block would be written more often than anybody looks at it.
_NOTE_EVERY_S = 0.5
_log = structlog.stdlib.get_logger(__name__)


class TakenBack(Exception):
    """Raised between two blocks when the re-scoring was withdrawn meanwhile."""


def work_out(engine: Engine, public_id: str, clock: Clock = utc_now) -> None:
    """Work out a re-scoring that was asked for; what goes wrong ends up in its row as a code."""
    with open_session(reading(engine)) as session:
        rescore = rescoring.find_rescore(session, public_id=public_id)
    if rescore.status != rescoring.ASKED:
        return
    progress = _Progress(engine, public_id)
    try:
        found = rescoring.differences(engine, rescore, business_day(clock()), progress.note)
    except TakenBack:
        return
    except DomainError as error:
        _failed(engine, public_id, error)
    except Exception:  # noqa: BLE001 - logged with its traceback, and shown with the re-scoring
        _log.exception("rescore_failed", rescore=public_id)
        _failed(engine, public_id, None)
    else:
        _propose(engine, public_id, found)


def _propose(engine: Engine, public_id: str, found: rescoring.Differences) -> None:
    with open_session(engine) as session:
        rescore = rescoring.locked(session, public_id)
        if rescore.status == rescoring.ASKED:
            rescoring.store(session, rescore, found)
            session.commit()


def book(engine: Engine, public_id: str, acting_user: Actor, clock: Clock = utc_now) -> None:
    """Book an approved re-scoring, all of it or nothing; what goes wrong ends up in its row."""
    try:
        with open_session(engine) as session:
            rescoring.book(session, public_id=public_id, acting_user=acting_user, now=clock())
            session.commit()
    except DomainError as error:
        _failed(engine, public_id, error)
    except Exception:  # noqa: BLE001 - logged with its traceback, and shown with the re-scoring
        _log.exception("rescore_booking_failed", rescore=public_id)
        _failed(engine, public_id, None)


def _failed(engine: Engine, public_id: str, error: DomainError | None) -> None:
    """Write down what went wrong; one that could not be worked out is over."""
    code, params = ("rescore_broke_off", {}) if error is None else (error.code, error.params)
    with open_session(engine) as session:
        rescore = rescoring.locked(session, public_id)
        if rescore.status not in rescoring.OPEN:
            return
        rescore.error = {"code": code, "params": {n: str(v)[:200] for n, v in params.items()}}
        rescore.booking_asked_at = None
        if rescore.status == rescoring.ASKED:
            rescore.status = rescoring.FAILED
        session.commit()


class _Progress:
    """Writes into the row how far it has come, and finds out there whether to stop."""

    def __init__(self, engine: Engine, public_id: str) -> None:
        self._engine, self._public_id = engine, public_id
        self._noted_at = 0.0

    def note(self, done: int, total: int) -> None:
        """Take note of a block. Raises TakenBack."""
        if done != total and time.monotonic() - self._noted_at < _NOTE_EVERY_S:
            return
        with open_session(self._engine) as session:
            changed = session.execute(
                sa.update(Rescore)
                .where(
                    col(Rescore.public_id) == self._public_id,
                    col(Rescore.status) == rescoring.ASKED,
                )
                .values(records_done=done, records_total=total)
            )
            session.commit()
        self._noted_at = time.monotonic()
        if not getattr(changed, "rowcount", 0):
            raise TakenBack
