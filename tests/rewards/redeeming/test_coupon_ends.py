"""What becomes of a coupon: used once, taken back, cancelled, ended; the books follow each."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, func, select

from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from carbonaccount.messages.models import Message
from carbonaccount.scheduler import run_once
from rewards import redeeming
from rewards.merchant_models import Merchant, Settlement
from rewards.models import Coupon
from tests.rewards.redeeming.arranging import (
    DAY,
    NOW,
    Shop,
    balances,
    broken,
    fund_of,
    open_people,
    open_shop,
    redeem,
    stock_left,
    use,
)


def ended(session: Session, kind: LedgerKind) -> int:
    """Return what ended in the city's accounts of a kind, less what came back."""
    into = sum(_moved(session, col(Transfer.credit_id), kind))
    return into - sum(_moved(session, col(Transfer.debit_id), kind))


def _moved(session: Session, side: Any, kind: LedgerKind) -> list[int]:
    rows = session.exec(
        select(col(Transfer.amount))
        .join(LedgerAccount, col(LedgerAccount.id) == side)
        .where(col(LedgerAccount.kind) == kind, col(LedgerAccount.unit) == Unit.CREDIT)
    )
    return list(rows)


def undo(session: Session, shop: Shop, coupon: Coupon, **changes: object) -> Coupon:
    given = {
        "coupon_id": coupon.stored_id,
        "merchant_id": shop.merchant_id,
        "reason": "扫错了",
        "acting_user": SYSTEM,
        "now": NOW,
        **changes,
    }
    return redeeming.undo_use(session, **given)  # type: ignore[arg-type]


def cancel(session: Session, coupon: Coupon, account_id: int) -> Coupon:
    return redeeming.cancel(
        session, coupon_id=coupon.stored_id, account_id=account_id, acting_user=SYSTEM, now=NOW
    )


def test_a_use_is_booked_taken_back_and_made_again(app: Flask, session: Session) -> None:
    shop = open_shop(session)
    alice, clerk = open_people(session, 2)
    coupon = redeem(session, shop, alice)
    use(session, shop, coupon, clerk)
    assert (coupon.status, coupon.uses, coupon.used_by) == ("used", 1, clerk)
    assert balances(session, alice) == {"free": 900, "held": 0}
    assert (fund_of(session, shop), ended(session, LedgerKind.REDEEMED)) == ((0, 500), 100)
    undo(session, shop, coupon, now=NOW + timedelta(minutes=10))
    assert (coupon.status, coupon.used_at, coupon.merchant_id) == ("issued", None, None)
    assert balances(session, alice) == {"free": 900, "held": 100}
    assert (fund_of(session, shop), ended(session, LedgerKind.REDEEMED)) == ((500, 0), 0)
    use(session, shop, coupon, clerk)
    assert (coupon.uses, ended(session, LedgerKind.REDEEMED)) == (2, 100)
    kinds = session.exec(select(Message.kind).order_by(col(Message.id))).all()
    assert kinds == ["coupon_used", "coupon_use_undone", "coupon_used"]
    session.commit()
    assert broken(session) == {}


def test_a_coupon_is_used_only_where_when_and_by_whom_it_may(app: Flask, session: Session) -> None:
    shop, other = open_shop(session), open_shop(session)
    alice, clerk = open_people(session, 2)
    coupon = redeem(session, shop, alice)
    late = NOW + timedelta(days=31)
    closed = open_shop(session)
    of_closed = redeem(session, closed, alice, "other")
    session.get_one(Merchant, closed.merchant_id).active = False
    cases: dict[str, dict[str, Any]] = {
        "coupon_not_here": {"merchant_id": other.merchant_id, "till_id": other.till_id},
        "till_unknown": {"till_id": other.till_id},
        "coupon_own": {"used_by": alice},
        "coupon_expired": {"now": late},
        "unknown_coupon": {"coupon_id": 987654},
    }
    for code, changes in cases.items():
        with pytest.raises(DomainError) as caught:
            use(session, shop, coupon, **{"used_by": clerk, **changes})
        assert caught.value.code == code
    with pytest.raises(Invalid, match="coupon_not_here"):
        use(session, closed, of_closed, clerk)
    use(session, shop, coupon, clerk, now=NOW + timedelta(days=30))
    with pytest.raises(Conflict, match="coupon_used"):
        use(session, shop, coupon, clerk)
    with pytest.raises(Conflict, match="coupon_used"):
        cancel(session, coupon, alice)
    session.commit()
    assert broken(session) == {}


def test_a_use_is_taken_back_only_in_time_at_its_own_merchant(app: Flask, session: Session) -> None:
    shop, other = open_shop(session), open_shop(session)
    alice, clerk = open_people(session, 2)
    coupon = redeem(session, shop, alice)
    with pytest.raises(Conflict, match="coupon_not_used"):
        undo(session, shop, coupon)
    use(session, shop, coupon, clerk)
    with pytest.raises(Conflict, match="coupon_not_here"):
        undo(session, shop, coupon, merchant_id=other.merchant_id)
    with pytest.raises(Invalid, match="reason_missing"):
        undo(session, shop, coupon, reason=" ")
    with pytest.raises(Conflict, match="undo_too_late"):
        undo(session, shop, coupon, now=NOW + timedelta(minutes=10, seconds=1))
    settlement = Settlement(
        public_id="s1", merchant_id=shop.merchant_id, first_day=DAY, last_day=DAY, created_at=NOW
    )
    session.add(settlement)
    session.flush()
    coupon.settlement_id = settlement.id
    session.flush()
    with pytest.raises(Conflict, match="coupon_settled"):
        undo(session, shop, coupon)
    redeeming.reverse_use(session, coupon=coupon, now=NOW + timedelta(days=3))
    assert (coupon.status, coupon.settlement_id) == ("issued", settlement.id)
    session.commit()
    # The settlement was made up and does not add up; the books and the coupons do.
    assert {code for code in broken(session) if code[0] != "S"} == set()


def test_cancelling_gives_everything_back(app: Flask, session: Session) -> None:
    """Also the place under the limit, so that the same person may take it anew."""
    shop = open_shop(session, stock=1, limit_per_person=1, stock_per_day=1)
    alice, bob = open_people(session, 2)
    coupon = redeem(session, shop, alice)
    with pytest.raises(NotFound, match="unknown_coupon"):
        cancel(session, coupon, bob)
    cancel(session, coupon, alice)
    assert balances(session, alice) == {"free": 1000, "held": 0}
    assert (stock_left(session, shop), fund_of(session, shop)) == (1, (0, 0))
    with pytest.raises(Conflict, match="coupon_cancelled"):
        cancel(session, coupon, alice)
    with pytest.raises(Conflict, match="coupon_cancelled"):
        use(session, shop, coupon, bob)
    redeem(session, shop, alice, "again")
    session.commit()
    assert broken(session) == {}


def test_coupons_end_after_their_last_day_as_their_rewards_say(
    app: Flask, session: Session
) -> None:
    refunding, keeping = open_shop(session), open_shop(session, refund_when_expired=False)
    alice, bob = open_people(session, 2)
    redeem(session, refunding, alice, "a")
    redeem(session, keeping, alice, "b")
    redeem(session, keeping, bob, "c")
    # Nobody loses credits for a coupon that no merchant takes any more.
    abandoned = open_shop(session, refund_when_expired=False)
    redeem(session, abandoned, alice, "e")
    session.get_one(Merchant, abandoned.merchant_id).active = False
    with pytest.raises(Conflict, match="reward_no_merchant"):
        redeem(session, abandoned, bob, "f")
    used = redeem(session, refunding, bob, "d")
    use(session, refunding, used, alice)
    session.commit()
    day = DAY + timedelta(days=30)
    later = NOW + timedelta(days=30)
    assert redeeming.remind_ending(session, day=day - timedelta(days=4), now=later) == 0
    assert redeeming.remind_ending(session, day=day - timedelta(days=3), now=later) == 4
    assert redeeming.remind_ending(session, day=day, now=later) == 0
    assert redeeming.expire_due(session, day=day, now=later) == 0
    after, then = day + timedelta(days=1), later + timedelta(days=1)
    assert run_once(session, name="reward-expiry", period=after, now=then) == "ended=4 reminded=0"
    assert redeeming.expire_due(session, day=after, now=then) == 0
    session.commit()
    assert balances(session, alice) == {"free": 900, "held": 0}
    assert balances(session, bob) == {"free": 800, "held": 0}
    assert ended(session, LedgerKind.EXPIRED) == 200
    assert (stock_left(session, refunding), stock_left(session, keeping)) == (999, 1000)
    assert (fund_of(session, refunding), fund_of(session, keeping)) == ((0, 500), (0, 0))
    told = session.exec(select(Message.kind, func.count()).group_by(col(Message.kind))).all()
    assert dict(told) == {
        "coupon_used": 1,
        "coupon_ending": 4,
        "coupon_expired": 2,
        "coupon_expired_refunded": 2,
    }
    assert broken(session) == {}


def test_verify_finds_what_does_not_fit(app: Flask, session: Session) -> None:
    """Each of these is a row changed behind the back of the services."""
    shop = open_shop(session)
    (alice,) = open_people(session, 1)
    coupon = redeem(session, shop, alice)
    session.commit()
    for statement, codes in {
        f"UPDATE coupon SET price_credits = 99 WHERE id = {coupon.id}": {"C1", "C3"},
        f"UPDATE coupon SET status = 'cancelled' WHERE id = {coupon.id}": {
            "C1", "C3", "C5", "C6", "C7",
        },
        "UPDATE reward SET stock_left = stock_left + 1": {"C5"},
        "UPDATE reward_day SET taken = 2": {"C6"},
        "UPDATE reward_taker SET taken = 2": {"C7"},
        f"UPDATE transfer SET cause_id = {coupon.stored_id + 1} WHERE cause = 3": {"C1", "C2"},
    }.items():  # fmt: skip
        if "transfer" not in statement:
            session.execute(sa.text(statement))
            assert codes <= set(broken(session)), statement
            session.rollback()
