"""Importing uploads beside the requests; how far one has come is in its row.

One whose process died may be taken up again, because importing again changes nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine
from sqlmodel import Session

from behaviors.intake import uploads
from behaviors.intake.importing import ImportSummary, Progress, import_file
from behaviors.intake.upload_files import UploadFiles
from behaviors.models import Source, UploadStatus
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.staff import staff_actor
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.database import is_sqlite, open_session
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.leadership import ProcessLock
from carbonaccount.tasks import TaskRunner

# A connection that waits for SQLite's one write lock looks for it every 0.1 s and has no place in
# a queue: without a pause a button pressed on the site would wait for the last batch.
LET_IN_S = 0.12
_log = structlog.stdlib.get_logger(__name__)


class StoppedByStaff(Exception):
    """Raised between two batches when somebody asked for the import to stop."""


class LockLost(Exception):
    """Raised between two batches when another process may be at work on the same upload."""


@dataclass(frozen=True)
class _Task:
    """What an import needs to know of its upload."""

    upload_id: str
    path: Path
    source_code: str
    mapping: str
    actor: Actor


class UploadRunner:
    """Imports this process's uploads, one at a time."""

    def __init__(
        self,
        engine: Engine,
        *,
        files: UploadFiles,
        lock_folder: Path,
        batch_rows: int,
        clock: Callable[[], datetime] = utc_now,
        between_batches: Callable[[], None] | None = None,
    ) -> None:
        self._engine, self.files = engine, files
        self._batch_rows, self._clock = batch_rows, clock
        self._between_batches = between_batches or self._let_others_write
        self._tasks = TaskRunner(
            engine, kind="upload", lock_folder=lock_folder, refusal="upload_at_work"
        )
        self.is_at_work = self._tasks.is_at_work
        self.join = self._tasks.join

    @contextmanager
    def starting(self, upload_id: str) -> Iterator[None]:
        """Take the upload on; the caller commits its row inside, the import begins afterwards.

        Raises Conflict (upload_at_work) when a process is at work on it.
        """
        with self._tasks.starting(upload_id, partial(self._import, upload_id)):
            yield
            self.files.keep_longer(upload_id)

    def _import(self, upload_id: str, lock: ProcessLock) -> None:
        with self._session() as session:
            begun = uploads.begin(session, upload_id=upload_id)
            session.commit()
        if not begun:
            return
        try:
            task = self._task(upload_id)
            summary = self._run(task, self._progress(task, lock))
        except StoppedByStaff:
            self._end(upload_id, UploadStatus.STOPPED)
        except LockLost:
            raise
        except DomainError as error:
            params = {name: str(value)[:500] for name, value in error.params.items()}
            self._end(upload_id, UploadStatus.FAILED, {"code": error.code, "params": params})
        except Exception:  # noqa: BLE001 - logged with its traceback, and shown with the upload
            _log.exception("upload_failed", upload=upload_id)
            self._end(upload_id, UploadStatus.FAILED, {"code": "import_broke_off", "params": {}})
        else:
            self._end(upload_id, UploadStatus.DONE, mapping_found=summary.mapping)
            self.files.delete_data(upload_id)

    def _task(self, upload_id: str) -> _Task:
        with self._session() as session:
            upload = uploads.find_upload(session, upload_id=upload_id)
            source = session.get(Source, upload.source_id)
            staff = session.get(Staff, upload.staff_id)
        path = self.files.data(upload_id)
        if path is None:
            raise NotFound("upload_file_gone")
        assert source is not None, "a foreign key says so"
        assert staff is not None, "a foreign key says so"
        return _Task(upload_id, path, source.code, upload.mapping, staff_actor(staff))

    def _run(self, task: _Task, progress: Progress) -> ImportSummary:
        return import_file(
            self._session,
            path=task.path,
            source_code=task.source_code,
            mapping=uploads.read_choice(task.mapping),
            exceptions_file=self.files.rejected(task.upload_id),
            batch_rows=self._batch_rows,
            open_unknown=False,
            acting_user=task.actor,
            clock=self._clock,
            progress=progress,
        )

    def _progress(self, task: _Task, lock: ProcessLock) -> Progress:
        size_bytes = max(1, task.path.stat().st_size)

        def progress(summary: ImportSummary, read_bytes: int) -> None:
            share = min(1.0, read_bytes / size_bytes)
            with self._session() as session:
                stop = uploads.note_progress(
                    session,
                    upload_id=task.upload_id,
                    lines_done=summary.lines,
                    lines_total=round(summary.lines / share) if share else summary.lines,
                    counts=summary.counts,
                    reasons=summary.reasons,
                )
                session.commit()
            if not lock.holds():
                raise LockLost
            if stop and share < 1:
                raise StoppedByStaff
            if share < 1:
                self._between_batches()

        return progress

    def _let_others_write(self) -> None:
        """Wait so long that whoever waits for SQLite's one write lock looks for it once."""
        if is_sqlite(self._engine):
            time.sleep(LET_IN_S)

    def _end(
        self,
        upload_id: str,
        status: UploadStatus,
        error: dict[str, object] | None = None,
        mapping_found: str = "",
    ) -> None:
        with self._session() as session:
            uploads.end(
                session,
                upload_id=upload_id,
                status=status,
                now=self._clock(),
                error=error,
                mapping_found=mapping_found,
            )
            session.commit()

    def _session(self) -> Session:
        return open_session(self._engine)
