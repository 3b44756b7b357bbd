"""What every act on a statement begins with and ends with: its account, its row, its trail."""

from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.institutions.inventory_results import YearAccount, year_account
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.trail import note


def locked_account(session: Session, institution: Institution, year: int) -> YearAccount:
    """Return the account of a year's newest locked inventory.

    Raises Conflict (statement_needs_inventory, inventory_empty).
    """
    account = year_account(
        session, institution_id=institution.stored_id, year=year, locked_only=True
    )
    if account is None:
        raise Conflict("statement_needs_inventory", field="year")
    if not account.lines:
        raise Conflict("inventory_empty", field="year")
    return account


def account_of(session: Session, statement: NeutralityStatement) -> YearAccount:
    """Return the account a statement that is not published stands on: the newest locked one.

    Raises Conflict (statement_needs_inventory, inventory_empty).
    """
    institution = session.get_one(Institution, statement.institution_id)
    return locked_account(session, institution, statement.year)


def locked(
    session: Session, statement: NeutralityStatement, *statuses: StatementStatus
) -> NeutralityStatement:
    """Return the statement as it is now, which nobody else changes meanwhile.

    Raises Conflict (statement_not_in_state), NotFound (unknown_statement) for a draft that was
    given up meanwhile.
    """
    row = session.exec(
        select(NeutralityStatement)
        .where(col(NeutralityStatement.id) == statement.stored_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise NotFound("unknown_statement")
    if row.status not in statuses:
        raise Conflict("statement_not_in_state", status=row.status)
    return row


def noted(
    session: Session,
    step: str,
    row: NeutralityStatement,
    institution: Institution | None,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: object,
) -> None:
    """Write an act on a statement into the audit trail of its institution."""
    place = institution or session.get_one(Institution, row.institution_id)
    note(
        session,
        place,
        f"statement.{step}",
        acting_user=acting_user,
        now=now,
        reason=reason,
        statement=row.public_id,
        year=row.year,
        **details,
    )
