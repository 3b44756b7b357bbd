"""Which rule version says whether acts can be the same: the one of the act's own day."""

from datetime import date

from sqlmodel import Session, col, select

from behaviors.models import Behavior, RuleStatus, RuleVersion
from behaviors.scoring import Rule
from tests.behaviors.intake.arranging import MORNING, NOW, admit, bring, item, open_person

HOUR_LATER = "2026-03-02T09:00:00+08:00"


def test_a_later_version_without_a_group_does_not_change_earlier_days(session: Session) -> None:
    source = admit(session)
    open_person(session, (source, "alice"))
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    first = session.exec(
        select(RuleVersion).where(col(RuleVersion.behavior_id) == behavior.id)
    ).one()
    definition = {
        **first.definition,
        "version": 2,
        "valid_from": "2026-12-01",
        "double_count_group": None,
    }
    Rule.from_definition(definition)
    session.add(
        RuleVersion(
            behavior_id=first.behavior_id,
            version=2,
            status=RuleStatus.SCHEDULED,
            valid_from=date(2026, 12, 1),
            unit_factor_nano=first.unit_factor_nano,
            definition=definition,
            grade=first.grade,
            citation=first.citation,
            created_at=NOW,
            published_at=NOW,
        )
    )
    session.flush()
    times = {"occurred_at": MORNING, "ended_at": HOUR_LATER}
    ride = {"behavior": "bus_trip", "activity": {"distance_km": "10"}, **times}
    result = bring(session, source, item("one", **ride), item("two", **ride))
    assert [one.code for one in result.results()] == ["ok", "overlap"]
