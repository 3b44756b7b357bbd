"""Records counted again after an appeal: what is added, and that the books stay clean."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, select

from behaviors.intake.door import ItemResult, take_items
from behaviors.intake.release import ReleaseResult, count_again, decline_held
from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord, Behavior, Channel, Source
from behaviors.sources import add_source, bind_subject
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.ledger.verify import verify

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def account_id(session: Session) -> int:
    """Somebody whose rides a partner tells of."""
    source = add_source(
        session,
        code="rider",
        name_zh="骑行公司",
        name_en="Rider",
        behaviors=["bike_ride", "bus_trip"],
        acting_user=SYSTEM,
        now=NOON,
    )
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOON)
    bind_subject(
        session,
        source=source,
        subject="customer-1",
        account_public_id=account.public_id,
        acting_user=SYSTEM,
        now=NOON,
    )
    return account.stored_id


def tell(
    session: Session, event_id: str, behavior: str, km: str, evidence: str, at: datetime
) -> ItemResult:
    """Let the partner tell of a trip that lasts an hour."""
    batch = take_items(
        session,
        source=session.exec(select(Source).where(col(Source.code) == "rider")).one(),
        channel=Channel.API,
        items=[
            {
                "event_id": event_id,
                "subject": "customer-1",
                "behavior": behavior,
                "occurred_at": at.isoformat(),
                "ended_at": (at + HOUR).isoformat(),
                "activity": {"distance_km": km},
                "evidence": evidence,
            }
        ],
        acting_user=SYSTEM,
        now=NOW,
    )
    (result,) = batch.results()
    return result


def again(session: Session, record_id: int | None, *, overlapping: bool) -> ReleaseResult:
    assert record_id is not None
    return count_again(
        session, record_id=record_id, overlapping=overlapping, acting_user=SYSTEM, now=NOW
    )


def record(session: Session, record_id: int | None) -> tuple[str, str, int, int, int]:
    row = session.get_one(ActivityRecord, record_id, populate_existing=True)
    return row.status, row.outcome, row.counted_milli, row.reduction_g, row.credits


def balances(session: Session, account_id: int) -> tuple[int, int]:
    rows = session.exec(
        select(LedgerAccount)
        .where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
        )
        .execution_options(populate_existing=True)
    ).all()
    grams, credited = (
        sum(row.balance or 0 for row in rows if row.unit == unit) for unit in (Unit.G, Unit.CREDIT)
    )
    return grams, credited


def assert_clean(session: Session) -> None:
    session.commit()
    assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []


def test_a_trip_that_was_no_overlap_counts_beside_the_other(
    session: Session, account_id: int
) -> None:
    tell(session, "bike", "bike_ride", "10", "A", NOON)
    bus = tell(session, "bus", "bus_trip", "5", "B", NOON + HOUR / 2)
    assert record(session, bus.record_id) == ("c", "overlap", 0, 0, 0)
    added = again(session, bus.record_id, overlapping=False)
    # 5 km x 52 g; evidence B earns a credit a gram.
    assert (added.booked, added.grams, added.credits) == ([bus.record_id], 260, 260)
    assert record(session, bus.record_id) == ("c", "ok", 5000, 260, 260)
    assert session.get_one(ActivityRecord, bus.record_id).overlapped_by is None
    # 487 of the bicycle stay.
    assert balances(session, account_id) == (747, 747)
    assert_clean(session)


def test_an_overlap_that_still_is_one_adds_nothing(session: Session, account_id: int) -> None:
    tell(session, "bike", "bike_ride", "10", "A", NOON)
    bus = tell(session, "bus", "bus_trip", "5", "B", NOON + HOUR / 2)
    session.commit()
    with pytest.raises(Conflict, match="nothing_to_add"):
        again(session, bus.record_id, overlapping=True)
    session.rollback()
    assert record(session, bus.record_id) == ("c", "overlap", 0, 0, 0)
    assert balances(session, account_id) == (487, 487)
    assert_clean(session)


def test_a_replaced_trip_comes_back_beside_the_one_in_its_place(
    session: Session, account_id: int
) -> None:
    weak = tell(session, "weak", "bike_ride", "10", "B", NOON)
    tell(session, "strong", "bike_ride", "8", "A", NOON)
    assert record(session, weak.record_id) == ("r", "overlap", 0, 0, 0)
    added = again(session, weak.record_id, overlapping=False)
    assert (added.grams, added.credits) == (487, 487)
    assert record(session, weak.record_id) == ("c", "ok", 10_000, 487, 487)
    # 8 km x 48.7 g = 389.6 g, rounded down, and the 487 g.
    assert balances(session, account_id) == (876, 876)
    assert_clean(session)


def test_a_capped_trip_gets_what_the_cap_has_left_now(session: Session, account_id: int) -> None:
    tell(session, "first", "bike_ride", "18", "B", NOON)
    capped = tell(session, "second", "bike_ride", "10", "A", NOON + 3 * HOUR)
    # 20 km a day: 2 are left, 97.4 g.
    assert record(session, capped.record_id) == ("c", "capped", 2000, 97, 97)
    tell(session, "better", "bike_ride", "5", "A", NOON)  # Takes the place of the 18 km.
    added = again(session, capped.record_id, overlapping=True)
    # 15 km are left now: all ten count, 487 g, of which 97 were booked before.
    assert (added.grams, added.credits) == (390, 390)
    assert record(session, capped.record_id) == ("c", "ok", 10_000, 487, 487)
    # 5 km x 48.7 g = 243.5 g, rounded down, and the 487 g.
    assert balances(session, account_id) == (730, 730)
    assert_clean(session)


@pytest.mark.usefixtures("account_id")
def test_the_cap_is_the_same_for_everybody(session: Session) -> None:
    tell(session, "first", "bike_ride", "18", "B", NOON)
    capped = tell(session, "second", "bike_ride", "10", "A", NOON + 3 * HOUR)
    with pytest.raises(Conflict, match="nothing_to_add"):
        again(session, capped.record_id, overlapping=False)


def test_counting_again_twice_adds_once(session: Session, account_id: int) -> None:
    tell(session, "bike", "bike_ride", "10", "A", NOON)
    bus = tell(session, "bus", "bus_trip", "5", "B", NOON + HOUR / 2)
    again(session, bus.record_id, overlapping=False)
    session.commit()
    with pytest.raises(Conflict, match="nothing_to_add"):
        again(session, bus.record_id, overlapping=False)
    session.rollback()
    assert balances(session, account_id) == (747, 747)
    assert_clean(session)


def test_a_declined_record_is_counted_after_all(session: Session, account_id: int) -> None:
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bike_ride")).one()
    behavior.stopped_at = NOON
    session.flush()
    held = tell(session, "bike", "bike_ride", "10", "A", NOON)
    assert held.record_id is not None
    decline_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    added = again(session, held.record_id, overlapping=True)
    assert (added.grams, added.credits) == (487, 487)
    assert record(session, held.record_id) == ("c", "ok", 10_000, 487, 487)
    assert balances(session, account_id) == (487, 487)
    assert_clean(session)


@pytest.mark.usefixtures("account_id")
def test_a_record_that_is_not_there(session: Session) -> None:
    with pytest.raises(NotFound, match="unknown_record"):
        again(session, 999_999, overlapping=True)
