"""The credit policy: which one holds on a day, what it costs, and that decisions are kept."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor, AuditEntry
from carbonaccount.errors import Invalid
from carbonaccount.policy import queries
from carbonaccount.policy.library import load_policy
from carbonaccount.policy.models import CreditPolicy, Holiday
from carbonaccount.policy.services import set_credit_policy, set_holidays

# 2026-06-30 23:30 in Jining.
NOW = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
DANA = Actor("staff", "dana", 1)
NOTICE = "国务院办公厅关于2027年部分节假日安排的通知"


def decide(session: Session, valid_from: date, micro_yuan: int = 2_000) -> CreditPolicy:
    policy = set_credit_policy(
        session,
        valid_from=valid_from,
        value_micro_yuan=micro_yuan,
        valid_years=2,
        yearly_budget_fen=50_000_000,
        acting_user=DANA,
        now=NOW,
    )
    session.flush()
    return policy


def test_every_installation_begins_with_a_policy(session: Session) -> None:
    policy = queries.policy_on(session, date(2026, 1, 1))
    assert policy is not None
    assert (policy.value_micro_yuan, policy.valid_years, policy.set_by) == (1_000, 1, "library")
    # One yuan a thousand credits; a budget of a million yuan.
    assert queries.cost_yuan(policy, 251) == Decimal("0.251")
    assert queries.budget_yuan(policy) == Decimal(1_000_000)
    assert queries.policy_on(session, date(2025, 12, 31)) is None


def test_a_new_policy_holds_from_its_day(session: Session) -> None:
    decide(session, date(2026, 7, 1))
    before = queries.policy_on(session, date(2026, 6, 30))
    after = queries.policy_on(session, date(2026, 7, 1))
    assert before is not None
    assert after is not None
    assert (before.value_micro_yuan, after.value_micro_yuan) == (1_000, 2_000)
    assert [item.valid_from for item in queries.policies(session)] == [
        date(2026, 7, 1),
        date(2026, 1, 1),
    ]


def test_one_that_does_not_hold_yet_is_replaced_and_the_trail_keeps_both(session: Session) -> None:
    decide(session, date(2026, 7, 1))
    decide(session, date(2026, 7, 1), micro_yuan=3_000)
    assert len(queries.policies(session)) == 2
    trail = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.action) == "policy.set")
        .order_by(col(AuditEntry.id))
    ).all()
    assert [entry.actor for entry in trail] == ["staff:dana", "staff:dana"]
    assert trail[0].details["before"] is None
    assert trail[1].details["before"] == {
        "value_micro_yuan": 2_000,
        "valid_years": 2,
        "yearly_budget_fen": 50_000_000,
    }


@pytest.mark.parametrize("day", [date(2026, 1, 1), date(2026, 6, 30)])
def test_today_and_the_past_stay_as_they_were(session: Session, day: date) -> None:
    with pytest.raises(Invalid, match="policy_too_early"):
        decide(session, day)


def test_numbers_out_of_range_are_named(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        decide(session, date(2026, 7, 1), micro_yuan=-1)
    assert refused.value.code == "number_out_of_range"
    assert refused.value.params["field"] == "value_micro_yuan"


def test_loading_again_leaves_what_was_decided(session: Session) -> None:
    decide(session, date(2026, 7, 1))
    set_holidays(
        session,
        year=2026,
        days={date(2026, 3, 12): (False, "植树节")},
        source=NOTICE,
        acting_user=DANA,
        now=NOW,
    )
    session.flush()
    assert load_policy(session, now=NOW) == {"credit_policies": 0, "holidays": 0}
    session.flush()
    assert [item.day for item in queries.holidays_of(session, 2026)] == [date(2026, 3, 12)]
    assert len(queries.policies(session)) == 2


def test_a_year_of_holidays_is_written_whole(session: Session) -> None:
    days = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 2): (False, "元旦")}
    assert not queries.work_calendar(session).is_published(2027)
    set_holidays(session, year=2027, days=days, source=NOTICE, acting_user=DANA, now=NOW)
    calendar = queries.work_calendar(session)
    assert calendar.is_published(2027)
    assert calendar.next_workday(date(2026, 12, 31)) == date(2027, 1, 4)
    assert len(session.exec(select(Holiday)).all()) == 33 + 6 + 2
    assert {day.source for day in queries.holidays_of(session, 2027)} == {NOTICE}
    with pytest.raises(Invalid, match="holiday_source"):
        set_holidays(session, year=2027, days=days, source=" ", acting_user=DANA, now=NOW)


@pytest.mark.parametrize(
    ("days", "code"),
    [
        ({}, "no_holidays"),
        ({date(2026, 12, 31): (False, "元旦")}, "holiday_other_year"),
        ({date(2027, 1, 1): (False, "")}, "bad_holiday_name"),
        ({date(2027, 1, 1): (False, "节" * 41)}, "bad_holiday_name"),
    ],
)
def test_holidays_that_cannot_be(
    session: Session, days: dict[date, tuple[bool, str]], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        set_holidays(session, year=2027, days=days, source=NOTICE, acting_user=DANA, now=NOW)
    assert refused.value.code == code
