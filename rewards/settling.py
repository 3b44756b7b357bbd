"""Statements of merchants: drafted for a period, checked by hand, approved by a second person.

The coupons name their settlement; its totals are counted from them each time something changes.
Whoever changes a settlement holds the merchant's lock, see `merchants.lock`.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, day_end, day_start
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages.services import Outgoing, send_many
from rewards import disputes, merchants
from rewards.merchant_models import (
    CouponDispute,
    Merchant,
    Settlement,
    SettlementCheck,
    SettlementDeduction,
)
from rewards.models import Coupon, CouponStatus
from rewards.totals import count_again, drawn

DRAFT, IN_REVIEW, APPROVED, PAID, CANCELLED = "draft", "in_review", "approved", "paid", "cancelled"
FINE, WRONG = "fine", "wrong"
LONGEST_PERIOD_DAYS = 366
LONGEST_REFERENCE = 80
SHORTEST_REASON, LONGEST_REASON = 2, 500


def draft(
    session: Session,
    *,
    merchant_id: int,
    first_day: date,
    last_day: date,
    acting_user: Actor,
    now: datetime,
) -> Settlement:
    """Put the coupons that a merchant took in a period into a new settlement.

    Those that are disputed or in another settlement are left out. The period ends before today,
    so that nothing in it can be undone at a till any more. Raises Invalid with settlement_period,
    Conflict with nothing_to_settle, NotFound. Does not commit.
    """
    days = (last_day - first_day).days
    if not 0 <= days < LONGEST_PERIOD_DAYS or last_day >= business_day(now):
        raise Invalid("settlement_period", field="last_day", limit=LONGEST_PERIOD_DAYS)
    merchant = merchants.lock(session, merchant_id=merchant_id)
    settlement = Settlement(
        public_id=new_public_id(),
        merchant_id=merchant.id or 0,
        first_day=first_day,
        last_day=last_day,
        drafted_by=acting_user.id,
        created_at=now,
    )
    session.add(settlement)
    session.flush()
    _gather(session, settlement)
    if not count_again(session, settlement=settlement).coupons:
        raise Conflict("nothing_to_settle")
    _audit(session, settlement, "settlement.draft", acting_user, now)
    return settlement


def _gather(session: Session, settlement: Settlement) -> None:
    """Claim the coupons of the period, then let go of those that are disputed.

    In this order: the first statement waits for whoever is disputing one of the coupons, and the
    second sees what they wrote.
    """
    session.exec(
        sa.update(Coupon)
        .where(
            col(Coupon.merchant_id) == settlement.merchant_id,
            col(Coupon.status) == CouponStatus.USED,
            col(Coupon.settlement_id).is_(None),
            col(Coupon.used_at) >= day_start(settlement.first_day),
            col(Coupon.used_at) < day_end(settlement.last_day),
        )
        .values(settlement_id=settlement.id)
        .execution_options(synchronize_session=False)
    )
    disputed = sa.select(col(CouponDispute.coupon_id)).where(
        col(CouponDispute.status) == disputes.OPEN
    )
    session.exec(
        sa.update(Coupon)
        .where(col(Coupon.settlement_id) == settlement.id, col(Coupon.id).in_(disputed))
        .values(settlement_id=None)
        .execution_options(synchronize_session=False)
    )


def submit(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Settlement:
    """Hand a draft over for approval and draw what is checked by hand.

    Raises Conflict: settlement_state, nothing_to_settle (all its coupons were disputed).
    """
    settlement = _locked(session, public_id, DRAFT)
    if not count_again(session, settlement=settlement).coupons:
        raise Conflict("nothing_to_settle")
    _draw(session, settlement)
    settlement.status, settlement.submitted_by = IN_REVIEW, acting_user.id
    return _noted(session, settlement, "settlement.submit", acting_user, now)


def _draw(session: Session, settlement: Settlement) -> None:
    """Write the sample; what was checked before the settlement was returned stays checked."""
    rows = session.exec(
        select(col(Coupon.public_id), col(Coupon.id)).where(
            col(Coupon.settlement_id) == settlement.id
        )
    )
    ids: dict[str, int | None] = dict(rows.all())
    for public_id in drawn(ids, settlement_public_id=settlement.public_id):
        key = (settlement.id, ids[public_id])
        if session.get(SettlementCheck, key) is None:
            session.add(SettlementCheck(settlement_id=key[0] or 0, coupon_id=key[1] or 0))
    session.flush()


def record_check(
    session: Session,
    *,
    public_id: str,
    coupon_public_id: str,
    result: str,
    note: str,
    acting_user: Actor,
    now: datetime,
) -> Settlement:
    """Write down what checking a drawn coupon by hand found.

    A wrong one is disputed in the checker's name, which takes it out of the settlement until
    somebody else decides. Whoever drafted or submitted the settlement checks nothing of it.
    Raises Invalid: check_result, check_note; NotFound with check_not_found; Conflict with
    settlement_state; Refused with second_person_needed.
    """
    note = note.strip()
    _check_result(result, note)
    settlement = _locked(session, public_id, IN_REVIEW)
    _require_second(settlement, acting_user)
    coupon = session.exec(
        select(Coupon).where(
            col(Coupon.public_id) == coupon_public_id, col(Coupon.settlement_id) == settlement.id
        )
    ).first()
    check = coupon and session.get(SettlementCheck, (settlement.id, coupon.id))
    if coupon is None or check is None:
        raise NotFound("check_not_found")
    check.result, check.note = result, note
    check.checked_by, check.checked_at = acting_user.id, now
    session.add(check)
    if result == WRONG:
        disputes.open_dispute(
            session,
            coupon=coupon,
            text=note,
            staff_id=acting_user.id,
            acting_user=acting_user,
            now=now,
        )
    return _noted(session, settlement, "settlement.check", acting_user, now, result=result)


def _check_result(result: str, note: str) -> None:
    if result not in (FINE, WRONG):
        raise Invalid("check_result", field="result")
    least = disputes.SHORTEST_TEXT if result == WRONG else 0
    if not least <= len(note) <= disputes.LONGEST_TEXT:
        raise Invalid(
            "check_note",
            field="note",
            minimum=disputes.SHORTEST_TEXT,
            maximum=disputes.LONGEST_TEXT,
        )


def return_to_draft(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Settlement:
    """Give a settlement back to whoever drafted it."""
    reason = _reason(reason)
    settlement = _locked(session, public_id, IN_REVIEW)
    settlement.status = DRAFT
    return _noted(session, settlement, "settlement.return", acting_user, now, reason=reason)


def approve(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Settlement:
    """Approve what somebody else drafted and submitted, once its sample is checked.

    Raises Refused with second_person_needed; Conflict: settlement_state, sample_not_checked,
    nothing_to_settle.
    """
    settlement = _locked(session, public_id, IN_REVIEW)
    _require_second(settlement, acting_user)
    unchecked = unchecked_count(session, settlement=settlement)
    if unchecked:
        raise Conflict("sample_not_checked", unchecked=unchecked)
    if not count_again(session, settlement=settlement).coupons:
        raise Conflict("nothing_to_settle")
    settlement.status, settlement.approved_by, settlement.decided_at = APPROVED, acting_user.id, now
    _tell_owners(session, settlement, "merchant_settlement_approved", now)
    return _noted(session, settlement, "settlement.approve", acting_user, now)


def _require_second(settlement: Settlement, acting_user: Actor) -> None:
    if acting_user.id in (settlement.drafted_by, settlement.submitted_by):
        raise Refused("second_person_needed")


def _tell_owners(session: Session, settlement: Settlement, kind: str, now: datetime) -> None:
    """Tell those who look after the merchant what they are owed, or that it was paid."""
    owners = merchants.owner_accounts(session, merchant_id=settlement.merchant_id)
    merchant = session.get_one(Merchant, settlement.merchant_id)
    params = {
        "settlement": settlement.public_id,
        "name_zh": merchant.name_zh,
        "name_en": merchant.name_en,
        "first_day": settlement.first_day.isoformat(),
        "last_day": settlement.last_day.isoformat(),
        "coupons": settlement.coupons,
        "owed_fen": settlement.value_fen - settlement.deducted_fen,
    }
    cause = f"settlement:{settlement.id}"
    outgoing = [Outgoing(account_id, cause, params) for account_id in owners]
    send_many(session, kind=kind, outgoing=outgoing, now=now)


def unchecked_count(session: Session, *, settlement: Settlement) -> int:
    """Return how many drawn coupons of a settlement wait for somebody to check them."""
    return session.exec(
        select(sa.func.count())
        .select_from(SettlementCheck)
        .join(Coupon, col(Coupon.id) == col(SettlementCheck.coupon_id))
        .where(
            col(SettlementCheck.settlement_id) == settlement.id,
            col(Coupon.settlement_id) == settlement.id,
            col(SettlementCheck.result) == "",
        )
    ).one()


def pay(
    session: Session, *, public_id: str, reference: str, acting_user: Actor, now: datetime
) -> Settlement:
    """Note that an approved settlement was paid, with the reference of the payment."""
    reference = reference.strip()
    if not 1 <= len(reference) <= LONGEST_REFERENCE:
        raise Invalid("payment_reference", field="reference", limit=LONGEST_REFERENCE)
    settlement = _locked(session, public_id, APPROVED)
    settlement.status, settlement.paid_by, settlement.paid_at = PAID, acting_user.id, now
    settlement.payment_reference = reference
    _tell_owners(session, settlement, "merchant_settlement_paid", now)
    return _noted(session, settlement, "settlement.pay", acting_user, now)


def cancel(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Settlement:
    """Give up a settlement that was not paid; its coupons are free for another one.

    Raises Conflict with settlement_state, settlement_taken_back when a use in it was taken back
    after it was approved.
    """
    reason = _reason(reason)
    settlement = _locked(session, public_id, DRAFT, IN_REVIEW, APPROVED)
    counted = select(col(SettlementDeduction.dispute_id)).where(
        col(SettlementDeduction.counted_in) == settlement.id
    )
    if session.exec(counted).first() is not None:
        raise Conflict("settlement_taken_back")
    _let_go(session, settlement)
    settlement.status, settlement.decided_at = CANCELLED, now
    return _noted(session, settlement, "settlement.cancel", acting_user, now, reason=reason)


def _let_go(session: Session, settlement: Settlement) -> None:
    for table in (Coupon, SettlementDeduction):
        session.execute(
            sa.update(table)
            .where(col(table.settlement_id) == settlement.id)
            .values(settlement_id=None)
            .execution_options(synchronize_session=False)
        )


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(
            "settlement_reason", field="reason", minimum=SHORTEST_REASON, maximum=LONGEST_REASON
        )
    return reason


def _locked(session: Session, public_id: str, *states: str) -> Settlement:
    """Return a settlement in one of some states, alone with it."""
    found = session.exec(select(Settlement).where(col(Settlement.public_id) == public_id)).first()
    if found is None:
        raise NotFound("settlement_not_found")
    merchants.lock(session, merchant_id=found.merchant_id)
    session.refresh(found)
    if found.status not in states:
        raise Conflict("settlement_state", status=found.status)
    return found


def _noted(
    session: Session,
    settlement: Settlement,
    action: str,
    acting_user: Actor,
    now: datetime,
    *,
    reason: str | None = None,
    result: str = "",
) -> Settlement:
    session.add(settlement)
    session.flush()
    _audit(session, settlement, action, acting_user, now, reason=reason, result=result)
    return settlement


def _audit(
    session: Session,
    settlement: Settlement,
    action: str,
    acting_user: Actor,
    now: datetime,
    *,
    reason: str | None = None,
    result: str = "",
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"settlement:{settlement.public_id}",
        now=now,
        reason=reason,
        coupons=settlement.coupons,
        credits=settlement.credits,
        value_fen=settlement.value_fen,
        result=result or None,
    )
