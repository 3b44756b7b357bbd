"""Operators' commands for institutions: a published list of them, and the first invitation."""

import csv
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.institutions.first_owner import invite_first_owner
from carbonaccount.institutions.list_cli import list_command
from carbonaccount.institutions.listed import (
    ACCEPTED,
    CHANGED,
    NEW,
    UNCHANGED,
    ListingReport,
    import_listing,
)
from carbonaccount.institutions.listing_mapping import parse_mapping, ready_mappings
from carbonaccount.web import messages
from carbonaccount.web.refusals import language, refusals_told
from carbonaccount.web.tables import harmless

institutions_group = AppGroup("institutions", help="Institutions and their inventories.")
OPERATOR = Actor("staff", "command-line")
REPORT_HEADER = ("line", "number", "name", "status", "written", "reasons")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    institutions_group.add_command(list_command)
    app.cli.add_command(institutions_group)


@institutions_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--year", type=int, help="The year of the energy use; the last one by default.")
@click.option("--mapping", "mapping_name", help="A TOML file, or the name of a ready mapping.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what became of each line.",
)
@with_appcontext
def import_command(
    file: Path, year: int | None, mapping_name: str | None, report: Path | None
) -> None:
    """Import a published list of institutions with a year's energy use (CSV, TSV or XLSX)."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    target = report or settings.instance_path / "listings" / f"{file.stem}.report.csv"
    with refusals_told() as session:
        result = import_listing(
            session,
            content=file.read_bytes(),
            name=file.name,
            year=year or business_day(utc_now()).year - 1,
            mapping=parse_mapping(_mapping_text(mapping_name)) if mapping_name else None,
            acting_user=OPERATOR,
            now=utc_now(),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(REPORT_HEADER)
        writer.writerows(map(harmless, row) for row in report_rows(result, language()))
    _tell(result, mapping_name or result.mapping, target)


@institutions_group.command("invite")
@click.argument("public_id")
@with_appcontext
def invite_command(public_id: str) -> None:
    """Print a code, good once and for a day, for the first owner of a listed institution.

    A code printed before for the same institution ends.
    """
    with refusals_told() as session:
        code = invite_first_owner(
            session,
            public_id=public_id,
            vault=current_app.extensions["carbonaccount.vault"],
            acting_user=OPERATOR,
            now=utc_now(),
        )
    click.echo(code)


def _tell(result: ListingReport, mapping_name: str, target: Path) -> None:
    click.echo(f"mapping: {mapping_name}  year: {result.year}")
    written = " ".join(f"{what}={result.written(what)}" for what in (NEW, CHANGED, UNCHANGED))
    click.echo(f"lines: {len(result.lines)}  institutions: {written}")
    for line in result.lines:
        if line.status != ACCEPTED:
            told = " ".join(_sentences(line.reasons, language()))
            click.echo(f"  {line.line}  {line.number}  {line.name}: {line.status}: {told}")
    click.echo(f"what became of each line: {target}")
    click.echo(result.last_line())


def report_rows(result: ListingReport, spoken: str) -> list[tuple[str | int, ...]]:
    """Return what became of each line, with the reasons as sentences."""
    return [
        (
            line.line,
            line.number,
            line.name,
            line.status,
            line.written,
            " ".join(_sentences(line.reasons, spoken)),
        )
        for line in result.lines
    ]


def _sentences(reasons: tuple[Exception, ...], spoken: str) -> list[str]:
    return [
        messages.sentence(getattr(reason, "code", ""), getattr(reason, "params", {}), spoken)
        for reason in reasons
    ]


def _mapping_text(name: str) -> str:
    if name in ready_mappings():
        return ready_mappings()[name]
    path = Path(name)
    if not path.is_file():
        known = ", ".join(ready_mappings())
        raise click.UsageError(
            f"no mapping file {name}, and no ready mapping of that name ({known})"
        )
    return path.read_text(encoding="utf-8")
