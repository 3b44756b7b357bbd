"""The settlements of a month are drafted by themselves on the first, and once."""

from datetime import date, timedelta

from flask import Flask
from sqlmodel import select

from carbonaccount.accounts.roles import Role
from rewards.merchant_models import Settlement
from rewards.settlement_jobs import draft_settlements
from tests.admin.desk import staff
from tests.rewards.merchants.counter import Counter
from tests.rewards.redeeming.arranging import DAY, NOW, broken


def test_a_month_is_drafted_on_the_first_of_the_next(app: Flask, counter: Counter) -> None:
    counter.used(2)
    session = counter.session
    first = (DAY.replace(day=1) + timedelta(days=32)).replace(day=1)
    later = NOW + (first - DAY)
    for day in (first - timedelta(days=1), first + timedelta(days=1)):
        assert draft_settlements(session, period=day, now=later) == "drafted=0"
    assert draft_settlements(session, period=first, now=later) == "drafted=1"
    assert draft_settlements(session, period=first, now=later) == "drafted=0"
    settlement = session.exec(select(Settlement)).one()
    assert (settlement.first_day, settlement.last_day) == (
        DAY.replace(day=1),
        first - timedelta(days=1),
    )
    assert (settlement.status, settlement.coupons, settlement.drafted_by) == ("draft", 2, None)
    assert broken(session) == {}
    session.commit()
    editor = staff(app, Role.REWARD_EDITOR, login="eddie")
    page = editor.get(f"/admin/settlements/{settlement.public_id}")
    assert page.status_code == 200
    assert "按时执行" in page.text


def test_months_of_a_gap_are_drafted_each_by_its_own_day(counter: Counter) -> None:
    counter.used(1)
    wrong = date(DAY.year + 1, DAY.month, 1)
    assert draft_settlements(counter.session, period=wrong, now=NOW + timedelta(days=400)) == (
        "drafted=0"
    )
