"""Taking a lot back before it is used: a slip of the pen, or numbers that somebody else owns.

Its numbers are free again and its grams go back to where they came from. The row stays, with the
reason; it cannot be undone, but the numbers can be registered again.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import (
    NeutralityStatement,
    StatementLot,
    StatementStatus,
)
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot
from carbonaccount.institutions.statements import OFFICERS
from carbonaccount.institutions.trail import read_reason, tell_owners
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, Transfer, TransferKind, Unit

# The grams of the other kinds left the accounts of residents, staff or a beneficiary.
FROM_NOBODY = frozenset(
    {LotKind.GREEN_CERTIFICATE, LotKind.CCER, LotKind.AFFORESTATION, LotKind.OTHER_CREDIT}
)


def withdraw(
    session: Session,
    *,
    institution_id: int,
    public_id: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take back a lot that an institution holds and has used nowhere, not even in a draft.

    Raises NotFound (unknown_lot), Conflict (lot_not_held, lot_is_a_part, lot_from_others,
    lot_chosen with `year`), Invalid (reason_length). Does not commit.
    """
    written = read_reason(reason)
    lot = _locked(session, public_id)
    if lot.institution_id != institution_id:
        raise NotFound("unknown_lot")
    _check(lot)
    statement = _chosen_by(session, lot)
    if statement is not None:
        raise Conflict("lot_chosen", field="reason", year=statement.year)
    _take_back(session, lot, written, acting_user, now, by_city=False)


def withdraw_as_officer(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Let the city's officer take back somebody's lot; its owners are told with the reason.

    A draft that chose it loses it; a statement that was sent in is sent back first. Raises Refused
    (role_missing), Conflict (lot_in_review with `year`), and otherwise as `withdraw`.
    """
    require_role(session, acting_user=acting_user, roles=OFFICERS)
    written = read_reason(reason)
    lot = _locked(session, public_id)
    _check(lot)
    while (statement := _chosen_by(session, lot)) is not None:
        if statement.status != StatementStatus.DRAFT:
            raise Conflict("lot_in_review", field="reason", year=statement.year)
        _drop_choice(session, statement, lot)
    _take_back(session, lot, written, acting_user, now, by_city=True)
    place = session.get_one(Institution, lot.institution_id)
    tell_owners(
        session,
        place,
        "lot_withdrawn",
        cause=f"lot:{lot.public_id}",
        now=now,
        lot=lot.public_id,
        serial=lot.first_number,
    )


def obstacle(session: Session, lot: OffsetLot) -> Conflict | None:
    """Return why an institution cannot take a lot back now, None when it can."""
    try:
        _check(lot)
    except Conflict as refused:
        return refused
    statement = _chosen_by(session, lot)
    return None if statement is None else Conflict("lot_chosen", year=statement.year)


def _locked(session: Session, public_id: str) -> OffsetLot:
    """Return a lot that nobody else uses, splits or chooses before this transaction ends."""
    lot = session.exec(
        select(OffsetLot)
        .where(col(OffsetLot.public_id) == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if lot is None:
        raise NotFound("unknown_lot")
    return lot


def _check(lot: OffsetLot) -> None:
    if lot.status != LotStatus.HELD:
        raise Conflict("lot_not_held", field="reason", serial=lot.first_number)
    if lot.parent_id is not None:
        raise Conflict("lot_is_a_part", field="reason")
    if lot.kind not in FROM_NOBODY:
        raise Conflict("lot_from_others", field="reason")


def _chosen_by(session: Session, lot: OffsetLot) -> NeutralityStatement | None:
    """Return a statement that chose the lot; those at work before drafts."""
    return session.exec(
        select(NeutralityStatement)
        .join(StatementLot, col(StatementLot.statement_id) == col(NeutralityStatement.id))
        .where(col(StatementLot.lot_id) == lot.stored_id)
        .order_by(col(NeutralityStatement.status) == StatementStatus.DRAFT)
        .limit(1)
    ).first()


def _drop_choice(session: Session, statement: NeutralityStatement, lot: OffsetLot) -> None:
    session.connection().execute(
        sa.delete(StatementLot).where(
            col(StatementLot.statement_id) == statement.stored_id,
            col(StatementLot.lot_id) == lot.stored_id,
        )
    )


def _take_back(
    session: Session,
    lot: OffsetLot,
    reason: str,
    acting_user: Actor,
    now: datetime,
    *,
    by_city: bool,
) -> None:
    done = session.connection().execute(
        sa.update(OffsetLot)
        .where(col(OffsetLot.id) == lot.stored_id, col(OffsetLot.status) == LotStatus.HELD)
        .values(
            status=LotStatus.WITHDRAWN.value,
            withdrawn_at=now,
            withdrawn_reason=reason,
            withdrawn_by_city=by_city,
        )
    )
    if done.rowcount != 1:
        raise Conflict("lot_not_held", field="reason", serial=lot.first_number)
    session.refresh(lot)
    _reverse(session, lot, now)
    audit.record(
        session,
        acting_user=acting_user,
        action="lot.withdraw",
        subject=f"lot:{lot.public_id}",
        now=now,
        reason=reason,
        kind=lot.kind,
        registry=lot.registry_code,
        first=lot.first_number,
        last=lot.last_number,
        amount_g=lot.amount_g,
    )


def _reverse(session: Session, lot: OffsetLot, now: datetime) -> None:
    """Move the grams of a lot back to issuance; certificates have none."""
    for entry in session.exec(
        select(Transfer).where(
            col(Transfer.cause) == Cause.LOT,
            col(Transfer.cause_id) == lot.stored_id,
            col(Transfer.kind) == TransferKind.ACQUIRE,
        )
    ).all():
        posting = ledger.Posting(
            debit_id=entry.credit_id,
            credit_id=entry.debit_id,
            amount=entry.amount,
            unit=Unit(entry.unit),
            kind=TransferKind.REVERSE,
            cause=Cause.LOT,
            cause_id=lot.stored_id,
            revision=entry.revision,
            business_day=business_day(now),
            occurred_at=now,
            reverses_id=entry.id,
        )
        # What it was issued from has no balance of its own.
        issued_from = frozenset({entry.debit_id})
        ledger.post_few(session, postings=[posting], computed=issued_from, booked_at=now)
