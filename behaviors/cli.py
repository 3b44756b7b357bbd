"""Operators' commands of this room: importing files, looking at rules, checking the books."""

import sys
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from behaviors import invariants  # noqa: F401 - the promises of this room register themselves
from behaviors.intake.importing import ImportSummary, import_file
from behaviors.intake.mapping import parse_mapping, ready_mappings
from behaviors.rulebook import RuleBook
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.config import Profile, Settings
from carbonaccount.ledger.verify import verify_everything
from carbonaccount.web.database import writing_session
from carbonaccount.web.refusals import refusals_told

rules_group = AppGroup("rules", help="Rule versions of the behaviours.")
ledger_group = AppGroup("ledger", help="The books.")
OPERATOR = Actor("staff", "command-line")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(intake_command)
    app.cli.add_command(rules_group)
    app.cli.add_command(ledger_group)


@click.command("intake")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", "source_code", required=True, help="Code of the source it comes from.")
@click.option("--mapping", "mapping_name", help="A TOML file, or the name of a ready mapping.")
@click.option(
    "--create-residents", is_flag=True, help="Open pseudonymous accounts for unknown subjects."
)
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the lines that were not simply accepted.",
)
@with_appcontext
def intake_command(
    file: Path,
    source_code: str,
    mapping_name: str | None,
    create_residents: bool,
    rejected: Path | None,
) -> None:
    """Import activity data from CSV, TSV, XLSX or NDJSON (also .gz)."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    if create_residents and settings.profile is Profile.PRODUCTION:
        raise click.UsageError("--create-residents is not there in the production profile")
    target = rejected or settings.instance_path / "rejected" / rejected_name(file)
    with (
        refusals_told(),
        click.progressbar(length=file.stat().st_size, label=file.name, file=sys.stderr) as bar,
    ):
        done = 0

        def progress(_summary: ImportSummary, read_bytes: int) -> None:
            nonlocal done
            bar.update(read_bytes - done)
            done = read_bytes

        summary = import_file(
            writing_session,
            path=file,
            source_code=source_code,
            mapping=parse_mapping(_mapping_text(mapping_name)) if mapping_name else None,
            exceptions_file=target,
            batch_rows=settings.intake_batch_rows,
            open_unknown=create_residents,
            acting_user=OPERATOR,
            clock=utc_now,
            progress=progress,
        )
        bar.update(bar.length - done if bar.length else 0)
    _report(summary, mapping_name or "")


def rejected_name(file: Path) -> str:
    """Return what the file of rejected lines is called: of each file another name."""
    return f"{file.name.removesuffix('.csv')}.rejected.csv"


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


def _report(summary: ImportSummary, mapping_name: str) -> None:
    name = mapping_name or summary.mapping
    click.echo(f"mapping: {'  '.join((name, *summary.titles))}")
    click.echo(f"lines: {summary.lines}")
    for reason, count in sorted(summary.reasons.items()):
        click.echo(f"  {reason}: {count}")
    click.echo(f"lines with a reason: {summary.exceptions_file}")
    click.echo(summary.last_line())


@rules_group.command("list")
@with_appcontext
def list_rules_command() -> None:
    """Show every published rule version."""
    with refusals_told() as session:
        book = RuleBook.load(session)
    for code, info in book.behaviors.items():
        state = "" if info.enabled else "  (switched off)"
        click.echo(f"{code}{state}")
        for entry in book.entries(code):
            until = entry.valid_to or "-"
            factor = f"{entry.rule.unit_factor_nano / 10**9:.9f}"
            click.echo(
                f"  v{entry.rule.version}  {entry.valid_from}..{until}  "
                f"{factor} kg/{entry.rule.quantity_unit}  {entry.status}"
            )


@rules_group.command("show")
@click.argument("code")
@with_appcontext
def show_rule_command(code: str) -> None:
    """Show a behaviour's rules with every number and its source."""
    with refusals_told() as session:
        book = RuleBook.load(session)
    if code not in book.behaviors:
        raise click.UsageError(f"no such behavior: {code}")
    click.echo(f"{code}  {book.name(code, 'zh')}  {book.name(code, 'en')}")
    for entry in book.entries(code):
        rule = entry.rule
        click.echo(f"v{rule.version}  {entry.valid_from}..{entry.valid_to or '-'}  {entry.status}")
        click.echo(
            f"  {rule.quantity_expression} [{rule.quantity_unit}] "
            f"x ({rule.factor_expression or '-'})"
        )
        for item in rule.parameters:
            click.echo(f"  {item.name} = {item.value} {item.unit}  [{item.grade}] {item.source}")
        click.echo(f"  source: {entry.citation} [{entry.grade}]")


@ledger_group.command("verify")
@with_appcontext
def verify_command() -> None:
    """Recompute the books from the transfers; exit status 1 when anything does not hold."""
    failed = False
    with refusals_told() as session:
        for code, sentence, violations in verify_everything(session):
            click.echo(f"{violations:>8}  {code}  {sentence}")
            failed = failed or violations > 0
    if failed:
        raise SystemExit(1)
