"""The one door: every answer an item can get, and what repetition and contradiction come to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from behaviors.models import (
    ActivityRecord,
    Behavior,
    Channel,
    IntakeBatch,
    IntakeConflict,
    Source,
    SourceSubject,
)
from carbonaccount.ledger.models import Transfer, Unit
from tests.behaviors.intake.arranging import (
    EVERYTHING,
    MORNING,
    NOW,
    admit,
    answers,
    balance,
    bring,
    broken,
    item,
    only,
    open_person,
    rows_of,
)

SOON = (NOW + timedelta(minutes=9)).isoformat()
LATER = (NOW + timedelta(minutes=11)).isoformat()
LONG = "9" * 65


def far(value: object) -> dict[str, Any]:
    return {"activity": {"distance_km": value}}


# What is changed of a good item, and the answer.
ITEMS: list[tuple[Mapping[str, Any], str, str]] = [
    ({}, "accepted", "ok"),
    ({"behavior": "ev_charging", "activity": {"energy_kwh": "61"}}, "accepted", "capped"),
    ({"occurred_at": SOON}, "accepted", "ok"),
    ({"ended_at": None, "device": None}, "accepted", "ok"),
    ({"device": "bike 7"}, "accepted", "ok"),
    ({"end_at": "2026-03-02T09:00:00+08:00"}, "rejected", "unknown_field"),
    ({"note": None}, "rejected", "unknown_field"),
    # --- who, what, how sure
    ({"event_id": None}, "rejected", "bad_event_id"),
    ({"event_id": ""}, "rejected", "bad_event_id"),
    ({"event_id": " e"}, "rejected", "bad_event_id"),
    ({"event_id": "e\n"}, "rejected", "bad_event_id"),
    ({"event_id": "e\\n"}, "rejected", "bad_event_id"),
    ({"event_id": "e\0"}, "rejected", "bad_event_id"),
    ({"event_id": "骑行"}, "rejected", "bad_event_id"),
    ({"event_id": "\ud800"}, "rejected", "bad_event_id"),
    ({"event_id": LONG}, "rejected", "bad_event_id"),
    ({"event_id": 1.5}, "rejected", "bad_event_id"),
    ({"event_id": True}, "rejected", "bad_event_id"),
    ({"event_id": ["e"]}, "rejected", "bad_event_id"),
    ({"event_id": 10**5000}, "rejected", "bad_event_id"),
    ({"subject": None}, "rejected", "bad_subject"),
    ({"subject": LONG}, "rejected", "bad_subject"),
    ({"subject": "nobody"}, "rejected", "unknown_subject"),
    ({"subject": "ALICE"}, "rejected", "unknown_subject"),
    ({"subject": "withdrawn"}, "rejected", "no_consent"),
    ({"device": ""}, "rejected", "bad_device"),
    ({"device": LONG}, "rejected", "bad_device"),
    ({"behavior": None}, "rejected", "unknown_behavior"),
    ({"behavior": "flying"}, "rejected", "unknown_behavior"),
    ({"behavior": "Bike_ride"}, "rejected", "unknown_behavior"),
    ({"behavior": "ebike_ride"}, "rejected", "behavior_not_allowed"),
    ({"behavior": "clean_plate", "activity": {"meals": 1}}, "rejected", "behavior_off"),
    ({"behavior": "carpool", "activity": {}}, "rejected", "no_rule"),
    ({"evidence": None}, "rejected", "evidence_unknown"),
    ({"evidence": "E"}, "rejected", "evidence_unknown"),
    ({"evidence": "b"}, "rejected", "evidence_unknown"),
    ({"evidence": "A"}, "rejected", "evidence_too_good"),
    # --- when
    ({"occurred_at": None}, "rejected", "time_format"),
    ({"occurred_at": 1772438400}, "rejected", "time_format"),
    ({"occurred_at": "2026-03-02T08:00:00"}, "rejected", "time_format"),
    ({"occurred_at": "2026-W10-1T08:00:00+08:00"}, "rejected", "time_format"),
    ({"occurred_at": "20260302T080000+0800"}, "rejected", "time_format"),
    ({"occurred_at": "2026-03-02T08:00:00,5+08:00"}, "rejected", "time_format"),
    ({"occurred_at": "2026-02-30T08:00:00Z"}, "rejected", "time_format"),
    ({"occurred_at": "0001-01-01T00:00:00+08:00"}, "rejected", "time_format"),
    ({"occurred_at": "9999-12-31T23:59:59-08:00"}, "rejected", "time_format"),
    ({"ended_at": "soon"}, "rejected", "time_format"),
    ({"ended_at": ""}, "rejected", "time_format"),
    ({"occurred_at": LATER}, "rejected", "in_future"),
    ({"occurred_at": "9999-12-31T23:59:59Z"}, "rejected", "in_future"),
    ({"ended_at": LATER}, "rejected", "in_future"),
    ({"occurred_at": "2009-12-31T15:59:59Z"}, "rejected", "too_old"),
    ({"occurred_at": "0014-11-18T15:40:26+08:00"}, "rejected", "too_old"),
    ({"ended_at": "2026-03-02T07:59:59+08:00"}, "rejected", "ends_before_start"),
    ({"ended_at": "2026-03-03T08:00:00.001+08:00"}, "rejected", "too_long"),
    # --- how much
    ({"activity": None}, "rejected", "missing_field"),
    ({"activity": {}}, "rejected", "missing_field"),
    ({"activity": [3]}, "rejected", "missing_field"),
    (far(""), "rejected", "not_a_number"),
    (far(None), "rejected", "not_a_number"),
    ({"activity": {"distance_km": 3, "speed": 9}}, "rejected", "unknown_field"),
    ({"activity": {"distance_km": 3, "\ud800": 9}}, "rejected", "unknown_field"),
    ({"activity": {3: 4}}, "rejected", "unknown_field"),
    *((far(value), "rejected", "not_a_number") for value in ("ten", "NaN", "inf", "1e3", "１")),
    *(
        (far(value), "rejected", "not_a_number")
        for value in (True, [3], {"km": 3}, "\ud800", "3 km")
    ),
    *((far(value), "rejected", "not_a_number") for value in (float("nan"), float("inf"))),
    (far(Decimal("sNaN")), "rejected", "not_a_number"),
    (far("1,000"), "rejected", "not_a_number"),
    (far("3.1234567891"), "rejected", "too_many_decimals"),
    (far(1e-300), "rejected", "too_many_decimals"),
    (far(Decimal("1e-999999999")), "rejected", "too_many_decimals"),
    (far("-3"), "rejected", "out_of_range"),
    (far("200.000000001"), "rejected", "out_of_range"),
    (far("9999999999"), "rejected", "out_of_range"),
    (far(10**5000), "rejected", "out_of_range"),
    (far(-(10**5000)), "rejected", "out_of_range"),
    (far(1e300), "rejected", "out_of_range"),
    (far(Decimal("1e999999999")), "rejected", "out_of_range"),
    (far("0"), "rejected", "amount_zero"),
    (far("-0.0"), "rejected", "amount_zero"),
    (far("0.000999999"), "rejected", "amount_zero"),
]


@pytest.fixture
def partner(session: Session) -> Source:
    """A source that may report much, but nothing better than B, and has two riders."""
    source = admit(session, "partner", [*EVERYTHING, "carpool"], best_evidence="B")
    open_person(session, (source, "alice"), (source, "withdrawn"))
    bound = session.exec(
        select(SourceSubject).where(col(SourceSubject.subject) == "withdrawn")
    ).one()
    bound.active = False
    by_code = {info.code: info for info in session.exec(select(Behavior)).all()}
    by_code["clean_plate"].enabled = False
    by_code["carpool"].enabled = True
    session.commit()
    return source


def test_every_answer_an_item_can_get(session: Session, partner: Source) -> None:
    # Each record is set aside afterwards, so that no item meets the cap that another used.
    wrong = []
    for number, (changes, status, code) in enumerate(ITEMS):
        changes = {"event_id": f"e{number}", "evidence": "B", **changes}
        result = bring(session, partner, item(**changes))
        if answers(result) != [(status, code)]:
            wrong.append((changes, answers(result), code))
        session.execute(ActivityRecord.__table__.update().values(status="r", outcome="overlap"))  # type: ignore[attr-defined]
    assert not wrong


def test_all_answers_together_in_one_batch(session: Session, partner: Source) -> None:
    items = [
        item(**{"event_id": f"e{n}", "evidence": "B", **c}) for n, (c, _, _) in enumerate(ITEMS)
    ]
    result = bring(session, partner, *items, "text", None, 7, [], {})
    expected = [code for _, _, code in ITEMS if code not in ("ok", "capped")]
    found = [one.code for one in result.results() if one.status == "rejected"]
    assert found == [*expected, *["not_an_object"] * 4, "time_format"]
    assert sum(result.counts.values()) == len(ITEMS) + 5
    assert result.reasons["not_an_object"] == 4
    batch = session.get_one(IntakeBatch, result.batch_id)
    assert (batch.accepted, batch.rejected) == (result.accepted, result.rejected)
    assert batch.reasons == result.reasons
    assert broken(session) == {}


def test_the_table_has_every_code_but_those_of_repetition() -> None:
    told = {code for _, _, code in ITEMS}
    assert told == {
        *("ok", "capped", "unknown_subject", "no_consent", "unknown_behavior"),
        *("behavior_not_allowed", "behavior_off", "no_rule", "time_format", "in_future"),
        *("too_old", "missing_field", "unknown_field", "not_a_number", "too_many_decimals"),
        *("out_of_range", "amount_zero", "evidence_unknown", "evidence_too_good"),
        *("bad_event_id", "bad_subject", "bad_device", "ends_before_start", "too_long"),
    }


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=20)
    | st.characters(categories=["Cs"])
    | st.sampled_from(["alice", "bike_ride", "ev_charging", "A", "D", "3", MORNING, LATER]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
AMOUNTS = st.fixed_dictionaries({}, optional=dict.fromkeys(["distance_km", "energy_kwh"], VALUES))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    items=st.lists(
        VALUES
        | st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(["event_id", "device", "note"], VALUES),
                "subject": st.just("alice") | VALUES,
                "behavior": st.sampled_from(["bike_ride", "ev_charging"]) | VALUES,
                "evidence": st.just("A") | VALUES,
                **dict.fromkeys(["occurred_at", "ended_at"], st.just(MORNING) | VALUES),
                "activity": AMOUNTS | VALUES,
            },
        ),
        max_size=6,
    )
)
def test_whatever_comes_in_every_item_is_answered(
    session: Session, bikes: Source, alice: int, items: list[object]
) -> None:
    assert alice
    result = bring(session, bikes, *items)
    assert len(result.results()) == len(items) == sum(result.counts.values())
    assert {one.status for one in result.results()} <= set(result.counts)
    assert broken(session) == {}


# --- sizes ----------------------------------------------------------------------------------


def test_no_items(session: Session, bikes: Source) -> None:
    result = bring(session, bikes)
    assert result.results() == []
    assert sum(result.counts.values()) == 0
    assert broken(session) == {}


def test_one_item(session: Session, bikes: Source, alice: int) -> None:
    result = bring(session, bikes, item("one"))
    record = session.exec(select(ActivityRecord)).one()
    # 3 km x 48.7 g = 146.1 g
    assert only(result) == ("one", "accepted", "ok", 146, 146, record.id)
    assert (record.quantity_milli, record.counted_milli, record.activity) == (
        3000,
        3000,
        '{"distance_km":"3"}',
    )
    assert record.occurred_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (146, 146)
    assert broken(session) == {}


def test_many_items_are_answered_in_their_order(session: Session, bikes: Source) -> None:
    for name in range(20):
        open_person(session, (bikes, f"rider-{name}"))
    items = [
        item(f"e{n:04d}" if n % 3 else None, subject=f"rider-{n % 20}", **far("0.1"))
        for n in reversed(range(2_000))
    ]
    result = bring(session, bikes, *items)
    assert [one.event_id for one in result.results()] == [one["event_id"] for one in items]
    assert (result.accepted, result.rejected) == (1333, 667)
    assert broken(session) == {}


# --- repetition and contradiction -----------------------------------------------------------


def test_an_event_counts_once_inside_a_batch_and_across(
    session: Session, bikes: Source, alice: int
) -> None:
    first = bring(session, bikes, item("e"), item("e"), item("e"))
    assert answers(first) == [("accepted", "ok"), *[("duplicate", "duplicate")] * 2]
    again = bring(session, bikes, item("e"), item("e"))
    assert answers(again) == [("duplicate", "duplicate")] * 2
    # All are answered with what the first one came to.
    told = {one[3:] for one in (*first.results(), *again.results())}
    assert told == {(146, 146, first.results()[0].record_id)}
    assert balance(session, alice, Unit.G) == 146
    assert rows_of(session, ActivityRecord) == 1
    assert rows_of(session, Transfer) == 2


def test_the_same_said_in_other_words_is_the_same(
    session: Session, bikes: Source, alice: int
) -> None:
    assert alice
    told = bring(
        session,
        bikes,
        item("e", **far("3")),
        item("e", **far("+3.000")),
        item("e", **far(3.0)),
        item("e", **far(Decimal("3.0"))),
        item("e", occurred_at="2026-03-02T00:00:00Z"),
        item("e", ended_at=None, device=None),
    )
    assert (told.accepted, told.duplicate) == (1, 5)


OTHER_CONTENT: list[dict[str, Any]] = [
    far("4"),
    {"subject": "bob"},
    {"occurred_at": "2026-03-02T08:00:01+08:00"},
    {"ended_at": "2026-03-02T08:10:00+08:00"},
    {"evidence": "B"},
    {"device": "bike-7"},
    {"behavior": "bus_trip"},
]


def test_the_same_event_with_other_content_is_kept_apart(
    session: Session, bikes: Source, alice: int
) -> None:
    open_person(session, (bikes, "bob"))
    bring(session, bikes, item("e"))
    before = balance(session, alice, Unit.G)
    for number, changes in enumerate(OTHER_CONTENT, start=1):
        for _ in range(2):
            result = bring(session, bikes, item("e", **changes), item("e", **changes))
            assert answers(result) == [("conflict", "conflict")] * 2, changes
            assert only_amounts(result.results()) == {(0, 0, None)}
        assert rows_of(session, IntakeConflict) == number
    kept = session.exec(select(IntakeConflict)).all()
    assert {(one.event_id, one.source_id) for one in kept} == {("e", bikes.id)}
    assert balance(session, alice, Unit.G) == before
    assert rows_of(session, ActivityRecord) == 1
    assert broken(session) == {}


def only_amounts(results: list[Any]) -> set[tuple[int, int, int | None]]:
    return {(one.reduction_g, one.credits, one.record_id) for one in results}


def test_contradictions_inside_a_batch(session: Session, bikes: Source, alice: int) -> None:
    result = bring(
        session, bikes, item("e"), item("e", **far("4")), item("e"), item("e", **far("5"))
    )
    assert [one.status for one in result.results()] == [
        "accepted",
        "conflict",
        "duplicate",
        "conflict",
    ]
    assert balance(session, alice, Unit.G) == 146
    assert rows_of(session, IntakeConflict) == 2


def test_what_is_booked_decides_before_its_neighbours_in_a_batch(
    session: Session, bikes: Source, alice: int
) -> None:
    assert alice
    bring(session, bikes, item("e"))
    result = bring(session, bikes, item("e", **far("4")), item("e"), item("e", **far("4")))
    assert [one.status for one in result.results()] == ["conflict", "duplicate", "conflict"]
    assert rows_of(session, IntakeConflict) == 1


def test_an_item_refused_before_may_come_again_mended(
    session: Session, bikes: Source, alice: int
) -> None:
    result = bring(session, bikes, item("e", **far("ten")), item("e"), item("e", **far("-1")))
    assert [one.status for one in result.results()] == ["rejected", "accepted", "rejected"]
    assert balance(session, alice, Unit.G) == 146


def test_event_ids_are_the_sources_own(session: Session, bikes: Source, alice: int) -> None:
    other = admit(session, "buses")
    session.add(
        SourceSubject(source_id=other.stored_id, subject="alice", account_id=alice, bound_at=NOW)
    )
    bring(session, bikes, item("e"))
    # The same moment told by two sources is one ride, but it is another record.
    assert answers(bring(session, other, item("e"))) == [("accepted", "overlap")]
    assert rows_of(session, ActivityRecord) == 2
    assert balance(session, alice, Unit.G) == 146


def test_a_withdrawn_consent_stops_what_comes_later(
    session: Session, bikes: Source, alice: int
) -> None:
    bring(session, bikes, item("before"))
    bound = session.exec(select(SourceSubject).where(col(SourceSubject.account_id) == alice)).one()
    bound.active = False
    result = bring(session, bikes, item("after"), item("before"))
    assert answers(result) == [("rejected", "no_consent")] * 2
    assert balance(session, alice, Unit.G) == 146


def test_a_behaviour_switched_off_takes_nothing(
    session: Session, bikes: Source, alice: int
) -> None:
    info = session.exec(select(Behavior).where(col(Behavior.code) == "bike_ride")).one()
    info.enabled = False
    assert answers(bring(session, bikes, item("e"))) == [("rejected", "behavior_off")]
    info.enabled = True
    assert answers(bring(session, bikes, item("e"))) == [("accepted", "ok")]
    assert balance(session, alice, Unit.G) == 146


def test_a_source_without_behaviours_may_report_nothing(session: Session, bikes: Source) -> None:
    bikes.behaviors = []
    assert answers(bring(session, bikes, item("e"))) == [("rejected", "behavior_not_allowed")]


def test_residents_report_only_what_is_open_to_them(
    session: Session, bikes: Source, alice: int
) -> None:
    assert alice
    pv = item("pv", behavior="rooftop_pv", activity={"energy_kwh": "1"}, occurred_at=MORNING)
    refused = bring(session, bikes, pv, channel=Channel.SELF)
    assert answers(refused) == [("rejected", "behavior_not_allowed")]
    assert answers(bring(session, bikes, pv)) == [("accepted", "ok")]
