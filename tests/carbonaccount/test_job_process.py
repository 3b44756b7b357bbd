"""The process that runs jobs: several may be started, one leads, a killed one is replaced."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import Conflict
from carbonaccount.job_models import JobRun
from carbonaccount.job_process import LEADER
from carbonaccount.leadership import is_locked, take_lock
from carbonaccount.lease import JobLease, Lease, standing

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 180.0

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
    time.sleep(1.2)  # Two ticks more, in which nothing may happen.
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
    time.sleep(1.2)
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
    leader = standing(engine, name=LEADER, folder=tmp_path / "locks")
    assert leader is not None
    assert not leader.is_alive


COMMAND = ["flask", "--app", "wsgi", "jobs", "run", "--every", "1"]
SERVER = ["gunicorn", "wsgi:app"]


def test_the_command_and_the_server_run_what_is_due_and_stop(
    database_url: str, database_kind: str, tmp_path: Path, engine: Engine
) -> None:
    # As they are used: a small installation has SQLite and one server, a large one neither.
    command = SERVER if database_kind == "sqlite" else COMMAND
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={
            **os.environ,
            "PROFILE": "demo",
            "DATABASE_URL": database_url,
            "INSTANCE_PATH": str(tmp_path),
            "JOBS_IN_SERVER": "1",
            "WEB_CONCURRENCY": "2",
            "BIND": f"unix:{tmp_path / 'socket'}",
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

    def gone() -> bool:
        leader = standing(engine, name=LEADER, folder=tmp_path / "locks")
        return leader is not None and not leader.is_alive

    # Whoever led has said that it goes; one that a busy machine killed is gone with its lease.
    wait_for(gone, "the end of the lease")
    with open_session(engine) as session:
        runs_ = session.exec(select(JobRun)).all()
    assert all(run.epoch is not None for run in runs_)


def test_the_list_shows_the_last_run(app: Flask) -> None:
    runner = app.test_cli_runner()
    before = runner.invoke(args=["jobs", "list"]).output.splitlines()
    cleanup = next(number for number, line in enumerate(before) if line.startswith("cleanup"))
    assert before[cleanup + 1].strip() == "last: never"
    tried = runner.invoke(args=["jobs", "once", "cleanup", "--date", "2026-11-20", "--dry-run"])
    assert tried.output.strip() == (
        "cleanup 2026-11-20: dry run, nothing of it stays: codes=0 counters=0 sessions=0"
    )
    assert runner.invoke(args=["jobs", "list"]).output.splitlines() == before
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


def test_a_lease_is_had_by_one_and_taken_over_in_the_next_epoch(
    engine: Engine, tmp_path: Path
) -> None:
    first, second = (Lease(engine, name="x", folder=tmp_path, lease_s=600) for _ in range(2))
    assert standing(engine, name="x", folder=tmp_path) is None
    fence = first.hold()
    assert fence is not None
    assert fence.epoch == 1
    assert second.hold() is None
    assert first.hold() == fence
    first.give_up()
    assert not first.renew()
    taken = second.hold()
    assert taken is not None
    assert taken.epoch == 2
    assert first.hold() is None
    assert fence.is_broken(engine)
    with open_session(engine) as session, pytest.raises(Conflict, match="job_fenced"):
        fence.enter(session)
    with open_session(engine) as session, pytest.raises(Conflict, match="job_fenced"):
        fence.seal(session)
    with open_session(engine) as session:
        taken.enter(session)
        taken.seal(session)
        session.commit()
    second.give_up()


def test_a_quiet_holder_whose_lock_is_free_is_replaced_before_its_lease_ends(
    engine: Engine, tmp_path: Path
) -> None:
    """Its process was killed: the system has let go of its lock, the lease runs on."""
    gone = Lease(engine, name="x", folder=tmp_path, lease_s=600)
    assert gone.hold() is not None
    other = Lease(engine, name="x", folder=tmp_path, lease_s=600)
    with open_session(engine) as session:
        # As if it had not been heard of for 301 of its 600 seconds.
        row = session.exec(select(JobLease)).one()
        row.expires_at -= timedelta(seconds=301)
        row.heartbeat_at -= timedelta(seconds=301)
        session.commit()
    assert other.hold() is None  # its lock shows that it is there
    gone._release()
    taken = other.hold()
    assert taken is not None
    assert taken.epoch == 2
    assert not gone.renew()
    other.give_up()


def test_a_lost_lock_does_not_end_a_lease(
    engine: Engine, tmp_path: Path, database_kind: str
) -> None:
    """The lock is help only: without it the lease goes on, and nobody else leads."""
    leader, other = (Lease(engine, name="x", folder=tmp_path, lease_s=600) for _ in range(2))
    fence = leader.hold()
    assert fence is not None
    if database_kind == "sqlite":
        (tmp_path / "x-1.lock").unlink()
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql(
                # The second number waits: the server ends a connection a moment after it is told.
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
    assert other.hold() is None
    assert leader.hold() == fence
    leader.give_up()


def test_no_job_is_done_ahead_of_its_day(app: Flask) -> None:
    runner = app.test_cli_runner()
    for extra in ((), ("--dry-run",)):
        refused = runner.invoke(args=["jobs", "once", "cleanup", "--date", "2999-01-01", *extra])
        assert refused.exit_code == 1
        assert "这一天还没有到" in refused.output or "has not come yet" in refused.output
    listed = runner.invoke(args=["jobs", "list"]).output
    assert "2999" not in listed
