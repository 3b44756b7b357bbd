"""What goes on behind the pages: jobs with their runs, imports and previews."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import IntakeUpload
from behaviors.rule_models import RulePreview
from carbonaccount import scheduler
from carbonaccount.accounts.models import Staff
from carbonaccount.clock import CITY_ZONE, business_day
from carbonaccount.scheduler import CATCH_UP_DAYS, Job, JobAttempt, JobRun

LATEST_WORK = 20


@dataclass(frozen=True)
class JobLine:
    """A job with its newest run, the days it still owes, and when it runs next."""

    job: Job
    last: JobRun | None
    owed: list[date]
    next_at: datetime
    # The newest day that was tried in vain and not done since.
    failed: JobAttempt | None


class WorkLine(NamedTuple):
    """A piece of background work that a person asked for."""

    kind: str
    reference: str
    name: str
    status: str
    staff: str
    asked_at: datetime
    finished_at: datetime | None


def job_lines(session: Session, *, now: datetime) -> list[JobLine]:
    """Return all jobs by name."""
    runs = scheduler.last_runs(session)
    oldest = business_day(now) - timedelta(days=CATCH_UP_DAYS)
    done: dict[str, set[date]] = {}
    for name, period in session.exec(
        select(col(JobRun.job), col(JobRun.period)).where(col(JobRun.period) >= oldest)
    ):
        done.setdefault(name, set()).add(period)
    failed = _failed(session, oldest)
    return [
        JobLine(
            job,
            runs.get(job.name),
            _owed(job, done.get(job.name, set()), now),
            _next(job, now),
            failed.get(job.name),
        )
        for job in scheduler.jobs()
    ]


def _failed(session: Session, oldest: date) -> dict[str, JobAttempt]:
    """Return each job's newest day that was tried in vain."""
    rows = session.exec(
        select(JobAttempt)
        .where(col(JobAttempt.state) == scheduler.FAILED, col(JobAttempt.period) >= oldest)
        .order_by(col(JobAttempt.period))
    )
    return {row.job: row for row in rows}


def _owed(job: Job, done: set[date], now: datetime) -> list[date]:
    latest = job.last_due(now)
    oldest = latest - timedelta(days=CATCH_UP_DAYS - 1)
    past = {period for period in done if period <= latest}
    return scheduler.missing_periods(past, oldest=oldest, latest=latest)


def _next(job: Job, now: datetime) -> datetime:
    day = job.last_due(now) + timedelta(days=1)
    return datetime.combine(day, time(job.hour, job.minute), tzinfo=CITY_ZONE)


def attempt_rows(*, job: str, state: str) -> sa.Select[Any]:
    """Return the statement of what was tried; an empty job or state lets all through."""
    wanted: Any = sa.select(JobAttempt)
    if job:
        wanted = wanted.where(col(JobAttempt.job) == job)
    if state:
        wanted = wanted.where(col(JobAttempt.state) == state)
    found: sa.Select[Any] = wanted
    return found


def latest_work(session: Session) -> list[WorkLine]:
    """Return the latest imports and previews together, the newest first."""
    uploads = session.execute(
        sa.select(IntakeUpload, Staff)
        .join(Staff, col(Staff.id) == col(IntakeUpload.staff_id))
        .order_by(col(IntakeUpload.uploaded_at).desc())
        .limit(LATEST_WORK)
    )
    previews = session.execute(
        sa.select(RulePreview, Staff)
        .join(Staff, col(Staff.id) == col(RulePreview.staff_id))
        .order_by(col(RulePreview.asked_at).desc())
        .limit(LATEST_WORK)
    )
    lines = [
        WorkLine(
            "upload", row.public_id, row.file_name, row.status, staff.login,
            row.uploaded_at, row.finished_at,
        )
        for row, staff in uploads
    ]  # fmt: skip
    lines += [
        WorkLine(
            "preview", row.public_id, row.public_id, row.status, staff.login,
            row.asked_at, row.finished_at,
        )
        for row, staff in previews
    ]  # fmt: skip
    return sorted(lines, key=lambda line: line.asked_at, reverse=True)[:LATEST_WORK]
