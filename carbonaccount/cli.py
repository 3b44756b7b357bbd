"""Operators' commands that belong to no room: the database and the jobs."""

from datetime import datetime

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from carbonaccount import scheduler
from carbonaccount.clock import business_day, utc_now
from carbonaccount.web.database import current_session

database_group = AppGroup("db", help="The database schema.")
jobs_group = AppGroup("jobs", help="Recurring work.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(database_group)
    app.cli.add_command(jobs_group)


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


@jobs_group.command("list")
@with_appcontext
def list_jobs_command() -> None:
    """Show each job, its hour and what it does."""
    for job in scheduler.jobs():
        click.echo(f"{job.name:24} {job.hour:02}:{job.minute:02}  {job.description}")


@jobs_group.command("once")
@click.argument("name")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Period; default today.")
@with_appcontext
def run_job_command(name: str, day: datetime | None) -> None:
    """Run one job for one period, unless it is already done."""
    session, now = current_session(), utc_now()
    period = day.date() if day else business_day(now)
    summary = scheduler.run_once(session, name=name, period=period, now=now)
    session.commit()
    click.echo(f"{name} {period}: {summary}")
