"""Vintages end once, on their day, for everybody; people are told before. By hand."""

import os
from datetime import date
from multiprocessing import get_context

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from carbonaccount.ledger.verify import verify
from carbonaccount.messages.models import Message
from carbonaccount.policy.models import CreditPolicy
from carbonaccount.scheduler import run_once
from rewards import expiry, redeeming
from rewards.expiry import last_day, reminder_due
from rewards.fund_models import CreditExpiry
from rewards.invariants import REWARDS
from tests.people import writing
from tests.rewards.fund import arranged
from tests.rewards.fund.arranged import noon


def policy(first: date, years: int) -> CreditPolicy:
    return CreditPolicy(
        valid_from=first,
        value_micro_yuan=1000,
        valid_years=years,
        yearly_budget_fen=0,
        set_by="x",
        set_at=noon(first),
    )


@pytest.mark.parametrize(
    ("policies", "vintage", "day", "expected"),
    [
        ([], 2025, date(2026, 5, 1), None),
        ([policy(date(2020, 1, 1), 1)], 2025, date(2026, 5, 1), date(2026, 12, 31)),
        ([policy(date(2020, 1, 1), 3)], 2025, date(2026, 5, 1), date(2028, 12, 31)),
        # Two years were promised when they were issued; a shorter policy takes nothing away.
        (
            [policy(date(2020, 1, 1), 2), policy(date(2026, 1, 1), 1)],
            2025,
            date(2026, 5, 1),
            date(2027, 12, 31),
        ),
        # A longer one helps those who hold credits already, from the day it holds.
        (
            [policy(date(2020, 1, 1), 1), policy(date(2026, 6, 1), 2)],
            2025,
            date(2026, 5, 31),
            date(2026, 12, 31),
        ),
        (
            [policy(date(2026, 6, 1), 2), policy(date(2020, 1, 1), 1)],
            2025,
            date(2026, 6, 1),
            date(2027, 12, 31),
        ),
        # Issued before the first policy: what it says now.
        ([policy(date(2026, 1, 1), 1)], 2025, date(2026, 5, 1), date(2026, 12, 31)),
    ],
)
def test_the_last_day(
    policies: list[CreditPolicy], vintage: int, day: date, expected: date | None
) -> None:
    assert last_day(vintage, policies, day) == expected


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 10, 31), None),
        (date(2026, 11, 1), 60),
        (date(2026, 12, 15), 60),
        (date(2026, 12, 16), 15),
        (date(2026, 12, 31), 15),
        (date(2027, 1, 1), None),
    ],
)
def test_which_reminder_is_due(day: date, due: int | None) -> None:
    """30 days of December and 30 of November before the 31st is 1 November; 15 are 16 December."""
    assert reminder_due(date(2026, 12, 31), day) == due


def held(session: Session, account: int) -> dict[int, int]:
    parts = holdings.available(session, account_id=account, unit=Unit.CREDIT)
    return {part.vintage: part.amount for part in parts}


def messages(session: Session, account: int) -> list[tuple[str, str, object]]:
    rows = session.exec(
        select(Message).where(col(Message.account_id) == account).order_by(col(Message.id))
    )
    return [(row.kind, row.cause, row.params["credits"]) for row in rows]


def job(session: Session, day: date) -> str:
    return run_once(session, name="credit-expiry", period=day, now=noon(day))


def test_a_year_of_one_resident_told_and_ended(session: Session) -> None:
    """300 of 2025 and 500 of 2026; 40 of 2025 are in a coupon when the vintage ends.

    What the coupon gives back on 3 January ends with the next run, as what it is: 2025's.
    """
    programme = arranged.programme(session)
    arranged.budget(session, programme, 100)
    reward = arranged.reward(session, programme, price_credits=40, coupon_days=60)
    account = arranged.person(session, noon(date(2026, 7, 1)), v2025=300, v2026=500)
    rich = arranged.person(session, noon(date(2026, 7, 1)), v2026=9)
    assert job(session, date(2026, 10, 31)) == "ended=0 reminded=0"
    assert job(session, date(2026, 11, 1)) == "ended=0 reminded=1"
    assert job(session, date(2026, 11, 2)) == "ended=0 reminded=0"
    # The scheduler was down on the 16th: the next day makes it up.
    coupon = redeeming.redeem(
        session,
        account_id=account,
        reward_id=reward.id or 0,
        request_key="one",
        acting_user=SYSTEM,
        now=noon(date(2026, 12, 16)),
    )
    assert job(session, date(2026, 12, 17)) == "ended=0 reminded=1"
    assert job(session, date(2026, 12, 31)) == "ended=0 reminded=0"
    assert job(session, date(2027, 1, 1)) == "ended=1 reminded=0"
    assert job(session, date(2027, 1, 1)) == "already done: ended=1 reminded=0"
    assert expiry.end_credits(session, day=date(2027, 1, 1), now=noon(date(2027, 1, 1))) == 0
    assert held(session, account) == {2026: 500}
    redeeming.cancel(
        session,
        coupon_id=coupon.stored_id,
        account_id=account,
        acting_user=SYSTEM,
        now=noon(date(2027, 1, 3)),
    )
    assert held(session, account) == {2025: 40, 2026: 500}
    assert job(session, date(2027, 1, 4)) == "ended=1 reminded=0"
    assert held(session, account) == {2026: 500}
    assert held(session, rich) == {2026: 9}
    assert [row for row in messages(session, account) if row[0].startswith("credit_")] == [
        ("credit_ends", "2025:2026-12-31:60", 300),
        ("credit_ends", "2025:2026-12-31:15", 260),
        ("credit_ended", "2025:2027-01-01", 260),
        ("credit_ended", "2025:2027-01-04", 40),
    ]
    rows = expiry.ended(session, account_id=account)
    assert [(row.vintage, row.period, row.credits) for row in rows] == [
        (2025, date(2027, 1, 4), 40),
        (2025, date(2027, 1, 1), 260),
    ]
    coming = expiry.endings(session, account_id=account, day=date(2027, 1, 4))
    assert [tuple(item) for item in coming] == [(2026, 500, date(2027, 12, 31))]
    assert [row for row in verify(session, extra=REWARDS) if row[2]] == []


def _die_in_the_middle(url: str) -> None:
    from carbonaccount.database import make_engine, open_session

    with open_session(make_engine(url)) as own:
        expiry.end_credits(own, day=date(2027, 1, 1), now=noon(date(2027, 1, 1)))
        own.flush()
        os._exit(9)


def test_a_run_that_is_killed_leaves_nothing_and_is_made_up(
    app: Flask, session: Session, database_url: str
) -> None:
    """40 people with 1 to 40 credits hold 820; the second run ends all of it, once."""
    people = [
        arranged.person(session, noon(date(2026, 7, 1)), v2025=number) for number in range(1, 41)
    ]
    session.commit()
    child = get_context("spawn").Process(target=_die_in_the_middle, args=(database_url,))
    child.start()
    child.join(60)
    assert child.exitcode == 9
    with writing(app) as own:
        assert own.exec(select(sa.func.count()).select_from(CreditExpiry)).one() == 0
        assert held(own, people[-1]) == {2025: 40}
        for _ in range(2):
            run_once(own, name="credit-expiry", period=date(2027, 1, 1), now=noon(date(2027, 1, 1)))
        own.commit()
        ended = own.exec(select(sa.func.sum(col(CreditExpiry.credits)))).one()
        assert ended == 820
        over = own.exec(
            select(sa.func.sum(col(Transfer.amount)))
            .join(LedgerAccount, col(LedgerAccount.id) == col(Transfer.credit_id))
            .where(
                col(LedgerAccount.kind) == LedgerKind.EXPIRED, col(LedgerAccount.vintage) == 2025
            )
        ).one()
        assert over == 820
        assert [row for row in verify(own, extra=REWARDS) if row[2]] == []
