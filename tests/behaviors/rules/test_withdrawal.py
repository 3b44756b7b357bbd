"""Withdrawing puts the earlier rule back from a named day on."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session

from behaviors import rule_queries, rule_services
from behaviors.invariants import RECORDS
from behaviors.models import RuleStatus, RuleVersion
from behaviors.rulebook import RuleBook
from carbonaccount.errors import Conflict, Invalid, Refused
from carbonaccount.ledger.verify import verify
from tests.behaviors.rules.acts import partner_with_rider, take_one
from tests.behaviors.rules.drafts import (
    MONDAY,
    TUESDAY,
    Office,
    bus_rule,
    draft,
    scheduled,
    status,
)

TEN_KM = {"distance_km": "10"}
THURSDAY, FRIDAY = date(2026, 3, 5), date(2026, 3, 6)
WEDNESDAY_NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
# 2026-03-05 23:59 and 2026-03-06 00:01 in Jining.
THURSDAY_NIGHT = datetime(2026, 3, 5, 15, 59, tzinfo=UTC)
FRIDAY_EARLY = datetime(2026, 3, 5, 16, 1, tzinfo=UTC)


def withdraw(
    session: Session,
    office: Office,
    version_id: int,
    from_day: date = FRIDAY,
    *,
    now: datetime = WEDNESDAY_NOON,
) -> RuleVersion:
    return rule_services.withdraw(
        session,
        rule_version_id=version_id,
        from_day=from_day,
        reason="the report was wrong",
        acting_user=office.anna,
        now=now,
    )


def in_force(session: Session, office: Office) -> int:
    version_id = scheduled(session, office)
    rule_services.activate_due(session, now=WEDNESDAY_NOON)
    assert status(session, version_id) is RuleStatus.ACTIVE
    return version_id


def test_the_day_decides_between_the_two(session: Session, office: Office) -> None:
    version_id = in_force(session, office)
    source = partner_with_rider(session, "bus_trip")
    withdraw(session, office, version_id)
    before = take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=THURSDAY_NIGHT)
    after = take_one(session, source, "b", "bus_trip", TEN_KM, occurred_at=FRIDAY_EARLY)
    # Comes in on Friday, happened on Thursday: the withdrawn version still holds for it.
    late = take_one(
        session,
        source,
        "c",
        "bus_trip",
        TEN_KM,
        occurred_at=THURSDAY_NIGHT - timedelta(hours=2),
        now=FRIDAY_EARLY,
    )
    # 26.9 g a km until Thursday, 52 g from Friday on.
    assert [item.reduction_g for item in (before, after, late)] == [269, 520, 269]
    session.commit()
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_the_standing_follows_on_the_day(session: Session, office: Office) -> None:
    version_id = in_force(session, office)
    behavior_id = session.get_one(RuleVersion, version_id).behavior_id
    shipped = rule_queries.versions_of(session, behavior_id)[-1].id or 0
    withdraw(session, office, version_id)
    assert status(session, version_id) is RuleStatus.WITHDRAWN
    rule_services.activate_due(session, now=THURSDAY_NIGHT)
    assert status(session, shipped) is RuleStatus.SUPERSEDED
    assert rule_services.activate_due(session, now=FRIDAY_EARLY).activated == 1
    assert status(session, shipped) is RuleStatus.ACTIVE
    assert status(session, version_id) is RuleStatus.WITHDRAWN


def test_one_that_was_only_scheduled_never_holds(session: Session, office: Office) -> None:
    version_id = scheduled(session, office, bus_rule(session, "0.0269", valid_from=FRIDAY))
    withdraw(session, office, version_id)
    source = partner_with_rider(session, "bus_trip")
    result = take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=FRIDAY_EARLY)
    assert result.reduction_g == 520


def test_a_withdrawal_does_not_take_back_today(session: Session, office: Office) -> None:
    version_id = in_force(session, office)
    with pytest.raises(Invalid) as refused:
        withdraw(session, office, version_id, date(2026, 3, 4))
    assert refused.value.code == "rule_too_early"
    assert refused.value.params["day"] == THURSDAY.isoformat()


def test_the_only_rule_of_a_behaviour_stays(session: Session, office: Office) -> None:
    shipped = RuleBook.load(session).entries("bus_trip")[0]
    with pytest.raises(Conflict) as refused:
        withdraw(session, office, shipped.id)
    assert refused.value.code == "nothing_left_to_hold"
    assert status(session, shipped.id) is RuleStatus.ACTIVE


def test_a_rule_before_that_has_ended_is_no_rule_to_go_back_to(
    session: Session, office: Office
) -> None:
    # The grid's factor changed with 2026: the first version ends with 2025.
    first, second = RuleBook.load(session).entries("ev_charging")
    assert first.valid_to == date(2025, 12, 31)
    with pytest.raises(Conflict, match="nothing_left_to_hold"):
        withdraw(session, office, second.id)


def test_a_later_rule_covers_only_from_its_day(session: Session, office: Office) -> None:
    """With one rule to go back to and one to come, the gap between decides."""
    shipped = RuleBook.load(session).entries("bus_trip")[0]
    scheduled(session, office, bus_rule(session, "0.03", valid_from=date(2026, 3, 10)))
    with pytest.raises(Conflict, match="nothing_left_to_hold"):
        withdraw(session, office, shipped.id, FRIDAY)
    withdraw(session, office, shipped.id, date(2026, 3, 10))


def test_a_draft_cannot_be_withdrawn(session: Session, office: Office) -> None:
    with pytest.raises(Conflict, match="rule_not_in_state"):
        withdraw(session, office, draft(session, office.erin), TUESDAY, now=MONDAY)


def test_withdrawing_twice(session: Session, office: Office) -> None:
    version_id = in_force(session, office)
    withdraw(session, office, version_id)
    with pytest.raises(Conflict, match="rule_not_in_state"):
        withdraw(session, office, version_id, date(2026, 3, 9))


def test_an_editor_cannot_withdraw(session: Session, office: Office) -> None:
    version_id = scheduled(session, office)
    with pytest.raises(Refused, match="role_missing"):
        rule_services.withdraw(
            session,
            rule_version_id=version_id,
            from_day=FRIDAY,
            reason="so",
            acting_user=office.erin,
            now=MONDAY,
        )
