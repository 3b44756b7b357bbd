"""A use that its holder denies: left out of statements while open, taken back when upheld.

A dispute is about one use of a coupon. Whoever changes a merchant's disputes or settlements locks
the merchant first, so that a use is never counted and taken back at the same time.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import Account, Resident, Staff
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages.services import Outgoing, send, send_many
from rewards import merchants, redeeming
from rewards.merchant_models import (
    CouponDispute,
    Merchant,
    MerchantTill,
    Settlement,
    SettlementDeduction,
)
from rewards.models import Coupon, CouponStatus, Reward
from rewards.totals import count_again

OPEN, UPHELD, REFUSED = "open", "upheld", "refused"
RAISED_WITHIN = timedelta(days=90)
SHORTEST_TEXT, LONGEST_TEXT = 5, 500
# Settlements out of which a use may still be taken.
CHANGING = ("draft", "in_review")


class DisputeRow(NamedTuple):
    """A dispute with what it is about."""

    dispute: CouponDispute
    coupon: Coupon
    reward: Reward
    merchant: Merchant
    till: MerchantTill | None
    decider: Staff | None


def dispute_of(session: Session, *, coupon: Coupon) -> CouponDispute | None:
    """Return the dispute about the latest use of a coupon."""
    return session.exec(
        select(CouponDispute).where(
            col(CouponDispute.coupon_id) == coupon.stored_id,
            col(CouponDispute.use_number) == coupon.uses,
        )
    ).first()


def shown_dispute(session: Session, *, coupon: Coupon) -> CouponDispute | None:
    """Return what a coupon's page tells: the dispute about its latest use.

    What staff found in a check is between them and the merchant until the credits come back.
    """
    found = dispute_of(session, coupon=coupon)
    hidden = found is not None and found.raised_by is not None and found.status != UPHELD
    return None if hidden else found


def can_be_disputed(coupon: Coupon, *, now: datetime) -> bool:
    """Return whether a holder may still deny the use of a coupon."""
    return _was_used(coupon) and now - (coupon.used_at or now) <= RAISED_WITHIN


def _was_used(coupon: Coupon) -> bool:
    return coupon.status == CouponStatus.USED and coupon.merchant_id is not None


def raise_dispute(
    session: Session,
    *,
    coupon_public_id: str,
    account_id: int,
    text: str,
    acting_user: Actor,
    now: datetime,
) -> CouponDispute:
    """Note that a holder denies the use of their coupon.

    Raises NotFound with coupon_not_found for a coupon of somebody else; Invalid: dispute_text,
    nothing_to_dispute; Conflict with dispute_exists. Does not commit.
    """
    coupon = session.exec(
        select(Coupon).where(
            col(Coupon.public_id) == coupon_public_id, col(Coupon.account_id) == account_id
        )
    ).first()
    if coupon is None:
        raise NotFound("coupon_not_found")
    dispute = open_dispute(
        session, coupon=coupon, text=text, staff_id=None, acting_user=acting_user, now=now
    )
    _tell(session, "coupon_disputed", dispute, coupon, now, settled=was_settled(coupon))
    return dispute


def was_settled(coupon: Coupon) -> bool:
    """Return whether a use that is disputed stands in a settlement that was approved before.

    Those that were not approved yet let go of it when the dispute was opened.
    """
    return coupon.settlement_id is not None


def open_dispute(
    session: Session,
    *,
    coupon: Coupon,
    text: str,
    staff_id: int | None,
    acting_user: Actor,
    now: datetime,
) -> CouponDispute:
    """Open a dispute and take the use out of a settlement that is not approved yet."""
    text = text.strip()
    if not SHORTEST_TEXT <= len(text) <= LONGEST_TEXT:
        raise Invalid("dispute_text", field="text", minimum=SHORTEST_TEXT, maximum=LONGEST_TEXT)
    if coupon.merchant_id is not None:
        merchants.lock(session, merchant_id=coupon.merchant_id)
    coupon = _locked(session, coupon.stored_id)
    # What a check by staff finds may be as old as the settlement that it is in.
    in_time = staff_id is not None or can_be_disputed(coupon, now=now)
    if not _was_used(coupon) or not in_time:
        raise Invalid("nothing_to_dispute", days=RAISED_WITHIN.days)
    if dispute_of(session, coupon=coupon) is not None:
        raise Conflict("dispute_exists")
    dispute = CouponDispute(
        coupon_id=coupon.stored_id,
        use_number=coupon.uses,
        merchant_id=coupon.merchant_id or 0,
        till_id=coupon.till_id,
        used_at=coupon.used_at or now,
        used_by=coupon.used_by,
        text=text,
        raised_at=now,
        raised_by=staff_id,
    )
    session.add(dispute)
    session.flush()
    _leave_open_settlement(session, coupon)
    _audit(session, "coupon.dispute", coupon, acting_user, now)
    return dispute


def _locked(session: Session, coupon_id: int) -> Coupon:
    return session.exec(
        select(Coupon)
        .where(col(Coupon.id) == coupon_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _leave_open_settlement(session: Session, coupon: Coupon) -> None:
    if coupon.settlement_id is None:
        return
    settlement = session.get_one(Settlement, coupon.settlement_id, populate_existing=True)
    if settlement.status in CHANGING:
        coupon.settlement_id = None
        session.add(coupon)
        session.flush()
        count_again(session, settlement=settlement)


def refuse(
    session: Session, *, dispute_id: int, decision: str, acting_user: Actor, now: datetime
) -> CouponDispute:
    """Let a use stand; it enters the next settlement.

    Raises Invalid with dispute_decision, Conflict with dispute_closed, Refused with
    second_person_needed. Does not commit.
    """
    dispute, coupon = _to_decide(session, dispute_id, decision, acting_user)
    _close(dispute, REFUSED, decision, acting_user, now)
    session.add(dispute)
    _tell(session, "coupon_dispute_refused", dispute, coupon, now)
    _audit(session, "coupon.dispute_refuse", coupon, acting_user, now)
    return dispute


def uphold(
    session: Session, *, dispute_id: int, decision: str, acting_user: Actor, now: datetime
) -> CouponDispute:
    """Take a use back in the books and give its credits back to the holder.

    A use that was approved or paid for is deducted from a later settlement, and those who look
    after the merchant are told. Raises as `refuse`
    does. Does not commit.
    """
    dispute, coupon = _to_decide(session, dispute_id, decision, acting_user)
    # The till may have taken the use back by itself meanwhile.
    if coupon.status == CouponStatus.USED and coupon.uses == dispute.use_number:
        _deduct_later(session, dispute, coupon, now)
        _tell_owners(session, dispute, coupon, now)
        _give_back(session, coupon, acting_user, now)
    _close(dispute, UPHELD, decision, acting_user, now)
    session.add(dispute)
    _tell(session, "coupon_dispute_upheld", dispute, coupon, now)
    _audit(session, "coupon.dispute_uphold", coupon, acting_user, now)
    return dispute


def _to_decide(
    session: Session, dispute_id: int, decision: str, acting_user: Actor
) -> tuple[CouponDispute, Coupon]:
    """Return an open dispute with its use, both locked by their merchant."""
    if not SHORTEST_TEXT <= len(decision.strip()) <= LONGEST_TEXT:
        raise Invalid(
            "dispute_decision", field="decision", minimum=SHORTEST_TEXT, maximum=LONGEST_TEXT
        )
    dispute = session.get(CouponDispute, dispute_id)
    if dispute is None:
        raise NotFound("dispute_not_found")
    merchants.lock(session, merchant_id=dispute.merchant_id)
    dispute = session.get_one(CouponDispute, dispute_id, populate_existing=True)
    if dispute.status != OPEN:
        raise Conflict("dispute_closed")
    if dispute.raised_by is not None and dispute.raised_by == acting_user.id:
        raise Refused("second_person_needed")
    coupon = session.get_one(Coupon, dispute.coupon_id, populate_existing=True)
    return dispute, coupon


def _give_back(session: Session, coupon: Coupon, acting_user: Actor, now: datetime) -> None:
    """Reverse the use and cancel the coupon; a settlement that counted it still does."""
    redeeming.reverse_use(session, coupon=coupon, now=now)
    redeeming.cancel(
        session,
        coupon_id=coupon.stored_id,
        account_id=coupon.account_id,
        acting_user=acting_user,
        now=now,
    )


def _close(
    dispute: CouponDispute, status: str, decision: str, acting_user: Actor, now: datetime
) -> None:
    dispute.status, dispute.decision = status, decision.strip()
    dispute.decided_at, dispute.decided_by = now, acting_user.id


def _deduct_later(session: Session, dispute: CouponDispute, coupon: Coupon, now: datetime) -> None:
    """Note what a settlement counted for the use; that settlement itself stays as it is."""
    if coupon.settlement_id is None:
        return
    session.add(
        SettlementDeduction(
            dispute_id=dispute.id or 0,
            merchant_id=dispute.merchant_id,
            counted_in=coupon.settlement_id,
            credits=coupon.price_credits,
            value_fen=coupon.value_fen,
            noted_at=now,
        )
    )


def find_dispute(session: Session, *, dispute_id: int) -> DisputeRow:
    """Return a dispute with what it is about; raises NotFound with dispute_not_found."""
    found = session.execute(
        sa.select(CouponDispute, Coupon, Reward, Merchant, MerchantTill, Staff)
        .join(Coupon, col(Coupon.id) == col(CouponDispute.coupon_id))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .join(Merchant, col(Merchant.id) == col(CouponDispute.merchant_id))
        .outerjoin(MerchantTill, col(MerchantTill.id) == col(CouponDispute.till_id))
        .outerjoin(Staff, col(Staff.id) == col(CouponDispute.decided_by))
        .where(col(CouponDispute.id) == dispute_id)
    ).first()
    if found is None:
        raise NotFound("dispute_not_found")
    return DisputeRow(*found)


def holder_of(session: Session, *, coupon: Coupon) -> tuple[str, str]:
    """Return account and end of the number of a coupon's holder."""
    found = session.exec(
        select(col(Account.public_id), col(Resident.phone_tail))
        .outerjoin(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(Account.id) == coupon.account_id)
    ).one()
    return found[0], found[1] or ""


def cashier_of(session: Session, *, dispute: CouponDispute) -> tuple[str, str]:
    """Return account and end of the number of whoever pressed at the till; "" for nobody."""
    found = session.exec(
        select(col(Account.public_id), col(Resident.phone_tail))
        .outerjoin(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(Account.id) == dispute.used_by)
    ).first()
    return (found[0], found[1] or "") if found else ("", "")


def _tell_owners(session: Session, dispute: CouponDispute, coupon: Coupon, now: datetime) -> None:
    """Tell those who look after the merchant what it will not be paid, or has to pay back."""
    merchant = session.get_one(Merchant, dispute.merchant_id)
    settled = was_settled(coupon)
    counted_in = session.get(Settlement, coupon.settlement_id) if settled else None
    params = {
        "coupon": coupon.public_id,
        "name_zh": merchant.name_zh,
        "name_en": merchant.name_en,
        "used_day": business_day(dispute.used_at).isoformat(),
        "value_fen": coupon.value_fen,
        "settlement": counted_in.public_id if counted_in else "",
    }
    owners = merchants.owner_accounts(session, merchant_id=dispute.merchant_id)
    outgoing = [Outgoing(account_id, f"dispute:{dispute.id}", params) for account_id in owners]
    send_many(session, kind="merchant_use_taken_back", outgoing=outgoing, now=now)


def _tell(
    session: Session,
    kind: str,
    dispute: CouponDispute,
    coupon: Coupon,
    now: datetime,
    **more: bool,
) -> None:
    reward = session.get_one(Reward, coupon.reward_id)
    send(
        session,
        account_id=coupon.account_id,
        kind=kind,
        cause=f"dispute:{dispute.id}",
        params={
            "coupon": coupon.public_id,
            "title_zh": reward.texts.get("zh", {}).get("title", ""),
            "title_en": reward.texts.get("en", {}).get("title", ""),
            "credits": coupon.price_credits,
            **more,
        },
        now=now,
    )


def _audit(
    session: Session, action: str, coupon: Coupon, acting_user: Actor, now: datetime
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"coupon:{coupon.public_id}",
        now=now,
        use_number=coupon.uses,
    )
