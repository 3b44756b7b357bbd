"""Recurring work: a registry, and runs that happen once per period however often they are tried."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, select

from carbonaccount.database import BigId
from carbonaccount.errors import NotFound

JobFunction = Callable[..., str]


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


def run_once(session: Session, *, name: str, period: date, now: datetime) -> str:
    """Run a job for a period unless it has already been done; the caller commits.

    Claim and work are one transaction: a job that fails leaves no trace and is tried again.
    Raises NotFound for an unknown name.
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
    session.flush()  # The unique key stops a second process here, before any work is done.
    run.summary = job.function(session, period=period, now=now)
    run.finished_at = now
    return run.summary
