"""A process with two jobs that tests can slow down, kill and watch: `job_child.py URL FOLDER`.

Each job appends lines to FOLDER/trace, which no rollback takes back. A job whose file
FOLDER/<name>.slow exists takes that away and sleeps before it goes on.
"""

import os
import sys
import time
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.database import make_engine
from carbonaccount.job_process import JobProcess
from carbonaccount.scheduler import scheduled

URL, FOLDER = sys.argv[1], Path(sys.argv[2])


def trace(line: str) -> None:
    """Append a line in one write."""
    with (FOLDER / "trace").open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def work(session: Session, name: str, period: date, now: datetime) -> str:
    """Do what a job does, with a row that belongs to its transaction."""
    trace(f"start {name} {os.getpid()}")
    slow = FOLDER / f"{name}.slow"
    if slow.exists():
        seconds = float(slow.read_text())
        slow.unlink()
        time.sleep(seconds)
    audit.record(
        session,
        acting_user=audit.SYSTEM,
        action="test.job",
        subject=f"{name}:{period}",
        now=now,
    )
    trace(f"end {name} {os.getpid()}")
    return "worked"


@scheduled(name="first", description="first", hour=0)
def first(session: Session, *, period: date, now: datetime) -> str:
    """Work."""
    return work(session, "first", period, now)


@scheduled(name="second", description="second", hour=0)
def second(session: Session, *, period: date, now: datetime) -> str:
    """Work."""
    return work(session, "second", period, now)


if __name__ == "__main__":
    process = JobProcess(
        make_engine(URL), lock_folder=FOLDER / "locks", context=nullcontext, lease_s=2
    )
    trace(f"ready {os.getpid()}")
    process.run(every_s=0.5)
