"""People who leave while the pool is handed over: each either has everything back or is in it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

from flask import Flask
from sqlmodel import Session

from carbonaccount.database import open_session
from carbonaccount.institutions import pool_gathering, pools
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.racing import committed
from tests.carbonaccount.institutions.offsets.arranging import books, broken, outcome
from tests.carbonaccount.institutions.pools.arranging import (
    NOW,
    RIDE_G,
    closed,
    content,
    join,
    leave,
    officers,
    opened,
    riders,
    share_of,
)

LEAVING = (3, 4, 5)


def test_leaving_and_handing_over_at_once(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session, 15)
    pool = closed(session, staff, people)
    session.commit()
    start = Barrier(len(LEAVING) * 2 + 2)
    engine = app.extensions["carbonaccount.engine"]

    def sell(own: Session) -> None:
        start.wait()
        pool_gathering.sell(own, public_id=pool.public_id, acting_user=staff[1], now=NOW)

    def go(number: int, own: Session) -> None:
        start.wait()
        leave(own, pool, people[number])

    work = [sell, sell, *(partial(go, number) for number in LEAVING * 2)]
    with ThreadPoolExecutor(len(work)) as threads:
        came_of = list(threads.map(partial(outcome, engine), work))
    assert Counter(came_of[:2]) == {"done": 1, "pool_state": 1}
    assert set(came_of[2:]) <= {"done", "pool_not_in", "pool_sold"}
    assert came_of[2:].count("done") <= len(LEAVING)
    with open_session(engine) as after:
        for number in LEAVING:
            share = share_of(after, pool, people[number])
            back = number * RIDE_G if share.status == "left" else 0
            assert books(after, people[number], LedgerKind.RESIDENT) == back
            assert books(after, people[number], LedgerKind.HOLD) == 0
        assert broken(after) == {}


def test_drafting_and_joining_twice_at_once_is_one(app: Flask, session: Session) -> None:
    staff = officers(app, session)
    _source, people = riders(session, 2)
    pool = opened(session, staff)
    session.commit()
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(3)

    def press(_number: int) -> str:
        start.wait()
        with open_session(engine) as own:
            made = pools.draft(
                own,
                content=content(),
                acting_user=staff[0],
                now=NOW,
                request_key="0123456789abcdef",
            )
            own.commit()
            return made.public_id

    with ThreadPoolExecutor(3) as threads:
        assert len(set(threads.map(press, range(3)))) == 1

    def take_part(_number: int) -> int:
        start.wait()
        with open_session(engine) as own:  # as the pages do it
            return committed(own, lambda each: join(each, pool, people[1]).stored_id)

    with ThreadPoolExecutor(3) as threads:
        assert len(set(threads.map(take_part, range(3)))) == 1
    with open_session(engine) as after:
        assert share_of(after, pool, people[1]).status == "joined"
        assert broken(after) == {}
