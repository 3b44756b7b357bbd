"""A new factor version drafts rules; it never changes one that is in force."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from behaviors import factor_services, rule_queries, rule_services
from behaviors.factor_services import ApprovedFactor, FactorContent
from behaviors.models import RuleStatus
from behaviors.rulebook import RuleBook
from carbonaccount.audit import AuditEntry
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from tests.behaviors.rules.acts import partner_with_rider, take_one
from tests.behaviors.rules.drafts import MONDAY, TUESDAY, Office, approve, previewed, status

GRID = FactorContent(
    name_zh="山东省电力平均二氧化碳排放因子",
    name_en="Average CO2 factor of electricity, Shandong",
    value="0.6000",
    unit="kgCO2/kWh",
    gas="CO2",
    valid_from=TUESDAY,
    data_year=2024,
    grade="B",
    source="Announcement of 2026 (2024 data)",
)
CODE = "grid.shandong"


def drafted(
    session: Session, office: Office, content: FactorContent = GRID, code: str = CODE
) -> int:
    factor = factor_services.draft_factor(
        session, code=code, content=content, acting_user=office.both, now=MONDAY
    )
    assert factor.id is not None
    return factor.id


def submitted(
    session: Session, office: Office, content: FactorContent = GRID, code: str = CODE
) -> int:
    factor_id = drafted(session, office, content, code)
    factor_services.submit_factor(
        session, factor_id=factor_id, reason="new data", acting_user=office.both, now=MONDAY
    )
    return factor_id


def approved(
    session: Session, office: Office, content: FactorContent = GRID, code: str = CODE
) -> ApprovedFactor:
    return factor_services.approve_factor(
        session,
        factor_id=submitted(session, office, content, code),
        reason="checked",
        acting_user=office.anna,
        now=MONDAY,
    )


def users_of_the_grid() -> set[str]:
    """Behaviours whose shipped rule takes the grid's factor: read in the shipped files."""
    from behaviors.methods import load_library

    return {
        item.code
        for item in load_library().behaviors
        if item.has_rule and any(part.factor == CODE for part in item.parameters)
    }


def test_every_rule_that_uses_it_gets_a_draft_and_nothing_else_changes(
    session: Session, office: Office
) -> None:
    before = [(item.id, item.rule, item.last_day) for item in RuleBook.load(session).published]
    result = approved(session, office)
    book = RuleBook.load(session)
    assert [(item.id, item.rule, item.last_day) for item in book.published] == before
    assert {book.behavior_by_id[item.behavior_id].code for item in result.drafts} == (
        users_of_the_grid()
    )
    assert "ev_charging" in users_of_the_grid()
    for version in result.drafts:
        rule = rule_queries.rule_of(version)
        assert (version.status, version.valid_from) == (RuleStatus.DRAFT, TUESDAY)
        assert version.drafted_by == office.both.id
        values = {item.factor: str(item.value) for item in rule.parameters}
        assert values[CODE] == "0.6000"
        assert [note.reason for note in rule_queries.notes_of(session, version.id or 0)] == [
            "grid.shandong v3"
        ]


def test_the_earlier_version_ends_the_day_before(session: Session, office: Office) -> None:
    approved(session, office)
    assert rule_queries.factor_on(session, CODE, date(2026, 3, 2)).value == "0.6191"
    assert rule_queries.factor_on(session, CODE, TUESDAY).value == "0.6000"
    assert rule_queries.factor_on(session, CODE, date(2015, 1, 1)).value == "0.6410"
    second = rule_queries.factor_versions(session, CODE)[1]
    assert second.valid_to == date(2026, 3, 2)


def test_a_draft_of_a_factor_goes_the_way_of_every_draft(session: Session, office: Office) -> None:
    result = approved(session, office)
    book = RuleBook.load(session)
    (version_id,) = [
        item.id
        for item in result.drafts
        if book.behavior_by_id[item.behavior_id].code == "ev_charging"
    ]
    assert version_id is not None
    previewed(session, version_id)
    rule_services.submit(
        session, rule_version_id=version_id, reason="look", acting_user=office.erin, now=MONDAY
    )
    # Whoever drafted the factor wrote these rules.
    with pytest.raises(Refused, match="own_rule"):
        approve(session, version_id, office.both)
    approve(session, version_id, office.anna)
    assert status(session, version_id) is RuleStatus.SCHEDULED


def test_the_next_charge_is_scored_with_it(session: Session, office: Office) -> None:
    result = approved(session, office)
    book = RuleBook.load(session)
    (version_id,) = [
        item.id or 0
        for item in result.drafts
        if book.behavior_by_id[item.behavior_id].code == "ev_charging"
    ]
    previewed(session, version_id)
    rule_services.submit(
        session, rule_version_id=version_id, reason="x", acting_user=office.both, now=MONDAY
    )
    approve(session, version_id, office.anna)
    source = partner_with_rider(session, "ev_charging")
    ten_kwh = {"energy_kwh": "10"}
    tuesday = datetime(2026, 3, 3, 4, tzinfo=UTC)
    earlier = take_one(session, source, "a", "ev_charging", ten_kwh, occurred_at=MONDAY)
    later = take_one(session, source, "b", "ev_charging", ten_kwh, occurred_at=tuesday)
    # 0.250 / 0.174 - 0.6191 = 0.81768... kg/kWh; with 0.6000 it is 0.83678... kg/kWh.
    assert (earlier.reduction_g, later.reduction_g) == (8176, 8367)


def test_a_rule_still_to_come_gets_a_draft_of_its_own(session: Session, office: Office) -> None:
    shipped = RuleBook.load(session).rule_on("ev_charging", TUESDAY)
    assert shipped is not None
    later = replace(shipped, valid_from=date(2026, 4, 1), valid_to=None, cap_milli=9_000)
    version = rule_services.draft_rule(
        session,
        rule=later,
        grade="B",
        citation="x",
        reason="x",
        acting_user=office.erin,
        now=MONDAY,
    )
    previewed(session, version.id or 0)
    rule_services.submit(
        session, rule_version_id=version.id or 0, reason="x", acting_user=office.erin, now=MONDAY
    )
    approve(session, version.id or 0, office.anna)
    drafts = [
        item for item in approved(session, office).drafts if item.behavior_id == version.behavior_id
    ]
    assert [item.valid_from for item in drafts] == [TUESDAY, date(2026, 4, 1)]
    assert rule_queries.rule_of(drafts[1]).cap_milli == 9_000


def test_a_draft_from_before_the_factor_has_to_be_saved_again(
    session: Session, office: Office
) -> None:
    shipped = RuleBook.load(session).rule_on("ev_charging", TUESDAY)
    assert shipped is not None
    arguments: dict[str, Any] = {
        "rule": replace(shipped, valid_from=TUESDAY),
        "grade": "B",
        "citation": "x",
        "reason": "x",
        "acting_user": office.erin,
        "now": MONDAY,
    }
    version = rule_services.draft_rule(session, **arguments)
    previewed(session, version.id or 0)
    approved(session, office)
    step: dict[str, Any] = {
        "rule_version_id": version.id,
        "reason": "x",
        "acting_user": office.erin,
        "now": MONDAY,
    }
    with pytest.raises(Invalid, match="factor_moved"):
        rule_services.submit(session, **step)
    rule_services.edit_draft(session, rule_version_id=version.id or 0, **arguments)
    previewed(session, version.id or 0, now=MONDAY + timedelta(minutes=1))
    rule_services.submit(session, **step)


def test_whoever_drafted_a_factor_cannot_approve_it(session: Session, office: Office) -> None:
    factor_id = submitted(session, office)
    with pytest.raises(Refused) as refused:
        factor_services.approve_factor(
            session, factor_id=factor_id, reason="ok", acting_user=office.both, now=MONDAY
        )
    assert refused.value.code == "own_factor"


def test_nobody_else_words_a_draft(session: Session, office: Office) -> None:
    """Otherwise its drafter could approve what another wrote into it."""
    factor_id = drafted(session, office)
    with pytest.raises(Refused, match="not_own_factor"):
        factor_services.edit_factor(
            session, factor_id=factor_id, content=GRID, acting_user=office.erin, now=MONDAY
        )
    edited = factor_services.edit_factor(
        session,
        factor_id=factor_id,
        content=replace(GRID, value="0.61"),
        acting_user=office.both,
        now=MONDAY,
    )
    assert edited.value == "0.61"


def test_it_can_be_given_back(session: Session, office: Office) -> None:
    factor_id = submitted(session, office)
    factor_services.return_factor(
        session, factor_id=factor_id, reason="unit?", acting_user=office.anna, now=MONDAY
    )
    with pytest.raises(Conflict) as refused:
        factor_services.approve_factor(
            session, factor_id=factor_id, reason="ok", acting_user=office.anna, now=MONDAY
        )
    assert refused.value.code == "factor_not_in_state"
    trail = session.exec(
        select(col(AuditEntry.action))
        .where(col(AuditEntry.subject) == "emission_factor:grid.shandong:3")
        .order_by(col(AuditEntry.id))
    ).all()
    assert list(trail) == ["factor.draft", "factor.submit", "factor.return"]


def test_a_value_begins_on_the_next_working_day_at_the_earliest(
    session: Session, office: Office
) -> None:
    with pytest.raises(Invalid, match="rule_too_early"):
        submitted(session, office, replace(GRID, valid_from=date(2026, 3, 2)))


def test_a_new_factor_may_serve_all_days(session: Session, office: Office) -> None:
    content = replace(GRID, unit="kgCO2/kg", valid_from=None)
    result = approved(session, office, content, "fuel.straw")
    assert result.drafts == []
    assert rule_queries.factor_on(session, "fuel.straw", date(2011, 1, 1)).value == "0.6000"
    with pytest.raises(NotFound, match="unknown_factor"):
        rule_queries.factor_on(session, "fuel.nothing", TUESDAY)


def test_a_draft_holds_on_no_day(session: Session, office: Office) -> None:
    submitted(session, office)
    assert rule_queries.factor_on(session, CODE, date(2027, 1, 1)).value == "0.6191"


BAD_FACTORS: list[tuple[dict[str, Any], str]] = [
    ({"value": "-1"}, "factor_value"),
    ({"value": "1e3"}, "factor_value"),
    ({"value": "NaN"}, "factor_value"),
    ({"value": "0." + "1" * 30}, "factor_value"),
    ({"value": ""}, "factor_value"),
    ({"unit": "tCO2/MWh"}, "factor_units_differ"),
    ({"source": "  "}, "bad_factor_text"),
    ({"valid_from": date(2026, 1, 1)}, "factor_period"),
    ({"valid_from": None}, "factor_period"),
]


def test_what_a_factor_cannot_say(session: Session, office: Office) -> None:
    for changes, code in BAD_FACTORS:
        with pytest.raises(Invalid) as refused:
            drafted(session, office, replace(GRID, **changes))
        assert refused.value.code == code


BAD_CODES: list[str] = ["", "Grid", "grid..x", "grid.", "1grid", "g" * 65, "a b"]


def test_what_a_factor_cannot_be_called(session: Session, office: Office) -> None:
    for code in BAD_CODES:
        with pytest.raises(Invalid, match="bad_factor_code"):
            drafted(session, office, code=code)
