"""Taking a reward: what moves, what comes first, and what is refused without moving anything."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from behaviors import reviews
from behaviors.models import ActivityRecord
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict, DomainError, InsufficientBalance, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import Unit
from rewards.giving_models import PlotPaper, TreeAdoption, TreePlot
from rewards.models import (
    Allotment,
    Coupon,
    LimitPeriod,
    Reward,
    RewardClass,
    RewardDay,
    RewardTaker,
)
from rewards.redeeming import period_start
from tests.admin.desk import photo_report
from tests.rewards.catalogue.arranging import member
from tests.rewards.redeeming.arranging import (
    DAY,
    NOW,
    balances,
    broken,
    earn,
    fund_of,
    open_people,
    open_shop,
    redeem,
    stock_left,
)


def test_a_reward_is_held_counted_and_paid_for(app: Flask, session: Session) -> None:
    """250 credits of 2025 and 100 of 2026; three times 100 take all of 2025 first."""
    shop = open_shop(session, stock=5)
    (alice,) = open_people(session, 1, credits=250, vintage=2025)
    earn(session, alice, 100, 2026)
    first = redeem(session, shop, alice, "one")
    assert (first.status, first.price_credits, first.issued_day) == ("issued", 100, DAY)
    assert first.expires_on == DAY + timedelta(days=30)
    assert redeem(session, shop, alice, "one").stored_id == first.stored_id
    assert balances(session, alice) == {"free": 250, "held": 100}
    redeem(session, shop, alice, "two")
    redeem(session, shop, alice, "three")
    left = holdings.available(session, account_id=alice, unit=Unit.CREDIT)
    assert left == [holdings.Part(2026, 50)]
    assert stock_left(session, shop) == 2
    assert fund_of(session, shop) == (1500, 0)
    assert session.exec(select(RewardDay.taken)).all() == [3]
    assert session.exec(select(RewardTaker.taken)).all() == [3]
    with pytest.raises(InsufficientBalance) as caught:
        redeem(session, shop, alice, "four")
    assert caught.value.params == {"available": 50, "needed": 100}
    session.commit()
    assert broken(session) == {}


def test_nothing_is_bought_with_what_waits_for_review(app: Flask, session: Session) -> None:
    """Only what was accepted and is not held: credits of a photo that nobody saw are not there."""
    today = utc_now()
    shop = open_shop(session, since=today, price_credits=1)
    (alice,) = open_people(session, 1, credits=0)
    session.commit()
    record_id = photo_report(app, 1, account_id=alice, at=today)
    record = session.get_one(ActivityRecord, record_id)
    assert (record.status, record.outcome) == ("h", "awaiting_review")
    with pytest.raises(InsufficientBalance) as caught:
        redeem(session, shop, alice, "early", now=today)
    assert caught.value.params == {"available": 0, "needed": 1}
    session.rollback()
    # Accepted by a reviewer, the same record pays; what coupons hold buys nothing else either.
    rita = member(session, "rita", Role.REVIEWER)
    reviews.accept(session, record_id=record_id, acting_user=rita, now=today)
    free = balances(session, alice)["free"]
    assert free > 0
    for number in range(free):
        redeem(session, shop, alice, f"press-{number}", now=today)
    assert balances(session, alice) == {"free": 0, "held": free}
    with pytest.raises(InsufficientBalance):
        redeem(session, shop, alice, "last", now=today)


def test_what_is_refused_moves_nothing(app: Flask, session: Session) -> None:
    (alice,) = open_people(session, 1)
    shops = {
        "stock_empty": open_shop(session, stock=0),
        "day_stock_empty": open_shop(session, stock_per_day=0),
        "person_limit_reached": open_shop(session, limit_per_person=0),
        "reward_not_offered": open_shop(session, offered_until=DAY - timedelta(days=1)),
        "draw_only": open_shop(session, allotment=Allotment.DRAW.value),
        "queue_only": open_shop(session, allotment=Allotment.QUEUE.value),
        "fund_empty": open_shop(session, budget_fen=499),
        "insufficient_balance": open_shop(session, price_credits=1001),
        "reward_age_unknown": open_shop(session, minimum_age=18),
    }
    session.commit()
    for code, shop in shops.items():
        with pytest.raises(DomainError) as caught:
            redeem(session, shop, alice)
        session.rollback()
        assert caught.value.code == code
    with pytest.raises(Conflict, match="price_changed"):
        redeem(session, open_shop(session), alice, price_seen=99)
    session.rollback()
    with pytest.raises(NotFound, match="unknown_reward"):
        redeem(session, shops["fund_empty"], alice, reward_id=987654)
    session.rollback()
    assert balances(session, alice) == {"free": 1000, "held": 0}
    assert session.exec(select(Coupon)).all() == []
    assert broken(session) == {}


def test_limits_begin_anew_with_their_period_and_draws_pass(app: Flask, session: Session) -> None:
    (alice,) = open_people(session, 1)
    shop = open_shop(session, limit_per_person=1, limit_period=LimitPeriod.MONTH.value)
    other = open_shop(session, allotment=Allotment.DRAW.value)
    redeem(session, shop, alice, "march")
    session.commit()
    with pytest.raises(Conflict, match="person_limit_reached"):
        redeem(session, shop, alice, "march again")
    session.rollback()
    redeem(session, shop, alice, "april", now=NOW + timedelta(days=25))
    redeem(session, other, alice, "drawn", via="draw")
    with pytest.raises(Conflict, match="request_key_used"):
        redeem(session, other, alice, "april", via="draw")
    session.commit()
    assert session.exec(select(Reward.stock_left).order_by(col(Reward.id))).all() == [998, 999]
    assert broken(session) == {}


def test_periods_begin_on_their_first_day() -> None:
    assert period_start("day", DAY).isoformat() == "2026-03-10"
    assert period_start("month", DAY).isoformat() == "2026-03-01"
    assert period_start("year", DAY).isoformat() == "2026-01-01"
    assert period_start("ever", DAY).isoformat() == "0001-01-01"


def test_trees_and_donations_are_used_at_once(app: Flask, session: Session) -> None:
    """The only accepted tree goes to the first; the second person keeps the credits."""
    gift = open_shop(session, reward_class=RewardClass.DONATION.value)
    wood = open_shop(session, reward_class=RewardClass.TREE.value)
    plot = TreePlot(
        public_id="plot", reward_id=wood.reward_id, name_zh="林", place="河边", species_zh="侧柏",
        planted_on=DAY, planted=5, accepted=1, created_at=NOW,
    )  # fmt: skip
    session.add(plot)
    session.flush()
    accepted = PlotPaper(
        plot_id=plot.id or 0, kind="acceptance", sha256="0" * 64, file_name="x.pdf", made_on=DAY,
        living=1, added_by="x", added_at=NOW, approved_by="y", approved_at=NOW,
    )  # fmt: skip
    session.add(accepted)
    alice, bob = open_people(session, 2)
    session.commit()
    for shop in (gift, wood):
        coupon = redeem(session, shop, alice, shop.reward_public_id)
        assert (coupon.status, coupon.uses, coupon.merchant_id) == ("used", 1, None)
        session.commit()
    assert session.exec(select(TreeAdoption.number)).all() == [1]
    with pytest.raises(Conflict, match="no_tree_left"):
        redeem(session, wood, bob)
    session.rollback()
    assert balances(session, alice) == {"free": 800, "held": 0}
    assert balances(session, bob) == {"free": 1000, "held": 0}
    assert (fund_of(session, gift), fund_of(session, wood)) == ((0, 500), (0, 500))
    session.rollback()
    told = app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert told.exit_code == 0, told.output
    for code in ("L1", "R1", "C1", "C7"):
        assert f"       0  {code}  " in told.output
