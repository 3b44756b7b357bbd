"""Recurring work: a registry, and runs that happen once per period however often they are tried."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, func, select

from carbonaccount.clock import CITY_ZONE, business_day
from carbonaccount.database import BigId, open_session, reading
from carbonaccount.errors import Conflict, NotFound

JobFunction = Callable[..., str]

# What was missed longer ago than this is said in the log and not made up for.
CATCH_UP_DAYS = 31
DONE, ELSEWHERE, FAILED = "done", "done elsewhere", "failed"
_log = structlog.stdlib.get_logger(__name__)


class JobRun(SQLModel, table=True):
    """One run of a job for one period; the unique key is what makes it happen once."""

    __tablename__ = "job_run"
    __table_args__ = (sa.UniqueConstraint("job", "period"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    job: str = Field(max_length=64)
    period: date
    started_at: datetime
    finished_at: datetime | None = None
    summary: str | None = Field(default=None, max_length=500)


@dataclass(frozen=True)
class Job:
    """A job: what it does (`function(session, period=..., now=...) -> summary`) and when."""

    name: str
    description: str
    function: JobFunction
    hour: int
    minute: int

    def last_due(self, now: datetime) -> date:
        """Return the newest period whose hour has come: today, or yesterday before that hour."""
        today = business_day(now)
        starts = datetime.combine(today, time(self.hour, self.minute), tzinfo=CITY_ZONE)
        return today if now >= starts else today - timedelta(days=1)


class Outcome(NamedTuple):
    """What came of trying a job for a period: done, done elsewhere, or failed."""

    job: str
    period: date
    state: str
    summary: str = ""


_JOBS: dict[str, Job] = {}


def scheduled(
    *, name: str, description: str, hour: int, minute: int = 0
) -> Callable[[JobFunction], JobFunction]:
    """Register a daily job that runs at an hour of the city's clock."""

    def register(function: JobFunction) -> JobFunction:
        _JOBS[name] = Job(name, description, function, hour, minute)
        return function

    return register


def jobs() -> list[Job]:
    """Return the registered jobs by name."""
    return [_JOBS[name] for name in sorted(_JOBS)]


def last_runs(session: Session) -> dict[str, JobRun]:
    """Return each job's run of its newest period."""
    newest = (
        select(col(JobRun.job), func.max(col(JobRun.period)).label("period"))
        .group_by(col(JobRun.job))
        .subquery()
    )
    runs = session.exec(
        select(JobRun).join(
            newest, (newest.c.job == col(JobRun.job)) & (newest.c.period == col(JobRun.period))
        )
    )
    return {run.job: run for run in runs}


def run_once(session: Session, *, name: str, period: date, now: datetime) -> str:
    """Run a job for a period unless it has already been done; the caller commits.

    Claim and work are one transaction: a job that fails leaves no trace and is tried again.
    Raises NotFound for an unknown name, Conflict (job_done_elsewhere) when another process did
    the same period meanwhile.
    """
    job = _JOBS.get(name)
    if job is None:
        raise NotFound("unknown_job", name=name)
    done = session.exec(
        select(JobRun).where(col(JobRun.job) == name, col(JobRun.period) == period)
    ).first()
    if done is not None:
        return f"already done: {done.summary}"
    run = JobRun(job=name, period=period, started_at=now)
    session.add(run)
    try:
        session.flush()  # The unique key stops a second process here, before any work is done.
    except IntegrityError:
        raise Conflict("job_done_elsewhere", name=name, period=period.isoformat()) from None
    run.summary = job.function(session, period=period, now=now)
    run.finished_at = now
    return run.summary


def run_due(
    engine: Engine, *, now: datetime, stopping: Callable[[], bool] = lambda: False
) -> list[Outcome]:
    """Run every job for each period that is due, oldest first, each in its own transaction.

    A job that fails is logged and left for the next call, with its later periods; the others go
    on. `stopping` is asked before each run.
    """
    outcomes: list[Outcome] = []
    for job in jobs():
        for period in _due(engine, job, now):
            if stopping():
                return outcomes
            outcome = _try(engine, job, period, now)
            outcomes.append(outcome)
            _log.info("job_tried", job=job.name, period=period.isoformat(), state=outcome.state)
            if outcome.state == FAILED:
                # A later day may build on this one.
                break
    return outcomes


def _due(engine: Engine, job: Job, now: datetime) -> list[date]:
    latest = job.last_due(now)
    with open_session(reading(engine)) as session:
        done = set(
            session.exec(
                select(col(JobRun.period)).where(
                    col(JobRun.job) == job.name, col(JobRun.period) <= latest
                )
            )
        )
    oldest = latest - timedelta(days=CATCH_UP_DAYS - 1)
    if done and max(done) < oldest - timedelta(days=1):
        _log.warning("job_days_given_up", job=job.name, last=max(done).isoformat())
    return missing_periods(done, oldest=oldest, latest=latest)


def missing_periods(done: Collection[date], *, oldest: date, latest: date) -> list[date]:
    """Return the days that were not done, oldest first.

    A job that never ran begins with the latest; days before its first run are none it missed.
    """
    first = max(oldest, min(done)) if done else latest
    days = (first + timedelta(days=number) for number in range((latest - first).days + 1))
    return [day for day in days if day not in done]


def _try(engine: Engine, job: Job, period: date, now: datetime) -> Outcome:
    try:
        with open_session(engine) as session:
            summary = run_once(session, name=job.name, period=period, now=now)
            session.commit()
    except Conflict as error:
        if error.code != "job_done_elsewhere":
            return _failed(job, period)
        return Outcome(job.name, period, ELSEWHERE)
    except Exception:  # noqa: BLE001 - logged with its traceback; one job must not stop the rest
        return _failed(job, period)
    return Outcome(job.name, period, DONE, summary)


def _failed(job: Job, period: date) -> Outcome:
    _log.exception("job_failed", job=job.name, period=period.isoformat())
    return Outcome(job.name, period, FAILED)
