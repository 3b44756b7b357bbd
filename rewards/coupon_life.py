"""What becomes of a coupon: used, taken back, cancelled by its holder.

Each end is guarded by one statement on the coupon's row, so that however many ask at once one of
them brings it about; the books and the fund follow in the same transaction. The coupon's row is
locked first, then purses, person, day, reward and fund, as everywhere in this room.
"""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger.holdings import Movement
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.messages import services as messages
from rewards import fund
from rewards.coupon_expiry import params_of
from rewards.merchant_models import Merchant, MerchantTill, RewardMerchant
from rewards.models import Coupon, CouponStatus, Reward, RewardDay, RewardTaker

# How long a till may take back what it confirmed by mistake.
UNDO_TIME = timedelta(minutes=10)
_REFUSED_BY_STATUS = {
    CouponStatus.USED: "coupon_used",
    CouponStatus.CANCELLED: "coupon_cancelled",
    CouponStatus.EXPIRED: "coupon_expired",
}


def use(
    session: Session,
    *,
    coupon_id: int,
    merchant_id: int,
    till_id: int | None,
    used_by: int,
    acting_user: Actor,
    now: datetime,
) -> Coupon:
    """Use a coupon at a merchant: the held credits end there, and the fund's money is spent.

    However many tills ask at once, one of them uses it. `used_by` is the account of the person
    at the till. Raises NotFound (unknown_coupon); Invalid: coupon_not_here (the reward is not
    taken at this merchant), till_unknown, coupon_own (nobody confirms a coupon of their own);
    Conflict: coupon_used, coupon_cancelled, coupon_expired. Does not commit.
    """
    coupon = _coupon(session, coupon_id)
    _check_place(session, coupon, merchant_id, till_id)
    if coupon.account_id == used_by:
        raise Invalid("coupon_own")
    mark_used(session, coupon, now=now, merchant_id=merchant_id, till_id=till_id, used_by=used_by)
    audit.record(
        session,
        acting_user=acting_user,
        action="coupon.use",
        subject=f"coupon:{coupon.public_id}",
        now=now,
        merchant=merchant_id,
        use=coupon.uses,
    )
    _tell(session, coupon, "coupon_used", now, cause=f"{coupon.id}:{coupon.uses}")
    return coupon


def _check_place(session: Session, coupon: Coupon, merchant_id: int, till_id: int | None) -> None:
    here = session.exec(
        select(col(Merchant.id))
        .join(RewardMerchant, col(RewardMerchant.merchant_id) == col(Merchant.id))
        .where(
            col(RewardMerchant.reward_id) == coupon.reward_id,
            col(Merchant.id) == merchant_id,
            col(Merchant.active).is_(True),
        )
    ).first()
    if here is None:
        raise Invalid("coupon_not_here")
    till = None if till_id is None else session.get(MerchantTill, till_id)
    if till_id is not None and (till is None or till.merchant_id != merchant_id or not till.active):
        raise Invalid("till_unknown")


def mark_used(
    session: Session,
    coupon: Coupon,
    *,
    now: datetime,
    merchant_id: int | None,
    till_id: int | None,
    used_by: int | None,
) -> None:
    """Turn an issued coupon into a used one, in the books and in the fund."""
    moved = session.connection().execute(
        sa.update(Coupon.__table__)  # type: ignore[attr-defined]
        .where(
            col(Coupon.id) == coupon.id,
            col(Coupon.status) == CouponStatus.ISSUED,
            col(Coupon.expires_on) >= business_day(now),
        )
        .values(
            status=CouponStatus.USED.value,
            uses=col(Coupon.uses) + 1,
            used_at=now,
            merchant_id=merchant_id,
            till_id=till_id,
            used_by=used_by,
            ended_at=now,
        )
    )
    session.refresh(coupon)
    if moved.rowcount != 1:
        raise Conflict(refusal_of(coupon, business_day(now)) or "coupon_used")
    _end_hold(
        session,
        coupon,
        target=(0, LedgerKind.REDEEMED),
        movement=Movement(TransferKind.REDEEM, Cause.COUPON, coupon.stored_id, round=coupon.uses),
        now=now,
    )
    fund.spend_value(session, coupon=coupon, now=now)


def refusal_of(coupon: Coupon, day: date) -> str:
    """Return the code of why a coupon cannot be used on a day, "" when it can."""
    if coupon.status in _REFUSED_BY_STATUS:
        return _REFUSED_BY_STATUS[CouponStatus(coupon.status)]
    return "coupon_expired" if coupon.expires_on < day else ""


def undo_use(
    session: Session,
    *,
    coupon_id: int,
    merchant_id: int,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Coupon:
    """Take a use back at the merchant that made it: the coupon is its holder's again.

    Raises NotFound (unknown_coupon); Invalid: reason_missing; Conflict: coupon_not_used,
    coupon_not_here, undo_too_late (ten minutes have gone), coupon_settled. Does not commit.
    """
    if not reason.strip():
        raise Invalid("reason_missing", field="reason")
    coupon = _coupon(session, coupon_id)
    if coupon.status == CouponStatus.USED and coupon.merchant_id != merchant_id:
        raise Conflict("coupon_not_here")
    if coupon.used_at is not None and coupon.used_at < now - UNDO_TIME:
        raise Conflict("undo_too_late")
    use_number = coupon.uses
    _reverse(session, coupon, now, col(Coupon.settlement_id).is_(None))
    audit.record(
        session,
        acting_user=acting_user,
        action="coupon.undo",
        subject=f"coupon:{coupon.public_id}",
        now=now,
        reason=reason,
        use=use_number,
    )
    _tell(session, coupon, "coupon_use_undone", now, cause=f"{coupon.id}:{use_number}")
    return coupon


def reverse_use(session: Session, *, coupon: Coupon, now: datetime) -> None:
    """Take a use back however long ago it was, also one that a settlement counted.

    For decisions of staff; the settlement is left as it is. Raises Conflict: coupon_not_used.
    Does not commit.
    """
    _reverse(session, coupon, now)


def _reverse(
    session: Session, coupon: Coupon, now: datetime, *conditions: sa.ColumnElement[bool]
) -> None:
    """Turn a used coupon into an issued one again, in the books and in the fund."""
    use_number = coupon.uses
    moved = session.connection().execute(
        sa.update(Coupon.__table__)  # type: ignore[attr-defined]
        .where(
            col(Coupon.id) == coupon.id,
            col(Coupon.status) == CouponStatus.USED,
            col(Coupon.uses) == use_number,
            *conditions,
        )
        .values(
            status=CouponStatus.ISSUED.value,
            used_at=None,
            merchant_id=None,
            till_id=None,
            used_by=None,
            ended_at=None,
        )
    )
    session.refresh(coupon)
    if moved.rowcount != 1:
        settled = coupon.status == CouponStatus.USED and coupon.settlement_id is not None
        raise Conflict("coupon_settled" if settled else "coupon_not_used")
    holdings.undo(
        session,
        cause=Cause.COUPON,
        cause_id=coupon.stored_id,
        kind=TransferKind.REDEEM,
        round_=use_number,
        now=now,
    )
    fund.unspend_value(session, coupon=coupon, now=now)


def cancel(
    session: Session, *, coupon_id: int, account_id: int, acting_user: Actor, now: datetime
) -> Coupon:
    """Cancel a coupon that was not used, for its holder: the credits and the stock come back.

    Raises NotFound (unknown_coupon), also for another person's; Conflict: coupon_used,
    coupon_cancelled, coupon_expired. Does not commit.
    """
    coupon = _coupon(session, coupon_id)
    if coupon.account_id != account_id:
        raise NotFound("unknown_coupon")
    moved = session.connection().execute(
        sa.update(Coupon.__table__)  # type: ignore[attr-defined]
        .where(col(Coupon.id) == coupon.id, col(Coupon.status) == CouponStatus.ISSUED)
        .values(status=CouponStatus.CANCELLED.value, ended_at=now)
    )
    session.refresh(coupon)
    if moved.rowcount != 1:
        raise Conflict(_REFUSED_BY_STATUS[CouponStatus(coupon.status)])
    _end_hold(
        session,
        coupon,
        target=(account_id, LedgerKind.RESIDENT),
        movement=Movement(TransferKind.RELEASE, Cause.COUPON, coupon.stored_id),
        now=now,
    )
    give_back_place(session, coupon)
    fund.release_value(session, coupon=coupon, now=now)
    return coupon


def give_back_place(session: Session, coupon: Coupon) -> None:
    """Give back the person's place, the day's and the reward's stock of a cancelled coupon."""
    started = (
        select(sa.func.max(col(RewardTaker.period_start)))
        .where(
            col(RewardTaker.account_id) == coupon.account_id,
            col(RewardTaker.reward_id) == coupon.reward_id,
            col(RewardTaker.period_start) <= coupon.issued_day,
            col(RewardTaker.taken) > 0,
        )
        .scalar_subquery()
    )
    connection = session.connection()
    counters = (
        sa.update(RewardTaker.__table__)  # type: ignore[attr-defined]
        .where(
            col(RewardTaker.account_id) == coupon.account_id,
            col(RewardTaker.reward_id) == coupon.reward_id,
            col(RewardTaker.period_start) == started,
        )
        .values(taken=col(RewardTaker.taken) - 1),
        sa.update(RewardDay.__table__)  # type: ignore[attr-defined]
        .where(
            col(RewardDay.reward_id) == coupon.reward_id,
            col(RewardDay.day) == coupon.issued_day,
            col(RewardDay.taken) > 0,
        )
        .values(taken=col(RewardDay.taken) - 1),
        sa.update(Reward.__table__)  # type: ignore[attr-defined]
        .where(col(Reward.id) == coupon.reward_id)
        .values(stock_left=col(Reward.stock_left) + 1),
    )
    for counter in counters:
        if connection.execute(counter).rowcount != 1:
            raise ValueError(f"a coupon of reward {coupon.reward_id} was never counted")


def _end_hold(
    session: Session,
    coupon: Coupon,
    *,
    target: tuple[int, LedgerKind],
    movement: Movement,
    now: datetime,
) -> None:
    """Move what is held for a coupon to where it ends."""
    parts = holdings.moved(
        session, cause=Cause.COUPON, cause_id=coupon.stored_id, kind=TransferKind.HOLD
    )
    holdings.move(
        session,
        parts=parts,
        unit=Unit.CREDIT,
        source=(coupon.account_id, LedgerKind.HOLD),
        target=target,
        movement=movement,
        now=now,
    )


def _coupon(session: Session, coupon_id: int) -> Coupon:
    coupon = session.get(Coupon, coupon_id, populate_existing=True)
    if coupon is None:
        raise NotFound("unknown_coupon")
    return coupon


def _tell(session: Session, coupon: Coupon, kind: str, now: datetime, *, cause: str) -> None:
    texts = session.exec(select(col(Reward.texts)).where(col(Reward.id) == coupon.reward_id)).one()
    messages.send(
        session,
        account_id=coupon.account_id,
        kind=kind,
        cause=cause,
        params=params_of(coupon, texts),
        now=now,
    )
