"""Running previews beside the requests; how far one has come is in its row."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine

from behaviors.preview import services
from behaviors.preview.engine import preview
from behaviors.rule_models import WorkStatus
from carbonaccount.clock import business_day, utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import DomainError
from carbonaccount.tasks import TaskRunner

Clock = Callable[[], datetime]
# A row that changed with each block would be written more often than anybody looks at it.
_NOTE_EVERY_S = 0.5
_log = structlog.stdlib.get_logger(__name__)


class CancelledByStaff(Exception):
    """Raised between two blocks when somebody asked for the preview to stop."""


def run_preview(engine: Engine, public_id: str, clock: Clock = utc_now) -> None:
    """Run a waiting preview and write down what it found; changes nothing but its row.

    Whatever goes wrong ends up in the row as a code and, if it was not foreseen, in the log.
    """
    with open_session(engine) as session:
        begun = services.begin(session, public_id=public_id, now=clock())
        session.commit()
    if not begun:
        return
    try:
        result = _result(engine, public_id, clock)
    except CancelledByStaff:
        _end(engine, public_id, clock, WorkStatus.CANCELLED)
    except DomainError as error:
        _end(engine, public_id, clock, WorkStatus.FAILED, error=error.code)
    except Exception:  # noqa: BLE001 - logged with its traceback, and shown with the preview
        _log.exception("preview_failed", preview=public_id)
        _end(engine, public_id, clock, WorkStatus.FAILED, error="preview_broke_off")
    else:
        _end(engine, public_id, clock, WorkStatus.DONE, result=result)


def _result(engine: Engine, public_id: str, clock: Clock) -> dict[str, object]:
    with open_session(reading(engine)) as session:
        row = services.find_preview(session, public_id=public_id)
    progress = _Progress(engine, public_id)
    return preview(
        engine,
        behavior_id=row.behavior_id,
        rule_version_ids=row.rule_version_ids,
        first_day=row.first_day,
        last_day=row.last_day,
        today=business_day(clock()),
        progress=progress.note,
        pause=progress.again,
    )


class _Progress:
    """Writes into the row how far a preview has come, and finds out there whether to stop."""

    def __init__(self, engine: Engine, public_id: str) -> None:
        self._engine, self._public_id = engine, public_id
        self._noted_at = 0.0
        self._done = self._total = 0

    def note(self, done: int, total: int) -> None:
        """Take note of a block. Raises CancelledByStaff."""
        self._done, self._total = done, total
        if done == total or time.monotonic() - self._noted_at >= _NOTE_EVERY_S:
            self.again()

    def again(self) -> None:
        """Write the last note once more. Raises CancelledByStaff."""
        with open_session(self._engine) as session:
            stop = services.note_progress(
                session, public_id=self._public_id, done=self._done, total=self._total
            )
            session.commit()
        self._noted_at = time.monotonic()
        if stop:
            raise CancelledByStaff


def _end(
    engine: Engine,
    public_id: str,
    clock: Clock,
    status: WorkStatus,
    *,
    result: dict[str, object] | None = None,
    error: str | None = None,
) -> None:
    with open_session(engine) as session:
        services.end(
            session, public_id=public_id, status=status, now=clock(), result=result, error=error
        )
        session.commit()


class PreviewRunner:
    """Runs this process's previews, one at a time."""

    def __init__(self, engine: Engine, *, lock_folder: Path, clock: Clock = utc_now) -> None:
        self._engine, self._clock = engine, clock
        self._tasks = TaskRunner(
            engine, kind="preview", lock_folder=lock_folder, refusal="preview_at_work"
        )
        self.is_at_work = self._tasks.is_at_work
        self.join = self._tasks.join

    def starting(self, public_id: str) -> AbstractContextManager[None]:
        """Take a preview on; the caller commits its row inside, the run begins afterwards.

        Raises Conflict (preview_at_work) when a process is at work on it.
        """
        return self._tasks.starting(
            public_id, lambda _lock: run_preview(self._engine, public_id, self._clock)
        )
