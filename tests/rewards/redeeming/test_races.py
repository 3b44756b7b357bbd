"""Many at once, with real threads and processes: nobody gets what is not there, nothing twice."""

import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, func, select

from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.crypto import Vault
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import DomainError
from carbonaccount.racing import committed
from rewards import coupon_codes, redeeming
from rewards.models import Coupon, CouponStatus
from tests.rewards.redeeming.arranging import (
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

pytestmark = pytest.mark.slow

PEOPLE = 64
VAULT = Vault(b"k" * 32)


@pytest.fixture
def engine(app: Flask, database_url: str) -> Iterator[Engine]:
    """An engine with a connection for each of 64 threads."""
    engine = make_engine(database_url, pool_size=PEOPLE)
    yield engine
    engine.dispose()


def outcome(engine: Engine, work: Callable[[Session], object]) -> str:
    """Do one person's act in a transaction of its own; returns ok or the code of the refusal."""
    with open_session(engine) as session:
        try:
            committed(session, work)
        except DomainError as error:
            return error.code
        return "ok"


def press(engine: Engine, shop: Shop, account_id: int, key: str) -> str:
    return outcome(engine, lambda session: redeem(session, shop, account_id, key))


def press_from_a_process(url: str, shop: Shop, people: Sequence[int]) -> list[str]:
    """Let people press twice each, from a process of its own with 32 threads."""
    import_models()
    engine = make_engine(url)
    with ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(press, engine, shop, person, "once") for person in (*people, *people)]
        answers = [job.result() for job in jobs]
    engine.dispose()
    return answers


def cancel(session: Session, coupon_id: int, account_id: int) -> Coupon:
    return redeeming.cancel(
        session, coupon_id=coupon_id, account_id=account_id, acting_user=SYSTEM, now=NOW
    )


def coupons(session: Session, shop: Shop) -> Counter[str]:
    rows = session.exec(select(Coupon.status).where(col(Coupon.reward_id) == shop.reward_id))
    return Counter(rows)


def test_64_people_after_the_last_ten_by_threads(engine: Engine, session: Session) -> None:
    """And one of them, limited to three, who presses 16 times at once for another reward."""
    last_ten = open_shop(session, stock=10)
    limited = open_shop(session, limit_per_person=3)
    people = open_people(session, PEOPLE, credits=400)
    greedy = people[0]
    session.commit()
    presses = [(last_ten, person, "one") for person in people]
    presses += [(last_ten, person, "one") for person in people[:16]]
    presses += [(limited, greedy, f"key {number}") for number in range(12)]
    presses += [(limited, greedy, "the same")] * 4
    random.Random(7).shuffle(presses)
    with ThreadPoolExecutor(64) as pool:
        answers = Counter(pool.map(lambda given: press(engine, *given), presses))
    assert set(answers) <= {"ok", "stock_empty", "person_limit_reached", "insufficient_balance"}
    assert coupons(session, last_ten) == {"issued": 10}
    assert coupons(session, limited) == {"issued": 3}
    assert (stock_left(session, last_ten), fund_of(session, last_ten)) == (0, (5000, 0))
    spent = 400 * PEOPLE - sum(balances(session, person)["free"] for person in people)
    assert spent == 13 * 100
    assert broken(session) == {}


def test_64_people_after_the_last_ten_by_processes(
    app: Flask, session: Session, database_url: str
) -> None:
    """Each presses twice at once with the same key, and the day gives seven of the ten."""
    shop = open_shop(session, stock=10, stock_per_day=7)
    people = open_people(session, PEOPLE, credits=100)
    session.commit()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        parts = [people[first::2] for first in range(2)]
        answers = list(pool.map(press_from_a_process, [database_url] * 2, [shop] * 2, parts))
    told = Counter(answer for part in answers for answer in part)
    assert told == {"ok": 14, "day_stock_empty": 2 * PEOPLE - 14}
    assert coupons(session, shop) == {"issued": 7}
    assert sorted(balances(session, person)["held"] for person in people) == [0] * 57 + [100] * 7
    assert broken(session) == {}


def test_200_coupons_scanned_by_64_tills_at_once_are_each_used_once(
    engine: Engine, session: Session
) -> None:
    shop = open_shop(session)
    holders = open_people(session, 20)
    clerks = open_people(session, 64, credits=0)
    codes = []
    for number in range(200):
        coupon = redeem(session, shop, holders[number // 10], f"key {number}")
        codes.append(coupon_codes.shown(coupon, vault=VAULT, now=NOW).qr_text)
    session.commit()

    def scan(text: str, clerk: int) -> str:
        def work(own: Session) -> Coupon:
            coupon = coupon_codes.read_code(own, text=text, vault=VAULT, now=NOW)
            return use(own, shop, coupon, clerk)

        return outcome(engine, work)

    # Each code is held against three tills, one right after the other.
    scans = [(text, clerks[(3 * n + i) % 64]) for n, text in enumerate(codes) for i in range(3)]
    with ThreadPoolExecutor(64) as pool:
        told = Counter(pool.map(lambda given: scan(*given), scans))
    assert told == {"ok": 200, "coupon_used": 400}
    assert coupons(session, shop) == {"used": 200}
    assert set(session.exec(select(Coupon.uses)).all()) == {1}
    assert fund_of(session, shop) == (0, 200 * 500)
    assert broken(session) == {}


def test_used_cancelled_and_ended_at_once_is_one_of_them(engine: Engine, session: Session) -> None:
    """While others take what comes back: the locks of all are taken in one order."""
    shop = open_shop(session, stock=24, coupon_days=1)
    holders = open_people(session, 24, credits=100)
    (clerk, *others) = open_people(session, 9)
    taken = [redeem(session, shop, holder) for holder in holders]
    session.commit()
    late: dict[str, Any] = {"day": NOW.date() + timedelta(days=2), "now": NOW + timedelta(days=2)}
    acts: list[Callable[[Session], object]] = []
    for holder, coupon in zip(holders, taken, strict=True):
        acts.append(partial(use, shop=shop, coupon=coupon, used_by=clerk))
        acts.append(partial(cancel, coupon_id=coupon.stored_id, account_id=holder))
    acts.insert(20, partial(redeeming.expire_due, **late))
    for number, other in enumerate(others * 3):
        acts.append(partial(redeem, shop=shop, account_id=other, key=f"key {number}"))
    with ThreadPoolExecutor(32) as pool:
        told = Counter(pool.map(lambda act: outcome(engine, act), acts))
    first = session.exec(
        select(Coupon.status, func.count())
        .where(col(Coupon.account_id).in_(holders))
        .group_by(col(Coupon.status))
    ).all()
    ends = dict(first)
    assert sum(ends.values()) == 24
    assert CouponStatus.ISSUED not in ends
    assert set(told) <= {
        "ok", "coupon_used", "coupon_cancelled", "coupon_expired", "stock_empty",
    }  # fmt: skip
    given_out = sum(coupons(session, shop)[status] for status in ("issued", "used"))
    assert stock_left(session, shop) == 24 - given_out >= 0
    assert broken(session) == {}
