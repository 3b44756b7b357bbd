"""Settlements: counted from the coupons, checked, approved by a second person, less what came back.

A coupon of the counter costs 100 credits and is worth 5.00 yuan.
"""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, Refused
from carbonaccount.messages.models import Message
from carbonaccount.messages.texts import message_text
from rewards import disputes, settlement_queries, settling
from rewards.merchant_models import CouponDispute, Settlement, SettlementCheck
from rewards.models import Coupon
from tests.people import writing
from tests.rewards.merchants.counter import TOMORROW, Counter
from tests.rewards.redeeming.arranging import DAY, NOW, balances, broken, fund_of, stock_left


def totals(settlement: Settlement) -> tuple[int, int, int, int]:
    """Return coupons, credits, value and deduction."""
    return (
        settlement.coupons,
        settlement.credits,
        settlement.value_fen,
        settlement.deducted_fen,
    )


def deny(counter: Counter, coupon: Coupon) -> CouponDispute:
    """Let the holder deny the use of a coupon."""
    dispute = disputes.raise_dispute(
        counter.session,
        coupon_public_id=coupon.public_id,
        account_id=counter.holder,
        text="我没有去过这家店",
        acting_user=Actor("resident", "x", counter.holder),
        now=TOMORROW,
    )
    counter.session.commit()
    return dispute


def uphold(counter: Counter, dispute: CouponDispute, by: Actor) -> None:
    """Decide for the holder."""
    disputes.uphold(
        counter.session,
        dispute_id=dispute.id or 0,
        decision="监控里不是本人",
        acting_user=by,
        now=TOMORROW,
    )
    counter.session.commit()


def again(counter: Counter, service: object, by: Actor, **needs: object) -> None:
    """Do a step of the only settlement there is."""
    public_id = counter.session.exec(select(Settlement.public_id)).one()
    service(  # type: ignore[operator]
        counter.session, public_id=public_id, acting_user=by, now=TOMORROW, **needs
    )
    counter.session.commit()


def told(counter: Counter, account_id: int) -> list[str]:
    """Return the sentences a person was sent."""
    sent = counter.session.exec(
        select(Message).where(col(Message.account_id) == account_id).order_by(col(Message.id))
    ).all()
    with counter.app.test_request_context():
        return [message_text(message.kind, message.params).text for message in sent]


def test_from_draft_to_paid_by_two_people(counter: Counter) -> None:
    counter.used(7)
    counter.coupon("not-used")
    settlement = counter.draft()
    assert totals(settlement) == (7, 700, 3500, 0)
    booked = settlement_queries.booked_credits(counter.session, settlement_id=settlement.id or 0)
    assert booked == 700
    with pytest.raises(Conflict, match="nothing_to_settle"):
        counter.draft()
    counter.session.rollback()
    with pytest.raises(Conflict, match="settlement_state"):
        again(counter, settling.approve, counter.ben)
    counter.session.rollback()
    again(counter, settling.submit, counter.ann)
    sample = settlement_queries.sample_of(counter.session, settlement_id=settlement.id or 0)
    assert len(sample) == 5
    with pytest.raises(Refused, match="second_person_needed"):
        again(counter, settling.approve, counter.ann)
    counter.session.rollback()
    with pytest.raises(Conflict, match="sample_not_checked"):
        again(counter, settling.approve, counter.ben)
    counter.session.rollback()
    # Whoever drafted it ticks nothing of its sample.
    with pytest.raises(Refused, match="second_person_needed"):
        again(
            counter,
            settling.record_check,
            counter.ann,
            coupon_public_id=sample[0].coupon.public_id,
            result="fine",
            note="",
        )
    counter.session.rollback()
    for row in sample:
        again(
            counter,
            settling.record_check,
            counter.ben,
            coupon_public_id=row.coupon.public_id,
            result="fine",
            note="",
        )
    again(counter, settling.return_to_draft, counter.ben, reason="请核对期间")
    again(counter, settling.submit, counter.ann)
    # What was checked stays checked.
    again(counter, settling.approve, counter.ben)
    again(counter, settling.pay, counter.ann, reference="PAY-2026-0311")
    assert (settlement.status, settlement.payment_reference) == ("paid", "PAY-2026-0311")
    assert told(counter, counter.clerk) == [
        "“修车铺”2026-03-10 至 2026-03-10 的结算已批准：7 张券，35.00 元。",
        "“修车铺”2026-03-10 至 2026-03-10 的结算已付款：7 张券，35.00 元。",
    ]
    with pytest.raises(Conflict, match="settlement_state"):
        again(counter, settling.cancel, counter.ann, reason="算错了")
    assert broken(counter.session) == {}


def test_a_period_ends_before_today_and_a_cancelled_settlement_lets_go(counter: Counter) -> None:
    counter.used(2)
    for first, last in ((DAY, DAY + timedelta(days=1)), (DAY, DAY - timedelta(days=1))):
        with pytest.raises(Invalid, match="settlement_period"):
            settling.draft(
                counter.session,
                merchant_id=counter.shop.merchant_id,
                first_day=first,
                last_day=last,
                acting_user=counter.ann,
                now=TOMORROW,
            )
        counter.session.rollback()
    counter.draft()
    again(counter, settling.cancel, counter.ann, reason="期间错了")
    assert totals(counter.draft()) == (2, 200, 1000, 0)
    assert broken(counter.session) == {}


def test_what_is_denied_leaves_an_open_settlement_and_comes_back_when_refused(
    counter: Counter,
) -> None:
    first, second, third = counter.used(3)
    early = deny(counter, first)
    settlement = counter.draft()
    assert totals(settlement) == (2, 200, 1000, 0)
    again(counter, settling.submit, counter.ann)
    deny(counter, second)
    counter.session.refresh(settlement)
    assert totals(settlement) == (1, 100, 500, 0)
    assert settling.unchecked_count(counter.session, settlement=settlement) == 1
    with pytest.raises(Conflict, match="dispute_exists"):
        deny(counter, second)
    counter.session.rollback()
    # A check by hand finds the last one wrong; whoever found it does not decide it.
    again(
        counter,
        settling.record_check,
        counter.ben,
        coupon_public_id=third.public_id,
        result="wrong",
        note="商户没有这张凭据",
    )
    assert totals(settlement) == (0, 0, 0, 0)
    with pytest.raises(Conflict, match="nothing_to_settle"):
        again(counter, settling.approve, counter.ben)
    counter.session.rollback()
    found = disputes.dispute_of(counter.session, coupon=third)
    assert found is not None
    assert disputes.shown_dispute(counter.session, coupon=third) is None
    with pytest.raises(Refused, match="second_person_needed"):
        uphold(counter, found, counter.ben)
    counter.session.rollback()
    disputes.refuse(
        counter.session,
        dispute_id=early.id or 0,
        decision="小票上有签名",
        acting_user=counter.ben,
        now=TOMORROW,
    )
    counter.session.commit()
    again(counter, settling.cancel, counter.ann, reason="重新起草")
    assert totals(counter.draft()) == (1, 100, 500, 0)
    kinds = counter.session.exec(
        select(Message.kind).where(col(Message.kind).like("coupon_dispute%"))
    ).all()
    assert sorted(kinds) == ["coupon_dispute_refused", "coupon_disputed", "coupon_disputed"]
    assert broken(counter.session) == {}


def test_an_upheld_dispute_gives_credits_stock_and_money_back(counter: Counter) -> None:
    (coupon,) = counter.used(1)
    assert stock_left(counter.session, counter.shop) == 999
    dispute = deny(counter, coupon)
    assert told(counter, counter.holder)[-1].endswith("核对期间，这次使用不会结算给商户。")
    uphold(counter, dispute, counter.ben)
    assert told(counter, counter.clerk)[-1].endswith("这次使用已退回，不再结算（5.00 元）。")
    counter.session.refresh(coupon)
    assert (coupon.status, coupon.settlement_id) == ("cancelled", None)
    assert balances(counter.session, counter.holder) == {"free": 5000, "held": 0}
    assert fund_of(counter.session, counter.shop) == (0, 0)
    assert stock_left(counter.session, counter.shop) == 1000
    with pytest.raises(Conflict, match="nothing_to_settle"):
        counter.draft()
    assert broken(counter.session) == {}


def test_a_use_taken_back_after_it_was_paid_is_deducted_from_the_next(counter: Counter) -> None:
    coupon, *_others = counter.used(2)
    paid = counter.approved()
    dispute = deny(counter, coupon)
    # It is counted already, so nobody says that it will not be.
    (said,) = told(counter, counter.holder)[-1:]
    assert "这次使用已列入商户的结算单；若异议成立，积分退回给您" in said
    assert disputes.was_settled(coupon)
    uphold(counter, dispute, counter.ann)
    (owed,) = told(counter, counter.clerk)[-1:]
    assert owed == (
        f"“修车铺”2026-03-10 核销的券 {coupon.public_id}，持券人的异议成立：它已列入结算单，"
        "5.00 元将从下一张够扣的结算单扣减。"
    )
    assert totals(paid) == (2, 200, 1000, 0)
    booked = settlement_queries.booked_credits(counter.session, settlement_id=paid.id or 0)
    gone = settlement_queries.taken_back_credits(counter.session, settlement_id=paid.id or 0)
    assert (booked, gone) == (100, 100)
    lines = settlement_queries.lines_of(counter.session, settlement_id=paid.id or 0)
    # Its line still says when and where it was used.
    assert [(line.till, line.used_at) for line in lines] == [("一号", NOW)] * 2
    with pytest.raises(Conflict, match="settlement_taken_back"):
        settling.cancel(
            counter.session,
            public_id=paid.public_id,
            reason="算错了",
            acting_user=counter.ann,
            now=TOMORROW,
        )
    counter.session.rollback()
    late = counter.coupon("later")
    counter.look(counter.shown(late))
    assert counter.press().ok
    following = counter.draft()
    assert totals(following) == (1, 100, 500, 500)
    (deducted,) = settlement_queries.deductions_of(counter.session, settlement_id=following.id or 0)
    assert (deducted.coupon.public_id, deducted.counted_in.id) == (coupon.public_id, paid.id)
    assert broken(counter.session) == {}


def test_the_invariants_see_a_wrong_settlement(counter: Counter) -> None:
    counter.used(1)
    settlement = counter.approved()
    settlement.credits += 1
    settlement.approved_by = settlement.drafted_by
    counter.session.add(settlement)
    counter.session.flush()
    assert broken(counter.session) == {"S1": 1, "S2": 1, "S6": 1}
    checks = counter.session.exec(select(SettlementCheck)).all()
    assert [check.result for check in checks] == ["fine"]


def test_drafts_and_disputes_at_once_count_each_use_once(app: Flask, counter: Counter) -> None:
    coupons = counter.used(6)
    together = threading.Barrier(5)
    refused: list[str] = []

    def draft(session: Session) -> None:
        settling.draft(
            session,
            merchant_id=counter.shop.merchant_id,
            first_day=DAY,
            last_day=DAY,
            acting_user=counter.ann,
            now=TOMORROW,
        )

    def dispute(public_id: str) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            disputes.raise_dispute(
                session,
                coupon_public_id=public_id,
                account_id=counter.holder,
                text="我没有去过这家店",
                acting_user=Actor("resident", "x", counter.holder),
                now=TOMORROW,
            )

        return work

    def run(work: Callable[[Session], None]) -> None:
        with writing(app) as session:
            together.wait()
            try:
                work(session)
                session.commit()
            except Conflict as error:
                refused.append(error.code)

    works = [draft, draft, *(dispute(coupon.public_id) for coupon in coupons[:3])]
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One draft took what the disputes left, the other found nothing.
    assert refused == ["nothing_to_settle"]
    (settlement,) = counter.session.exec(select(Settlement)).all()
    assert totals(settlement) == (3, 300, 1500, 0)
    assert broken(counter.session) == {}
