"""The fund's rule, day by day and with many people at once; every number worked out by hand."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM, AuditEntry
from carbonaccount.errors import Conflict
from rewards import fund, redeeming
from rewards.fund_models import FundBudget, FundDay, FundProgramme
from rewards.fund_services import tell_states
from rewards.models import Coupon, Reward
from tests.people import writing
from tests.rewards.fund import arranged
from tests.rewards.fund.arranged import YUAN, noon


def take(session: Session, reward: Reward, account_id: int, day: date, number: int) -> str:
    """Try to take a coupon; returns `given` or the code of the refusal."""
    savepoint = session.begin_nested()
    try:
        redeeming.redeem(
            session,
            account_id=account_id,
            reward_id=reward.id or 0,
            request_key=f"press-{day}-{number}",
            acting_user=SYSTEM,
            now=noon(day),
        )
    except Conflict as refusal:
        savepoint.rollback()
        return refusal.code
    savepoint.commit()
    return "given"


def told(session: Session) -> list[tuple[date, str]]:
    rows = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.action).in_(["fund.fine", *(f"fund.{s}" for s in fund.STATES)]))
        .order_by(col(AuditEntry.id))
    )
    return [(row.happened_at.date(), row.action.removeprefix("fund.")) for row in rows]


def fresh(session: Session, budget: FundBudget) -> FundBudget:
    session.refresh(budget)
    return budget


def test_a_hundred_yuan_day_by_day(session: Session) -> None:
    """100 yuan, coupons of one yuan, warned at 30, slowed at 15 to four a day, paused at 2.

    Twelve people ask every day. Five days take 60. On the sixth the tenth coupon leaves 30 and
    warns; on the seventh twelve leave 16; on the eighth the first leaves 15 and slows, three more
    make the day's four. Then four a day: 8, 4, and on the eleventh two leave 2 and pause.
    """
    programme = arranged.programme(
        session, warn_pct=30, slow_pct=15, pause_pct=2, slow_coupons_per_day=4
    )
    budget = arranged.budget(session, programme, yuan=100)
    reward = arranged.reward(session, programme)
    first = date(2026, 3, 1)
    account = arranged.person(session, noon(first), v2026=5000)
    asked = [
        Counter(take(session, reward, account, day, number) for number in range(12))
        for day in arranged.days(first, 13)
    ]
    assert not asked[0].keys() - {"given"}
    assert [day["given"] for day in asked] == [12, 12, 12, 12, 12, 12, 12, 4, 4, 4, 2, 0, 0]
    assert [day["fund_slowed"] for day in asked] == [0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 0, 0, 0]
    assert [day["fund_paused"] for day in asked] == [0] * 10 + [10, 12, 12]
    assert told(session) == [
        (date(2026, 3, 6), "warned"),
        (date(2026, 3, 8), "slowed"),
        (date(2026, 3, 11), "paused"),
    ]
    found = fresh(session, budget)
    assert (found.committed_fen, found.spent_fen) == (98 * YUAN, 0)
    assert (fund.free_fen(found), fund.state_of(found, programme)) == (2 * YUAN, "paused")
    counted = session.get(FundDay, (budget.id, date(2026, 3, 8)))
    assert counted is not None
    assert (counted.coupons, counted.committed_fen) == (4, 4 * YUAN)


def test_what_comes_back_is_given_again_and_told_once_a_day(session: Session) -> None:
    """Of 10 yuan paused at 20 percent, eight are given; a cancelled one lets one more be given."""
    programme = arranged.programme(
        session, warn_pct=20, slow_pct=20, pause_pct=20, slow_coupons_per_day=0
    )
    budget = arranged.budget(session, programme, yuan=10)
    reward = arranged.reward(session, programme)
    day = date(2026, 3, 1)
    account = arranged.person(session, noon(day), v2026=500)
    assert [take(session, reward, account, day, n) for n in range(9)] == [
        *["given"] * 8,
        "fund_paused",
    ]
    coupons = session.exec(select(Coupon).where(col(Coupon.account_id) == account)).all()
    for coupon in coupons[:2]:
        redeeming.cancel(
            session,
            coupon_id=coupon.stored_id,
            account_id=account,
            acting_user=SYSTEM,
            now=noon(day),
        )
    assert fund.free_fen(fresh(session, budget)) == 4 * YUAN
    # Operators were told of the pause; that it is over is told by the daily run, once.
    assert budget.told_state == "paused"
    assert tell_states(session, year=2026, now=noon(day)) == 1
    assert tell_states(session, year=2026, now=noon(day)) == 0
    assert [take(session, reward, account, day, n) for n in range(10, 13)] == [
        "given",
        "given",
        "fund_paused",
    ]
    assert [state for _day, state in told(session)] == ["paused", "fine", "paused"]
    counted = session.get(FundDay, (budget.id, day), populate_existing=True)
    assert counted is not None
    assert counted.coupons == 10, "cancelled coupons stay counted"


def test_using_a_coupon_spends_its_value_and_undoing_sets_it_aside(session: Session) -> None:
    programme = arranged.programme(session)
    budget = arranged.budget(session, programme, yuan=100)
    reward = arranged.reward(session, programme, value_fen=1250)
    day = date(2026, 3, 1)
    account = arranged.person(session, noon(day), v2026=100)
    coupon = redeeming.redeem(
        session,
        account_id=account,
        reward_id=reward.id or 0,
        request_key="one",
        acting_user=SYSTEM,
        now=noon(day),
    )
    moves = []
    for move in (fund.spend_value, fund.unspend_value, fund.spend_value):
        move(session, coupon=coupon, now=noon(day))
        found = fresh(session, budget)
        moves.append((found.committed_fen, found.spent_fen))
    assert moves == [(0, 1250), (1250, 0), (0, 1250)]
    with pytest.raises(ValueError, match="does not hold"):
        fund.release_value(session, coupon=coupon, now=noon(day))


def test_no_budget_and_too_little_of_it_are_told_apart(session: Session) -> None:
    programme = arranged.programme(session, warn_pct=0, slow_pct=0, pause_pct=0)
    arranged.budget(session, programme, yuan=10)
    dear = arranged.reward(session, programme, value_fen=6 * YUAN)
    day = date(2026, 3, 1)
    account = arranged.person(session, noon(day), v2026=100)
    assert take(session, dear, account, day, 1) == "given"
    assert take(session, dear, account, day, 2) == "fund_empty", "4 yuan are left of 10"
    cheap = arranged.reward(session, programme, value_fen=4 * YUAN)
    assert take(session, cheap, account, day, 3) == "given"
    assert take(session, cheap, account, day, 4) == "fund_paused", "0 is at the pause of 0"
    next_year = arranged.reward(session, programme, offered_until=date(2027, 6, 30))
    assert take(session, next_year, account, date(2027, 1, 1), 5) == "fund_empty"


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (10_000, "fine"),
        (3_001, "fine"),
        (3_000, "warned"),
        (1_501, "warned"),
        (1_500, "slowed"),
        (201, "slowed"),
        (200, "paused"),
        (0, "paused"),
    ],
)
def test_each_threshold_holds_at_and_below_its_percent(free: int, state: str) -> None:
    programme = FundProgramme(
        sponsor_id=1, name_zh="x", warn_pct=30, slow_pct=15, pause_pct=2, created_at=noon(date.max)
    )
    assert fund.state_at(free, 10_000, programme) == state


def test_an_empty_budget_is_paused() -> None:
    programme = FundProgramme(sponsor_id=1, name_zh="x", pause_pct=0, created_at=noon(date.max))
    assert fund.state_at(0, 0, programme) == "paused"


def test_sixty_four_at_once_never_overdraw(app: Flask, session: Session) -> None:
    """Of ten yuan exactly ten coupons come, and of a slowed fund exactly the seven of its day."""
    day = date(2026, 3, 1)
    open_ = arranged.programme(session, warn_pct=0, slow_pct=0, pause_pct=0)
    slowed = arranged.programme(
        session, warn_pct=100, slow_pct=100, pause_pct=0, slow_coupons_per_day=7
    )
    budgets = [arranged.budget(session, open_, 10), arranged.budget(session, slowed, 50)]
    rewards = [arranged.reward(session, open_), arranged.reward(session, slowed)]
    session.commit()

    def ask(number: int) -> str:
        with writing(app) as own:
            reward = rewards[number % 2]
            try:
                fund.commit_value(own, reward=reward, value_fen=YUAN, day=day, now=noon(day))
            except Conflict as refusal:
                return f"{number % 2}:{refusal.code}"
            own.commit()
            return f"{number % 2}:given"

    with ThreadPoolExecutor(64) as pool:
        answers = Counter(pool.map(ask, range(64)))
    assert answers == {
        "0:given": 10,
        "0:fund_paused": 22,
        "1:given": 7,
        "1:fund_slowed": 25,
    }
    found = [fresh(session, budget) for budget in budgets]
    assert [budget.committed_fen for budget in found] == [1000, 700]
    days = [session.get(FundDay, (budget.id, day)) for budget in budgets]
    assert [row.coupons for row in days if row] == [10, 7]


def test_a_reward_is_covered_only_by_what_others_were_not_promised(session: Session) -> None:
    """100 yuan: 60 are promised to one reward, so 40 of another are covered and 41 are not."""
    programme = arranged.programme(session)
    now = noon(date(2026, 3, 1))
    draft = arranged.reward(session, programme, status="draft", stock=40)
    assert fund.uncovered_fen(session, reward=draft, now=now) == 4000, "there is no budget yet"
    arranged.budget(session, programme, yuan=100)
    arranged.reward(session, programme, stock=50)
    arranged.reward(session, programme, stock=10, status="paused")
    arranged.reward(session, programme, stock=999, status="ended")
    assert fund.covers(session, reward=draft, now=now)
    draft.stock_left = 41
    session.flush()
    assert not fund.covers(session, reward=draft, now=now)
    assert fund.uncovered_fen(session, reward=draft, now=now) == 100
    later = arranged.reward(
        session,
        programme,
        status="draft",
        stock=1,
        offered_from=date(2027, 1, 1),
        offered_until=date(2027, 3, 1),
    )
    assert not fund.covers(session, reward=later, now=now), "2027 has no budget"
