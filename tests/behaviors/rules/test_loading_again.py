"""Loading the shipped library again changes nothing, least of all what an administrator decided."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from behaviors import behavior_services, factor_services, methods, rule_services
from behaviors.factor_services import FactorContent
from behaviors.library import load_library_into
from behaviors.methods import Library, load_library
from behaviors.rulebook import RuleBook
from tests.behaviors.rules.drafts import MONDAY, Office, scheduled

TABLES = ("emission_factor", "behavior", "rule_version", "source", "rule_note", "ledger_account")
LATER = MONDAY + timedelta(days=30)
NOTHING = {"emission_factors": 0, "behaviors": 0, "rules": 0}


def everything(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the library's tables as text, so that any change shows."""
    session.flush()
    found = {}
    for name in TABLES:
        table = SQLModel.metadata.tables[name]
        columns = [sa.cast(column, sa.Text) for column in table.columns]
        rows = session.execute(sa.select(*columns).order_by(table.c.id)).all()
        found[name] = [tuple(row) for row in rows]
    return found


def test_loading_again_adds_nothing(session: Session) -> None:
    before = everything(session)
    assert all(before[name] for name in ("emission_factor", "behavior", "rule_version", "source"))
    assert load_library_into(session, now=LATER) == NOTHING
    assert everything(session) == before
    # Rows of an installation from before the Chinese sources; one text is not the shipped one.
    table = SQLModel.metadata.tables["emission_factor"]
    session.execute(sa.update(table).values(source_zh=""))
    of_heat = sa.update(table).where(table.c.code == "heat.purchased")
    session.execute(of_heat.values(source="another"))
    session.expire_all()
    assert load_library_into(session, now=LATER) == NOTHING
    session.flush()
    untold = sa.select(table.c.code).where(table.c.source_zh == "")
    assert session.execute(untold).scalars().all() == ["heat.purchased"]
    shipped = "JS/T 303-2026 default 0.11 t CO2/GJ"
    session.execute(of_heat.values(source=shipped, source_zh="JS/T 303-2026 缺省值 0.11 t CO2/GJ"))
    assert everything(session) == before


def test_what_an_administrator_changed_stays(session: Session, office: Office) -> None:
    scheduled(session, office)
    info = RuleBook.load(session).behaviors["reusable_cup"]
    behavior_services.edit_behavior(
        session,
        behavior="reusable_cup",
        enabled=False,
        self_report=False,
        habit_ends_on=date(2026, 12, 31),
        texts={**info.texts, "en": {"name": "Cup", "counts": "One's own cup."}},
        reason="decided",
        acting_user=office.erin,
        now=MONDAY,
    )
    behavior_services.stop_behavior(
        session, behavior="metro_trip", reason="so", acting_user=office.erin, now=MONDAY
    )
    factor_id = factor_services.draft_factor(
        session,
        code="grid.shandong",
        content=FactorContent(
            name_zh="电",
            name_en="Power",
            value="0.6",
            unit="kgCO2/kWh",
            gas="CO2",
            valid_from=date(2026, 3, 3),
            data_year=2024,
            grade="B",
            source="x",
        ),
        acting_user=office.erin,
        now=MONDAY,
    ).id
    step = {"factor_id": factor_id or 0, "reason": "x", "now": MONDAY}
    factor_services.submit_factor(session, acting_user=office.erin, **step)  # type: ignore[arg-type]
    factor_services.approve_factor(session, acting_user=office.anna, **step)  # type: ignore[arg-type]
    before = everything(session)
    assert load_library_into(session, now=LATER) == NOTHING
    assert everything(session) == before


def newer_release() -> Library:
    """A release that ships another bus rule, another text and another first grid value."""
    shipped = load_library()
    behaviors = tuple(
        replace(item, name_en="Coach trip", daily_cap=Decimal(1))
        if item.code == "bus_trip"
        else item
        for item in shipped.behaviors
    )
    factors = tuple(
        replace(item, value=Decimal("0.9"), source="another")
        if item.code == "grid.shandong"
        else item
        for item in shipped.emission_factors
    )
    return replace(shipped, behaviors=behaviors, emission_factors=factors)


def test_a_newer_release_rewrites_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(session)
    monkeypatch.setattr(methods, "load_library", newer_release)
    assert load_library_into(session, now=LATER) == NOTHING
    assert everything(session) == before


def test_a_newer_release_adds_what_is_new(
    session: Session, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_new_one() -> Library:
        shipped = load_library()
        bus = shipped.behavior("bus_trip")
        added = replace(bus, code="trolley_trip", name_zh="无轨电车", name_en="Trolleybus")
        return replace(shipped, behaviors=(*shipped.behaviors, added))

    monkeypatch.setattr(methods, "load_library", with_a_new_one)
    assert load_library_into(session, now=LATER) == {
        "emission_factors": 0,
        "behaviors": 1,
        "rules": 1,
    }
    session.flush()
    assert load_library_into(session, now=LATER) == NOTHING


def test_new_factors_come_but_not_beside_what_the_city_decided(
    session: Session, office: Office
) -> None:
    """A site that ran before nights, meals and electric cars were in the library."""
    table = SQLModel.metadata.tables["emission_factor"]
    of_travel = table.c.code.in_(("accommodation.night", "catering.meal", "travel.nev"))
    session.execute(sa.delete(table).where(of_travel))
    # The city had written two of them for its events, one of them not yet approved.
    content = FactorContent(
        name_zh="住宿",
        name_en="Nights",
        value="20",
        unit="kgCO2/night",
        gas="CO2",
        valid_from=None,
        data_year=None,
        grade="A",
        source="own survey",
    )
    for code, unit in (("accommodation.night", "kgCO2/night"), ("travel.nev", "kgCO2/km")):
        factor_services.draft_factor(
            session,
            code=code,
            content=replace(content, unit=unit),
            acting_user=office.erin,
            now=MONDAY,
        )
    before = everything(session)
    assert load_library_into(session, now=LATER) == {**NOTHING, "emission_factors": 1}
    session.flush()
    after = everything(session)
    added = [row for row in after["emission_factor"] if row not in before["emission_factor"]]
    assert [row[1] for row in added] == ["catering.meal"]
    assert [row for row in after["emission_factor"] if row not in added] == (
        before["emission_factor"]
    )
    assert load_library_into(session, now=LATER) == NOTHING


def test_a_rule_an_administrator_drafted_first_is_not_overtaken(
    session: Session, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behaviour without a shipped rule, drafted here; a later release ships one: not taken."""
    book = RuleBook.load(session)
    bare = next(code for code in book.behaviors if not book.entries(code))
    bus = book.versions("bus_trip")[0]
    rule_services.draft_rule(
        session,
        rule=replace(bus, behavior=bare, valid_from=date(2026, 3, 3)),
        grade="C",
        citation="x",
        reason="x",
        acting_user=office.erin,
        now=MONDAY,
    )

    def with_a_rule() -> Library:
        shipped = load_library()
        filled = replace(shipped.behavior("bus_trip"), code=bare)
        behaviors = tuple(filled if item.code == bare else item for item in shipped.behaviors)
        return replace(shipped, behaviors=behaviors)

    monkeypatch.setattr(methods, "load_library", with_a_rule)
    assert load_library_into(session, now=LATER) == NOTHING
