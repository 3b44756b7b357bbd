"""A rule version from draft to force, with two people, on the city's working days."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import rule_queries, rule_services
from behaviors.models import RuleStatus, RuleVersion
from behaviors.rule_models import WorkStatus
from behaviors.rulebook import RuleBook
from behaviors.scoring import FormulaError, RuleError, unit_factor_nano
from carbonaccount.accounts.models import Staff
from carbonaccount.audit import SYSTEM, Actor, AuditEntry
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from tests.behaviors.rules.acts import partner_with_rider, take_one
from tests.behaviors.rules.drafts import (
    CITATION,
    MONDAY,
    TUESDAY,
    Office,
    approve,
    bus_rule,
    draft,
    previewed,
    scheduled,
    status,
    steps,
    submitted,
)

TEN_KM = {"distance_km": "10"}


def test_a_rule_takes_effect_on_its_day_and_not_before(session: Session, office: Office) -> None:
    version_id = scheduled(session, office)
    source = partner_with_rider(session, "bus_trip")
    # 2026-03-02 23:59 and 2026-03-03 00:01 in Jining.
    monday_night = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)
    tuesday = datetime(2026, 3, 2, 16, 1, tzinfo=UTC)
    yesterday = take_one(session, source, "a", "bus_trip", TEN_KM, occurred_at=monday_night)
    # No job has run: the day of the act alone decides.
    today = take_one(session, source, "b", "bus_trip", TEN_KM, occurred_at=tuesday)
    late = take_one(session, source, "c", "bus_trip", TEN_KM, occurred_at=MONDAY, now=tuesday)
    # 10 km x 52 g; 10 km x 26.9 g.
    assert (yesterday.reduction_g, yesterday.credits) == (520, 520)
    assert (today.reduction_g, today.credits) == (269, 269)
    assert (late.reduction_g, late.credits) == (520, 520)
    assert status(session, version_id) is RuleStatus.SCHEDULED


def test_every_step_leaves_a_note_and_an_entry_with_its_reason(
    session: Session, office: Office
) -> None:
    version_id = draft(session, office.erin)
    for actor in (office.erin, office.fred):
        rule_services.edit_draft(
            session,
            rule_version_id=version_id,
            rule=bus_rule(session, "0.03"),
            grade="C",
            citation=CITATION,
            reason="a typo",
            acting_user=actor,
            now=MONDAY,
        )
    previewed(session, version_id)
    arguments: dict[str, Any] = {"rule_version_id": version_id, "now": MONDAY}
    rule_services.submit(session, reason="look", acting_user=office.erin, **arguments)
    rule_services.return_to_draft(session, reason="cap?", acting_user=office.anna, **arguments)
    rule_services.submit(session, reason="again", acting_user=office.fred, **arguments)
    approve(session, version_id, office.anna)
    rule_services.activate_due(session, now=MONDAY + timedelta(days=1))
    wanted = [
        ("drafted", "staff:erin", "the fleet is electric now"),
        ("edited", "staff:erin", "a typo"),
        ("edited", "staff:fred", "a typo"),
        ("submitted", "staff:erin", "look"),
        ("returned", "staff:anna", "cap?"),
        ("submitted", "staff:fred", "again"),
        ("approved", "staff:anna", "checked"),
        ("activated", "system:system", None),
    ]
    assert steps(session, version_id) == [step for step, _, _ in wanted]
    trail = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.subject) == f"rule_version:{version_id}")
        .order_by(col(AuditEntry.id))
    ).all()
    assert [(entry.action, entry.actor, entry.reason) for entry in trail] == [
        (f"rule.{step}", actor, reason) for step, actor, reason in wanted
    ]


# --- two people ---


def test_whoever_drafted_cannot_approve(session: Session, office: Office) -> None:
    version_id = submitted(session, office.both)
    with pytest.raises(Refused) as refused:
        approve(session, version_id, office.both)
    assert refused.value.code == "own_rule"
    assert status(session, version_id) is RuleStatus.IN_REVIEW
    approve(session, version_id, office.anna)


def test_whoever_edited_cannot_approve_whatever_came_after(
    session: Session, office: Office
) -> None:
    version_id = draft(session, office.erin)
    for actor in (office.both, office.erin):
        rule_services.edit_draft(
            session,
            rule_version_id=version_id,
            rule=bus_rule(session, "0.03"),
            grade="C",
            citation=CITATION,
            reason="a typo",
            acting_user=actor,
            now=MONDAY,
        )
    previewed(session, version_id)
    rule_services.submit(
        session, rule_version_id=version_id, reason="look", acting_user=office.erin, now=MONDAY
    )
    with pytest.raises(Refused, match="own_rule"):
        approve(session, version_id, office.both)


def test_handing_in_what_another_wrote_is_not_writing(session: Session, office: Office) -> None:
    version_id = draft(session, office.erin)
    previewed(session, version_id)
    rule_services.submit(
        session, rule_version_id=version_id, reason="look", acting_user=office.both, now=MONDAY
    )
    approve(session, version_id, office.both)
    assert status(session, version_id) is RuleStatus.SCHEDULED


@pytest.mark.parametrize("who", ["erin", "nobody", "command", "system", "resident"])
def test_only_an_approver_approves(session: Session, office: Office, who: str) -> None:
    version_id = submitted(session, office.fred)
    actor = {
        "erin": office.erin,
        "nobody": Actor("staff", "ghost", 4_711),
        "command": Actor("staff", "command-line"),
        "system": SYSTEM,
        # A resident whose account has the number of an approver.
        "resident": Actor("resident", "r", office.anna.id),
    }[who]
    with pytest.raises(Refused) as refused:
        approve(session, version_id, actor)
    assert refused.value.code == "role_missing"


def test_somebody_who_left_approves_nothing(session: Session, office: Office) -> None:
    version_id = submitted(session, office.erin)
    session.get_one(Staff, office.anna.id).active = False
    session.flush()
    with pytest.raises(Refused, match="role_missing"):
        approve(session, version_id, office.anna)


def test_only_an_editor_drafts(session: Session, office: Office) -> None:
    with pytest.raises(Refused, match="role_missing"):
        draft(session, office.anna)


# --- what may happen when ---


@pytest.mark.parametrize(
    ("now", "earliest"),
    [
        (MONDAY, TUESDAY),
        # Friday: Monday the 9th.
        (datetime(2026, 3, 6, 2, tzinfo=UTC), date(2026, 3, 9)),
        # Friday 23:59 in Jining, and two minutes later: Saturday.
        (datetime(2026, 3, 6, 15, 59, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 6, 16, 1, tzinfo=UTC), date(2026, 3, 9)),
        # Before the Spring Festival: the 13th's next working day is the Saturday worked for it.
        (datetime(2026, 2, 13, 2, tzinfo=UTC), date(2026, 2, 14)),
        (datetime(2026, 2, 14, 2, tzinfo=UTC), date(2026, 2, 24)),
    ],
)
def test_the_earliest_day_is_the_next_working_day(
    session: Session, office: Office, now: datetime, earliest: date
) -> None:
    too_early = bus_rule(session, "0.0269", valid_from=earliest - timedelta(days=1))
    version_id = draft(session, office.erin, too_early, now=now)
    previewed(session, version_id, now=now)
    with pytest.raises(Invalid) as refused:
        rule_services.submit(
            session, rule_version_id=version_id, reason="look", acting_user=office.erin, now=now
        )
    assert refused.value.code == "rule_too_early"
    assert refused.value.params["day"] == earliest.isoformat()
    in_time = bus_rule(session, "0.0269", valid_from=earliest)
    assert status(session, scheduled(session, office, in_time, now=now)) is RuleStatus.SCHEDULED


def test_what_waited_too_long_cannot_begin_in_the_past(session: Session, office: Office) -> None:
    version_id = submitted(session, office.erin)
    with pytest.raises(Invalid, match="rule_too_early"):
        approve(session, version_id, office.anna, now=MONDAY + timedelta(days=1))


def test_a_preview_of_these_very_words_is_needed(session: Session, office: Office) -> None:
    version_id = draft(session, office.erin)
    arguments: dict[str, Any] = {
        "rule_version_id": version_id,
        "reason": "look",
        "acting_user": office.erin,
        "now": MONDAY + timedelta(hours=3),
    }
    with pytest.raises(Conflict, match="preview_needed"):
        rule_services.submit(session, **arguments)
    previewed(session, version_id, status=WorkStatus.CANCELLED)
    with pytest.raises(Conflict, match="preview_needed"):
        rule_services.submit(session, **arguments)
    previewed(session, version_id, now=MONDAY + timedelta(hours=1))
    rule_services.edit_draft(
        session,
        rule_version_id=version_id,
        rule=bus_rule(session, "0.03"),
        grade="C",
        citation=CITATION,
        reason="a typo",
        acting_user=office.erin,
        now=MONDAY + timedelta(hours=2),
    )
    # That preview looked at 0.0269.
    with pytest.raises(Conflict, match="preview_needed"):
        rule_services.submit(session, **arguments)
    other = draft(session, office.erin)
    previewed(session, other, now=MONDAY + timedelta(hours=3))
    with pytest.raises(Conflict, match="preview_needed"):
        rule_services.submit(session, **arguments)
    previewed(session, version_id, now=MONDAY + timedelta(hours=3))
    rule_services.submit(session, **arguments)


@pytest.mark.parametrize("step", ["submit", "return_to_draft", "approve", "withdraw", "edit_draft"])
def test_steps_out_of_order_are_refused(session: Session, office: Office, step: str) -> None:
    draft_id, scheduled_id = draft(session, office.both), scheduled(session, office)
    wrong = {"submit": scheduled_id, "edit_draft": scheduled_id}.get(step, draft_id)
    extras: dict[str, dict[str, Any]] = {
        "withdraw": {"from_day": TUESDAY},
        "edit_draft": {
            "rule": bus_rule(session, "0.03"),
            "grade": "C",
            "citation": CITATION,
        },
    }
    extra = extras.get(step, {})
    with pytest.raises(Conflict) as refused:
        getattr(rule_services, step)(
            session,
            rule_version_id=wrong,
            reason="so",
            acting_user=office.both,
            now=MONDAY,
            **extra,
        )
    assert refused.value.code == "rule_not_in_state"


def test_every_step_needs_a_reason(session: Session, office: Office) -> None:
    version_id = submitted(session, office.erin)
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(Invalid, match="reason_needed"):
            rule_services.approve(
                session,
                rule_version_id=version_id,
                reason=reason,
                acting_user=office.anna,
                now=MONDAY,
            )


def test_a_version_that_is_not_there(session: Session, office: Office) -> None:
    with pytest.raises(NotFound, match="unknown_rule_version"):
        approve(session, 4_711, office.anna)


# --- what a draft says ---


def test_drafts_take_the_next_number_and_have_no_end(session: Session, office: Office) -> None:
    odd = replace(bus_rule(session, "0.0269"), version=1, valid_to=date(2027, 1, 1))
    first, second = draft(session, office.erin, odd), draft(session, office.fred)
    versions = [rule_queries.find_version(session, item) for item in (first, second)]
    assert [(item.version, item.valid_to) for item in versions] == [(2, None), (3, None)]
    assert [rule_queries.rule_of(item).version for item in versions] == [2, 3]
    assert RuleBook.load(session).versions("bus_trip")[-1].version == 1


def test_a_parameter_takes_the_value_of_its_factor_on_the_day(
    session: Session, office: Office
) -> None:
    shipped = RuleBook.load(session).rule_on("ev_charging", date(2026, 3, 1))
    assert shipped is not None
    position, grid = next(
        (place, item) for place, item in enumerate(shipped.parameters) if item.factor
    )
    assert (grid.factor, grid.value) == ("grid.shandong", Decimal("0.6191"))
    typed = replace(grid, value=Decimal("0.1"), source="guessed")
    parameters = (*shipped.parameters[:position], typed, *shipped.parameters[position + 1 :])
    rule = replace(
        shipped,
        parameters=parameters,
        valid_from=TUESDAY,
        unit_factor_nano=unit_factor_nano(shipped.factor_expression, parameters),
    )
    stored = rule_queries.rule_of(
        rule_queries.find_version(session, draft(session, office.erin, rule))
    )
    assert stored.parameters[position].value == Decimal("0.6191")
    assert stored.parameters[position].source == grid.source
    assert stored.unit_factor_nano == shipped.unit_factor_nano


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"double_count_group": "teleport"}, "unknown_group"),
        ({"behavior": "teleport"}, "unknown_behavior"),
    ],
)
def test_what_a_draft_cannot_say(
    session: Session, office: Office, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises((Invalid, NotFound)) as refused:
        draft(session, office.erin, replace(bus_rule(session, "0.0269"), **changes))
    assert refused.value.code == code


def test_units_that_do_not_come_to_kilograms_are_not_submitted(
    session: Session, office: Office
) -> None:
    rule = bus_rule(session, "0.0269")
    wrong = replace(rule, parameters=(replace(rule.parameters[0], unit="kWh/km"),))
    version_id = draft(session, office.erin, wrong)
    previewed(session, version_id)
    with pytest.raises((RuleError, FormulaError)) as refused:
        rule_services.submit(
            session, rule_version_id=version_id, reason="look", acting_user=office.erin, now=MONDAY
        )
    assert refused.value.code == "not_a_mass"


# --- what is published stays ---


@pytest.mark.parametrize(
    "column", ["definition = '{}'", "valid_from = '2020-01-01'", "unit_factor_nano = 1"]
)
def test_a_scheduled_version_cannot_be_reworded(
    session: Session, office: Office, column: str
) -> None:
    version_id = scheduled(session, office)
    session.commit()
    with pytest.raises(sa.exc.DBAPIError, match="immutable"):
        session.execute(sa.text(f"UPDATE rule_version SET {column} WHERE id = {version_id}"))
    session.rollback()
    with pytest.raises(sa.exc.DBAPIError, match="immutable"):
        session.execute(sa.text(f"DELETE FROM rule_version WHERE id = {version_id}"))
    session.rollback()


# --- standing ---


def test_the_job_moves_the_standing_once(session: Session, office: Office) -> None:
    version_id = scheduled(session, office)
    behavior_id = session.get_one(RuleVersion, version_id).behavior_id
    shipped = rule_queries.versions_of(session, behavior_id)[-1]
    assert rule_services.activate_due(session, now=MONDAY) == rule_services.Activation(0, 0)
    tuesday = datetime(2026, 3, 2, 16, 5, tzinfo=UTC)
    assert rule_services.activate_due(session, now=tuesday) == rule_services.Activation(1, 1)
    assert rule_services.activate_due(session, now=tuesday) == rule_services.Activation(0, 0)
    assert status(session, version_id) is RuleStatus.ACTIVE
    assert status(session, shipped.id or 0) is RuleStatus.SUPERSEDED
    assert steps(session, shipped.id or 0) == ["superseded"]


def test_the_whole_library_stands_as_its_days_say(session: Session) -> None:
    # Loaded in 2026: everything shipped stands already as it should.
    assert rule_services.activate_due(session, now=MONDAY) == rule_services.Activation(0, 0)


@pytest.mark.parametrize("part", ["factor_expression", "quantity_expression"])
def test_hostile_formulas_never_become_a_draft(session: Session, office: Office, part: str) -> None:
    """Each is refused within 50 ms of processor time."""
    rule = bus_rule(session, "0.0269")
    for formula in (
        "distance_km.__class__",
        "__import__('os')",
        "exec",
        "9**9**9**9",
        "(" * 10_000 + "1" + ")" * 10_000,
        "1" * 1_000_000,
        "(lambda: 1)()",
    ):
        began = time.process_time()
        with pytest.raises((FormulaError, RuleError)):
            draft(session, office.erin, replace(rule, **{part: formula}))  # type: ignore[arg-type]
        assert time.process_time() - began < 0.05
    assert session.exec(select(RuleVersion).where(col(RuleVersion.status) == "draft")).all() == []
