"""The life of a statement: drafted from a locked inventory, reviewed by the city, published.

draft -> in_review -> reviewed -> published -> withdrawn; sent back or taken back it is a draft
again. Its lots are retired by the transaction that publishes it, and stay retired for the year
when it is withdrawn: the next statement of the year counts them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import new_public_id
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import (
    neutrality,
    statement_completeness,
    statement_content,
    statement_lots,
    statement_uncertainty,
)
from carbonaccount.institutions.inventory_models import Inventory, InventoryStatus
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.retiring import Choice
from carbonaccount.institutions.statement_rows import (
    account_of,
    locked,
    locked_account,
    noted,
)
from carbonaccount.institutions.trail import read_reason, tell_owners
from carbonaccount.sealing import canonical

OFFICERS = frozenset({Role.INSTITUTION_OFFICER})
LONGEST_NOTE, LONGEST_UNCERTAINTY = 2000, 1000


def draft(
    session: Session,
    *,
    institution: Institution,
    year: int,
    account_id: int,
    acting_user: Actor,
    now: datetime,
) -> NeutralityStatement:
    """Begin the statement of a year whose inventory is locked; one stands a year.

    Raises Conflict (statement_exists, statement_needs_inventory, inventory_empty,
    inventory_nothing_counted, year_not_over).
    """
    account = locked_account(session, institution, year)
    statement_completeness.check_counted(account)
    if year >= business_day(now).year:
        raise Conflict("year_not_over", field="year")
    before = _of_year(session, institution.stored_id, year)
    if any(row.status != StatementStatus.WITHDRAWN for row in before):
        raise Conflict("statement_exists", field="year")
    row = NeutralityStatement(
        public_id=new_public_id(),
        institution_id=institution.stored_id,
        year=year,
        revision=len(before),
        inventory_id=account.inventory_id,
        inventory_version=account.version,
        drafted_by=account_id,
        drafted_at=now,
    )
    session.add(row)
    session.flush()
    noted(session, "draft", row, institution, acting_user, now)
    return row


def _of_year(session: Session, institution_id: int, year: int) -> Sequence[NeutralityStatement]:
    return session.exec(
        select(NeutralityStatement)
        .where(
            col(NeutralityStatement.institution_id) == institution_id,
            col(NeutralityStatement.year) == year,
        )
        .order_by(col(NeutralityStatement.revision))
    ).all()


def newer_inventory(session: Session, statement: NeutralityStatement) -> int | None:
    """Return the newest locked version of the year's inventory if it is later than the one used."""
    newest = session.exec(
        select(sa.func.max(col(Inventory.version))).where(
            col(Inventory.institution_id) == statement.institution_id,
            col(Inventory.year) == statement.year,
            col(Inventory.status) == InventoryStatus.LOCKED,
        )
    ).one()
    return newest if newest is not None and newest > statement.inventory_version else None


def write(
    session: Session,
    *,
    statement: NeutralityStatement,
    note_text: str,
    uncertainty: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write the words of a draft. Raises Conflict (statement_not_in_state), Invalid (plan_text)."""
    row = locked(session, statement, StatementStatus.DRAFT)
    for field, text, limit in (
        ("note", note_text, LONGEST_NOTE),
        ("uncertainty", uncertainty, LONGEST_UNCERTAINTY),
    ):
        if len(text.strip()) > limit:
            raise Invalid("plan_text", field=field, limit=limit)
    row.note, row.uncertainty = note_text.strip(), uncertainty.strip()
    session.flush()
    noted(session, "write", row, None, acting_user, now)


def pick(
    session: Session,
    *,
    statement: NeutralityStatement,
    certificates: int | None,
    offset_g: int | None,
    acting_user: Actor,
    now: datetime,
) -> list[Choice]:
    """Choose the lots of a draft in the order of policy; see `statement_lots.pick`.

    Raises Conflict (statement_not_in_state, statement_needs_inventory, inventory_empty) and what
    `statement_lots.pick` raises.
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    account = account_of(session, row)
    wanted = statement_lots.Wanted(certificates, offset_g)
    choices = statement_lots.pick(session, row, account=account, wanted=wanted, now=now)
    noted(session, "pick", row, None, acting_user, now)
    return choices


def preview(session: Session, statement: NeutralityStatement) -> dict[str, Any]:
    """Return what a statement says: of one at work as it would be now, else as it was written."""
    if statement.content and statement.status != StatementStatus.DRAFT:
        return statement_content.read(statement.content)
    return statement_content.content_of(
        session,
        statement=statement,
        institution=session.get_one(Institution, statement.institution_id),
        account=account_of(session, statement),
        lots=statement_lots.lots_of(session, statement).all,
        measures=neutrality.measures_of(
            session, institution_id=statement.institution_id, year=statement.year
        ),
        stated=statement_uncertainty.stated_of(session, statement),
        explained=statement_completeness.explained_of(session, statement),
    )


def submit(
    session: Session, *, statement: NeutralityStatement, acting_user: Actor, now: datetime
) -> None:
    """Write down what the statement says and hand it to the city's officer.

    Raises Conflict (statement_not_in_state, statement_needs_inventory, inventory_nothing_counted,
    statement_gaps_open, lot_not_held, lot_expired, lot_of_later_year).
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    account = account_of(session, row)
    statement_completeness.check_whole(session, row, account)
    row.inventory_id, row.inventory_version = account.inventory_id, account.version
    statement_lots.check_usable(session, row, now)
    _write_content(row, preview(session, row))
    row.status, row.submitted_at = StatementStatus.IN_REVIEW.value, now
    row.returned_reason = ""
    session.flush()
    noted(session, "submit", row, None, acting_user, now)


def _write_content(row: NeutralityStatement, content: dict[str, Any]) -> None:
    row.content = canonical(content)
    row.digest = statement_content.digest_of(row.content)
    balance = content["balance"]
    row.is_neutral = bool(balance["neutral"])
    row.emissions_g, row.after_power_g = balance["emissions_g"], balance["after_power_g"]
    row.offsets_g = balance["offsets_g"]


def take_back(
    session: Session, *, statement: NeutralityStatement, acting_user: Actor, now: datetime
) -> None:
    """Make it a draft again before it is published. Raises Conflict (statement_not_in_state)."""
    row = locked(session, statement, StatementStatus.IN_REVIEW, StatementStatus.REVIEWED)
    _to_draft(session, row)
    noted(session, "take_back", row, None, acting_user, now)


def _to_draft(session: Session, row: NeutralityStatement) -> None:
    row.status, row.submitted_at = StatementStatus.DRAFT.value, None
    row.reviewed_by, row.reviewed_at = None, None
    row.content, row.digest, row.is_neutral = "", "", False
    row.emissions_g = row.after_power_g = row.offsets_g = 0
    session.flush()


def send_back(
    session: Session,
    *,
    statement: NeutralityStatement,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Let the officer send it back with a reason.

    Raises Refused (role_missing), Conflict (statement_not_in_state), Invalid (reason_length).
    """
    require_role(session, acting_user=acting_user, roles=OFFICERS)
    written = read_reason(reason)
    row = locked(session, statement, StatementStatus.IN_REVIEW, StatementStatus.REVIEWED)
    _to_draft(session, row)
    row.returned_reason = written
    session.flush()
    noted(session, "send_back", row, None, acting_user, now, written)
    _tell(session, "statement_sent_back", row, now)


def review(
    session: Session,
    *,
    statement: NeutralityStatement,
    reason: str,
    acting_user: Actor,
    now: datetime,
    digest: str | None = None,
) -> None:
    """Let the officer confirm what it says; what the officer found is kept in the trail.

    digest: of the text that the officer read; it may have been taken back and sent in anew since.
    Raises what `send_back` raises, Conflict (inventory_changed) when the inventory was corrected
    after it was sent in, (statement_gaps_open) when its year is not whole: then it can only be
    sent back.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    written = read_reason(reason)
    row = locked(session, statement, StatementStatus.IN_REVIEW)
    if digest not in (None, row.digest):
        raise Conflict("statement_not_in_state", status=row.status)
    _check_newest(session, row)
    row.status, row.reviewed_by, row.reviewed_at = StatementStatus.REVIEWED.value, staff_id, now
    session.flush()
    noted(session, "review", row, None, acting_user, now, written)
    _tell(session, "statement_reviewed", row, now)


def publish(
    session: Session,
    *,
    statement: NeutralityStatement,
    account_id: int,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Retire the lots and publish what was reviewed, sealed; all or nothing.

    Raises Conflict (statement_not_in_state, inventory_changed, statement_gaps_open, lot_not_held,
    lot_expired).
    """
    row = locked(session, statement, StatementStatus.REVIEWED)
    _check_newest(session, row)
    statement_lots.retire_chosen(session, row, acting_user=acting_user, now=now)
    reviewer = session.get_one(Staff, row.reviewed_by)
    assert row.reviewed_at is not None
    content = {
        **statement_content.read(row.content),
        "reviewer": reviewer.display_name,
        "reviewed_on": business_day(row.reviewed_at).isoformat(),
        "published_on": business_day(now).isoformat(),
    }
    _write_content(row, content)
    row.seal = statement_content.seal_of(row.content, vault)
    row.status, row.published_at = StatementStatus.PUBLISHED.value, now
    row.published_by = account_id
    session.flush()
    noted(session, "publish", row, None, acting_user, now)


def _check_newest(session: Session, row: NeutralityStatement) -> None:
    """What is confirmed or published stands on the newest inventory, whose year is whole.

    One that was sent in before gaps had to be explained goes back like one with an old inventory.
    """
    account = account_of(session, row)
    if (account.inventory_id, account.version) != (row.inventory_id, row.inventory_version):
        raise Conflict("inventory_changed")
    statement_completeness.check_whole(session, row, account)


def withdraw(
    session: Session,
    *,
    statement: NeutralityStatement,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Withdraw a published statement with a reason that everybody reads; its lots stay used.

    Raises Conflict (statement_not_in_state), Invalid (reason_length).
    """
    written = read_reason(reason)
    row = locked(session, statement, StatementStatus.PUBLISHED)
    row.status, row.withdrawn_at = StatementStatus.WITHDRAWN.value, now
    row.withdrawn_reason = written
    session.flush()
    noted(session, "withdraw", row, None, acting_user, now, written)


def withdraw_as_officer(
    session: Session,
    *,
    statement: NeutralityStatement,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Let the city's officer withdraw it. Raises Refused (role_missing), and as `withdraw`."""
    require_role(session, acting_user=acting_user, roles=OFFICERS)
    withdraw(session, statement=statement, reason=reason, acting_user=acting_user, now=now)
    _tell(session, "statement_withdrawn", statement, now)


def statement_at(session: Session, *, institution_id: int, public_id: str) -> NeutralityStatement:
    """Return a statement of an institution. Raises NotFound (unknown_statement)."""
    row = session.exec(
        select(NeutralityStatement).where(
            col(NeutralityStatement.public_id) == public_id,
            col(NeutralityStatement.institution_id) == institution_id,
        )
    ).first()
    if row is None:
        raise NotFound("unknown_statement")
    return row


def _tell(session: Session, kind: str, row: NeutralityStatement, now: datetime) -> None:
    """Tell the institution's owners what the city decided."""
    place = session.get_one(Institution, row.institution_id)
    cause = f"statement:{row.public_id}"
    tell_owners(session, place, kind, cause=cause, now=now, statement=row.public_id, year=row.year)
