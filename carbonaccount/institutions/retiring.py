"""Using lots: which come first by policy and why, and retiring them once, for one purpose.

Green certificates reduce a power line and are nothing else; all other lots are grams in the books
and go from the institution to the city's account of what is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import lots
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.offset_rules import ORDER_OF_USE, Rank
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit

__all__ = ["Choice", "Purpose", "RetiredLot", "choose", "retire", "retired_for", "set_apart"]


@dataclass(frozen=True)
class RetiredLot:
    """A lot that is gone: its numbers as printed, what it was, how much, and since when."""

    lot_id: int
    serial_first: str
    serial_last: str
    serials: int
    kind: LotKind
    amount_g: int
    amount_kwh: int
    registry: str
    vintage: int
    title: str
    evidence_sha256: str
    retired_at: datetime


@dataclass(frozen=True)
class Why:
    """Why a lot is used at its place: the policy's step, and when it ends if that decided."""

    rank: Rank
    valid_until: date | None
    is_part: bool


@dataclass(frozen=True)
class Choice:
    """A lot that is used, how many of its grams (whole serial numbers), and why now."""

    lot: OffsetLot
    take_g: int
    why: Why


def choose(
    session: Session,
    *,
    institution_id: int,
    need_g: int,
    on: date,
    latest_vintage: int | None = None,
    most_g: int | None = None,
) -> list[Choice]:
    """Return what an institution uses first for so many grams, in the order of policy.

    latest_vintage: reductions of later years are left out; None takes those of any year. Of the
    last lot only as many whole numbers as are needed: a number goes as a whole, so that they may
    come to more than `need_g`, but never to more than `most_g`; a lot of which not one number
    fits below that is passed over. Comes to less than `need_g` when there is no more. Expired
    lots and green certificates are never among them.
    """
    chosen: list[Choice] = []
    left, room = need_g, most_g
    for lot in in_order(usable(session, institution_id=institution_id, on=on)):
        if left <= 0:
            break
        if latest_vintage is not None and lot.vintage > latest_vintage:
            continue
        serials = min(lot.serials, -(-left // lot.serial_g))
        if room is not None:
            serials = min(serials, room // lot.serial_g)
            room -= serials * lot.serial_g
        if serials:
            take = serials * lot.serial_g
            why = Why(ORDER_OF_USE[LotKind(lot.kind)], lot.valid_until, take < lot.amount_g)
            chosen.append(Choice(lot, take, why))
            left -= take
    return chosen


def usable(session: Session, *, institution_id: int, on: date) -> list[OffsetLot]:
    """Return the lots of grams that an institution holds and may use on a day."""
    return [
        lot
        for lot in lots.held(session, institution_id=institution_id)
        if lot.kind != LotKind.GREEN_CERTIFICATE and not is_expired(lot, on)
    ]


def in_order(found: Sequence[OffsetLot]) -> list[OffsetLot]:
    """Return lots in the order of policy; within a step what ends first, then the oldest."""
    return sorted(
        found,
        key=lambda lot: (
            ORDER_OF_USE[LotKind(lot.kind)].rank,
            lot.valid_until or date.max,
            lot.vintage,
            lot.registry_code,
            lot.serial_prefix,
            lot.serial_first,
        ),
    )


def is_expired(lot: OffsetLot, on: date) -> bool:
    """Return whether a lot may no longer be used on a day."""
    return lot.valid_until is not None and lot.valid_until < on


def set_apart(
    session: Session, *, choices: Sequence[Choice], acting_user: Actor, now: datetime
) -> list[int]:
    """Return the ids of lots that are exactly what was chosen; lots used in part are split.

    Raises Conflict (lot_not_held) when one has gone meanwhile.
    """
    return [
        choice.lot.stored_id
        if choice.take_g == choice.lot.amount_g
        else lots.split(
            session,
            lot_id=choice.lot.stored_id,
            serials=choice.take_g // choice.lot.serial_g,
            acting_user=acting_user,
            now=now,
        )[0].stored_id
        for choice in choices
    ]


def retire(
    session: Session,
    *,
    institution_id: int,
    lot_ids: Sequence[int],
    purpose: Purpose,
    purpose_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Retire whole lots of an institution, once, for one purpose.

    Raises NotFound (unknown_lot), Conflict (lot_not_held, lot_expired), Invalid
    (certificate_is_no_reduction, reduction_is_no_certificate). All or nothing; does not commit.
    """
    found = _locked(session, institution_id, lot_ids)
    for lot in found:
        _check_use(lot, purpose, business_day(now))
    if _mark(session, [lot.stored_id for lot in found], purpose, purpose_id, now) != len(found):
        raise Conflict("lot_not_held")
    _post(session, institution_id, [lot for lot in found if lot.amount_g], now)
    for lot in found:
        session.refresh(lot)
        _audit(session, lot, purpose, purpose_id, acting_user, now)


def _locked(session: Session, institution_id: int, lot_ids: Sequence[int]) -> Sequence[OffsetLot]:
    """Return the lots in the order of their ids, which nobody else changes meanwhile."""
    wanted = set(lot_ids)
    found = session.exec(
        select(OffsetLot)
        .where(col(OffsetLot.id).in_(wanted), col(OffsetLot.institution_id) == institution_id)
        .order_by(col(OffsetLot.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if len(found) != len(wanted):
        raise NotFound("unknown_lot")
    return found


def _check_use(lot: OffsetLot, purpose: Purpose, on: date) -> None:
    is_certificate = lot.kind == LotKind.GREEN_CERTIFICATE
    if is_certificate and purpose is not Purpose.POWER_LINE:
        raise Invalid("certificate_is_no_reduction", field="lots")
    if not is_certificate and purpose is Purpose.POWER_LINE:
        raise Invalid("reduction_is_no_certificate", field="lots")
    if lot.status != LotStatus.HELD:
        raise Conflict("lot_not_held", field="lots", serial=lot.first_number)
    if is_expired(lot, on):
        raise Conflict("lot_expired", field="lots", serial=lot.first_number)


def _mark(
    session: Session, lot_ids: list[int], purpose: Purpose, purpose_id: int, now: datetime
) -> int:
    """Mark lots that are still held as retired; returns how many were."""
    done = session.connection().execute(
        sa.update(OffsetLot)
        .where(col(OffsetLot.id).in_(lot_ids), col(OffsetLot.status) == LotStatus.HELD)
        .values(
            status=LotStatus.RETIRED.value,
            purpose=purpose.value,
            purpose_id=purpose_id,
            retired_at=now,
            retired_on=business_day(now),
        )
    )
    return int(done.rowcount)


def _post(session: Session, institution_id: int, found: Sequence[OffsetLot], now: datetime) -> None:
    """Move the grams of lots out of the institution's books."""
    if not found:
        return
    owner = session.get_one(Institution, institution_id).account_id
    source = ledger.owned_account(
        session, owner_id=owner, kind=LedgerKind.INSTITUTION, unit=Unit.G, vintage=0
    )
    target = ledger.ending_account(session, kind=LedgerKind.RETIRED, unit=Unit.G, vintage=0)
    postings = [
        ledger.Posting(
            debit_id=source,
            credit_id=target,
            amount=lot.amount_g,
            unit=Unit.G,
            kind=TransferKind.RETIRE,
            cause=Cause.LOT,
            cause_id=lot.stored_id,
            revision=0,
            business_day=business_day(now),
            occurred_at=now,
        )
        for lot in found
    ]
    ledger.post_few(session, postings=postings, computed=frozenset({target}), booked_at=now)


def _audit(
    session: Session,
    lot: OffsetLot,
    purpose: Purpose,
    purpose_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action="lot.retire",
        subject=f"lot:{lot.public_id}",
        now=now,
        purpose=purpose.value,
        purpose_id=purpose_id,
    )


def retired_for(session: Session, *, purpose: Purpose, purpose_id: int) -> list[RetiredLot]:
    """Return the lots that were retired for something, in the order of policy."""
    found = session.exec(
        select(OffsetLot)
        .where(col(OffsetLot.purpose) == purpose.value, col(OffsetLot.purpose_id) == purpose_id)
        .order_by(col(OffsetLot.id))
    ).all()
    if purpose is not Purpose.POWER_LINE:
        found = in_order(found)
    return [_retired(lot) for lot in found]


def _retired(lot: OffsetLot) -> RetiredLot:
    assert lot.retired_at is not None
    return RetiredLot(
        lot_id=lot.stored_id,
        serial_first=lot.first_number,
        serial_last=lot.last_number,
        serials=lot.serials,
        kind=LotKind(lot.kind),
        amount_g=lot.amount_g,
        amount_kwh=lot.amount_kwh,
        registry=lot.registry_code,
        vintage=lot.vintage,
        title=lot.title,
        evidence_sha256=lot.evidence_sha256,
        retired_at=lot.retired_at,
    )
