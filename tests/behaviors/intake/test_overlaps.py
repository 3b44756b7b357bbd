"""One act counts once: trips at the same time, one vehicle's day, one amount told twice."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from sqlmodel import Session, col, select

from behaviors.intake.overlaps import Act, resolve
from behaviors.models import ActivityRecord, Channel, Source, SourceSubject
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import (
    Cause,
    LedgerAccount,
    LedgerKind,
    Transfer,
    TransferKind,
    Unit,
)
from tests.behaviors.intake.arranging import (
    NOW,
    admit,
    answers,
    balance,
    bring,
    broken,
    item,
    open_person,
    rows_of,
)


def trip(event_id: str, start: str, end: str | None = None, **changes: Any) -> dict[str, Any]:
    """A ride of 1 km (48 g) on 2 March 2026, from and to a time of Shanghai such as 08:00."""
    times: dict[str, Any] = {"occurred_at": f"2026-03-02T{start}:00+08:00"}
    if end:
        times["ended_at"] = f"2026-03-02T{end}:00+08:00"
    return item(event_id, **{"activity": {"distance_km": "1"}, **times, **changes})


def codes(session: Session, source: Source, *items: dict[str, Any]) -> list[str]:
    return [code for _, code in answers(bring(session, source, *items))]


def record(session: Session, event_id: str) -> ActivityRecord:
    found = session.exec(
        select(ActivityRecord).where(col(ActivityRecord.event_id) == event_id)
    ).one()
    session.refresh(found)
    return found


@pytest.fixture
def buses(session: Session, alice: int) -> Source:
    """Another source that knows alice."""
    source = admit(session, "buses")
    session.add(
        SourceSubject(source_id=source.stored_id, subject="alice", account_id=alice, bound_at=NOW)
    )
    session.commit()
    return source


# --- trips ----------------------------------------------------------------------------------

# Two trips of one batch, and whether the second tells of the same act.
PAIRS = [
    (("08:00", "08:30"), ("08:30", "09:00"), False),  # One ends as the other begins.
    (("08:00", "08:30"), ("08:29", "09:00"), True),
    (("08:00", "09:00"), ("08:10", "08:20"), True),
    (("08:00", "08:30"), ("08:00", "08:30"), True),
    (("08:00", "08:30"), ("08:00", None), True),
    (("08:00", "08:30"), ("08:15", None), True),
    (("08:00", "08:30"), ("08:30", None), False),
    (("08:00", "08:00"), ("08:00", "08:00"), True),
    # One source that tells of two moments means two acts.
    (("08:00", None), ("08:00", None), False),
    (("08:00", None), ("08:01", None), False),
]


def test_two_trips_of_one_source(session: Session, bikes: Source) -> None:
    for number, (one, other, same) in enumerate(PAIRS):
        name = f"rider-{number}"
        rider = open_person(session, (bikes, name))
        first = trip(f"{number}-one", *one, subject=name)
        second = trip(f"{number}-other", *other, subject=name, behavior="bus_trip")
        found = codes(session, bikes, first, second)
        assert found == ["ok", "overlap" if same else "ok"], (one, other)
        # A km by bus is 52 g, by bike 48.
        assert balance(session, rider, Unit.G) == (48 if same else 48 + 52)
    assert broken(session) == {}


def test_two_sources_at_one_moment_tell_of_one_act(
    session: Session, bikes: Source, buses: Source, alice: int
) -> None:
    assert codes(session, bikes, trip("one", "08:00")) == ["ok"]
    assert codes(session, buses, trip("two", "08:00", behavior="bus_trip")) == ["overlap"]
    assert codes(session, buses, trip("three", "08:01", behavior="bus_trip")) == ["ok"]
    assert record(session, "two").overlapped_by == record(session, "one").id
    assert balance(session, alice, Unit.G) == 48 + 52


def test_of_equal_evidence_the_one_that_began_first_counts(
    session: Session, bikes: Source, alice: int
) -> None:
    found = codes(session, bikes, trip("late", "08:20", "08:50"), trip("early", "08:00", "08:30"))
    assert found == ["overlap", "ok"]
    assert record(session, "late").overlapped_by == record(session, "early").id
    assert balance(session, alice, Unit.G) == 48


def test_of_equal_evidence_the_booked_one_stays(
    session: Session, bikes: Source, alice: int
) -> None:
    assert codes(session, bikes, trip("booked", "08:20", "08:50")) == ["ok"]
    assert codes(session, bikes, trip("earlier", "08:00", "08:30")) == ["overlap"]
    assert balance(session, alice, Unit.G) == 48


def test_a_trip_that_lost_does_not_stand_in_the_way(
    session: Session, bikes: Source, alice: int
) -> None:
    items = [trip("a", "08:00", "08:30"), trip("b", "08:20", "09:00"), trip("c", "08:40", "09:10")]
    assert codes(session, bikes, *items) == ["ok", "overlap", "ok"]
    assert codes(session, bikes, trip("d", "08:30", "08:40")) == ["ok"]
    assert balance(session, alice, Unit.G) == 3 * 48


def test_other_peoples_trips_are_no_matter(session: Session, bikes: Source, alice: int) -> None:
    bob = open_person(session, (bikes, "bob"))
    found = codes(
        session, bikes, trip("a", "08:00", "08:30"), trip("b", "08:00", "08:30", subject="bob")
    )
    assert found == ["ok", "ok"]
    assert balance(session, alice, Unit.G) == balance(session, bob, Unit.G) == 48


def test_trips_across_midnight_meet_those_of_the_next_day(
    session: Session, bikes: Source, alice: int
) -> None:
    night = {"occurred_at": "2026-03-02T23:50:00+08:00", "ended_at": "2026-03-03T00:20:00+08:00"}
    after = {"occurred_at": "2026-03-03T00:10:00+08:00"}
    assert codes(session, bikes, trip("night", "08:00", **night)) == ["ok"]
    assert codes(session, bikes, trip("after", "08:00", **after)) == ["overlap"]
    assert record(session, "night").business_day.isoformat() == "2026-03-02"
    assert record(session, "after").business_day.isoformat() == "2026-03-03"
    # The other way round: the booked one is of the day after.
    early = {"occurred_at": "2026-03-05T00:10:00+08:00", "ended_at": "2026-03-05T00:30:00+08:00"}
    late = {"occurred_at": "2026-03-04T23:50:00+08:00", "ended_at": "2026-03-05T00:20:00+08:00"}
    assert codes(session, bikes, trip("early", "08:00", **early)) == ["ok"]
    assert codes(session, bikes, trip("late", "08:00", **late)) == ["overlap"]
    assert balance(session, alice, Unit.G) == 2 * 48
    assert broken(session) == {}


def test_a_whole_days_trip_is_met_to_its_end(session: Session, bikes: Source, alice: int) -> None:
    long = {"occurred_at": "2026-03-01T23:59:00+08:00", "ended_at": "2026-03-02T23:59:00+08:00"}
    assert codes(session, bikes, trip("long", "08:00", **long)) == ["ok"]
    assert codes(session, bikes, trip("in", "23:58", "23:59")) == ["overlap"]
    assert codes(session, bikes, trip("out", "23:59")) == ["ok"]
    assert balance(session, alice, Unit.G) == 2 * 48


# --- better evidence ------------------------------------------------------------------------


def test_better_evidence_takes_the_place_of_a_booked_record(
    session: Session, bikes: Source, buses: Source, alice: int
) -> None:
    codes(session, bikes, trip("told", "08:00", "08:30", evidence="B"))
    codes(session, bikes, trip("self", "08:40", "08:50", evidence="D"))
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (48, 48 + 12)
    metered = trip("metered", "08:10", "08:45", behavior="bus_trip")
    assert codes(session, buses, metered) == ["ok"]
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (52, 52)
    for name in ("told", "self"):
        old = record(session, name)
        assert (old.status, old.outcome, old.counted_milli, old.reduction_g, old.credits) == (
            *("r", "overlap"),
            *(0, 0, 0),
        )
        assert old.overlapped_by == record(session, "metered").id
        # What was measured and by which rule stays readable.
        assert old.quantity_milli == 1000
    reversals = session.exec(select(Transfer).where(col(Transfer.reverses_id).is_not(None))).all()
    assert sorted((t.unit, t.amount, t.kind) for t in reversals) == [
        (Unit.G, 48, TransferKind.REVERSE),
        (Unit.CREDIT, 12, TransferKind.REVERSE),
        (Unit.CREDIT, 48, TransferKind.REVERSE),
    ]
    assert broken(session) == {}
    # Sent again, the replaced record is known and stays replaced.
    again = bring(session, bikes, trip("told", "08:00", "08:30", evidence="B"))
    assert answers(again) == [("duplicate", "duplicate")]
    assert (again.results()[0].reduction_g, again.results()[0].credits) == (0, 0)
    assert balance(session, alice, Unit.G) == 52


def test_better_evidence_wins_inside_a_batch_whatever_its_time(
    session: Session, bikes: Source, alice: int
) -> None:
    found = codes(
        session,
        bikes,
        trip("d", "08:00", "09:00", evidence="D"),
        trip("b", "08:10", "08:20", evidence="B"),
        trip("a", "08:15", "08:25", evidence="A"),
        trip("c", "08:30", "08:40", evidence="C"),
    )
    assert found == ["overlap", "overlap", "ok", "ok"]
    assert balance(session, alice, Unit.G) == 48 + 48
    assert balance(session, alice, Unit.CREDIT) == 48 + 24


def test_a_replaced_record_gives_its_cap_back(session: Session, bikes: Source, alice: int) -> None:
    codes(
        session, bikes, trip("told", "08:00", "08:30", evidence="B", activity={"distance_km": 20})
    )
    better = trip("metered", "08:00", "08:30", activity={"distance_km": "18"})
    assert codes(session, bikes, better, trip("next", "10:00")) == ["ok", "ok"]
    # 18 km x 48.7 = 876.6 g, 1 km = 48.7 g
    assert balance(session, alice, Unit.G) == 876 + 48
    assert broken(session) == {}


def test_a_third_record_may_replace_the_second(session: Session, bikes: Source, alice: int) -> None:
    for grade in "DCBA":
        ride = trip(f"ride-{grade}", "08:00", "08:30", evidence=grade)
        assert codes(session, bikes, ride) == ["ok"]
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (48, 48)
    assert record(session, "ride-B").overlapped_by == record(session, "ride-A").id
    assert broken(session) == {}


def spend(session: Session, account_id: int, amount: int) -> None:
    """Let a person spend credits."""
    account = session.exec(
        select(LedgerAccount).where(
            col(LedgerAccount.owner_id) == account_id, col(LedgerAccount.unit) == Unit.CREDIT
        )
    ).one()
    shop = ledger.ending_account(
        session, kind=LedgerKind.REDEEMED, unit=Unit.CREDIT, vintage=account.vintage
    )
    row = {
        "debit_id": account.id,
        "credit_id": shop,
        "amount": amount,
        "unit": int(Unit.CREDIT),
        "kind": int(TransferKind.REDEEM),
        "cause": int(Cause.OPERATION),
        "cause_id": 1,
        "revision": 0,
        "reverses_id": None,
        "business_day": NOW.date(),
        "occurred_at": NOW,
    }
    postings = pl.DataFrame([row], schema=ledger.POSTING_SCHEMA)
    ledger.post(session, postings=postings, booked_at=NOW)
    session.commit()


def test_what_was_spent_keeps_its_record_and_the_better_one_does_not_count(
    session: Session, bikes: Source, alice: int
) -> None:
    codes(session, bikes, trip("told", "08:00", "08:30", evidence="B"))
    spend(session, alice, 1)
    assert codes(session, bikes, trip("metered", "08:00", "08:30")) == ["overlap"]
    assert record(session, "told").status == "c"
    assert record(session, "metered").overlapped_by == record(session, "told").id
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (48, 47)
    assert broken(session) == {}


def test_enough_other_credits_let_the_better_evidence_in(
    session: Session, bikes: Source, alice: int
) -> None:
    told = trip("told", "08:00", "08:30", evidence="B")
    codes(session, bikes, told, trip("other", "10:00", "10:30"))
    spend(session, alice, 48)
    assert codes(session, bikes, trip("metered", "08:00", "08:30", behavior="bus_trip")) == ["ok"]
    # 48 + 48 earned, 48 spent, 48 taken back, 52 earned.
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (100, 52)
    assert broken(session) == {}


def test_of_two_to_be_replaced_both_stay_when_only_one_could_be_paid_back(
    session: Session, bikes: Source, alice: int
) -> None:
    first, second = (("08:00", "08:20"), ("10:00", "10:20"))
    codes(session, bikes, trip("b1", *first, evidence="B"), trip("b2", *second, evidence="B"))
    spend(session, alice, 48)
    assert codes(session, bikes, trip("a1", *first), trip("a2", *second)) == ["overlap"] * 2
    assert (balance(session, alice, Unit.G), balance(session, alice, Unit.CREDIT)) == (96, 48)
    assert broken(session) == {}


def test_held_photos_neither_stand_in_the_way_nor_replace(
    session: Session, bikes: Source, buses: Source, alice: int
) -> None:
    codes(session, bikes, trip("told", "08:00", "08:30", evidence="D"))
    photo = trip("photo", "08:00", "08:30", behavior="bus_trip", evidence="C")
    held = bring(session, buses, photo, channel=Channel.SELF)
    assert answers(held) == [("held", "awaiting_review")]
    assert record(session, "told").status == "c"
    assert codes(session, bikes, trip("metered", "08:00", "08:30")) == ["ok"]
    assert record(session, "photo").status == "h"
    assert balance(session, alice, Unit.G) == 48
    assert broken(session) == {}


# --- one vehicle's day ----------------------------------------------------------------------


def drive(event_id: str, hour: int = 8, **changes: Any) -> dict[str, Any]:
    """10 km in a new-energy vehicle in 2026: 10 x 142.2766 = 1422 g."""
    usual = {
        "behavior": "nev_driving",
        "occurred_at": f"2026-03-02T{hour:02d}:00:00+08:00",
        "activity": {"distance_km": "10"},
    }
    return item(event_id, **{**usual, **changes})


def charge(event_id: str, hour: int = 20, **changes: Any) -> dict[str, Any]:
    """10 kWh charged in 2026: 10 x 817.681609 = 8176 g."""
    usual = {"behavior": "ev_charging", "activity": {"energy_kwh": "10"}}
    return drive(event_id, hour, **{**usual, **changes})


# Devices of the drive and of the charging, and whether they may be one vehicle.
VEHICLES = [
    (None, None, True),
    ("car-1", None, True),
    (None, "car-1", True),
    ("car-1", "car-1", True),
    ("car-1", "car-2", False),
]


@pytest.mark.parametrize("batches", [1, 2])
def test_driving_and_charging_of_one_vehicle_on_one_day(
    session: Session, bikes: Source, batches: int
) -> None:
    for number, (driven, charged, same) in enumerate(VEHICLES):
        name = f"driver-{number}"
        driver = open_person(session, (bikes, name))
        one = drive(f"{number}-drive", device=driven, subject=name)
        two = charge(f"{number}-charge", device=charged, subject=name)
        if batches == 1:
            found = codes(session, bikes, one, two)
        else:
            found = codes(session, bikes, one) + codes(session, bikes, two)
        assert found == ["ok", "overlap" if same else "ok"], (driven, charged)
        assert balance(session, driver, Unit.G) == (1422 if same else 1422 + 8176)
    assert broken(session) == {}


def test_the_next_day_and_more_of_the_same_are_other_acts(
    session: Session, bikes: Source, alice: int
) -> None:
    found = codes(
        session,
        bikes,
        drive("one", 8),
        drive("two", 9),
        charge("charge", occurred_at="2026-03-03T00:00:00+08:00"),
    )
    assert found == ["ok", "ok", "ok"]
    assert balance(session, alice, Unit.G) == 2 * 1422 + 8176


def test_a_metered_charging_takes_the_place_of_a_days_told_drives(
    session: Session, bikes: Source, alice: int
) -> None:
    drives = [drive(f"d{n}", 8 + n, evidence="B") for n in range(3)]
    assert codes(session, bikes, *drives) == ["ok"] * 3
    assert codes(session, bikes, charge("charge")) == ["ok"]
    assert balance(session, alice, Unit.G) == 8176
    assert {record(session, f"d{n}").status for n in range(3)} == {"r"}
    assert broken(session) == {}


# --- the same amount ------------------------------------------------------------------------


def test_one_amount_told_by_two_sources_or_as_two_things_counts_once(
    session: Session, bikes: Source, buses: Source, alice: int
) -> None:
    weight = {"activity": {"weight_kg": "2"}}
    sorting = item("s", behavior="waste_sorting", **weight)
    clothes = item("c", behavior="recycle_clothes", **weight)
    # Sorted out: 2 x 100.05 = 200 g.
    assert codes(session, bikes, sorting) == ["ok"]
    assert codes(session, bikes, clothes) == ["overlap"]
    assert codes(session, buses, {**sorting, "event_id": "told again"}) == ["overlap"]
    # The same source with the same amount twice means two bags.
    assert codes(session, bikes, {**sorting, "event_id": "second bag"}) == ["ok"]
    other = {**clothes, "event_id": "other", "activity": {"weight_kg": "2.001"}}
    # 2.001 x 3600 = 7203.6 g
    assert codes(session, bikes, other) == ["ok"]
    assert balance(session, alice, Unit.G) == 200 + 200 + 7203
    assert broken(session) == {}


def test_groups_do_not_meet_each_other(session: Session, bikes: Source, alice: int) -> None:
    amount = {"activity": {"energy_kwh": "2"}}
    found = codes(
        session,
        bikes,
        item("ride"),
        item("plate", behavior="clean_plate", activity={"meals": "1"}),
        item("charge", behavior="ev_charging", **amount),
        item("pv", behavior="rooftop_pv", **amount),
        item("green", behavior="green_power", **amount),
    )
    assert found == ["ok", "ok", "ok", "ok", "overlap"]
    assert rows_of(session, ActivityRecord) == 5
    assert alice


# --- acts that overlap because a person said so ---------------------------------------------


def act(record_id: int | None, idx: int | None, start: int, end: int) -> dict[str, Any]:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    values = Act(
        *(record_id, idx, 1, "trip", 1, 1),
        occurred_at=at.replace(minute=start),
        ended_at=at.replace(minute=end),
        business_day=at.date(),
        evidence="A",
        device_key=0,
        quantity_milli=1000,
    )
    return {name: getattr(values, name) for name in Act.__dataclass_fields__}


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema_overrides={
            "record_id": pl.Int64,
            "idx": pl.UInt32,
            "occurred_at": pl.Datetime("us", "UTC"),
            "ended_at": pl.Datetime("us", "UTC"),
        },
    )


def test_a_long_standing_trip_is_found_behind_a_short_one() -> None:
    # A reviewer let the short trip count although it lies inside the long one.
    standing = frame(act(1, None, 0, 50), act(2, None, 10, 11))
    result = resolve(frame(act(None, 0, 30, 40)), standing, frozen=frozenset())
    assert result.losers[0].record_id == 1
