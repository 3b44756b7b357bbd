"""Operators' commands that belong to no room: the database and the jobs."""

from collections.abc import Callable
from datetime import datetime

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlmodel import Session

from carbonaccount import scheduler
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import Invalid
from carbonaccount.job_process import LEASE_S, JobProcess
from carbonaccount.web.database import engine
from carbonaccount.web.refusals import refusals_told

database_group = AppGroup("db", help="The database schema.")
jobs_group = AppGroup("jobs", help="Recurring work.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(database_group)
    app.cli.add_command(jobs_group)
    app.cli.add_command(seed_command)


@database_group.command("upgrade")
@click.argument("revision", default="head")
@with_appcontext
def upgrade_command(revision: str) -> None:
    """Bring the schema to a revision, by default the newest."""
    from carbonaccount.migrate import upgrade

    upgrade(revision)
    click.echo(f"database is at {revision}")


@database_group.command("downgrade")
@click.argument("revision")
@with_appcontext
def downgrade_command(revision: str) -> None:
    """Take the schema back to a revision."""
    from carbonaccount.migrate import downgrade

    downgrade(revision)
    click.echo(f"database is at {revision}")


@click.command("seed")
@with_appcontext
def seed_command() -> None:
    """Load districts, emission factors, behaviours and rules; again changes nothing."""
    load: Callable[[Session], dict[str, int]] = current_app.extensions[
        "carbonaccount.load_reference_data"
    ]
    with refusals_told() as session:
        added = load(session)
    click.echo("added " + ", ".join(f"{name}: {count}" for name, count in added.items()))


@jobs_group.command("list")
@with_appcontext
def list_jobs_command() -> None:
    """Show each job, its hour, what it does, and its last run."""
    with refusals_told() as session:
        runs = scheduler.last_runs(session)
    for job in scheduler.jobs():
        click.echo(f"{job.name:24} {job.hour:02}:{job.minute:02}  {job.description}")
        run = runs.get(job.name)
        click.echo(f"{'':31}last: " + (f"{run.period}  {run.summary}" if run else "never"))


@jobs_group.command("run")
@click.option(
    "--every",
    "every_s",
    type=click.IntRange(1, 3600),
    default=60,
    show_default=True,
    help="Seconds between two looks at what is due.",
)
@click.option(
    "--lease",
    "lease_s",
    type=click.FloatRange(0.5, 3600),
    default=LEASE_S,
    show_default=True,
    help="Seconds without a sign of life after which another process leads.",
)
@with_appcontext
def run_jobs_command(every_s: int, lease_s: float) -> None:
    """Run the jobs when they are due, until stopped; of several such processes one works."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    process = JobProcess(
        engine(),
        lock_folder=settings.instance_path / "locks",
        context=current_app.app_context,
        lease_s=lease_s,
    )
    process.run(every_s=every_s)


@jobs_group.command("once")
@click.argument("name")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Period; default today.")
@click.option("--dry-run", is_flag=True, help="Do the work, keep nothing of it, say what it was.")
@with_appcontext
def run_job_command(name: str, day: datetime | None, dry_run: bool) -> None:
    """Run one job for one period, unless it is already done."""
    now = utc_now()
    period = day.date() if day else business_day(now)
    with refusals_told():
        scheduler.find_job(name)
        if period > business_day(now):
            raise Invalid("job_day_to_come", field="date")
    work = scheduler.try_out if dry_run else scheduler.attempt
    outcome = work(engine(), name=name, period=period, now=now)
    if outcome.state == scheduler.FAILED:
        raise click.ClickException(f"{name} {period}: failed, the log says why")
    told = "dry run, nothing of it stays: " if dry_run else ""
    click.echo(f"{name} {period}: {told}{outcome.summary or outcome.state}")
