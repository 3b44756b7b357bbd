"""Taking a reward: the credits are held, the stock is taken, and a coupon says so.

One transaction takes the credits (the oldest first), the person's place under the limit, the
day's and the reward's stock, and the fund's money; each is guarded by the statement that moves
it, in this one order: a resident's purses, person, day, reward, fund. Two people who act at the
same time therefore never wait for each other in a circle. A refusal leaves what was done before
it in the transaction: whoever calls gives the transaction, or its savepoint, up.
"""

import secrets
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import make_transient_to_detached
from sqlmodel import Session

from carbonaccount import bulk
from carbonaccount.audit import Actor
from carbonaccount.bulk import Direct
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger.holdings import Movement
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from rewards import fund, trees
from rewards.coupon_expiry import expire_due, remind_ending
from rewards.coupon_life import cancel, mark_used, refusal_of, reverse_use, undo_use, use
from rewards.eligibility import eligibility
from rewards.models import (
    USED_AT_ONCE,
    Allotment,
    Coupon,
    CouponStatus,
    LimitPeriod,
    Reward,
    RewardClass,
    RewardStatus,
)

__all__ = [
    "USED_AT_ONCE",
    "cancel",
    "expire_due",
    "period_start",
    "redeem",
    "refusal_of",
    "remind_ending",
    "reverse_use",
    "undo_use",
    "use",
]

Via = Literal["shelf", "draw", "queue"]

_EVER = date(1, 1, 1)
# More coupons than a column of that size counts.
_UNLIMITED = 2**31 - 1
# Neither 0 and O nor 1, I and L: people read these letters out to each other. All stand in the
# small alphabet of QR codes.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_PUBLIC_LENGTH = 14


def redeem(
    session: Session,
    *,
    account_id: int,
    reward_id: int,
    request_key: str,
    acting_user: Actor,
    now: datetime,
    via: Via = "shelf",
    price_seen: int | None = None,
) -> Coupon:
    """Take a reward for a resident and return its coupon, for which the credits are held.

    `request_key` names the press of the button: the same key again gives the same coupon. `via`
    says that a draw or the queue gave the reward. `price_seen` is the price that stood on the
    page. Raises Conflict or Invalid with the codes of `eligibility`, and draw_only, queue_only,
    price_changed, request_key_used, person_limit_reached, day_stock_empty, stock_empty, those of
    `fund.commit_value`; InsufficientBalance; NotFound (unknown_reward). Does not commit.
    """
    reward = _reward(session, reward_id)
    # Locked before the key is looked for, so that of two presses at once the second one sees
    # what the first one got.
    found = holdings.purses(session, account_id=account_id, unit=Unit.CREDIT)
    earlier = _taken_before(session, account_id, request_key)
    if earlier is not None:
        return _same_again(earlier, reward_id)
    _check_way(reward, via)
    if price_seen is not None and price_seen != reward.price_credits:
        raise Conflict("price_changed", price=reward.price_credits)
    eligibility(session, account_id=account_id, reward=reward, now=now)
    coupon_id = int(bulk.next_ids(session, Coupon.__table__, 1)[0])  # type: ignore[attr-defined]
    holdings.take(
        session,
        account_id=account_id,
        unit=Unit.CREDIT,
        amount=reward.price_credits,
        to_owner=account_id,
        to_kind=LedgerKind.HOLD,
        movement=Movement(TransferKind.HOLD, Cause.COUPON, coupon_id),
        now=now,
        found=found,
    )
    today = business_day(now)
    direct = Direct(session)
    _take_place(direct, reward, account_id, today)
    _take_stock(session, direct, reward, today)
    budget_id = fund.commit_value(
        session, reward=reward, value_fen=reward.value_fen, day=today, now=now
    )
    coupon = _write(session, direct, reward, coupon_id, account_id, budget_id, request_key, now)
    if reward.reward_class in USED_AT_ONCE:
        _use_at_once(session, reward, coupon, acting_user, now)
    return coupon


def _reward(session: Session, reward_id: int) -> Reward:
    reward = session.get(Reward, reward_id, populate_existing=True)
    if reward is None:
        raise NotFound("unknown_reward")
    return reward


def _taken_before(session: Session, account_id: int, request_key: str) -> Coupon | None:
    found = Direct(session).row(
        "SELECT id FROM coupon WHERE account_id = ? AND request_key = ?", account_id, request_key
    )
    return None if found is None else session.get_one(Coupon, found[0], populate_existing=True)


def _same_again(coupon: Coupon, reward_id: int) -> Coupon:
    if coupon.reward_id != reward_id:
        raise Conflict("request_key_used")
    return coupon


def _check_way(reward: Reward, via: Via) -> None:
    if reward.allotment == Allotment.DRAW and via != "draw":
        raise Conflict("draw_only")
    if reward.allotment == Allotment.QUEUE and via != "queue":
        raise Conflict("queue_only")


def _write(
    session: Session,
    direct: Direct,
    reward: Reward,
    coupon_id: int,
    account_id: int,
    budget_id: int,
    request_key: str,
    now: datetime,
) -> Coupon:
    """Write the coupon, and return it as if the session had read it."""
    today = business_day(now)
    values: dict[str, Any] = {
        "id": coupon_id,
        "public_id": "".join(secrets.choice(_LETTERS) for _ in range(_PUBLIC_LENGTH)),
        "account_id": account_id,
        "reward_id": reward.id,
        "budget_id": budget_id,
        "request_key": request_key,
        "status": CouponStatus.ISSUED.value,
        "price_credits": reward.price_credits,
        "value_fen": reward.value_fen,
        "issued_at": now,
        "issued_day": today,
        "expires_on": today + timedelta(days=reward.coupon_days),
        "uses": 0,
    }
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    direct.run(f"INSERT INTO coupon ({names}) VALUES ({marks})", *values.values())  # noqa: S608
    coupon = Coupon(**values)
    make_transient_to_detached(coupon)
    session.add(coupon)
    return coupon


def period_start(period: str, day: date) -> date:
    """Return the first day of the limit's period that holds a day."""
    if period == LimitPeriod.DAY:
        return day
    if period == LimitPeriod.MONTH:
        return day.replace(day=1)
    return day.replace(month=1, day=1) if period == LimitPeriod.YEAR else _EVER


def _take_place(direct: Direct, reward: Reward, account_id: int, day: date) -> None:
    """Count the coupon for the person. Raises Conflict: person_limit_reached."""
    start = period_start(reward.limit_period, day)
    if not _count_one(direct, _PLACE, reward.limit_per_person, account_id, reward.id, start):
        raise Conflict(
            "person_limit_reached", limit=reward.limit_per_person, period=reward.limit_period
        )


def _take_stock(session: Session, direct: Direct, reward: Reward, day: date) -> None:
    """Take one of the day's stock and of the reward's. Raises Conflict: day_stock_empty, and
    what `_why_no_stock` finds.
    """
    if not _count_one(direct, _DAY, reward.stock_per_day, reward.id, day):
        raise Conflict("day_stock_empty", limit=reward.stock_per_day)
    if direct.run(_STOCK, reward.id, RewardStatus.PUBLISHED.value, reward.price_credits) != 1:
        raise Conflict(_why_no_stock(session, reward))


# Each adds one to a counter, opened when it is missing, unless it has reached its limit.
_PLACE = (
    "INSERT INTO reward_taker (account_id, reward_id, period_start, taken) VALUES (?, ?, ?, 1) "
    "ON CONFLICT (account_id, reward_id, period_start) "
    "DO UPDATE SET taken = reward_taker.taken + 1 WHERE reward_taker.taken < ?"
)
_DAY = (
    "INSERT INTO reward_day (reward_id, day, taken) VALUES (?, ?, 1) "
    "ON CONFLICT (reward_id, day) "
    "DO UPDATE SET taken = reward_day.taken + 1 WHERE reward_day.taken < ?"
)
# Staff may have changed state and price since the reward was read.
_STOCK = (
    "UPDATE reward SET stock_left = stock_left - 1 "
    "WHERE id = ? AND stock_left > 0 AND status = ? AND price_credits = ?"
)


def _count_one(direct: Direct, counting: str, limit: int | None, *keys: object) -> bool:
    """Count one more unless the limit is reached; returns whether it was counted."""
    if limit is not None and limit < 1:
        return False
    return direct.run(counting, *keys, _UNLIMITED if limit is None else limit) == 1


def _why_no_stock(session: Session, reward: Reward) -> str:
    session.refresh(reward)
    if reward.status != RewardStatus.PUBLISHED:
        return "reward_not_offered"
    return "stock_empty" if reward.stock_left == 0 else "price_changed"


def _use_at_once(
    session: Session, reward: Reward, coupon: Coupon, acting_user: Actor, now: datetime
) -> None:
    """Use a coupon for what happens by itself: a tree is adopted, or the money is given."""
    if reward.reward_class == RewardClass.TREE:
        trees.adopt(session, coupon=coupon, acting_user=acting_user, now=now)
    mark_used(session, coupon, now=now, merchant_id=None, till_id=None, used_by=None)
