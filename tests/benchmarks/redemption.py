"""Taking rewards, 64 at once, against the same rows and guards written bare, on both databases.

The limit is what any way of doing it must write: the guarded UPDATEs of purse, set-aside credits,
person, day, stock, fund's day and budget, and the INSERTs of transfer and coupon, by the driver,
with every id known beforehand, committed one by one by as many workers in as many processes.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session

from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.database import is_sqlite, make_engine, open_session
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import LedgerKind, Unit
from carbonaccount.migrate import upgrade
from carbonaccount.racing import committed
from rewards import redeeming
from rewards.models import Coupon
from tests.benchmarks.intake import SERVER_SETTINGS, _postgres_url
from tests.postgres import running_postgres
from tests.rewards.redeeming.arranging import DAY, NOW, Shop, broken, open_people, open_shop

WORKERS = 64
PROCESSES = 2
PEOPLE_EACH = 8
CREDITS = 1_000_000
PRICE, VALUE_FEN = 1, 1
LIMIT = 1_000_000
# Between the first ids of two workers.
APART = 1_000_000


@dataclass(frozen=True)
class Purse:
    """A person of a worker, and their ledger accounts."""

    account_id: int
    purse_id: int
    hold_id: int


@dataclass(frozen=True)
class Task:
    """What a worker does: which reward it takes for which people, with ids of its own."""

    number: int
    shop: Shop
    people: list[Purse]
    first_id: int


Way = Callable[[Engine, Task, float], int]


def through_the_service(engine: Engine, task: Task, seconds: float) -> int:
    """Take rewards as the page does, until the time is over; returns how many."""
    ends, done = time.perf_counter() + seconds, 0
    while not done or time.perf_counter() < ends:
        with open_session(engine) as session:
            committed(session, partial(_redeem, task=task, number=done))
        done += 1
    return done


def _redeem(session: Session, task: Task, number: int) -> Coupon:
    return redeeming.redeem(
        session,
        account_id=task.people[number % len(task.people)].account_id,
        reward_id=task.shop.reward_id,
        request_key=f"bench-{task.first_id + number}",
        acting_user=SYSTEM,
        now=NOW,
    )


def bare(engine: Engine, task: Task, seconds: float) -> int:
    """Write the same rows under the same guards by the driver alone; returns how many."""
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    sqlite = is_sqlite(engine)
    mark = "?" if sqlite else "%s"
    statements = [text.replace("?", mark) for text in _STATEMENTS]
    moment: Any = "2026-03-10 10:00:00.000000" if sqlite else NOW
    day: Any = DAY.isoformat() if sqlite else DAY
    ever: Any = "0001-01-01"
    until: Any = "2026-04-09"
    ends, done = time.perf_counter() + seconds, 0
    shop = task.shop
    while not done or time.perf_counter() < ends:
        person, number = task.people[done % len(task.people)], task.first_id + done
        values: list[tuple[Any, ...]] = [
            (PRICE, person.purse_id, PRICE),
            (PRICE, person.hold_id),
            (number, person.purse_id, person.hold_id, PRICE, number, day, moment, moment),
            (person.account_id, shop.reward_id, ever, LIMIT),
            (shop.reward_id, day, LIMIT),
            (shop.reward_id,),
            (shop.budget_id, day, VALUE_FEN, VALUE_FEN),
            (VALUE_FEN, shop.budget_id, VALUE_FEN),
            (
                number, f"BARE{number}", person.account_id, shop.reward_id, shop.budget_id,
                f"bare-{number}", PRICE, VALUE_FEN, moment, day, until,
            ),
        ]  # fmt: skip
        if sqlite:
            connection.execute("BEGIN IMMEDIATE")
        for statement, given in zip(statements, values, strict=True):
            if connection.execute(statement, given).rowcount != 1:
                raise RuntimeError(f"a guard held: {statement}")
        connection.commit()
        done += 1
    raw.close()
    return done


_STATEMENTS = (
    "UPDATE ledger_account SET balance = balance - ? WHERE id = ? AND balance >= ?",
    "UPDATE ledger_account SET balance = balance + ? WHERE id = ?",
    "INSERT INTO transfer (id, debit_id, credit_id, amount, unit, kind, cause, cause_id, revision, "
    "business_day, occurred_at, booked_at) VALUES (?, ?, ?, ?, 2, 7, 3, ?, 0, ?, ?, ?)",
    "INSERT INTO reward_taker (account_id, reward_id, period_start, taken) VALUES (?, ?, ?, 1) "
    "ON CONFLICT (account_id, reward_id, period_start) "
    "DO UPDATE SET taken = reward_taker.taken + 1 WHERE reward_taker.taken < ?",
    "INSERT INTO reward_day (reward_id, day, taken) VALUES (?, ?, 1) "
    "ON CONFLICT (reward_id, day) DO UPDATE SET taken = reward_day.taken + 1 "
    "WHERE reward_day.taken < ?",
    "UPDATE reward SET stock_left = stock_left - 1 WHERE id = ? AND stock_left > 0 "
    "AND status = 'published'",
    "INSERT INTO fund_day (budget_id, day, coupons, committed_fen) VALUES (?, ?, 1, ?) "
    "ON CONFLICT (budget_id, day) DO UPDATE SET coupons = fund_day.coupons + 1, "
    "committed_fen = fund_day.committed_fen + ?",
    "UPDATE fund_budget SET committed_fen = committed_fen + ? WHERE id = ? "
    "AND budget_fen - committed_fen - spent_fen >= ?",
    "INSERT INTO coupon (id, public_id, account_id, reward_id, budget_id, request_key, status, "
    "price_credits, value_fen, issued_at, issued_day, expires_on, uses) "
    "VALUES (?, ?, ?, ?, ?, ?, 'issued', ?, ?, ?, ?, ?, 0)",
)
WAYS: dict[str, Way] = {"service": through_the_service, "bare": bare}


def rate(url: str, way: str, tasks: list[Task], seconds: float) -> float:
    """Return redemptions a second of all workers together, in processes of their own."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    counts: Queue[int] = context.Queue()
    children = [
        context.Process(
            target=_child, args=(url, way, tasks[part::PROCESSES], seconds, barrier, counts)
        )
        for part in range(PROCESSES)
    ]
    for child in children:
        child.start()
    total = sum(counts.get(timeout=120) for _ in children)
    for child in children:
        child.join()
    return total / seconds


def _child(
    url: str, way: str, tasks: list[Task], seconds: float, barrier: Barrier, counts: "Queue[int]"
) -> None:
    import_models()
    engine = make_engine(url, pool_size=len(tasks))
    with ThreadPoolExecutor(len(tasks)) as pool:
        # Every connection is open and every statement known before the clock starts.
        first = [replace(task, first_id=task.first_id + APART // 2) for task in tasks]
        list(pool.map(lambda task: WAYS[way](engine, task, 0), first))
        barrier.wait(timeout=60)
        counts.put(sum(pool.map(lambda task: WAYS[way](engine, task, seconds), tasks)))
    engine.dispose()


def prepare(url: str) -> list[list[Purse]]:
    """Migrate a database and open the people of every worker, with credits to spend."""
    import_models()
    upgrade(url=url)
    engine = make_engine(url)
    with open_session(engine) as session:
        accounts = open_people(session, WORKERS * PEOPLE_EACH, credits=CREDITS, vintage=NOW.year)
        purses = [_purse(session, account_id) for account_id in accounts]
        session.commit()
    engine.dispose()
    return [purses[first::WORKERS] for first in range(WORKERS)]


def _purse(session: Session, account_id: int) -> Purse:
    purse, hold = (
        ledger.owned_account(
            session, owner_id=account_id, kind=kind, unit=Unit.CREDIT, vintage=NOW.year
        )
        for kind in (LedgerKind.RESIDENT, LedgerKind.HOLD)
    )
    return Purse(account_id, purse, hold)


def open_tasks(url: str, people: list[list[Purse]], *, shared: bool, first_id: int) -> list[Task]:
    """Open one reward for all workers, or one for each."""
    engine = make_engine(url)
    with open_session(engine) as session:
        shops = [
            open_shop(
                session,
                stock=100_000_000,
                price_credits=PRICE,
                value_fen=VALUE_FEN,
                limit_per_person=LIMIT,
                stock_per_day=LIMIT,
            )
            for _ in range(1 if shared else WORKERS)
        ]
        session.commit()
    engine.dispose()
    return [Task(n, shops[n % len(shops)], people[n], first_id + n * APART) for n in range(WORKERS)]


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a database, with one reward for all workers and with one for each."""
    seconds = 1.0 if quick else 4.0
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        yield from _measure("sqlite", f"sqlite:///{Path(name) / 'bench.sqlite3'}", seconds)
    with running_postgres(SERVER_SETTINGS) as server:
        yield from _measure("postgresql", _postgres_url(server, "redemption"), seconds)


def _measure(kind: str, url: str, seconds: float) -> Iterator[dict[str, object]]:
    people = prepare(url)
    for shared in (True, False):
        # Each run has ids of its own; those of bare rows lie far from what the database gives out.
        first_id = 10**10 * (1 + shared)
        tasks = open_tasks(url, people, shared=shared, first_id=first_id)
        ours = rate(url, "service", tasks, seconds)
        tasks = open_tasks(url, people, shared=shared, first_id=first_id)
        floor = rate(url, "bare", tasks, seconds)
        yield {
            "benchmark": "redemption",
            "database": kind,
            "workers": WORKERS,
            "rewards": 1 if shared else WORKERS,
            "redemptions_per_s": round(ours),
            "limit_redemptions_per_s": round(floor),
            "ratio": round(ours / floor, 2),
            "books_clean": _clean(url),
        }


def _clean(url: str) -> bool:
    engine = make_engine(url)
    with open_session(engine) as session:
        found = broken(session)
    engine.dispose()
    return found == {}
