"""Lists of the panel about neutrality statements and survival checks of plantations."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor, AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.inventory_evidence import stored_bytes
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryEvidence,
    InventoryLine,
    InventoryStatus,
)
from carbonaccount.institutions.inventory_results import YearAccount, account_of, lines_of
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_models import OffsetLot, Plantation, SurvivalCheck
from carbonaccount.institutions.statement_rows import noted

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


class Underlying(NamedTuple):
    """The locked inventory that a statement stands on, its account, and that of the year before."""

    inventory: Inventory
    account: YearAccount
    last: YearAccount | None


def inventory_under(session: Session, statement: NeutralityStatement) -> Underlying:
    """Return what a statement stands on; the year before is its newest locked version."""
    row = session.get_one(Inventory, statement.inventory_id)
    before = session.exec(
        select(Inventory)
        .where(
            col(Inventory.institution_id) == statement.institution_id,
            col(Inventory.year) == statement.year - 1,
            col(Inventory.status) == InventoryStatus.LOCKED,
        )
        .order_by(col(Inventory.version).desc())
        .limit(1)
    ).first()
    wanted = [item for item in (row, before) if item is not None]
    lines = lines_of(session, inventory_ids=[item.stored_id for item in wanted])
    now, *last = [account_of(item, lines.get(item.stored_id, ())) for item in wanted]
    return Underlying(row, now, last[0] if last else None)


def evidence_under(
    session: Session, statement: NeutralityStatement
) -> Sequence[tuple[InventoryEvidence, int]]:
    """Return the files that prove lines of a statement's inventory, with how many lines each."""
    counted = (
        sa.select(col(InventoryLine.evidence_id).label("file_id"), sa.func.count().label("lines"))
        .where(
            col(InventoryLine.inventory_id) == statement.inventory_id, ~col(InventoryLine.removed)
        )
        .group_by(col(InventoryLine.evidence_id))
        .subquery()
    )
    rows = session.execute(
        sa.select(InventoryEvidence, counted.c.lines)
        .join(counted, counted.c.file_id == col(InventoryEvidence.id))
        .order_by(col(InventoryEvidence.id))
    )
    return [(file, int(lines)) for file, lines in rows]


def open_evidence(
    session: Session,
    *,
    statement: NeutralityStatement,
    file_id: str,
    folder: Path,
    acting_user: Actor,
    now: datetime,
) -> tuple[InventoryEvidence, bytes]:
    """Return a file of a statement's inventory for the officer; that it was opened is kept.

    Raises Refused (role_missing), NotFound (evidence_not_found for files of other inventories too,
    evidence_gone).
    """
    require_role(session, acting_user=acting_user, roles=frozenset({Role.INSTITUTION_OFFICER}))
    found = {row.public_id: row for row, _lines in evidence_under(session, statement)}.get(file_id)
    if found is None:
        raise NotFound("evidence_not_found")
    content = stored_bytes(found, folder)
    noted(session, "evidence_opened", statement, None, acting_user, now, file=found.public_id)
    return found, content


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
