"""The process that runs the jobs: `flask jobs run`. Any number may be started; one leads.

A small installation runs it inside its web server instead; the guard is the same.
"""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.config import Settings
from carbonaccount.lease import Fence, Lease
from carbonaccount.scheduler import run_due

# A tick that is late, after a suspended machine for instance, is still worth running.
MISFIRE_GRACE_S = 3600
# The lease of the process that leads.
LEADER = "scheduler"
LEASE_S = 60.0
# A few heartbeats may be lost before the lease is.
HEARTBEATS_A_LEASE = 5
_log = structlog.stdlib.get_logger(__name__)


def start_in_server(app: Flask, *, every_s: float = 60) -> Callable[[], None] | None:
    """Run the jobs beside the requests when the settings say so; returns what stops them."""
    settings: Settings = app.extensions["carbonaccount.settings"]
    if not settings.jobs_in_server:
        return None
    process = JobProcess(
        app.extensions["carbonaccount.engine"],
        lock_folder=settings.instance_path / "locks",
        context=app.app_context,
    )
    return process.start_beside(every_s=every_s)


class JobProcess:
    """Looks at every tick whether this process leads, and if so runs what is due.

    lease_s: how long it leads without being heard of.  clock: tells what is due.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        lock_folder: Path,
        context: Callable[[], AbstractContextManager[object]],
        lease_s: float = LEASE_S,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine, self._context, self._lease_s = engine, context, lease_s
        self._clock = clock
        self._lease = Lease(engine, name=LEADER, folder=lock_folder, lease_s=lease_s)
        self._led: Fence | None = None
        self._stopping = threading.Event()

    def run(self, *, every_s: float) -> None:
        """Tick until SIGTERM or SIGINT; a job that runs then is finished first."""
        scheduler = BlockingScheduler(timezone=CITY_ZONE)
        self._prepare(scheduler, every_s)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        # Stopping takes locks that the interrupted thread may hold, so another thread does it.
        threading.Thread(target=self._stop, args=(scheduler,), daemon=True).start()
        scheduler.start()
        self._resign()

    def start_beside(self, *, every_s: float) -> Callable[[], None]:
        """Tick in threads of a process that does other work; returns what stops it."""
        scheduler = BackgroundScheduler(timezone=CITY_ZONE)
        self._prepare(scheduler, every_s)
        scheduler.start()

        def stop() -> None:
            self._stopping.set()
            scheduler.shutdown(wait=True)
            self._resign()

        return stop

    def tick(self) -> None:
        """Run what is due if this process leads."""
        with self._context():
            try:
                fence = self._lease.hold()
                if fence != self._led:
                    self._tell(fence)
                self._led = fence
                if fence is not None:
                    stopping = self._stopping.is_set
                    run_due(self._engine, now=self._clock(), fence=fence, stopping=stopping)
            except DBAPIError:
                # The database is away, or on SQLite somebody keeps it locked: the next tick tells.
                _log.exception("leadership_unknown")

    def heartbeat(self) -> None:
        """Say that this process is there, while a job may take longer than the lease."""
        try:
            self._lease.renew()
        except DBAPIError:
            # On SQLite the job itself is in the way; its commit is a heartbeat too.
            _log.info("heartbeat_missed")

    def _prepare(self, scheduler: BaseScheduler, every_s: float) -> None:
        # It would say at each tick that one ran, or that a long one was not run twice.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler.configure(
            executors={"default": ThreadPoolExecutor(1), "heartbeat": ThreadPoolExecutor(1)},
            job_defaults={
                "coalesce": True,
                "misfire_grace_time": MISFIRE_GRACE_S,
                "max_instances": 1,
            },
            timezone=CITY_ZONE,
        )
        trigger = IntervalTrigger(seconds=every_s, timezone=CITY_ZONE)
        scheduler.add_job(self.tick, trigger, next_run_time=utc_now())
        beat = IntervalTrigger(seconds=self._lease_s / HEARTBEATS_A_LEASE, timezone=CITY_ZONE)
        scheduler.add_job(self.heartbeat, beat, executor="heartbeat")

    def _tell(self, fence: Fence | None) -> None:
        if fence is None:
            _log.info("jobs_waiting", holder=self._lease.holder)
        else:
            _log.info("jobs_leading", holder=self._lease.holder, epoch=fence.epoch)

    def _resign(self) -> None:
        try:
            self._lease.give_up()
        except DBAPIError:
            _log.exception("lease_not_given_up")
        _log.info("jobs_stopped")

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop(self, scheduler: BaseScheduler) -> None:
        self._stopping.wait()
        scheduler.shutdown(wait=True)
