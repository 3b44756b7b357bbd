"""Operators' commands about staff: `flask staff ...`."""

import sys

import click
import qrcode
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from carbonaccount.accounts import queries, staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import NewStaff
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.web.limits import vault
from carbonaccount.web.refusals import refusals_told

CLI = Actor("system", "cli")
staff_group = AppGroup("staff", help="People who work for the operator.")
_ROLE = click.Choice([role.value for role in Role])


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    app.cli.add_command(staff_group)


@staff_group.command("create-first-admin")
@click.argument("login")
@click.option("--name", "display_name", default="", help="Name shown to colleagues.")
@click.option("--generate-password", is_flag=True, help="Make a password and print it once.")
@with_appcontext
def create_first_admin_command(login: str, display_name: str, generate_password: bool) -> None:
    """Make the first administrator; works once."""
    password = _choose_password(generate_password)
    with refusals_told() as session:
        added = staff.add_first_admin(
            session,
            login=login,
            display_name=display_name or login,
            password=password,
            vault=vault(),
            acting_user=CLI,
            now=utc_now(),
        )
    _show_once(added, password if generate_password else None)


@staff_group.command("add")
@click.argument("login")
@click.option("--name", "display_name", default="", help="Name shown to colleagues.")
@click.option("--role", "roles", type=_ROLE, multiple=True, required=True, help="May be repeated.")
@click.option("--generate-password", is_flag=True, help="Make a password and print it once.")
@with_appcontext
def add_command(
    login: str, display_name: str, roles: tuple[str, ...], generate_password: bool
) -> None:
    """Add a member of staff."""
    password = _choose_password(generate_password)
    with refusals_told() as session:
        added = staff.add_staff(
            session,
            login=login,
            display_name=display_name or login,
            password=password,
            roles=frozenset(map(Role, roles)),
            vault=vault(),
            acting_user=CLI,
            now=utc_now(),
        )
    _show_once(added, password if generate_password else None)


@staff_group.command("list")
@with_appcontext
def list_command() -> None:
    """Show logins, whether they are active, and their roles."""
    with refusals_told() as session:
        for member, roles in queries.staff_members(session):
            state = "active" if member.active else "inactive"
            click.echo(f"{member.login:24} {state:9} {','.join(roles)}")


@staff_group.command("deactivate")
@click.argument("login")
@with_appcontext
def deactivate_command(login: str) -> None:
    """Bar a member of staff and sign out their browsers."""
    with refusals_told() as session:
        staff.deactivate_staff(session, login=login, acting_user=CLI, now=utc_now())
    click.echo(f"{login} is deactivated")


@staff_group.command("roles")
@click.argument("login")
@click.argument("roles", nargs=-1, required=True, type=_ROLE)
@with_appcontext
def roles_command(login: str, roles: tuple[str, ...]) -> None:
    """Give a member of staff exactly the named roles."""
    with refusals_told() as session:
        member = staff.find_staff(session, login=login)
        staff.set_roles(
            session,
            staff=member,
            roles=frozenset(map(Role, roles)),
            acting_user=CLI,
            now=utc_now(),
        )
    click.echo(f"{login}: {','.join(sorted(roles))}")


def _choose_password(generate: bool) -> str:
    if generate:
        return staff.generate_password()
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _show_once(added: NewStaff, password: str | None) -> None:
    """Print what is never shown again: the generated password and the code for the app."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    uri = added.provisioning_uri(f"碳账户 {settings.city_name}")
    click.echo(f"login: {added.staff.login}")
    if password is not None:
        click.echo(f"password: {password}")
    click.echo(f"authenticator: {uri}")
    picture = qrcode.QRCode(border=2)
    picture.add_data(uri)
    picture.print_ascii(out=sys.stdout, invert=True)
