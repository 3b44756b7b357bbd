"""What a till is told: each press once, refusals too, whatever becomes of the network."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlmodel import col, func, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid
from rewards import merchants, scanning
from rewards.merchant_models import RewardMerchant, ScanAttempt
from rewards.models import Coupon
from tests.people import writing
from tests.rewards.merchants.counter import Counter
from tests.rewards.redeeming.arranging import NOW, balances, broken, open_shop


def test_a_coupon_is_found_and_used_and_each_press_answers_alike_again(counter: Counter) -> None:
    coupon = counter.coupon()
    text = counter.shown(coupon)
    found = counter.look(text)
    assert found.ok
    assert found.coupon is not None
    assert (found.coupon.public_id, found.holder_tail) == (coupon.public_id, "0000")
    assert balances(counter.session, counter.holder) == {"free": 4900, "held": 100}
    # The code has changed since, the look still holds.
    later = NOW + timedelta(minutes=2)
    done = counter.press(now=later)
    again = counter.press(now=later + timedelta(minutes=1))
    assert (done.ok, again.ok, again.attempt.id) == (True, True, done.attempt.id)
    assert balances(counter.session, counter.holder) == {"free": 4900, "held": 0}
    assert counter.session.get_one(Coupon, coupon.stored_id).uses == 1
    # The look that was repeated after a lost answer says what it said.
    assert counter.look(text, now=later).attempt.id == found.attempt.id
    # Another press finds it used, and that answer stays too.
    refused = counter.look(counter.shown(coupon, later), "look-0002", later)
    assert (refused.ok, refused.attempt.outcome) == (False, "coupon_used")
    assert counter.press("use-00002", "look-0002", later).attempt.outcome == "not_looked_at"
    assert broken(counter.session) == {}
    kept = counter.session.exec(select(ScanAttempt.content_sha256)).all()
    assert not [each for each in kept if coupon.public_id in each or len(each) != 64]


def test_a_key_with_other_content_is_a_conflict(counter: Counter) -> None:
    coupon, other = counter.coupon("a"), counter.coupon("b")
    counter.look(counter.shown(coupon))
    with pytest.raises(Conflict, match="request_key_used"):
        counter.look(counter.shown(other))
    counter.session.rollback()
    with pytest.raises(Conflict, match="request_key_used"):
        counter.press("look-0001")
    counter.session.rollback()
    with pytest.raises(Invalid, match="request_key_bad"):
        counter.look(counter.shown(other), "短")


def test_why_a_coupon_is_not_used(counter: Counter) -> None:
    session, coupon = counter.session, counter.coupon()
    elsewhere = open_shop(session)
    session.commit()
    assert counter.look("CA1.FORGED.1.AAAAAAAAAAAAAAAA").attempt.outcome == "code_forged"
    outdated = counter.look(counter.shown(coupon), "look-0002", NOW + timedelta(minutes=2))
    assert outdated.attempt.outcome == "code_outdated"
    counter.look(counter.shown(coupon), "look-0003")
    late = counter.press("use-00003", "look-0003", NOW + timedelta(minutes=11))
    assert late.attempt.outcome == "look_outdated"
    foreign = session.get_one(RewardMerchant, (counter.shop.reward_id, counter.shop.merchant_id))
    session.delete(foreign)
    session.add(RewardMerchant(reward_id=coupon.reward_id, merchant_id=elsewhere.merchant_id))
    session.commit()
    assert counter.press("use-00004", "look-0003").attempt.outcome == "coupon_not_here"
    assert balances(session, counter.holder)["held"] == 100


def test_a_use_is_taken_back_within_ten_minutes(counter: Counter) -> None:
    coupon = counter.coupon()
    counter.look(counter.shown(coupon))
    counter.press()
    (row,) = scanning.used_today(counter.session, merchant_id=counter.shop.merchant_id, now=NOW)
    assert (row.till, row.holder_tail, row.can_be_undone(NOW)) == ("一号", "0000", True)
    assert not row.can_be_undone(NOW + timedelta(minutes=11))
    late = counter.undo(coupon, "undo-0000", NOW + timedelta(minutes=11))
    assert late.attempt.outcome == "undo_too_late"
    with pytest.raises(Invalid, match="undo_reason"):
        scanning.undo(
            counter.session,
            place=counter.place,
            request_key="undo-0009",
            coupon_public_id=coupon.public_id,
            reason=" ",
            acting_user=Actor("resident", "x", counter.clerk),
            now=NOW,
        )
    assert counter.undo(coupon).ok
    assert counter.undo(coupon).ok
    ((attempt, undone, _reward),) = scanning.undone_today(
        counter.session, merchant_id=counter.shop.merchant_id, now=NOW
    )
    assert (attempt.reason, undone.public_id) == ("扫错了", coupon.public_id)
    assert balances(counter.session, counter.holder) == {"free": 4900, "held": 100}
    assert counter.look(counter.shown(coupon), "look-0002").ok
    assert counter.press("use-00002", "look-0002").ok
    assert broken(counter.session) == {}


def test_the_same_press_from_many_tries_at_once_uses_once(app: Flask, counter: Counter) -> None:
    coupon = counter.coupon()
    counter.session.commit()
    counter.look(counter.shown(coupon))
    place, outcomes = counter.place, []
    together = threading.Barrier(6)

    def press(key: str) -> None:
        with writing(app) as session:
            together.wait()
            answer = scanning.use(
                session,
                place=place,
                request_key=key,
                look_key="look-0001",
                acting_user=Actor("resident", "x", place.account_id),
                now=NOW,
            )
            session.commit()
            outcomes.append((key, answer.attempt.outcome))

    keys = ["same-0001"] * 3 + ["other-001", "other-002", "other-003"]
    threads = [threading.Thread(target=press, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    # One key used it; whoever repeated that key heard the same.
    assert len({key for key, outcome in outcomes if outcome == "ok"}) == 1
    assert {outcome for _, outcome in outcomes} == {"ok", "coupon_used"}
    for key in set(keys):
        assert len({outcome for each, outcome in outcomes if each == key}) == 1
    counter.session.rollback()
    uses = counter.session.exec(
        select(func.sum(col(Coupon.uses))).where(col(Coupon.id) == coupon.id)
    )
    assert uses.one() == 1
    assert broken(counter.session) == {}


def test_people_join_with_a_code_that_is_good_once(counter: Counter) -> None:
    session, acting = counter.session, Actor("resident", "x", counter.holder)
    needs: dict[str, Any] = {"vault": counter.vault, "acting_user": acting}
    code = merchants.invite(session, merchant=counter.merchant, role="cashier", now=NOW, **needs)
    late = merchants.invite(session, merchant=counter.merchant, role="owner", now=NOW, **needs)
    # Read out and typed in small letters, with a space.
    typed = f"{code[:5].lower()} {code[5:]}"
    place = merchants.join(session, code=typed, account_id=counter.holder, now=NOW, **needs)
    assert (place.member.role, place.is_owner) == ("cashier", False)
    for spent in (code, "", "AAAAAAAAAA"):
        with pytest.raises(Invalid, match="invitation_bad"):
            merchants.join(session, code=spent, account_id=counter.clerk, now=NOW, **needs)
    with pytest.raises(Invalid, match="invitation_bad"):
        merchants.join(
            session,
            code=late,
            account_id=counter.holder,
            now=NOW + timedelta(days=1),
            **needs,
        )
    owner = next(each for each in merchants.people(session, merchant_id=place.merchant.id or 0))
    with pytest.raises(Conflict, match="last_owner"):
        merchants.remove_member(
            session,
            merchant=counter.merchant,
            public_id=owner.public_id,
            acting_user=acting,
            now=NOW,
        )
    with pytest.raises(Conflict, match="till_exists"):
        merchants.add_till(
            session, merchant=counter.merchant, name=" 一号 ", acting_user=acting, now=NOW
        )


def test_what_tills_sent_long_ago_is_forgotten(counter: Counter) -> None:
    counter.look("CA1.nothing.1.x")
    sent = len(counter.session.exec(select(ScanAttempt)).all())
    assert sent > 0
    kept_until = NOW + timedelta(days=90)
    early = kept_until - timedelta(minutes=1)
    assert scanning.forget_attempts(counter.session, now=early) == 0
    assert scanning.forget_attempts(counter.session, now=kept_until) == sent
    assert broken(counter.session) == {}
