"""How commands tell a refusal: one sentence on standard error and exit status 1, no stack trace."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from carbonaccount.errors import DomainError
from carbonaccount.web import messages
from carbonaccount.web.database import current_session

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
        # PostgreSQL's driver has no SQLSTATE for a server that was never reached.
        if isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") is None:
            raise click.ClickException(
                messages.sentence("database_unreachable", {}, language())
            ) from None
        raise


def language() -> str:
    """Return the language of the shell."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return messages.CHINESE if spoken.startswith("zh") else messages.ENGLISH
