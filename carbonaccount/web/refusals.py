"""How commands tell a refusal: a sentence on standard error and no stack trace.

The exit status is 1 for what was refused, 2 when the settings do not let the program start.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from carbonaccount.errors import ConfigurationError, DomainError
from carbonaccount.web import messages
from carbonaccount.web.database import current_session

MISUSED = 2
_NO_SCHEMA = ("no such table", "UndefinedTable", "does not exist", "no such column")


@contextmanager
def refusals_told() -> Iterator[Session]:
    """Give the command its session, commit what was done, and tell a refusal in one sentence."""
    session = current_session()
    try:
        yield session
        session.commit()
    except DomainError as error:
        session.rollback()
        raise click.ClickException(
            messages.sentence(error.code, error.params, language())
        ) from None
    except DBAPIError as error:
        session.rollback()
        if any(sign in str(error.orig) for sign in _NO_SCHEMA):
            raise click.ClickException(
                messages.sentence("database_not_ready", {}, language())
            ) from None
        if was_never_reached(error):
            raise click.ClickException(
                messages.sentence("database_unreachable", {}, language())
            ) from None
        raise


def was_never_reached(error: DBAPIError) -> bool:
    """Return whether there was no database to talk to."""
    # PostgreSQL's driver has no SQLSTATE for a server that was never reached.
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") is None


@contextmanager
def configuration_told() -> Iterator[None]:
    """Under `flask`, tell each problem of the settings in a sentence and end with status 2.

    A web server reads the settings in a way of its own before it starts its workers, and an
    exit would look to it like a worker that is to be started again: there the error goes on.
    """
    try:
        yield
    except ConfigurationError as error:
        _end_command(error, problems_of(error))
    except OperationalError as error:
        if not was_never_reached(error):
            raise
        _end_command(error, [messages.sentence("database_unreachable", {}, language())])


def _end_command(error: Exception, problems: list[str]) -> NoReturn:
    if click.get_current_context(silent=True) is None:
        raise error
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    raise SystemExit(MISUSED) from None


def problems_of(error: ConfigurationError) -> list[str]:
    """Return what is wrong with the settings, a sentence a problem."""
    if "problems" in error.params:
        return str(error.params["problems"]).split("; ")
    return [messages.sentence(error.code, error.params, language())]


def language() -> str:
    """Return the language of the shell."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return messages.CHINESE if spoken.startswith("zh") else messages.ENGLISH
