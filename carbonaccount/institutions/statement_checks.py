"""Checking a statement: is what stands on the paper what was published?"""

import hmac
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.crypto import Vault
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.sealing import normal_number

_PUBLIC = (StatementStatus.PUBLISHED, StatementStatus.WITHDRAWN)


class Verdict(StrEnum):
    """What the check page says."""

    UNKNOWN = "unknown"  # no published statement has this number
    ALTERED = "altered"  # what we keep does not fit its seal
    DIFFERS = "differs"  # the number exists, what is printed beside it is something else
    WITHDRAWN = "withdrawn"
    EXISTS = "exists"  # there is one of this number; not everything was given to compare
    GENUINE = "genuine"  # number, both totals and date are those that were published


@dataclass(frozen=True)
class Printed:
    """What stands on the paper: grams and the day of publication; None for what was not given."""

    emissions_g: int | None = None
    offsets_g: int | None = None
    published_on: date | None = None


@dataclass(frozen=True)
class Checked:
    """The verdict, which of the printed things differ, and what the statement says."""

    verdict: Verdict
    statement: NeutralityStatement | None = None
    differing: tuple[str, ...] = ()
    content: dict[str, Any] | None = None


def find_public(session: Session, number: str) -> NeutralityStatement | None:
    """Return a statement that is or was published."""
    return session.exec(
        select(NeutralityStatement).where(
            col(NeutralityStatement.public_id) == normal_number(number),
            col(NeutralityStatement.status).in_(_PUBLIC),
        )
    ).first()


def seal_holds(statement: NeutralityStatement, vault: Vault) -> bool:
    """Return whether a statement is stored as it was published, digest and number included."""
    fresh = statement_content.seal_of(statement.content, vault)
    return (
        hmac.compare_digest(fresh, statement.seal)
        and statement_content.digest_of(statement.content) == statement.digest
        and statement_content.read(statement.content)["number"] == statement.public_id
    )


def check(session: Session, *, number: str, printed: Printed, vault: Vault) -> Checked:
    """Compare what is printed with what was published."""
    statement = find_public(session, number)
    if statement is None:
        return Checked(Verdict.UNKNOWN)
    if not seal_holds(statement, vault):
        return Checked(Verdict.ALTERED, statement)
    content = statement_content.read(statement.content)
    differing = _differing(content, printed)
    if differing:
        return Checked(Verdict.DIFFERS, statement, differing)
    if statement.status == StatementStatus.WITHDRAWN:
        return Checked(Verdict.WITHDRAWN, statement, (), content)
    given = (printed.emissions_g, printed.offsets_g, printed.published_on)
    whole = all(item is not None for item in given)
    return Checked(Verdict.GENUINE if whole else Verdict.EXISTS, statement, (), content)


def _differing(content: dict[str, Any], printed: Printed) -> tuple[str, ...]:
    day = printed.published_on
    pairs = (
        ("total", printed.emissions_g, content["balance"]["emissions_g"]),
        ("offset", printed.offsets_g, content["balance"]["offsets_g"]),
        ("date", day.isoformat() if day else None, content["published_on"]),
    )
    return tuple(name for name, given, known in pairs if given is not None and given != known)
