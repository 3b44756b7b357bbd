"""`flask sources`: admit partners, give, change and revoke their keys, bind at the help desk."""

import json

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlmodel import col, select

from behaviors import source_keys, sources
from behaviors.models import Source, SourceKey
from behaviors.source_keys import Algorithm, NewKey
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.crypto import Vault
from carbonaccount.web.refusals import refusals_told

# The shell does not tell who sits at it; the operator's own log of sessions does.
OPERATOR = Actor("system", "cli")

sources_group = AppGroup("sources", help="Partners that send records, and their keys.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(sources_group)


def _vault() -> Vault:
    vault: Vault = current_app.extensions["carbonaccount.vault"]
    return vault


def _show_key(key: NewKey) -> None:
    """Exactly one JSON object: scripts read it, and the secret is shown this once."""
    click.echo(json.dumps({"key_id": key.key_id, "secret": key.secret}))


_ALGORITHM = click.option(
    "--algorithm",
    type=click.Choice([item.value for item in Algorithm]),
    default=Algorithm.HMAC_SHA256.value,
    show_default=True,
)
_PUBLIC_KEY = click.option("--public-key", help="For ed25519: the public key, 32 bytes in base64.")


@sources_group.command("add")
@click.argument("code")
@click.option("--name", required=True, help="Name people read, in Chinese.")
@click.option("--name-en", help="The same in English; by default as given with --name.")
@click.option("--behaviors", required=True, help="Codes it may report, with commas between.")
@click.option(
    "--best-evidence",
    type=click.Choice(sources.GRADES),
    default="A",
    show_default=True,
    help="Best evidence grade its records may claim.",
)
@_ALGORITHM
@_PUBLIC_KEY
@with_appcontext
def add_command(
    code: str,
    name: str,
    name_en: str | None,
    behaviors: str,
    best_evidence: str,
    algorithm: str,
    public_key: str | None,
) -> None:
    """Admit a partner and print its key as one JSON object, once."""
    now = utc_now()
    with refusals_told() as session:
        source = sources.add_source(
            session,
            code=code,
            name_zh=name,
            name_en=name_en or name,
            behaviors=behaviors.split(","),
            best_evidence=best_evidence,
            acting_user=OPERATOR,
            now=now,
        )
        key = source_keys.add_key(
            session,
            vault=_vault(),
            source=source,
            algorithm=algorithm,
            public_key=public_key,
            acting_user=OPERATOR,
            now=now,
        )
    _show_key(key)


@sources_group.command("list")
@with_appcontext
def list_command() -> None:
    """Show each source and its keys, without secrets."""
    with refusals_told() as session:
        for source in session.exec(select(Source).order_by(col(Source.code))):
            state = "active" if source.active else "off"
            allowed = ",".join(source.behaviors)
            click.echo(f"{source.code}  {state}  {source.name_zh}  {allowed}")
            keys = select(SourceKey).where(col(SourceKey.source_id) == source.id)
            for key in session.exec(keys.order_by(col(SourceKey.created_at))):
                click.echo(f"  {key.key_id}  {key.algorithm}  {_key_state(key)}")


def _key_state(key: SourceKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}Z"
    if key.expires_at is None:
        return "valid"
    word = "valid until" if utc_now() < key.expires_at else "ended"
    return f"{word} {key.expires_at:%Y-%m-%d %H:%M}Z"


@sources_group.command("rotate")
@click.argument("code")
@click.option(
    "--overlap-days",
    type=int,
    default=source_keys.DEFAULT_OVERLAP_DAYS,
    show_default=True,
    help="How long the keys before it stay valid.",
)
@_ALGORITHM
@_PUBLIC_KEY
@with_appcontext
def rotate_command(code: str, overlap_days: int, algorithm: str, public_key: str | None) -> None:
    """Give a partner a new key, printed as one JSON object; the old ones end later."""
    with refusals_told() as session:
        key = source_keys.rotate_key(
            session,
            vault=_vault(),
            source=sources.source_by_code(session, code),
            overlap_days=overlap_days,
            algorithm=algorithm,
            public_key=public_key,
            acting_user=OPERATOR,
            now=utc_now(),
        )
    _show_key(key)


@sources_group.command("revoke")
@click.argument("key_id")
@with_appcontext
def revoke_command(key_id: str) -> None:
    """Make a key useless at once."""
    with refusals_told() as session:
        source_keys.revoke_key(session, key_id=key_id, acting_user=OPERATOR, now=utc_now())
    click.echo(f"{key_id} revoked")


@sources_group.command("bind")
@click.argument("code")
@click.argument("subject")
@click.option("--account", required=True, help="Public id of the carbon account.")
@with_appcontext
def bind_command(code: str, subject: str, account: str) -> None:
    """Bind a partner's subject to an account whose owner agreed at the help desk (logged)."""
    with refusals_told() as session:
        sources.bind_subject(
            session,
            source=sources.source_by_code(session, code),
            subject=subject,
            account_public_id=account,
            acting_user=OPERATOR,
            now=utc_now(),
        )
    click.echo(f"{code} {subject} bound to {account}")
