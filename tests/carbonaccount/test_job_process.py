"""The process that runs jobs: several may be started, one leads, a killed one is replaced."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.database import make_engine, open_session
from carbonaccount.job_models import JobRun
from carbonaccount.leadership import Leader, is_locked, take_lock

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """This test's database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts processes of jobs on this test's database; ends them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.carbonaccount.job_child"]
        with (tmp_path / f"log-{len(started)}").open("wb") as log:
            process = subprocess.Popen(
                [*command, database_url, str(tmp_path)], cwd=ROOT, stderr=log, stdout=log
            )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def trace(folder: Path) -> list[str]:
    """Return what the jobs wrote down."""
    file = folder / "trace"
    return file.read_text().splitlines() if file.exists() else []


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def wait_for_line(folder: Path, line: str) -> None:
    """Wait until the jobs have written a line."""
    wait_for(lambda: line in trace(folder), f"{line}, there is {trace(folder)}")


def runs(engine: Engine) -> list[str]:
    """Return the jobs that are done, and check that each left one trace in its transaction."""
    with open_session(engine) as session:
        done = list(session.exec(select(JobRun.job).order_by(col(JobRun.job))))
        left = session.exec(select(AuditEntry).where(AuditEntry.action == "test.job")).all()
    assert len(left) == len(done)
    return done


def test_two_processes_do_each_job_once(start: Start, tmp_path: Path, engine: Engine) -> None:
    processes = [start(), start()]
    for process in processes:
        wait_for_line(tmp_path, f"ready {process.pid}")
    wait_for(lambda: sum(line.startswith("end") for line in trace(tmp_path)) == 2, "both jobs")
    time.sleep(2.5)  # Two ticks more, in which nothing may happen.
    begun = [line.split()[1] for line in trace(tmp_path) if line.startswith("start")]
    assert begun == ["first", "second"]
    assert runs(engine) == ["first", "second"]


def test_when_the_leader_is_killed_another_takes_over(
    start: Start, tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "first.slow").write_text("600")
    leader = start()
    wait_for_line(tmp_path, f"start first {leader.pid}")
    other = start()
    wait_for_line(tmp_path, f"ready {other.pid}")
    time.sleep(2.5)
    assert f"start first {other.pid}" not in trace(tmp_path)
    os.kill(leader.pid, signal.SIGKILL)
    wait_for_line(tmp_path, f"end second {other.pid}")
    wait_for(lambda: len(runs(engine)) == 2, "the last commit")
    assert f"end first {leader.pid}" not in trace(tmp_path)


def test_sigterm_lets_a_running_job_end_and_begins_no_other(
    start: Start, tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "first.slow").write_text("1.5")
    process = start()
    wait_for_line(tmp_path, f"start first {process.pid}")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=WAIT_S) == 0
    assert runs(engine) == ["first"]
    lock = take_lock(engine, name="scheduler", folder=tmp_path / "locks")
    assert lock is not None
    lock.release()


def test_the_command_runs_what_is_due_and_stops(
    database_url: str, tmp_path: Path, engine: Engine
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "run", "--every", "1"],
        cwd=ROOT,
        env={
            **os.environ,
            "PROFILE": "demo",
            "DATABASE_URL": database_url,
            "INSTANCE_PATH": str(tmp_path),
        },
        stderr=subprocess.DEVNULL,
    )

    def done() -> bool:
        with open_session(engine) as session:
            return session.exec(select(JobRun).where(JobRun.job == "cleanup")).first() is not None

    try:
        wait_for(done, "the job")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT_S) == 0
    finally:
        process.kill()
        process.wait()


def test_the_list_shows_the_last_run(app: Flask) -> None:
    runner = app.test_cli_runner()
    before = runner.invoke(args=["jobs", "list"]).output.splitlines()
    cleanup = next(number for number, line in enumerate(before) if line.startswith("cleanup"))
    assert before[cleanup + 1].strip() == "last: never"
    for day in ("2026-11-20", "2026-11-19"):
        runner.invoke(args=["jobs", "once", "cleanup", "--date", day])
    after = runner.invoke(args=["jobs", "list"]).output.splitlines()
    assert after[cleanup + 1].strip() == "last: 2026-11-20  codes=0 counters=0 sessions=0"


def test_a_lock_is_had_by_one_and_seen_by_all(engine: Engine, tmp_path: Path) -> None:
    def seen() -> bool:
        return is_locked(engine, name="x", folder=tmp_path)

    assert not seen()
    lock = take_lock(engine, name="x", folder=tmp_path)
    assert lock is not None
    assert seen()
    assert lock.holds()
    assert take_lock(engine, name="x", folder=tmp_path) is None
    assert not is_locked(engine, name="y", folder=tmp_path)
    lock.release()
    assert not seen()
    assert not lock.holds()
    again = take_lock(engine, name="x", folder=tmp_path)
    assert again is not None
    again.release()


def test_a_leader_that_lost_its_connection_leads_no_more(
    engine: Engine, tmp_path: Path, database_kind: str
) -> None:
    leader, other = (Leader(engine, name="x", folder=tmp_path) for _ in range(2))
    assert leader.leads()
    assert not other.leads()
    if database_kind == "sqlite":
        (tmp_path / "x.lock").unlink()
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql(
                # The second number waits: the server ends a connection a moment after it is told.
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
    assert other.leads()
    for _ in range(3):  # Asking again must not open a connection that never had the lock.
        assert not leader.leads()
    other.resign()
    assert leader.leads()
    leader.resign()
