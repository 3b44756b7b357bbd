"""Drafting, previewing and approving rules as two people of staff do it."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlmodel import Session

from behaviors import rule_queries, rule_services
from behaviors.models import RuleStatus, RuleVersion
from behaviors.rule_models import RulePreview, WorkStatus
from behaviors.rulebook import RuleBook
from behaviors.scoring import Rule, unit_factor_nano
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import Actor
from tests.behaviors.rules.acts import staff

# Monday 2026-03-02 10:00 in Jining; the next working day is Tuesday the 3rd.
MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
TUESDAY = date(2026, 3, 3)
CITATION = "Operator's report 2025: all-electric fleet"


@dataclass(frozen=True)
class Office:
    """Who works with rules: two editors, an approver, and one who may do both."""

    erin: Actor
    fred: Actor
    anna: Actor
    both: Actor


@pytest.fixture
def office(session: Session) -> Office:
    """The people of the office."""
    return Office(
        erin=staff(session, "erin", Role.RULE_EDITOR),
        fred=staff(session, "fred", Role.RULE_EDITOR),
        anna=staff(session, "anna", Role.RULE_APPROVER),
        both=staff(session, "both", Role.RULE_EDITOR, Role.RULE_APPROVER),
    )


def bus_rule(session: Session, kg_per_km: str, *, valid_from: date = TUESDAY) -> Rule:
    """The bus rule of a fleet for which the reduction a kilometre is given: 52 g are shipped."""
    rule = RuleBook.load(session).versions("bus_trip")[0]
    parameter = replace(
        rule.parameters[0], name="ef_reduction", value=Decimal(kg_per_km), factor=None
    )
    return replace(
        rule,
        valid_from=valid_from,
        factor_expression="ef_reduction",
        parameters=(parameter,),
        unit_factor_nano=unit_factor_nano("ef_reduction", (parameter,)),
    )


def draft(
    session: Session, actor: Actor, rule: Rule | None = None, *, now: datetime = MONDAY
) -> int:
    """Draft a rule, by default the bus of an all-electric fleet; returns the version's id."""
    version = rule_services.draft_rule(
        session,
        rule=rule or bus_rule(session, "0.0269"),
        grade="B",
        citation=CITATION,
        reason="the fleet is electric now",
        acting_user=actor,
        now=now,
    )
    assert version.id is not None
    return version.id


def previewed(
    session: Session,
    version_id: int,
    *,
    now: datetime = MONDAY,
    status: WorkStatus = WorkStatus.DONE,
) -> None:
    """Leave a preview of the version behind."""
    version = session.get_one(RuleVersion, version_id)
    session.add(
        RulePreview(
            public_id=f"p{version_id}-{now:%H%M%S}-{status}",
            behavior_id=version.behavior_id,
            rule_version_ids=[version_id],
            first_day=date(2026, 1, 1),
            last_day=date(2026, 3, 1),
            status=status,
            staff_id=version.drafted_by or 0,
            asked_at=now,
        )
    )
    session.flush()


def submitted(
    session: Session, actor: Actor, rule: Rule | None = None, *, now: datetime = MONDAY
) -> int:
    """Draft, preview and submit a rule."""
    version_id = draft(session, actor, rule, now=now)
    previewed(session, version_id, now=now)
    rule_services.submit(
        session, rule_version_id=version_id, reason="please look", acting_user=actor, now=now
    )
    return version_id


def approve(
    session: Session, version_id: int, actor: Actor, *, now: datetime = MONDAY
) -> RuleVersion:
    """Approve a version."""
    return rule_services.approve(
        session, rule_version_id=version_id, reason="checked", acting_user=actor, now=now
    )


def scheduled(
    session: Session, office: Office, rule: Rule | None = None, *, now: datetime = MONDAY
) -> int:
    """Bring a rule through the hands of two people."""
    version_id = submitted(session, office.erin, rule, now=now)
    approve(session, version_id, office.anna, now=now)
    return version_id


def status(session: Session, version_id: int) -> RuleStatus:
    """How a version stands."""
    version = rule_queries.find_version(session, version_id)
    session.refresh(version)
    return RuleStatus(version.status)


def steps(session: Session, version_id: int) -> list[str]:
    """What was done to a version, in order."""
    return [note.step for note in rule_queries.notes_of(session, version_id)]
