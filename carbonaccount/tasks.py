"""Work that staff ask for and that must not keep their page waiting: one after another in a thread.

What is to be done and how it stands is in a row of the database, so any process can show it.
Whether anybody is at work on it is told by a lock that ends with the process: work whose process
died is seen as such at once, and may be asked for again.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy.engine import Engine

from carbonaccount.errors import Conflict
from carbonaccount.leadership import ProcessLock, is_locked, take_lock

_log = structlog.stdlib.get_logger(__name__)


# What is to be done, given the lock under which it is: `lock.holds()` says whether still.
Run = Callable[[ProcessLock], object]


class _Task(NamedTuple):
    key: str
    run: Run
    lock: ProcessLock


class TaskRunner:
    """Does this process's pieces of work of one kind, one at a time.

    context: what surrounds each of them, an application context for instance. refusal: the code
    of the Conflict when a piece of work is taken on twice.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        kind: str,
        lock_folder: Path,
        context: Callable[[], AbstractContextManager[object]] = nullcontext,
        refusal: str = "task_at_work",
    ) -> None:
        self._engine, self._kind, self._refusal = engine, kind, refusal
        self._lock_folder, self._context = lock_folder, context
        self._guard = threading.Lock()
        self._waiting: deque[_Task] = deque()
        self._thread: threading.Thread | None = None

    def is_at_work(self, key: str) -> bool:
        """Return whether some process is at work on it or has it in its queue.

        Work that waits or runs in its row while nobody is at work on it was interrupted.
        """
        return is_locked(self._engine, name=self._lock_name(key), folder=self._lock_folder)

    @contextmanager
    def starting(self, key: str, run: Run) -> Iterator[None]:
        """Take a piece of work on; the caller commits its row inside, `run` begins afterwards.

        Raises Conflict (task_at_work, or the runner's own code) when a process is at work on it.
        """
        lock = take_lock(self._engine, name=self._lock_name(key), folder=self._lock_folder)
        if lock is None:
            raise Conflict(self._refusal)
        try:
            yield
        except BaseException:
            lock.release()
            raise
        with self._guard:
            self._waiting.append(_Task(key, run, lock))
            if self._thread is None:
                # A daemon: a server that is told to stop must not wait for long work.
                self._thread = threading.Thread(target=self._work, name=self._kind, daemon=True)
                self._thread.start()

    def join(self) -> None:
        """Wait until nothing is left to do."""
        while (thread := self._thread) is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._thread = None
                    return
                task = self._waiting.popleft()
            try:
                with self._context():
                    task.run(task.lock)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next one may do
                # Its row still says that it runs; without the lock it shows as interrupted.
                _log.exception("task_interrupted", kind=self._kind, task=task.key)
            finally:
                task.lock.release()

    def _lock_name(self, key: str) -> str:
        return f"{self._kind}-{key}"
