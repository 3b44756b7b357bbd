"""What an item comes to: evidence, caps, the rule of its day - and in any order the same."""

from collections import Counter, defaultdict
from datetime import date
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, Channel, Source
from behaviors.rulebook import RuleBook
from carbonaccount.ledger.models import Transfer, TransferKind, Unit
from tests.behaviors.intake.arranging import (
    answers,
    balance,
    bring,
    broken,
    item,
    only,
    open_person,
)


def worth(session: Session, source: Source, event: dict[str, Any]) -> tuple[int, int]:
    """Return grams and credits of one item."""
    result = only(bring(session, source, event))
    return result.reduction_g, result.credits


def at(hour: int, day: int = 2) -> str:
    return f"2026-03-{day:02d}T{hour:02d}:00:00+08:00"


def kind(behavior: str, **activity: object) -> dict[str, Any]:
    return {"behavior": behavior, "activity": activity}


# --- evidence -------------------------------------------------------------------------------


def test_credits_and_grams_of_each_grade(session: Session, bikes: Source, alice: int) -> None:
    # 3 km x 48.7 g = 146.1 g; half of 146 is 73, a quarter 36.5. D records no grams.
    found = {
        g: worth(session, bikes, item(f"e{g}", evidence=g, occurred_at=at(8 + n)))
        for n, g in enumerate("ABCD")
    }
    assert found == {"A": (146, 146), "B": (146, 146), "C": (146, 73), "D": (0, 36)}
    assert balance(session, alice, Unit.G) == 3 * 146
    assert balance(session, alice, Unit.CREDIT) == 146 + 146 + 73 + 36
    assert broken(session) == {}


# By hand: quantity x factor, rounded down to the gram; the numbers are those of the contract.
WORTH = [
    (kind("bus_trip", distance_km="10"), 520, 520),
    (kind("metro_trip", distance_km="10"), 720, 720),
    (kind("bike_ride", distance_km="10"), 487, 487),
    # 0.0207 km count as 0.020 km: 0.974 g, and less than a gram is nothing.
    (kind("bike_ride", distance_km="0.0207"), 0, 0),
    (kind("bike_ride", distance_km="0.021"), 1, 1),
    (kind("rooftop_pv", energy_kwh="10"), 6191, 6191),
    (kind("nev_driving", distance_km="100"), 14_227, 14_227),
    (kind("ev_charging", energy_kwh="10"), 8176, 8176),
    # At most 14,800 steps of 0.02 g.
    (kind("walking", steps="14800"), 296, 296),
    (kind("walking", steps="100000"), 296, 296),
    # Habits have credits a whole act and no grams.
    (kind("reusable_cup", uses="2"), 0, 20),
    (kind("reusable_cup", uses="2.9"), 0, 20),
    (kind("reusable_cup", uses="20"), 0, 30),
]


def test_what_acts_are_worth(session: Session, bikes: Source) -> None:
    for number, (act, grams, credited) in enumerate(WORTH):
        open_person(session, (bikes, f"p{number}"))
        event = item(f"e{number}", subject=f"p{number}", **act)
        assert worth(session, bikes, event) == (grams, credited), act
    assert broken(session) == {}


# --- the rule of the day --------------------------------------------------------------------

NEW_YEAR = [
    # The last second of 2025 in Shanghai, and the first of 2026.
    ("2025-12-31T15:59:59Z", date(2025, 12, 31), 6410),
    ("2025-12-31T16:00:00Z", date(2026, 1, 1), 6191),
    ("2025-12-31T23:59:59.999999+08:00", date(2025, 12, 31), 6410),
    ("2026-01-01T00:00:00+08:00", date(2026, 1, 1), 6191),
    ("2026-01-01T00:00:00Z", date(2026, 1, 1), 6191),
    ("2025-12-31T10:59:59-05:00", date(2025, 12, 31), 6410),
]


def test_the_day_in_shanghai_chooses_the_rule(session: Session, bikes: Source) -> None:
    book = RuleBook.load(session)
    versions = {6410: 1, 6191: 2}
    for number, (moment, day, grams) in enumerate(NEW_YEAR):
        open_person(session, (bikes, f"p{number}"))
        event = item(f"e{number}", **kind("rooftop_pv", energy_kwh=10))
        event |= {"subject": f"p{number}", "occurred_at": moment}
        assert worth(session, bikes, event) == (grams, grams), moment
        record = session.exec(
            select(ActivityRecord).where(col(ActivityRecord.event_id) == f"e{number}")
        ).one()
        assert record.business_day == day
        assert book.rule_by_id(record.rule_version_id).version == versions[grams]
    assert broken(session) == {}


def test_one_batch_over_new_year(session: Session, bikes: Source, alice: int) -> None:
    events = [
        item(f"e{n}", occurred_at=moment, **kind("rooftop_pv", energy_kwh=10))
        for n, moment in enumerate(("2026-01-01T09:00+08:00", "2025-12-31T09:00+08:00"))
    ]
    result = bring(session, bikes, *events)
    assert [one.reduction_g for one in result.results()] == [6191, 6410]
    assert balance(session, alice, Unit.G) == 6191 + 6410
    assert broken(session) == {}


# --- caps -----------------------------------------------------------------------------------


def ride(event_id: str, hour: int, km: str, **changes: Any) -> dict[str, Any]:
    return item(event_id, **{"occurred_at": at(hour), "activity": {"distance_km": km}, **changes})


def counted(session: Session) -> dict[str, int]:
    rows = session.execute(
        select(col(ActivityRecord.event_id), col(ActivityRecord.counted_milli))
    ).all()
    return {row[0]: row[1] for row in rows}


def test_the_cap_is_served_in_the_order_of_the_acts(
    session: Session, bikes: Source, alice: int
) -> None:
    result = bring(
        session,
        bikes,
        ride("noon", 12, "6"),
        ride("morning", 8, "9"),
        ride("evening", 18, "4"),
        ride("afternoon", 15, "7"),
    )
    # 9 and 6 count whole, of 7 there are 5 left, of 4 nothing.
    assert counted(session) == {"morning": 9000, "noon": 6000, "afternoon": 5000, "evening": 0}
    assert answers(result) == [("accepted", code) for code in ("ok", "ok", "capped", "capped")]
    # 438.3 + 292.2 + 243.5 g
    assert balance(session, alice, Unit.G) == 438 + 292 + 243
    assert broken(session) == {}


def test_caps_reach_across_batches_and_end_with_the_day(
    session: Session, bikes: Source, alice: int
) -> None:
    assert only(bring(session, bikes, ride("one", 12, "19.5"))).code == "ok"
    assert only(bring(session, bikes, ride("two", 8, "1"))).code == "capped"
    assert only(bring(session, bikes, ride("three", 9, "1"))).code == "capped"
    tomorrow = {"occurred_at": "2026-03-02T16:00:00Z"}
    assert only(bring(session, bikes, ride("four", 8, "20", **tomorrow))).code == "ok"
    assert counted(session) == {"one": 19_500, "two": 500, "three": 0, "four": 20_000}
    # 949.65, 24.35, 0 and 974 g
    assert balance(session, alice, Unit.G) == 949 + 24 + 974
    assert broken(session) == {}


def test_caps_are_per_person_and_behaviour(session: Session, bikes: Source, alice: int) -> None:
    open_person(session, (bikes, "bob"))
    events = [
        ride("a", 8, "20"),
        ride("b", 9, "20", subject="bob"),
        ride("c", 10, "40", behavior="bus_trip"),
        ride("d", 11, "1", behavior="bus_trip"),
    ]
    assert [code for _, code in answers(bring(session, bikes, *events))] == ["ok"] * 3 + ["capped"]
    assert balance(session, alice, Unit.G) == 974 + 2080


def test_refused_repeated_and_held_items_use_no_cap(
    session: Session, bikes: Source, alice: int
) -> None:
    bring(
        session,
        bikes,
        ride("zero", 6, "0"),
        ride("one", 7, "20", subject="nobody"),
        ride("two", 8, "5"),
        ride("two", 8, "5"),
        ride("two", 8, "6"),
        ride("overlap", 8, "7", ended_at=at(9)),
        ride("three", 10, "15"),
    )
    assert counted(session) == {"two": 5000, "overlap": 0, "three": 15_000}
    photo = ride("photo", 9, "20", evidence="C", occurred_at=at(9, day=3))
    held = bring(session, bikes, photo, channel=Channel.SELF)
    assert only(held)[1:5] == ("held", "awaiting_review", 0, 0)
    after = bring(session, bikes, ride("after", 10, "20", occurred_at=at(10, day=3)))
    assert only(after)[1:5] == ("accepted", "ok", 974, 974)
    assert balance(session, alice, Unit.G) == 243 + 730 + 974
    assert broken(session) == {}


def test_a_partners_photo_is_not_held(session: Session, bikes: Source, alice: int) -> None:
    assert only(bring(session, bikes, ride("photo", 9, "1", evidence="C")))[1:][:2] == (
        "accepted",
        "ok",
    )
    assert balance(session, alice, Unit.CREDIT) == 24


# --- any order ------------------------------------------------------------------------------

# Of some behaviours that never stand in each other's way; amounts in thousandths.
KINDS = {
    "clean_plate": ("meals", 3000, 10_000),
    "reusable_cup": ("uses", 3000, 20_000),
    "rooftop_pv": ("energy_kwh", None, 100_000),
    "ev_charging": ("energy_kwh", 60_000, 100_000),
}
RUNS = count()
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(sorted(KINDS)),
        st.integers(2, 3),
        st.integers(1, 10_000),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=ACTS, data=st.data())
def test_any_order_and_any_split_count_the_same(
    session: Session, bikes: Source, alice: int, acts: list[Any], data: st.DataObject
) -> None:
    run = f"run-{next(RUNS)}"
    people = {name: open_person(session, (bikes, f"{name}-{run}")) for name in ("alice", "bob")}
    events = []
    measured: Counter[tuple[int, str, int]] = Counter()
    for number, (name, behavior, day, share) in enumerate(acts):
        field, _, largest = KINDS[behavior]
        milli = share * largest // 10_000 or 1
        measured[people[name], behavior, day] += milli
        events.append(
            item(
                f"{run}-{number}",
                subject=f"{name}-{run}",
                behavior=behavior,
                occurred_at=f"2026-03-{day:02d}T{8 + number % 3:02d}:{number:02d}:00+08:00",
                activity={field: f"{milli / 1000:.3f}"},
            )
        )
    order = data.draw(st.permutations(events))
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=4))
    sent = [*order, *repeated]
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        bring(session, bikes, *sent[:size])
        sent = sent[size:]
    booked = _counted_of(session, list(people.values()))
    expected = {key: min(milli, KINDS[key[1]][1] or milli) for key, milli in measured.items()}
    assert booked == expected
    earned = session.exec(
        select(col(Transfer.cause_id), col(Transfer.unit)).where(
            col(Transfer.kind) == TransferKind.EARN
        )
    ).all()
    assert len(earned) == len(set(earned))
    assert broken(session) == {}
    session.rollback()


def _counted_of(session: Session, people: list[int]) -> dict[tuple[int, str, int], int]:
    codes = {info.id: code for code, info in RuleBook.load(session).behaviors.items()}
    booked: dict[tuple[int, str, int], int] = defaultdict(int)
    rows = session.exec(
        select(ActivityRecord).where(col(ActivityRecord.account_id).in_(people))
    ).all()
    for row in rows:
        booked[row.account_id, codes[row.behavior_id], row.business_day.day] += row.counted_milli
    return dict(booked)
