"""Rounds with three schedulers: the leader is stopped for longer than its lease and continued.

Nothing here depends on how fast the machine is: each step waits for what it needs to see.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.clock import utc_now
from carbonaccount.database import is_sqlite, open_session, reading
from carbonaccount.job_models import JobRun
from carbonaccount.lease import JobLease

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 180.0
FIRST = date(2026, 1, 1)
# With two days a round there is one to stop in and one after it.
DAYS_A_ROUND = 2
PLACES = ("inside", "before")


@dataclass
class Rounds:
    """Three schedulers on one database, and what is known of them."""

    engine: Engine
    folder: Path
    processes: list["subprocess.Popen[bytes]"]
    round: int = 0

    def set_day(self, day: date) -> None:
        """Let the schedulers think that it is noon of a day."""
        text = datetime(day.year, day.month, day.day, 4, tzinfo=UTC).isoformat()
        self._write("now", text)

    def play(self, *, place: str, at_least_s: float = 0) -> str:
        """Stop the leader at a place for longer than its lease; return what came of its try."""
        self.round += 1
        last = FIRST + timedelta(days=self.round * DAYS_A_ROUND)
        self._write("gate", place)
        seen = len(self.trace())
        self.set_day(last)
        leader, period = self._wait_at_gate(place, seen)
        self._stop(leader, place)
        began = time.monotonic()
        try:
            (self.folder / "gate").unlink()
            self._wait_until_over(place, last)
            wait_for(lambda: time.monotonic() - began >= at_least_s, "the pause")
        finally:
            os.kill(leader, signal.SIGCONT)
        wait_for(lambda: self._came_of(leader, period, seen) != "", f"the answer of {leader}")
        wait_for(lambda: last in self.done(), f"{last}")
        return self._came_of(leader, period, seen)

    def done(self) -> list[date]:
        """Return the periods that are done, in their order."""
        with open_session(reading(self.engine)) as session:
            return list(session.exec(select(col(JobRun.period)).order_by(col(JobRun.period))))

    def effects(self) -> Counter[str]:
        """Return how often each period left what its work leaves."""
        with open_session(reading(self.engine)) as session:
            wanted = select(col(AuditEntry.subject)).where(AuditEntry.action == "test.job")
            return Counter(session.exec(wanted))

    def in_order(self) -> list[date]:
        """Return the periods in the order in which they were done."""
        with open_session(reading(self.engine)) as session:
            return list(session.exec(select(col(JobRun.period)).order_by(col(JobRun.id))))

    def trace(self) -> list[list[str]]:
        """Return what the schedulers told, word by word."""
        file = self.folder / "trace"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def _write(self, name: str, text: str) -> None:
        # Whole or not at all: the schedulers read at any moment.
        half = self.folder / f"{name}.new"
        half.write_text(text)
        half.replace(self.folder / name)

    def _stop(self, leader: int, place: str) -> None:
        """Stop a process; before a run, at a moment when it does not write its heartbeat.

        On SQLite nobody could take over otherwise, as when it is stopped inside a run.
        """
        halt(leader)
        while place == "before" and is_sqlite(self.engine) and not self._can_write():
            os.kill(leader, signal.SIGCONT)
            time.sleep(0.01)
            halt(leader)

    def _can_write(self) -> bool:
        connection = sqlite3.connect(str(self.engine.url.database), timeout=1, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    def _wait_at_gate(self, place: str, seen: int) -> tuple[int, str]:
        def arrived() -> list[list[str]]:
            return [line for line in self.trace()[seen:] if line[:2] == ["at", place]]

        wait_for(lambda: bool(arrived()), f"somebody {place}")
        line = arrived()[-1]
        return int(line[3]), line[2]

    def _wait_until_over(self, place: str, last: date) -> None:
        """Wait until the stopped leader's lease is over, and its work done where it can be.

        On SQLite nobody else can write while it stands still in its transaction.
        """
        if place == "inside" and is_sqlite(self.engine):
            wait_for(self._is_expired, "the end of the lease")
        else:
            wait_for(lambda: last in self.done(), f"{last} by another")

    def _is_expired(self) -> bool:
        with reading(self.engine).connect() as connection:
            expires_at = connection.execute(sa.select(col(JobLease.expires_at))).scalar_one()
        # One machine, one clock: the database's is this one.
        return bool(expires_at < utc_now() - timedelta(seconds=0.1))

    def _came_of(self, pid: int, period: str, seen: int) -> str:
        found = [
            line[2]
            for line in self.trace()[seen:]
            if line[0] == "came" and line[1] == period and int(line[3]) == pid
        ]
        return found[0] if found else ""


@contextmanager
def three_schedulers(
    engine: Engine, url: str, folder: Path, *, lease_s: float, every_s: float = 0.1, count: int = 3
) -> Iterator[Rounds]:
    """Start the schedulers on a day whose work is done; end them afterwards."""
    with open_session(engine) as session:
        now = utc_now()
        session.add(JobRun(job="daily", period=FIRST, started_at=now, finished_at=now))
        session.commit()
    rounds = Rounds(engine, folder, [])
    rounds.set_day(FIRST)
    command = [sys.executable, "-m", "tests.carbonaccount.stopped_leader_child", url, str(folder)]
    for number in range(count):
        with (folder / f"log-{number}").open("wb") as log:
            rounds.processes.append(
                subprocess.Popen(
                    [*command, str(lease_s), str(every_s)], cwd=ROOT, stdout=log, stderr=log
                )
            )
    try:
        ready = {("ready", str(process.pid)) for process in rounds.processes}
        wait_for(lambda: ready <= {tuple(line) for line in rounds.trace()}, "the schedulers")
        yield rounds
    finally:
        for process in rounds.processes:
            process.kill()
            process.wait()


def halt(pid: int) -> None:
    """Stop a child process, and wait until all its threads stand still."""
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def assert_once_each(rounds: Rounds) -> None:
    """Check that no period was done twice and none was lost, and each in its turn."""
    days = rounds.round * DAYS_A_ROUND
    wanted = [FIRST + timedelta(days=number) for number in range(days + 1)]
    assert rounds.done() == wanted
    assert rounds.in_order() == wanted
    assert rounds.effects() == Counter(str(day) for day in wanted[1:])
