"""Stopping holds records at once; resuming counts them by the rule of their day."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlmodel import Session, col, select

from behaviors import announcements, behavior_services, rule_queries
from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord, Behavior
from behaviors.rulebook import RuleBook
from behaviors.services import report_act
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import SYSTEM, Actor, AuditEntry
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.ledger.verify import verify
from tests.behaviors.rules.acts import partner_with_rider, rider_account, staff, take_one
from tests.behaviors.rules.drafts import MONDAY, TUESDAY, Office, scheduled

TEN_KM = {"distance_km": "10"}
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def stop(session: Session, actor: Actor, *, now: datetime = NOON) -> Behavior:
    return behavior_services.stop_behavior(
        session, behavior="bus_trip", reason="odometers lie", acting_user=actor, now=now
    )


def resume(session: Session, actor: Actor, *, now: datetime) -> list[int]:
    result = behavior_services.resume_behavior(
        session, behavior="bus_trip", reason="repaired", acting_user=actor, now=now
    )
    return result.booked


def record(session: Session, event_id: str) -> ActivityRecord:
    found = session.exec(
        select(ActivityRecord).where(col(ActivityRecord.event_id) == event_id)
    ).one()
    session.refresh(found)
    return found


def test_records_are_held_from_the_stop_on_and_counted_when_it_ends(
    session: Session, office: Office
) -> None:
    source = partner_with_rider(session, "bus_trip", "bike_ride")
    before = take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=MONDAY, now=NOON)
    stop(session, office.erin)
    held = take_one(session, source, "b", "bus_trip", TEN_KM, occurred_at=NOON)
    other = take_one(
        session,
        source,
        "c",
        "bike_ride",
        {"distance_km": "3"},
        occurred_at=NOON + timedelta(hours=1),
    )
    assert (before.status, before.reduction_g) == ("accepted", 520)
    assert (held.status, held.code, held.reduction_g, held.credits) == ("held", "stopped", 0, 0)
    # 3 km x 48.7 g = 146.1 g.
    assert (other.status, other.reduction_g) == ("accepted", 146)
    booked = resume(session, office.anna, now=NOON + timedelta(hours=2))
    assert booked == [held.record_id]
    counted = record(session, "b")
    assert (counted.status, counted.outcome, counted.reduction_g) == ("c", "ok", 520)
    after = take_one(
        session, source, "d", "bus_trip", TEN_KM, occurred_at=NOON + timedelta(hours=3)
    )
    assert (after.status, after.reduction_g) == ("accepted", 520)
    session.commit()
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_held_records_count_by_the_rule_of_their_day(session: Session, office: Office) -> None:
    source = partner_with_rider(session, "bus_trip")
    scheduled(session, office)
    stop(session, office.erin)
    tuesday_noon = NOON + timedelta(days=1)
    take_one(session, source, "monday", "bus_trip", TEN_KM, occurred_at=NOON)
    take_one(session, source, "tuesday", "bus_trip", TEN_KM, occurred_at=tuesday_noon)
    resume(session, office.anna, now=tuesday_noon + timedelta(hours=1))
    assert date(2026, 3, 3) == TUESDAY
    assert record(session, "monday").reduction_g == 520
    assert record(session, "tuesday").reduction_g == 269


def test_the_cap_serves_the_earliest_act_first(session: Session, office: Office) -> None:
    source = partner_with_rider(session, "bus_trip")
    stop(session, office.erin)
    thirty = {"distance_km": "30"}
    take_one(
        session,
        source,
        "evening",
        "bus_trip",
        thirty,
        occurred_at=NOON + timedelta(hours=3),
        now=NOON + timedelta(hours=9),
    )
    take_one(
        session, source, "noon", "bus_trip", thirty, occurred_at=NOON, now=NOON + timedelta(hours=9)
    )
    resume(session, office.anna, now=NOON + timedelta(hours=10))
    # 40 km a day: 30 at noon, 10 in the evening.
    assert record(session, "noon").reduction_g == 1560
    assert record(session, "evening").reduction_g == 520


def test_photos_wait_for_a_reviewer_still(session: Session, office: Office, tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), (9, 9, 9)).save(buffer, "PNG")
    stop(session, office.erin)
    arguments: dict[str, Any] = {
        "account_id": rider_account(session),
        "behavior": "bus_trip",
        "activity": TEN_KM,
        "photo_folder": tmp_path,
        "acting_user": SYSTEM,
    }
    later = NOON + timedelta(hours=1)
    report_act(
        session, occurred_at=NOON, photo=buffer.getvalue(), form_token="p", now=later, **arguments
    )
    report_act(session, occurred_at=NOON, photo=None, form_token="q", now=later, **arguments)
    assert record(session, "p").outcome == record(session, "q").outcome == "stopped"
    booked = resume(session, office.anna, now=later)
    assert booked == [record(session, "q").id]
    assert (record(session, "p").status, record(session, "p").outcome) == ("h", "awaiting_review")


def test_records_held_by_a_batch_that_began_before_the_end_are_found_later(
    session: Session, office: Office
) -> None:
    source = partner_with_rider(session, "bus_trip")
    stop(session, office.erin)
    take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=NOON)
    behavior = rule_queries.find_behavior(session, "bus_trip")
    # Somebody else's transaction ended the stop and did not see the record.
    behavior.stopped_at = None
    session.flush()
    now = NOON + timedelta(hours=1)
    assert behavior_services.release_late_records(session, acting_user=SYSTEM, now=now) == 1
    assert record(session, "a").reduction_g == 520
    assert behavior_services.release_late_records(session, acting_user=SYSTEM, now=now) == 0


def test_nothing_is_released_while_the_stop_lasts(session: Session, office: Office) -> None:
    source = partner_with_rider(session, "bus_trip")
    stop(session, office.erin)
    take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=NOON)
    assert behavior_services.release_late_records(session, acting_user=SYSTEM, now=NOON) == 0
    assert record(session, "a").status == "h"


def test_more_records_than_are_released_at_once(
    session: Session, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behavior_services, "RELEASED_AT_ONCE", 2)
    source = partner_with_rider(session, "bus_trip")
    stop(session, office.erin)
    for number in range(5):
        at = NOON + timedelta(hours=number)
        take_one(session, source, str(number), "bus_trip", {"distance_km": "1"}, occurred_at=at)
    assert len(resume(session, office.anna, now=NOON + timedelta(hours=6))) == 5


def test_stop_and_end_are_told_and_on_the_trail(session: Session, office: Office) -> None:
    stop(session, office.erin)

    def kinds(day: date) -> list[str]:
        told = rule_queries.announcements_about(session, behavior="bus_trip", day=day)
        return [item.kind for item in told]

    assert kinds(date(2026, 3, 2)) == [announcements.BEHAVIOR_STOPPED]
    assert kinds(date(2027, 3, 2)) == [announcements.BEHAVIOR_STOPPED]
    assert RuleBook.load(session).behaviors["bus_trip"].stopped
    resume(session, office.anna, now=NOON + timedelta(hours=1))
    session.flush()
    assert kinds(date(2026, 3, 2)) == [announcements.BEHAVIOR_RESUMED]
    trail = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.subject) == "behavior:bus_trip")
        .order_by(col(AuditEntry.id))
    ).all()
    assert [(entry.action, entry.actor, entry.reason) for entry in trail] == [
        ("behavior.stop", "staff:erin", "odometers lie"),
        ("behavior.resume", "staff:anna", "repaired"),
    ]


def test_a_stop_with_nothing_held_ends_as_well(session: Session, office: Office) -> None:
    stop(session, office.erin)
    assert resume(session, office.anna, now=NOON + timedelta(hours=1)) == []


def test_an_operator_may_stop_but_not_resume(session: Session, office: Office) -> None:
    olga = staff(session, "olga", Role.OPERATOR)
    stop(session, olga)
    with pytest.raises(Refused, match="role_missing"):
        resume(session, olga, now=NOON)


def test_what_cannot_be_stopped_or_resumed(session: Session, office: Office) -> None:
    with pytest.raises(Conflict, match="not_stopped"):
        resume(session, office.anna, now=NOON)
    with pytest.raises(Invalid, match="reason_needed"):
        behavior_services.stop_behavior(
            session, behavior="bus_trip", reason=" ", acting_user=office.erin, now=NOON
        )
    with pytest.raises(NotFound, match="unknown_behavior"):
        behavior_services.stop_behavior(
            session, behavior="teleport", reason="so", acting_user=office.erin, now=NOON
        )
    stop(session, office.erin)
    with pytest.raises(Conflict, match="already_stopped"):
        stop(session, office.erin)
