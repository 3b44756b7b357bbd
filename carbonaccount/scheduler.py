"""Recurring work: a registry, and runs that happen once per period however often they are tried.

What was done stands in `job_run`, whose key makes it happen once; it is written with the work
itself. What was tried stands in `job_attempt`, failures among it; it is written beside the work.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as hour_of_day
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col, func, select

from carbonaccount.clock import CITY_ZONE, business_day
from carbonaccount.database import is_sqlite, open_session, reading
from carbonaccount.errors import Conflict, DomainError, NotFound
from carbonaccount.job_items import take_failed
from carbonaccount.job_models import JobAttempt, JobRun
from carbonaccount.lease import Fence

JobFunction = Callable[..., str]

# What was missed longer ago than this is said in the log and not made up for.
CATCH_UP_DAYS = 400
DONE, ELSEWHERE, FAILED = "done", "done elsewhere", "failed"
# The leader that tried led no more when it wanted to commit: nothing of its work stays.
FENCED = "fenced"
WAITING, RUNNING = "waiting", "running"
_DRY_RUN = "carbonaccount.dry_run"
_log = structlog.stdlib.get_logger(__name__)


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
        starts = datetime.combine(today, hour_of_day(self.hour, self.minute), tzinfo=CITY_ZONE)
        return today if now >= starts else today - timedelta(days=1)


class Outcome(NamedTuple):
    """What came of trying a job for a period: done, done elsewhere, failed or fenced."""

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


def run_once(
    session: Session, *, name: str, period: date, now: datetime, epoch: int | None = None
) -> str:
    """Run a job for a period unless it has already been done; the caller commits.

    Claim and work are one transaction: of a job that fails nothing stays but that it was tried,
    and it is tried again. Raises NotFound for an unknown name, Conflict (job_done_elsewhere) when
    another process did the same period meanwhile.
    """
    job, watch = find_job(name), Watch(now)
    done = find_run(session, name, period)
    if done is not None:
        return f"already done: {done.summary}"
    run = JobRun(job=name, period=period, started_at=now, epoch=epoch)
    session.add(run)
    try:
        session.flush()  # The unique key stops a second process here, before any work is done.
    except IntegrityError:
        raise Conflict("job_done_elsewhere", name=name, period=period.isoformat()) from None
    run.summary = _work(session, job, period, now)
    run.finished_at = watch.now()
    note = _attempt_of(session, name, period, now)
    note.state, note.summary, note.error, note.finished_at = DONE, run.summary, "", watch.now()
    note.attempts = max(1, note.attempts)
    return run.summary


def _work(session: Session, job: Job, period: date, now: datetime) -> str:
    """Do a job's work and return its summary, with the number of things that failed if any did."""
    take_failed(session)
    summary = job.function(session, period=period, now=now)
    failed = take_failed(session)
    return f"{summary} failed={failed}" if failed else summary


class Watch:
    """Tells how late it is by now, after what has passed since a moment."""

    def __init__(self, now: datetime) -> None:
        self._began, self._now = time.monotonic(), now

    def now(self) -> datetime:
        """Return the present moment."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)


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


def is_dry_run(session: Session) -> bool:
    """Return whether nothing of the job's work will stay; it must leave files alone then."""
    return _DRY_RUN in session.info


def ask(
    session: Session,
    *,
    name: str,
    period: date,
    asked_by: str,
    now: datetime,
    dry_run: bool = False,
) -> JobAttempt | None:
    """Note that somebody wants a job to be run now; None when the period is done.

    Whoever commits that runs it afterwards with `attempt` or `try_out`; a dry run may be asked
    for at any time. Raises NotFound (unknown_job).
    """
    find_job(name)
    if not dry_run and find_run(session, name, period) is not None:
        return None
    note = _attempt_of(session, name, period, now, dry_run=dry_run)
    note.state, note.asked_by, note.error, note.finished_at = WAITING, asked_by, "", None
    note.started_at = now
    return note


def attempt(
    engine: Engine, *, name: str, period: date, now: datetime, fence: Fence | None = None
) -> Outcome:
    """Run a job for a period in a transaction of its own, and write down what came of it.

    `fence`: the epoch in which the scheduler leads, which must be the newest at the commit; a run
    by hand has none, it is done once by its period alone. Never raises for what goes wrong in the
    job: the outcome and the log say so. Raises NotFound (unknown_job).
    """
    job, watch = find_job(name), Watch(now)
    try:
        _begin(engine, job, period, now, fence)
        with _transaction(engine, fence) as session:
            epoch = fence.epoch if fence else None
            summary = run_once(session, name=name, period=period, now=now, epoch=epoch)
    except Exception as error:  # noqa: BLE001 - logged with its traceback; one job must not stop the rest
        return _went_wrong(engine, Outcome(name, period, FAILED), watch.now(), fence, error)
    return _ended(engine, Outcome(name, period, DONE, summary), watch.now())


def try_out(engine: Engine, *, name: str, period: date, now: datetime) -> Outcome:
    """Do a job's work for a period and take it all back; the summary says what it would do.

    The job may have been done for that day. Raises NotFound (unknown_job).
    """
    job, watch = find_job(name), Watch(now)
    outcome, kind = Outcome(name, period, FAILED), ""
    _begin(engine, job, period, now, None, dry_run=True)
    with open_session(engine) as session:
        session.info[_DRY_RUN] = True
        try:
            summary = _work(session, job, period, now)
            # What the database would refuse at the end, it refuses here.
            session.flush()
            outcome = Outcome(name, period, DONE, summary)
        except Exception as error:  # noqa: BLE001 - told as what came of it
            _log.exception("job_dry_run_failed", job=name, period=period.isoformat())
            kind = _kind_of(error)
        finally:
            session.rollback()
    return _ended(engine, outcome, watch.now(), kind, dry_run=True)


@contextmanager
def _transaction(engine: Engine, fence: Fence | None) -> Iterator[Session]:
    """Open a transaction that commits at its end, if the epoch it belongs to is not over."""
    with open_session(engine) as session:
        if fence is not None:
            fence.enter(session)
        yield session
        if fence is not None:
            fence.seal(session)
        session.commit()


def _attempt_of(
    session: Session, name: str, period: date, now: datetime, *, dry_run: bool = False
) -> JobAttempt:
    """Return the note of a job and period, made when there is none; the caller fills it in."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(JobAttempt.__table__)  # type: ignore[attr-defined]
        .values(
            job=name, period=period, dry_run=dry_run, state=WAITING, attempts=0, fenced=0,
            asked_by="", started_at=now, error="", summary="",
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    return session.exec(
        select(JobAttempt).where(
            col(JobAttempt.job) == name,
            col(JobAttempt.period) == period,
            col(JobAttempt.dry_run) == dry_run,
        )
    ).one()


def run_due(
    engine: Engine,
    *,
    now: datetime,
    fence: Fence | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Run every job for each period that is due, in the order in which they became due.

    Each in its own transaction. A job that fails is logged and left for the next call, with its
    later periods; the others go on. `stopping` is asked before each run; an epoch that is over
    ends the call.
    """
    outcomes: list[Outcome] = []
    watch, failed = Watch(now), set[str]()
    for period, job in _due(engine, now):
        if job.name in failed:
            # A later day may build on the one that failed.
            continue
        if stopping():
            break
        outcome = attempt(engine, name=job.name, period=period, now=watch.now(), fence=fence)
        outcomes.append(outcome)
        _log.info("job_tried", job=job.name, period=period.isoformat(), state=outcome.state)
        if outcome.state == FENCED:
            break
        if outcome.state == FAILED:
            failed.add(job.name)
    return outcomes


def _due(engine: Engine, now: datetime) -> list[tuple[date, Job]]:
    """Return what is due, the oldest first; of one day by the hour."""
    with open_session(reading(engine)) as session:
        found = owed(session, now=now)
    due = [(period, _JOBS[name]) for name, periods in found.items() for period in periods]
    return sorted(due, key=lambda item: (item[0], item[1].hour, item[1].minute, item[1].name))


def owed(session: Session, *, now: datetime) -> dict[str, list[date]]:
    """Return, by job, the days that are due and not done, the oldest first."""
    oldest = business_day(now) - timedelta(days=CATCH_UP_DAYS)
    done: dict[str, set[date]] = defaultdict(set)
    for name, period in session.exec(
        select(col(JobRun.job), col(JobRun.period)).where(col(JobRun.period) >= oldest)
    ):
        done[name].add(period)
    before = _last_before(session, oldest)
    return {job.name: _owed(job, done[job.name], before.get(job.name), now) for job in jobs()}


def _last_before(session: Session, day: date) -> dict[str, date]:
    """Return the last period before a day for which each job was done."""
    found = session.exec(
        select(col(JobRun.job), func.max(col(JobRun.period)))
        .where(col(JobRun.period) < day)
        .group_by(col(JobRun.job))
    )
    return {name: period for name, period in found if period is not None}


def _owed(job: Job, done: set[date], before: date | None, now: datetime) -> list[date]:
    latest = job.last_due(now)
    oldest = latest - timedelta(days=CATCH_UP_DAYS - 1)
    past = {period for period in done if period <= latest}
    if before is not None:
        if not past and before < oldest - timedelta(days=1):
            _log.warning("job_days_given_up", job=job.name, last=before.isoformat())
        past.add(before)
    return missing_periods(past, oldest=oldest, latest=latest)


def missing_periods(done: Collection[date], *, oldest: date, latest: date) -> list[date]:
    """Return the days that were not done, oldest first.

    A job that never ran begins with the latest; days before its first run are none it missed.
    """
    first = max(oldest, min(done)) if done else latest
    days = (first + timedelta(days=number) for number in range((latest - first).days + 1))
    return [day for day in days if day not in done]


def _begin(
    engine: Engine,
    job: Job,
    period: date,
    now: datetime,
    fence: Fence | None,
    *,
    dry_run: bool = False,
) -> None:
    """Write down that a try begins, before the work and whatever becomes of it."""
    with _transaction(engine, fence) as session:
        note = _attempt_of(session, job.name, period, now, dry_run=dry_run)
        if note.state == DONE and not dry_run:
            return
        if note.state != WAITING:
            note.asked_by = note.asked_by if dry_run else ""
        note.state, note.started_at, note.finished_at = RUNNING, now, None
        note.epoch = fence.epoch if fence else None
        note.error = note.summary = ""
        note.attempts += 1


def _ended(
    engine: Engine, outcome: Outcome, now: datetime, error: str = "", *, dry_run: bool = False
) -> Outcome:
    """Write down how a try ended, where the work itself has not done so."""
    with open_session(engine) as session:
        note = _attempt_of(session, outcome.job, outcome.period, now, dry_run=dry_run)
        if note.state != DONE:
            done = outcome.state != FAILED
            note.state, note.error, note.finished_at = DONE if done else FAILED, error, now
            note.summary = outcome.summary if done else ""
            session.commit()
    return outcome


def _went_wrong(
    engine: Engine, outcome: Outcome, now: datetime, fence: Fence | None, error: Exception
) -> Outcome:
    """Tell apart what another process did from what failed, and write it down."""
    try:
        if fence is not None and fence.is_broken(engine):
            return _fenced(engine, outcome, fence, now)
        if isinstance(error, Conflict) and error.code == "job_done_elsewhere":
            return _ended(engine, outcome._replace(state=ELSEWHERE), now)
        _log.error("job_failed", job=outcome.job, period=outcome.period.isoformat(), exc_info=error)
        return _ended(engine, outcome, now, _kind_of(error))
    except DBAPIError:
        # The database may be what failed; the next try tells then.
        _log.exception("job_failure_not_noted", job=outcome.job, cause=_kind_of(error))
        return outcome


def _kind_of(error: Exception) -> str:
    return (error.code if isinstance(error, DomainError) else type(error).__name__)[:100]


def _fenced(engine: Engine, outcome: Outcome, fence: Fence, now: datetime) -> Outcome:
    """Note that a try came to nothing because a newer epoch leads, whose own note stays."""
    _log.warning(
        "job_fenced", job=outcome.job, period=outcome.period.isoformat(), epoch=fence.epoch
    )
    of_period = sa.update(JobAttempt).where(
        col(JobAttempt.job) == outcome.job,
        col(JobAttempt.period) == outcome.period,
        col(JobAttempt.dry_run).is_(False),
    )
    still_ours = (col(JobAttempt.state) == RUNNING) & (col(JobAttempt.epoch) == fence.epoch)
    with open_session(engine) as session:
        session.execute(of_period.values(fenced=col(JobAttempt.fenced) + 1))
        session.execute(of_period.where(still_ours).values(state=FENCED, finished_at=now))
        session.commit()
    return outcome._replace(state=FENCED)
