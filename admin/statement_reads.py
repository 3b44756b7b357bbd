"""Lists of the panel about neutrality statements and survival checks of plantations."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_models import OffsetLot, Plantation, SurvivalCheck

# A draft is the institution's own until it is sent in.
SHOWN = tuple(status for status in StatementStatus if status is not StatementStatus.DRAFT)


class StatementRow(NamedTuple):
    """A statement with its institution."""

    statement: NeutralityStatement
    institution: Institution


class CheckRow(NamedTuple):
    """A survival check with its plantation and institution."""

    check: SurvivalCheck
    plantation: Plantation
    institution: Institution


def statement_rows(*, status: str, year: str) -> sa.Select[NeutralityStatement, Institution]:
    """Return the statement for what was sent in, of a status and year ("" for all)."""
    wanted = (
        sa.select(NeutralityStatement, Institution)
        .join(Institution, col(Institution.id) == col(NeutralityStatement.institution_id))
        .where(col(NeutralityStatement.status).in_(SHOWN))
    )
    if status:
        wanted = wanted.where(col(NeutralityStatement.status) == status)
    if year:
        wanted = wanted.where(col(NeutralityStatement.year) == int(year))
    return wanted


def find_statement(session: Session, public_id: str) -> StatementRow:
    """Return a statement that was sent in. Raises NotFound (unknown_statement)."""
    found = session.execute(
        statement_rows(status="", year="").where(col(NeutralityStatement.public_id) == public_id)
    ).first()
    if found is None:
        raise NotFound("unknown_statement")
    return StatementRow(*found)


def trail_of(session: Session, found: StatementRow) -> list[AuditEntry]:
    """Return what was done to a statement, the newest first."""
    entries = session.exec(
        select(AuditEntry)
        .where(
            col(AuditEntry.subject) == f"institution:{found.institution.public_id}",
            col(AuditEntry.action).startswith("statement."),
        )
        .order_by(col(AuditEntry.id).desc())
    )
    number = found.statement.public_id
    return [entry for entry in entries if entry.details.get("statement") == number]


def find_lot(session: Session, statement: NeutralityStatement, public_id: str) -> OffsetLot:
    """Return a lot that a statement names. Raises NotFound (unknown_lot)."""
    content = statement_content.read(statement.content)
    named = {lot["lot"] for lot in [*content["certificates"], *content["offsets"]]}
    found = session.exec(select(OffsetLot).where(col(OffsetLot.public_id) == public_id)).first()
    if found is None or public_id not in named:
        raise NotFound("unknown_lot")
    return found


def check_rows(*, status: str) -> sa.Select[SurvivalCheck, Plantation, Institution]:
    """Return the statement for survival checks of a status ("" for all)."""
    wanted = (
        sa.select(SurvivalCheck, Plantation, Institution)
        .join(Plantation, col(Plantation.id) == col(SurvivalCheck.plantation_id))
        .join(Institution, col(Institution.id) == col(Plantation.institution_id))
    )
    return wanted.where(col(SurvivalCheck.status) == status) if status else wanted


def find_check(session: Session, check_id: int) -> CheckRow:
    """Return a survival check. Raises NotFound (unknown_check)."""
    found = session.execute(check_rows(status="").where(col(SurvivalCheck.id) == check_id)).first()
    if found is None:
        raise NotFound("unknown_check")
    return CheckRow(*found)
