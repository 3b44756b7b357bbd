"""Draws and endings while the same people redeem: nobody waits in a circle, nothing is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.ledger.verify import verify
from rewards import draw_awards, draws, expiry, redeeming
from rewards.invariants import REWARDS
from rewards.models import Coupon, RewardDraw
from tests.people import writing
from tests.rewards.fund import arranged

NOW = datetime(2027, 1, 1, 4, 0, tzinfo=UTC)
PEOPLE = 12


def test_a_draw_and_an_expiry_among_redemptions(app: Flask, session: Session) -> None:
    """Twelve hold 10 credits of 2025, which end, and 40 of 2026: each redeems three times 10.

    Six of them win a coupon of 10 from the draw of all at the same time: 40 = 3 x 10 + 10.
    """
    programme = arranged.programme(session)
    arranged.budget(session, programme, 1000, 2027)
    days = {"offered_from": NOW.date(), "offered_until": NOW.date() + timedelta(days=9)}
    shelf = arranged.reward(session, programme, **days)
    drawn = arranged.reward(session, programme, **days, allotment="draw", stock=6)
    people = [arranged.person(session, NOW, v2025=10, v2026=40) for _ in range(PEOPLE)]
    vault = app.extensions["carbonaccount.vault"]
    draw = draws.create(
        session,
        reward_id=drawn.id or 0,
        winners_wanted=6,
        closes_at=NOW + timedelta(hours=1),
        vault=vault,
        acting_user=SYSTEM,
        now=NOW,
    )
    for person in people:
        draws.enter(session, draw=draw, account_id=person, acting_user=SYSTEM, now=NOW)
    later = NOW + timedelta(hours=2)
    draws.close(session, draw=draw, acting_user=SYSTEM, now=later)
    draws.draw_lots(session, draw=draw, vault=vault, acting_user=SYSTEM, now=later)
    session.commit()
    start = threading.Barrier(PEOPLE + 2)

    def redeem(person: int) -> int:
        start.wait()
        for number in range(3):
            with writing(app) as own:
                redeeming.redeem(
                    own,
                    account_id=person,
                    reward_id=shelf.id or 0,
                    request_key=f"press-{number}",
                    acting_user=SYSTEM,
                    now=later,
                )
                own.commit()
        return 3

    def award() -> int:
        start.wait()
        with writing(app) as own:
            found = own.exec(select(RewardDraw)).one()
            done = draw_awards.award(own, draw=found, acting_user=SYSTEM, now=later)
            own.commit()
            return done.given

    def end() -> int:
        start.wait()
        with writing(app) as own:
            done = expiry.end_credits(own, day=NOW.date(), now=later)
            own.commit()
            return done

    with ThreadPoolExecutor(PEOPLE + 2) as pool:
        awarded, ended = pool.submit(award), pool.submit(end)
        assert sum(pool.map(redeem, people)) == 3 * PEOPLE
        assert awarded.result() == 6
        # Who redeemed before the run paid with the oldest credits; those do not end.
        assert 0 <= ended.result() <= PEOPLE
    with writing(app) as own:
        coupons = own.exec(select(Coupon).where(col(Coupon.reward_id) == drawn.id)).all()
        assert len({coupon.account_id for coupon in coupons}) == 6
        assert [row for row in verify(own, extra=REWARDS) if row[2]] == []
