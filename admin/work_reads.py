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
from carbonaccount.job_models import JobAttempt, JobRun
from carbonaccount.scheduler import CATCH_UP_DAYS, Job

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
    owed = scheduler.owed(session, now=now)
    failed = _failed(session, business_day(now) - timedelta(days=CATCH_UP_DAYS))
    return [
        JobLine(job, runs.get(job.name), owed[job.name], _next(job, now), failed.get(job.name))
        for job in scheduler.jobs()
    ]


def at_work(session: Session) -> list[JobAttempt]:
    """Return what is being tried by its row, the earliest first."""
    statement = select(JobAttempt).where(col(JobAttempt.state) == scheduler.RUNNING)
    return list(session.exec(statement.order_by(col(JobAttempt.started_at))))


def _failed(session: Session, oldest: date) -> dict[str, JobAttempt]:
    """Return each job's newest day that was tried in vain."""
    rows = session.exec(
        select(JobAttempt)
        .where(
            col(JobAttempt.state) == scheduler.FAILED,
            col(JobAttempt.period) >= oldest,
            col(JobAttempt.dry_run).is_(False),
        )
        .order_by(col(JobAttempt.period))
    )
    return {row.job: row for row in rows}


def _next(job: Job, now: datetime) -> datetime:
    day = job.last_due(now) + timedelta(days=1)
    return datetime.combine(day, time(job.hour, job.minute), tzinfo=CITY_ZONE)


def attempt_rows(*, job: str, state: str, how: str) -> sa.Select[Any]:
    """Return the statement of what was tried; an empty job, state or way lets all through.

    how: `dry` for dry runs, `real` for the others.
    """
    wanted: sa.Select[Any] = sa.select(JobAttempt)
    if job:
        wanted = wanted.where(col(JobAttempt.job) == job)
    if state:
        wanted = wanted.where(col(JobAttempt.state) == state)
    if how:
        wanted = wanted.where(col(JobAttempt.dry_run).is_(how == "dry"))
    return wanted


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
