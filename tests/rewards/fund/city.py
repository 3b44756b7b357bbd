"""A city in the middle of its year: budgets near their thresholds, draws, a queue, old credits."""

from datetime import datetime, timedelta

from flask import Flask
from sqlmodel import Session

from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.clock import business_day, utc_now
from rewards import draw_awards, draws, fund_services, queueing
from rewards.fund_models import CreditExpiry, FundBudget, FundDay, FundProgramme
from rewards.models import Reward
from tests.people import writing
from tests.rewards.fund import arranged
from tests.rewards.fund.arranged import YUAN

ERIN = Actor("staff", "erin")


def arrange(app: Flask, account_id: int) -> dict[str, str]:
    """Arrange it around a resident, who holds credits; returns the addresses to look at."""
    now = utc_now()
    with writing(app) as session:
        year = business_day(now).year
        arranged.give(session, account_id, year - 1, 4_321)
        arranged.give(session, account_id, year, 12_000)
        session.add(
            CreditExpiry(
                account_id=account_id,
                vintage=year - 2,
                period=business_day(now).replace(month=1, day=1),
                credits=765,
                booked_at=now,
            )
        )
        budget = _budgets(session, now)
        drawn, waiting = _draws(session, app, budget, account_id, now)
        queued = _queue(session, budget, account_id, now)
        session.commit()
    return {
        "gauge": "/fund",
        "credits": "/credits",
        "home": "/",
        "draws": "/draws",
        "open": f"/draws/{waiting}",
        "drawn": f"/draws/{drawn}",
        "queue": f"/rewards/{queued.public_id}",
        "fund": "/admin/fund",
        "programme": f"/admin/fund/programmes/{budget.programme_id}",
        "sponsors": "/admin/fund/sponsors",
        "new_programme": "/admin/fund/programmes/new",
        "all_draws": "/admin/draws",
        "new_draw": "/admin/draws/new",
        "panel_open": f"/admin/draws/{waiting}",
        "panel_drawn": f"/admin/draws/{drawn}",
        "panel_queue": f"/admin/queues/{queued.public_id}",
    }


def _budgets(session: Session, now: datetime) -> FundBudget:
    """One programme slowed with four weeks behind it, one that has not begun."""
    today = business_day(now)
    slowed, fresh = arranged.programme(session, slow_pct=25), arranged.programme(session)
    arranged.budget(session, fresh, 50_000, today.year)
    found = arranged.budget(session, slowed, 2_000, today.year)
    found.spent_fen = 1_530 * YUAN
    for number in range(28):
        session.add(
            FundDay(
                budget_id=found.id or 0,
                day=today - timedelta(days=28 - number),
                coupons=number % 7 + 1,
                committed_fen=(number % 7 + 1) * 450,
            )
        )
    for change, reason in ((30_000, "四季度追加"), (-10_000, "并入其他项目")):
        fund_services.propose_change(
            session,
            programme_id=slowed.id or 0,
            year=today.year,
            change_fen=change,
            reason=reason,
            acting_user=ERIN,
            now=now,
        )
    fund_services.tell_states(session, year=today.year, now=now)
    return found


def _offered(session: Session, budget: FundBudget, now: datetime, **values: object) -> Reward:
    found = session.get(FundProgramme, budget.programme_id)
    assert found is not None
    today = business_day(now)
    days = {
        "offered_from": today - timedelta(days=9),
        "offered_until": today + timedelta(days=30),
    }
    return arranged.reward(session, found, **days, **values)


def _draws(
    session: Session, app: Flask, budget: FundBudget, account_id: int, now: datetime
) -> tuple[str, str]:
    """One draw with its result and one that is open, the resident in both."""
    vault = app.extensions["carbonaccount.vault"]
    ids = []
    for age in (3, 0):
        reward = _offered(session, budget, now, allotment="draw", stock=4)
        then = now - timedelta(days=age)
        draw = draws.create(
            session,
            reward_id=reward.id or 0,
            winners_wanted=2,
            closes_at=then + timedelta(days=2),
            vault=vault,
            acting_user=ERIN,
            now=then,
        )
        people = [arranged.person(session, then, **{f"v{now.year}": 10}) for _ in range(4)]
        for person in (*people, account_id):
            draws.enter(session, draw=draw, account_id=person, acting_user=SYSTEM, now=then)
        ids.append(draw.public_id)
        if age:
            draws.close(session, draw=draw, acting_user=ERIN, now=now)
            draws.draw_lots(session, draw=draw, vault=vault, acting_user=ERIN, now=now)
            draw_awards.award(session, draw=draw, acting_user=ERIN, now=now)
    return ids[0], ids[1]


def _queue(session: Session, budget: FundBudget, account_id: int, now: datetime) -> Reward:
    """Two in stock and the resident second in line, so that both are offered one."""
    reward = _offered(session, budget, now, allotment="queue", stock=2)
    people = [arranged.person(session, now, **{f"v{now.year}": 10}) for _ in range(3)]
    for person in (people[0], account_id, *people[1:]):
        queueing.join(
            session, reward_id=reward.id or 0, account_id=person, acting_user=SYSTEM, now=now
        )
    queueing.offer_next(session, reward_id=reward.id or 0, now=now)
    return reward
