"""`flask demo`: fill an empty database so that every page has something true to show."""

from collections.abc import Callable

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlmodel import Session, col, func, select

from behaviors import demo, demo_members, demo_samples
from behaviors.models import ActivityRecord, Source
from behaviors.telling import close_due
from behaviors.totals import add_up
from carbonaccount.clock import utc_now
from carbonaccount.config import Profile, Settings
from carbonaccount.crypto import Vault
from carbonaccount.web.database import writing_session

ReferenceLoader = Callable[[Session], dict[str, int]]
RewardsLoader = Callable[..., int]
InstitutionsLoader = Callable[..., object]


def register(app: Flask) -> None:
    """Add the command to `flask`."""
    app.cli.add_command(demo_command)


@click.command("demo")
@with_appcontext
def demo_command() -> None:
    """Load methods, demonstration partners and their records; again changes nothing."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    if settings.profile is Profile.PRODUCTION:
        raise click.ClickException("the demonstration is not loaded in the production profile")
    _load_reference_data()
    demo.load_partners(
        writing_session, rejected_folder=settings.instance_path / "rejected", clock=utc_now
    )
    with writing_session() as session:
        demo_samples.load_sample_trips(session, now=utc_now())
        session.commit()
    _load_rewards()
    _load_institutions()
    with writing_session() as session:
        demo_members.load_members(session, now=utc_now())
        session.commit()
    _add_up()
    _report_records()
    _report_people(settings)


def _add_up() -> None:
    """Show the city's and the members' totals at once; afterwards the nightly jobs keep them."""
    with writing_session() as session:
        add_up(session, now=utc_now())
        close_due(session, now=utc_now())
        session.commit()


def _load_rewards() -> None:
    # Likewise another room's: see the composition root.
    load: RewardsLoader = current_app.extensions["carbonaccount.load_demo_rewards"]
    with writing_session() as session:
        rewards = load(session, now=utc_now())
        session.commit()
    click.echo(f"rewards: {rewards} at /rewards, examples marked 示例")
    click.echo("merchants: the owner of the repair shop signs in with 13800000021, of the library")
    click.echo("  desk with 13800000022, then /till")


def _load_institutions() -> None:
    load: InstitutionsLoader = current_app.extensions["carbonaccount.load_demo_institutions"]
    with writing_session() as session:
        load(session, now=utc_now())
        session.commit()
    click.echo("institutions: a school marked 示例; its owner signs in with 13800000031 and its")
    click.echo("  clerk with 13800000032, then /institutions")


def _load_reference_data() -> None:
    # The composition root knows every room's reference data; this room may not import it.
    load: ReferenceLoader = current_app.extensions["carbonaccount.load_reference_data"]
    with writing_session() as session:
        load(session)
        session.commit()


def _report_records() -> None:
    with writing_session() as session:
        for code, name, kind in _sources():
            records, residents = session.exec(
                select(func.count(), func.count(col(ActivityRecord.account_id).distinct()))
                .select_from(ActivityRecord)
                .join(Source, col(Source.id) == col(ActivityRecord.source_id))
                .where(col(Source.code) == code)
            ).one()
            click.echo(f"{code} ({name}): {records} {kind} of {residents} pseudonymous residents")


def _sources() -> list[tuple[str, str, str]]:
    """Return code, name and what its records are, of each source of the demonstration."""
    partners = [(partner.code, partner.name_zh, "records") for partner in demo.PARTNERS]
    return [*partners, (demo_samples.CODE, demo_samples.NAME_ZH, "made-up sample records")]


def _report_people(settings: Settings) -> None:
    """Who can sign in and how; staff only where the demonstration's helpers are allowed."""
    if not settings.is_demo:
        click.echo("staff: `flask staff` adds the first administrator")
        return
    vault: Vault = current_app.extensions["carbonaccount.vault"]
    with writing_session() as session:
        file = demo.ensure_staff(
            session, vault=vault, instance=settings.instance_path, now=utc_now()
        )
        session.commit()
    click.echo("residents: sign in at /sign-in with any mainland mobile number, for example")
    click.echo("  13800138000; no message is sent, the code is shown on the page")
    click.echo(f"staff: sign in at /staff/sign-in; kept in {file}")
    if file.is_file():
        click.echo(
            "".join(f"  {line}\n" for line in file.read_text("utf-8").splitlines()), nl=False
        )
    click.echo("partners: `flask sources rotate demo-bike` prints a key to sign batches with")
