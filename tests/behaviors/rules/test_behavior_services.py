"""Behaviours added and changed by an administrator, without code."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from behaviors import announcements, behavior_services, rule_queries, rule_services
from behaviors.models import Behavior
from behaviors.rulebook import RuleBook
from behaviors.scoring import FieldSpec, Parameter, Rule, unit_factor_nano
from carbonaccount.errors import Conflict, Invalid, Refused
from tests.behaviors.rules.acts import partner_with_rider, take_one
from tests.behaviors.rules.drafts import MONDAY, TUESDAY, Office, approve, previewed

TEXTS = {
    "zh": {
        "name": "渡船出行",
        "counts": "乘坐公共渡船。",
        "not_counts": "",
        "baseline": "小汽车。",
    },
    "en": {"name": "Ferry trip", "counts": "A ride on a public ferry."},
}
TUESDAY_NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)


def add(session: Session, office: Office, **changes: Any) -> Behavior:
    arguments: dict[str, Any] = {
        "code": "ferry_trip",
        "family": "transport",
        "category": "行",
        "texts": TEXTS,
        "acting_user": office.erin,
        "now": MONDAY,
        **changes,
    }
    return behavior_services.add_behavior(session, **arguments)


def edit(session: Session, office: Office, behavior: str, **changes: Any) -> Behavior:
    info = RuleBook.load(session).behaviors[behavior]
    arguments: dict[str, Any] = {
        "behavior": behavior,
        "enabled": info.enabled,
        "self_report": info.self_report,
        "habit_ends_on": info.habit_ends_on,
        "texts": info.texts,
        "reason": "the council decided",
        "acting_user": office.erin,
        "now": MONDAY,
        **changes,
    }
    return behavior_services.edit_behavior(session, **arguments)


def ferry_rule(*, factor_expression: str = "ef_reduction", credits_per_act: int = 0) -> Rule:
    parameter = Parameter("ef_reduction", Decimal("0.03"), "kg/km", "C", "Ferry operator 2025")
    field = FieldSpec(
        "distance_km", "km", Decimal(0), Decimal(50), Decimal("0.1"), "里程", "Distance"
    )
    return Rule(
        behavior="ferry_trip",
        version=1,
        valid_from=TUESDAY,
        valid_to=None,
        fields=(field,),
        quantity_expression="distance_km",
        quantity_unit="km",
        factor_expression=factor_expression,
        parameters=(parameter,),
        unit_factor_nano=unit_factor_nano(factor_expression, (parameter,)),
        double_count_group="trip",
        credits_per_act=credits_per_act,
    )


def publish(session: Session, office: Office, rule: Rule) -> None:
    version = rule_services.draft_rule(
        session,
        rule=rule,
        grade="C",
        citation="Ferry operator 2025",
        reason="a new line",
        acting_user=office.erin,
        now=MONDAY,
    )
    previewed(session, version.id or 0)
    rule_services.submit(
        session, rule_version_id=version.id or 0, reason="x", acting_user=office.erin, now=MONDAY
    )
    approve(session, version.id or 0, office.anna)


def test_a_new_behaviour_earns_without_code(session: Session, office: Office) -> None:
    add(session, office)
    publish(session, office, ferry_rule())
    edit(session, office, "ferry_trip", enabled=True)
    source = partner_with_rider(session, "ferry_trip")
    result = take_one(
        session, source, "a", "ferry_trip", {"distance_km": "12.5"}, occurred_at=TUESDAY_NOON
    )
    # 12.5 km x 30 g.
    assert (result.status, result.reduction_g, result.credits) == ("accepted", 375, 375)
    told = rule_queries.announcements_about(session, behavior="ferry_trip", day=TUESDAY)
    # Nothing was told while it was switched off.
    assert [announcements.sentence(item.kind, item.params, "en") for item in told] == [
        "From 3 March 2026, new: Ferry trip (10 km) earns 300 credits and a reduction of 300 g."
    ]


def test_it_is_off_until_it_has_a_rule(session: Session, office: Office) -> None:
    behavior = add(session, office)
    assert (behavior.enabled, behavior.origin) == (False, "admin")
    assert set(behavior.texts) == {"zh", "en"}
    with pytest.raises(Conflict, match="enabled_without_rule"):
        edit(session, office, "ferry_trip", enabled=True)


def test_a_habit_needs_a_published_end(session: Session, office: Office) -> None:
    add(session, office)
    habit = ferry_rule(factor_expression="", credits_per_act=5)
    habit = replace(habit, parameters=())
    with pytest.raises(Conflict) as refused:
        publish(session, office, habit)
    assert refused.value.code == "habit_end_needed"
    edit(session, office, "ferry_trip", habit_ends_on=date(2026, 12, 31))
    publish(session, office, habit)


@pytest.mark.parametrize(
    ("behavior", "ends_on", "code"),
    [
        ("reusable_cup", date(2026, 3, 1), "habit_end_too_early"),
        ("reusable_cup", None, "habit_end_needed"),
        ("bus_trip", date(2027, 1, 1), "not_a_habit"),
    ],
)
def test_ends_that_cannot_be(
    session: Session, office: Office, behavior: str, ends_on: date | None, code: str
) -> None:
    with pytest.raises((Invalid, Conflict)) as refused:
        edit(session, office, behavior, habit_ends_on=ends_on)
    assert refused.value.code == code


def test_a_published_end_that_has_come_does_not_block_other_changes(
    session: Session, office: Office
) -> None:
    later = datetime(2028, 6, 1, tzinfo=UTC)
    changed = edit(session, office, "reusable_cup", self_report=False, now=later)
    assert (changed.self_report, changed.habit_ends_on) == (False, date(2027, 12, 31))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"code": "Ferry"}, "bad_behavior_code"),
    ({"code": "bus_trip"}, "behavior_exists"),
    ({"family": "magic"}, "unknown_family"),
    ({"category": "X"}, "unknown_category"),
    ({"texts": {"zh": TEXTS["zh"]}}, "bad_text"),
    ({"texts": {**TEXTS, "en": {"name": "F" * 61, "counts": "x"}}}, "bad_text"),
]


def test_what_a_behaviour_cannot_be(session: Session, office: Office) -> None:
    for changes, code in WRONG:
        with pytest.raises((Invalid, Conflict)) as refused:
            add(session, office, **changes)
        assert refused.value.code == code


def test_only_an_editor_changes_behaviours(session: Session, office: Office) -> None:
    with pytest.raises(Refused, match="role_missing"):
        add(session, office, acting_user=office.anna)
    with pytest.raises(Refused, match="role_missing"):
        edit(session, office, "bus_trip", enabled=False, acting_user=office.anna)


def test_switching_off_is_not_told_as_new_and_on_again_is(session: Session, office: Office) -> None:
    edit(session, office, "bus_trip", enabled=False)
    day = date(2026, 3, 2)
    assert rule_queries.announcements_about(session, behavior="bus_trip", day=day) == []
    edit(session, office, "bus_trip", enabled=True, now=MONDAY + timedelta(minutes=1))
    assert len(rule_queries.announcements_about(session, behavior="bus_trip", day=day)) == 1
