"""A scheduler that waits at gates, so that it can be stopped there: `URL FOLDER LEASE_S EVERY_S`.

Its clock is what FOLDER/now says. While FOLDER/gate names a place (`before` a run, without a
transaction, or `inside` one, with work done and not committed), whoever comes there waits. Lines
in FOLDER/trace tell who is where and what came of each try; no rollback takes them back.
"""

import os
import sys
import time
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from carbonaccount import audit, scheduler
from carbonaccount.database import make_engine
from carbonaccount.job_process import JobProcess

URL, FOLDER = sys.argv[1], Path(sys.argv[2])
LEASE_S, EVERY_S = float(sys.argv[3]), float(sys.argv[4])


def trace(*words: object) -> None:
    """Append a line in one write."""
    with (FOLDER / "trace").open("ab", buffering=0) as file:
        file.write((" ".join(map(str, (*words, os.getpid()))) + "\n").encode())


def wait_at(place: str, period: date) -> None:
    """Wait while the gate is shut."""
    told = False
    while is_shut(place):
        if not told:
            trace("at", place, period)
        told = True
        time.sleep(0.005)


def is_shut(place: str) -> bool:
    """Return whether the gate names a place."""
    try:
        return (FOLDER / "gate").read_text() == place
    except FileNotFoundError:
        return False


def city_now() -> datetime:
    """Return the moment that the rounds have come to."""
    return datetime.fromisoformat((FOLDER / "now").read_text())


@scheduler.scheduled(name="daily", description="daily", hour=0)
def daily(session: Session, *, period: date, now: datetime) -> str:
    """Leave one row for the period."""
    audit.record(session, acting_user=audit.SYSTEM, action="test.job", subject=str(period), now=now)
    session.flush()
    wait_at("inside", period)
    return "worked"


def watched(engine: Any, **needs: Any) -> scheduler.Outcome:
    """Try a job as the scheduler does, and tell what came of it."""
    wait_at("before", needs["period"])
    outcome = attempt(engine, **needs)
    trace("came", outcome.period, outcome.state)
    return outcome


if __name__ == "__main__":
    attempt = scheduler.attempt
    setattr(scheduler, "attempt", watched)  # noqa: B010 - mypy knows that it is a function
    process = JobProcess(
        make_engine(URL),
        lock_folder=FOLDER / "locks",
        context=nullcontext,
        lease_s=LEASE_S,
        clock=city_now,
    )
    trace("ready")
    process.run(every_s=EVERY_S)
