"""Recurring work: a registry, and runs that happen once per period however often they are tried.

What was done stands in `job_run`, whose key makes it happen once; it is written with the work
itself. What was tried stands in `job_attempt`, failures among it; it is written beside the work.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col, func, select

from carbonaccount.clock import CITY_ZONE, business_day
from carbonaccount.database import BigId, is_sqlite, open_session, reading
from carbonaccount.errors import Conflict, DomainError, NotFound

JobFunction = Callable[..., str]

# What was missed longer ago than this is said in the log and not made up for.
CATCH_UP_DAYS = 31
DONE, ELSEWHERE, FAILED = "done", "done elsewhere", "failed"
WAITING, RUNNING = "waiting", "running"
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


class JobAttempt(SQLModel, table=True):
    """How a job stands for a period: how often it was tried, and what came of it at last.

    error: the code of a refusal or the class of an exception; never its text, which may name
    people.  asked_by: who of the staff asked for the last try, empty for the scheduler.
    """

    __tablename__ = "job_attempt"
    __table_args__ = (sa.UniqueConstraint("job", "period"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    job: str = Field(max_length=64)
    period: date
    state: str = Field(max_length=12)  # waiting, running, done, failed
    attempts: int = 0
    asked_by: str = Field(default="", max_length=80)
    started_at: datetime
    finished_at: datetime | None = None
    error: str = Field(default="", max_length=100)
    summary: str = Field(default="", max_length=500)


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

    Claim and work are one transaction: of a job that fails nothing stays but that it was tried,
    and it is tried again. Raises NotFound for an unknown name, Conflict (job_done_elsewhere) when
    another process did the same period meanwhile.
    """
    job = find_job(name)
    done = find_run(session, name, period)
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
    note = _attempt_of(session, name, period, now)
    note.state, note.summary, note.error, note.finished_at = DONE, run.summary, "", now
    note.attempts = max(1, note.attempts)
    return run.summary


def find_job(name: str) -> Job:
    """Return a registered job. Raises NotFound (unknown_job)."""
    job = _JOBS.get(name)
    if job is None:
        raise NotFound("unknown_job", name=name[:64])
    return job


def find_run(session: Session, name: str, period: date) -> JobRun | None:
    """Return the run of a job for a period that was done."""
    return session.exec(
        select(JobRun).where(col(JobRun.job) == name, col(JobRun.period) == period)
    ).first()


def ask(
    session: Session, *, name: str, period: date, asked_by: str, now: datetime
) -> JobAttempt | None:
    """Note that somebody wants a job to be run now; None when the period is done.

    Whoever commits that runs it afterwards with `attempt`. Raises NotFound (unknown_job).
    """
    find_job(name)
    if find_run(session, name, period) is not None:
        return None
    note = _attempt_of(session, name, period, now)
    note.state, note.asked_by, note.error, note.finished_at = WAITING, asked_by, "", None
    note.started_at = now
    return note


def attempt(engine: Engine, *, name: str, period: date, now: datetime) -> Outcome:
    """Run a job for a period in a transaction of its own, and write down what came of it.

    Never raises for what goes wrong in the job: the outcome and the log say so. Raises NotFound
    (unknown_job).
    """
    return _try(engine, find_job(name), period, now)


def _attempt_of(session: Session, name: str, period: date, now: datetime) -> JobAttempt:
    """Return the note of a job and period, made when there is none; the caller fills it in."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(JobAttempt.__table__)  # type: ignore[attr-defined]
        .values(
            job=name, period=period, state=WAITING, attempts=0, asked_by="", started_at=now,
            error="", summary="",
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    return session.exec(
        select(JobAttempt).where(col(JobAttempt.job) == name, col(JobAttempt.period) == period)
    ).one()


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
        _begin(engine, job, period, now)
        with open_session(engine) as session:
            summary = run_once(session, name=job.name, period=period, now=now)
            session.commit()
    except Conflict as error:
        if error.code != "job_done_elsewhere":
            return _failed(engine, job, period, now, error)
        return _ended(engine, Outcome(job.name, period, ELSEWHERE), now)
    except Exception as error:  # noqa: BLE001 - logged with its traceback; one job must not stop the rest
        return _failed(engine, job, period, now, error)
    return _ended(engine, Outcome(job.name, period, DONE, summary), now)


def _begin(engine: Engine, job: Job, period: date, now: datetime) -> None:
    """Write down that a try begins, before the work and whatever becomes of it."""
    with open_session(engine) as session:
        note = _attempt_of(session, job.name, period, now)
        if note.state == DONE:
            return
        if note.state != WAITING:
            note.asked_by = ""
        note.state, note.started_at, note.finished_at = RUNNING, now, None
        note.attempts += 1
        session.commit()


def _ended(engine: Engine, outcome: Outcome, now: datetime, error: str = "") -> Outcome:
    """Write down how a try ended, where the work itself has not done so."""
    with open_session(engine) as session:
        note = _attempt_of(session, outcome.job, outcome.period, now)
        if note.state != DONE:
            done = outcome.state != FAILED
            note.state, note.error, note.finished_at = DONE if done else FAILED, error, now
            session.commit()
    return outcome


def _failed(engine: Engine, job: Job, period: date, now: datetime, error: Exception) -> Outcome:
    _log.exception("job_failed", job=job.name, period=period.isoformat())
    kind = error.code if isinstance(error, DomainError) else type(error).__name__
    outcome = Outcome(job.name, period, FAILED)
    try:
        return _ended(engine, outcome, now, kind[:100])
    except DBAPIError:
        # The database may be what failed; the next try tells then.
        _log.exception("job_failure_not_noted", job=job.name, period=period.isoformat())
        return outcome
