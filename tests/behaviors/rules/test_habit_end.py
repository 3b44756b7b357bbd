"""Habits earn credits until a published day; grams have no end."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlmodel import Session, col, select

from behaviors import habits
from behaviors.models import Behavior
from behaviors.rulebook import RuleBook
from behaviors.services import report_act
from carbonaccount.audit import SYSTEM
from tests.behaviors.rules.acts import partner_with_rider, rider_account, take_one

LAST_DAY = date(2027, 12, 31)
# 2027-12-31 23:30 and 2028-01-01 00:30 in Jining.
BEFORE_MIDNIGHT = datetime(2027, 12, 31, 15, 30, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2027, 12, 31, 16, 30, tzinfo=UTC)
NOW = datetime(2028, 1, 1, 4, tzinfo=UTC)


def test_every_shipped_habit_and_nothing_else_ends(session: Session) -> None:
    book = RuleBook.load(session)
    for code, info in book.behaviors.items():
        entries = book.entries(code)
        habit = bool(entries) and all(habits.is_habit(entry.rule) for entry in entries)
        assert info.habit_ends_on == (LAST_DAY if habit else None), code


def test_habits_ship_with_an_end(session: Session) -> None:
    ends = dict(session.exec(select(col(Behavior.code), col(Behavior.habit_ends_on))).all())
    assert ends["reusable_cup"] == LAST_DAY
    assert ends["bus_trip"] is None


@pytest.mark.parametrize(
    ("moment", "credits", "code"),
    [(BEFORE_MIDNIGHT, 10, "ok"), (AFTER_MIDNIGHT, 0, "habit_ended")],
)
def test_an_act_after_the_last_day_is_kept_without_credits(
    session: Session, moment: datetime, credits: int, code: str
) -> None:
    source = partner_with_rider(session, "reusable_cup")
    result = take_one(session, source, "one", "reusable_cup", {"uses": "1"}, occurred_at=moment)
    # One use, 10 credits; no grams ever.
    assert (result.status, result.code, result.reduction_g, result.credits) == (
        "accepted",
        code,
        0,
        credits,
    )


def test_grams_go_on_whatever_the_day_says(session: Session) -> None:
    bus = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    bus.habit_ends_on = LAST_DAY
    session.flush()
    source = partner_with_rider(session, "bus_trip")
    result = take_one(
        session, source, "one", "bus_trip", {"distance_km": "10"}, occurred_at=AFTER_MIDNIGHT
    )
    # 10 km x 52 g.
    assert (result.code, result.reduction_g, result.credits) == ("ok", 520, 520)


def test_an_administrator_moves_the_end(session: Session) -> None:
    account_id = rider_account(session)
    cup = session.exec(select(Behavior).where(col(Behavior.code) == "reusable_cup")).one()
    cup.habit_ends_on = date(2028, 1, 1)
    session.flush()
    result = report_act(
        session,
        account_id=account_id,
        behavior="reusable_cup",
        activity={"uses": "2"},
        occurred_at=AFTER_MIDNIGHT,
        photo=None,
        photo_folder=None,  # type: ignore[arg-type]
        form_token="t",
        acting_user=SYSTEM,
        now=NOW,
    )
    assert (result.code, result.credits) == ("ok", 20)


@pytest.mark.parametrize(("day", "credits"), [("2027-12-31", 10), ("2028-01-01", 0)])
def test_the_public_score_says_so(client: FlaskClient, day: str, credits: int) -> None:
    asked = {
        "behavior": "reusable_cup",
        "activity": {"uses": "1"},
        "occurred_on": day,
        "evidence": "A",
    }
    answer = client.post("/api/v1/score", json=asked).get_json()
    assert (answer["credits"], answer["habit_ended"]) == (credits, credits == 0)
    shown = client.get("/api/v1/behaviors/reusable_cup").get_json()
    assert shown["habit_ends_on"] == "2027-12-31"


def test_columns_and_single_days_agree(session: Session) -> None:
    rule = RuleBook.load(session).versions("reusable_cup")[0]
    days = [date(2027, 12, 30), LAST_DAY, date(2028, 1, 1)]
    numbers = np.array([(day - date(1970, 1, 1)).days for day in days], dtype=np.int32)
    wanted = [False, False, True]
    assert habits.ended_rows(rule, LAST_DAY, numbers).tolist() == wanted
    assert [habits.has_ended(rule, LAST_DAY, day) for day in days] == wanted
    assert not habits.ended_rows(rule, None, numbers).any()
