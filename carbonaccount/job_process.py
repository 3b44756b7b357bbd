"""The process that runs the jobs: `flask jobs run`. Any number may be started; one leads."""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.leadership import Leader
from carbonaccount.scheduler import run_due

# A tick that is late, after a suspended machine for instance, is still worth running.
MISFIRE_GRACE_S = 3600
# The lock of the process that leads; while it is held, somebody runs what is due.
LEADER = "scheduler"
_log = structlog.stdlib.get_logger(__name__)


class JobProcess:
    """Looks at every tick whether this process leads, and if so runs what is due."""

    def __init__(
        self,
        engine: Engine,
        *,
        lock_folder: Path,
        context: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._engine, self._context = engine, context
        self._leader = Leader(engine, name=LEADER, folder=lock_folder)
        self._led = False
        self._stopping = threading.Event()

    def run(self, *, every_s: int) -> None:
        """Tick until SIGTERM or SIGINT; a job that runs then is finished first."""
        # It would say at each tick that one ran, or that a long one was not run twice.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BlockingScheduler(
            timezone=CITY_ZONE,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={
                "coalesce": True,
                "misfire_grace_time": MISFIRE_GRACE_S,
                "max_instances": 1,
            },
        )
        trigger = IntervalTrigger(seconds=every_s, timezone=CITY_ZONE)
        scheduler.add_job(self.tick, trigger, next_run_time=utc_now())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        # Stopping takes locks that the interrupted thread may hold, so another thread does it.
        threading.Thread(target=self._stop, args=(scheduler,), daemon=True).start()
        scheduler.start()
        self._leader.resign()
        _log.info("jobs_stopped")

    def tick(self) -> None:
        """Run what is due if this process leads."""
        with self._context():
            try:
                leads = self._leader.leads()
            except DBAPIError:
                _log.exception("leadership_unknown")
                return
            if leads != self._led:
                _log.info("jobs_leading" if leads else "jobs_waiting")
            self._led = leads
            if leads:
                run_due(self._engine, now=utc_now(), stopping=self._stopping.is_set)

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop(self, scheduler: BlockingScheduler) -> None:
        self._stopping.wait()
        scheduler.shutdown(wait=True)
