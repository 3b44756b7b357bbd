"""Running previews beside the requests: one after another in a thread of this process.

How far a preview has come is in its row, so any process can show it. Whether anybody is at work
on it is told by a lock that ends with the process: one whose process died is seen as such at
once, and may be run again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog
from flask import Flask
from sqlalchemy.engine import Engine

from behaviors.preview import services
from behaviors.preview.engine import preview
from behaviors.rule_models import WorkStatus
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.database import open_session, reading
from carbonaccount.errors import Conflict, DomainError
from carbonaccount.leadership import ProcessLock, is_locked, take_lock

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
        self._engine, self._lock_folder, self._clock = engine, lock_folder, clock
        self._guard = threading.Lock()
        self._waiting: deque[tuple[str, ProcessLock]] = deque()
        self._thread: threading.Thread | None = None

    def is_at_work(self, public_id: str) -> bool:
        """Return whether some process runs the preview or has it in its queue.

        A preview that waits or runs in its row while nobody is at work on it was interrupted.
        """
        return is_locked(self._engine, name=_lock_name(public_id), folder=self._lock_folder)

    @contextmanager
    def starting(self, public_id: str) -> Iterator[None]:
        """Take a preview on; the caller commits its row inside, the run begins afterwards.

        Raises Conflict (preview_at_work) when a process is at work on it.
        """
        lock = take_lock(self._engine, name=_lock_name(public_id), folder=self._lock_folder)
        if lock is None:
            raise Conflict("preview_at_work")
        try:
            yield
        except BaseException:
            lock.release()
            raise
        with self._guard:
            self._waiting.append((public_id, lock))
            if self._thread is None:
                # A daemon: a server that is told to stop must not wait for a long history.
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()

    def join(self) -> None:
        """Wait until nothing is left to run."""
        while (thread := self._thread) is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._thread = None
                    return
                public_id, lock = self._waiting.popleft()
            try:
                run_preview(self._engine, public_id, self._clock)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next one may do
                # Its row still says that it runs; without the lock it shows as interrupted.
                _log.exception("preview_interrupted", preview=public_id)
            finally:
                lock.release()


def init_app(app: Flask) -> None:
    """Give the application what runs its previews: `app.extensions["carbonaccount.previews"]`."""
    settings: Settings = app.extensions["carbonaccount.settings"]
    app.extensions["carbonaccount.previews"] = PreviewRunner(
        app.extensions["carbonaccount.engine"], lock_folder=settings.instance_path / "locks"
    )


def _lock_name(public_id: str) -> str:
    return f"preview-{public_id}"
