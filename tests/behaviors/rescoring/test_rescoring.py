"""Scoring past trips again: what people get and give back, worked out by hand."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from sqlmodel import Session, col, select

from behaviors import queries, rescoring
from behaviors.debts import settle_debts
from behaviors.models import ActivityRecord, Source
from behaviors.preview.engine import preview
from behaviors.rescore_books import takings
from behaviors.rule_models import Rescore, RescoreLine
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import (
    Cause,
    LedgerAccount,
    LedgerKind,
    Transfer,
    TransferKind,
    Unit,
)
from carbonaccount.messages.models import Message
from tests.behaviors.intake.arranging import admit, balance, bring, broken, item, open_person
from tests.behaviors.rules.drafts import Office, bus_rule, draft, office, scheduled

__all__ = ["office"]

MONDAY = date(2026, 3, 2)
# Wednesday of the week after; the trips came in on Tuesday.
NOW = datetime(2026, 3, 11, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Riders:
    """Alice went 10 km (520 g, 520 credits), Bob declared 10 km (0 g, 130 credits)."""

    fleet: Source
    alice: int
    bob: int


@pytest.fixture
def riders(session: Session) -> Riders:
    """Two people whom the bus company knows."""
    fleet = admit(session, "fleet")
    alice, bob = open_person(session, (fleet, "alice")), open_person(session, (fleet, "bob"))
    session.commit()
    ride(session, fleet, "a", "alice", "10")
    ride(session, fleet, "b", "bob", "10", evidence="D")
    return Riders(fleet, alice, bob)


def ride(
    session: Session, fleet: Source, event_id: str, subject: str, km: str, **changes: Any
) -> int:
    """Tell of a bus trip on Monday; returns the record's id."""
    told: dict[str, Any] = {
        "subject": subject,
        "behavior": "bus_trip",
        "activity": {"distance_km": km},
        **changes,
    }
    (result,) = bring(session, fleet, item(event_id, **told), now=NOW).results()
    return result.record_id or 0


def published(session: Session, office: Office, kg_per_km: str = "0.0269") -> int:
    """Publish a rule with other grams a kilometre, by two people."""
    version_id = scheduled(session, office, bus_rule(session, kg_per_km))
    session.commit()
    return version_id


def proposed(session: Session, office: Office, version_id: int, **changes: Any) -> Rescore:
    """Propose to score Monday again."""
    asked: dict[str, Any] = {
        "behavior": "bus_trip",
        "rule_version_id": version_id,
        "first_day": MONDAY,
        "last_day": MONDAY,
        "reason": "the fleet has been electric since January",
        "acting_user": office.erin,
        "now": NOW,
    }
    rescore = rescoring.propose(session, **{**asked, **changes})
    session.commit()
    return rescore


def decide(session: Session, verb: Any, rescore: Rescore, actor: Actor) -> Rescore:
    result: Rescore = verb(session, public_id=rescore.public_id, acting_user=actor, now=NOW)
    session.commit()
    return result


def booked(session: Session, office: Office, version_id: int) -> Rescore:
    """Propose, approve and book."""
    rescore = proposed(session, office, version_id)
    decide(session, rescoring.approve, rescore, office.anna)
    return decide(session, rescoring.book, rescore, office.erin)


def held(session: Session, account_id: int) -> tuple[int, int]:
    """Return the grams and credits of a person."""
    found = balance(session, account_id, Unit.G), balance(session, account_id, Unit.CREDIT)
    session.commit()
    return found


def owed(session: Session, account_id: int) -> tuple[int, int]:
    """Return the grams and credits that a person owes."""
    rows = session.exec(
        select(LedgerAccount)
        .where(
            col(LedgerAccount.owner_id) == account_id, col(LedgerAccount.kind) == LedgerKind.DEBT
        )
        .execution_options(populate_existing=True)
    ).all()
    session.commit()
    grams, credited = (
        sum(row.balance or 0 for row in rows if row.unit == unit) for unit in (Unit.G, Unit.CREDIT)
    )
    return grams, credited


def spend(session: Session, account_id: int, unit: Unit, amount: int) -> None:
    """Let a person spend, as redeeming does."""
    (purse,) = session.exec(
        select(col(LedgerAccount.id)).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == unit,
        )
    ).all()
    shop = ledger.ending_account(session, kind=LedgerKind.REDEEMED, unit=unit, vintage=0)
    row = {
        "debit_id": purse,
        "credit_id": shop,
        "amount": amount,
        "unit": int(unit),
        "kind": int(TransferKind.REDEEM),
        "cause": int(Cause.OPERATION),
        "cause_id": 4711 + unit,
        "revision": 0,
        "reverses_id": None,
        "business_day": MONDAY,
        "occurred_at": NOW,
    }
    ledger.post(session, postings=pl.DataFrame([row], schema=ledger.POSTING_SCHEMA), booked_at=NOW)
    session.commit()


def test_people_give_back_what_they_got_too_much(
    session: Session, office: Office, riders: Riders
) -> None:
    rescore = proposed(session, office, published(session, office))
    total: Any = rescore.difference["total"]
    # 10 km x 26.9 g = 269 g; Bob's quarter of it is 67.25 credits.
    assert (total["g_before"], total["g_after"]) == (520, 269)
    assert (total["credits_before"], total["credits_after"]) == (650, 336)
    # A proposal books nothing.
    assert (held(session, riders.alice), held(session, riders.bob)) == ((520, 520), (0, 130))
    assert broken(session) == {}
    session.commit()
    decide(session, rescoring.approve, rescore, office.anna)
    done = decide(session, rescoring.book, rescore, office.anna)
    assert (done.status, done.decided_by, done.booked_at) == ("booked", office.anna.id, NOW)
    assert (held(session, riders.alice), held(session, riders.bob)) == ((269, 269), (0, 67))
    assert owed(session, riders.alice) == owed(session, riders.bob) == (0, 0)
    assert broken(session) == {}


def test_people_get_what_they_got_too_little(
    session: Session, office: Office, riders: Riders
) -> None:
    booked(session, office, published(session, office, "0.06"))
    # 10 km x 60 g, and a quarter of it for Bob.
    assert (held(session, riders.alice), held(session, riders.bob)) == ((600, 600), (0, 150))
    assert broken(session) == {}


def test_the_record_keeps_what_it_was_scored_with(
    session: Session, office: Office, riders: Riders
) -> None:
    booked(session, office, published(session, office))
    record = session.exec(select(ActivityRecord).where(col(ActivityRecord.event_id) == "a")).one()
    assert (record.reduction_g, record.credits, record.counted_milli) == (520, 520, 10_000)
    ((adjustment, rescore, version),) = queries.adjustments_of_record(
        session, record_id=record.id or 0
    )
    assert version == 2
    assert (adjustment.g_before, adjustment.difference_g) == (520, -251)
    assert (adjustment.credits_before, adjustment.difference_credits) == (520, -251)
    assert (adjustment.counted_milli, rescore.status) == (10_000, "booked")
    # One adjusting transfer for Alice's grams, one for her credits.
    lines = session.exec(select(RescoreLine).where(RescoreLine.account_id == riders.alice)).all()
    moves = session.exec(
        select(Transfer.unit, Transfer.amount, Transfer.cause_id).where(
            col(Transfer.kind) == TransferKind.ADJUST,
            col(Transfer.cause_id).in_([line.id for line in lines]),
        )
    ).all()
    assert sorted(moves) == [(1, 251, lines[0].id), (2, 251, lines[0].id)]


def test_each_person_is_told_once(session: Session, office: Office, riders: Riders) -> None:
    rescore = booked(session, office, published(session, office))
    message = session.exec(select(Message).where(col(Message.account_id) == riders.bob)).one()
    assert (message.kind, message.cause) == ("rescore", rescore.public_id)
    assert message.params == {
        "behavior": "bus_trip",
        "name_zh": "公交出行",
        "name_en": "Bus trip",
        "first_day": "2026-03-02",
        "last_day": "2026-03-02",
        "records": 1,
        "g_before": 0,
        "g_after": 0,
        "credits_before": 130,
        "credits_after": 67,
        "debt_g": 0,
        "debt_credits": 0,
    }


def test_booking_again_changes_nothing(session: Session, office: Office, riders: Riders) -> None:
    rescore = booked(session, office, published(session, office))
    transfers = len(session.exec(select(Transfer.id)).all())
    session.commit()
    decide(session, rescoring.book, rescore, office.anna)
    assert held(session, riders.alice) == (269, 269)
    assert len(session.exec(select(Transfer.id)).all()) == transfers
    assert len(session.exec(select(Message.id)).all()) == 2


def test_what_was_spent_is_owed_and_paid_from_later_trips(
    session: Session, office: Office, riders: Riders
) -> None:
    spend(session, riders.alice, Unit.CREDIT, 400)
    spend(session, riders.alice, Unit.G, 520)
    booked(session, office, published(session, office))
    # Of 120 credits 251 should go: 120 do, 131 are owed. No grams are left to take.
    assert held(session, riders.alice) == (0, 0)
    assert owed(session, riders.alice) == (251, 131)
    assert broken(session) == {}
    session.commit()
    message = session.exec(select(Message).where(col(Message.account_id) == riders.alice)).one()
    assert (message.params["debt_g"], message.params["debt_credits"]) == (251, 131)
    session.commit()
    # 5 km under the new rule of Tuesday: 134 g and credits. All grams go, 3 credits stay.
    ride(session, riders.fleet, "c", "alice", "5", occurred_at="2026-03-09T08:00:00+08:00")
    assert settle_debts(session, now=NOW) == 2
    session.commit()
    assert held(session, riders.alice) == (0, 3)
    assert owed(session, riders.alice) == (117, 0)
    assert broken(session) == {}
    session.commit()
    assert settle_debts(session, now=NOW) == 0
    # 10 km more: 269 g, of which 117 are owed.
    ride(session, riders.fleet, "d", "alice", "10", occurred_at="2026-03-10T08:00:00+08:00")
    assert settle_debts(session, now=NOW) == 1
    session.commit()
    assert held(session, riders.alice) == (152, 272)
    assert owed(session, riders.alice) == (0, 0)
    assert broken(session) == {}


def test_the_oldest_credits_are_taken_first() -> None:
    wanted = pl.DataFrame({"cause_id": [7, 8], "account_id": [1, 2], "amount": [150, 10]})
    purses = pl.DataFrame(
        {
            "account_id": [1, 1, 1, 2],
            "ledger_id": [11, 12, 13, 21],
            "vintage": [2024, 2025, 2026, 2026],
            "balance": [100, 40, 90, 4],
        }
    )
    taken = takings(wanted, purses)
    rows = taken.select("cause_id", "ledger_id", "amount", "revision").rows()
    assert rows == [(7, 11, 100, 0), (7, 12, 40, 1), (7, 13, 10, 2), (8, 21, 4, 0)]


def test_a_second_re_scoring_starts_from_the_first(
    session: Session, office: Office, riders: Riders
) -> None:
    booked(session, office, published(session, office))
    again = booked(session, office, published(session, office, "0.03"))
    total: Any = again.difference["total"]
    assert (total["g_before"], total["g_after"]) == (269, 300)
    assert (held(session, riders.alice), held(session, riders.bob)) == ((300, 300), (0, 75))
    assert broken(session) == {}


def test_a_preview_starts_from_what_people_hold_now(
    session: Session, office: Office, riders: Riders
) -> None:
    rescore = booked(session, office, published(session, office))
    version_id = draft(session, office.erin, bus_rule(session, "0.06"))
    session.commit()
    result: Any = preview(
        session.get_bind(),  # type: ignore[arg-type]
        behavior_id=rescore.behavior_id,
        rule_version_ids=[version_id],
        first_day=MONDAY,
        last_day=MONDAY,
        today=MONDAY,
    )
    total = result["versions"][str(version_id)]["total"]
    assert (total["g_before"], total["g_after"]) == (269, 600)


def test_a_record_that_was_scored_again_keeps_its_place(
    session: Session, office: Office, riders: Riders
) -> None:
    weak = ride(session, riders.fleet, "w", "bob", "4", evidence="B", **at(12))
    booked(session, office, published(session, office))
    strong = ride(session, riders.fleet, "s", "bob", "5", evidence="A", **at(12))
    rows = [session.get_one(ActivityRecord, number) for number in (weak, strong)]
    assert [(row.status, row.outcome) for row in rows] == [("c", "ok"), ("c", "overlap")]
    session.commit()
    assert broken(session) == {}


def at(hour: int) -> dict[str, str]:
    """A trip of half an hour on Monday."""
    return {
        "occurred_at": f"2026-03-02T{hour:02}:00:00+08:00",
        "ended_at": f"2026-03-02T{hour:02}:30:00+08:00",
    }


def test_what_changed_since_is_not_booked(session: Session, office: Office, riders: Riders) -> None:
    ride(session, riders.fleet, "w", "bob", "4", evidence="B", **at(12))
    rescore = proposed(session, office, published(session, office))
    decide(session, rescoring.approve, rescore, office.anna)
    ride(session, riders.fleet, "s", "bob", "5", evidence="A", **at(12))
    with pytest.raises(Conflict, match="rescore_outdated"):
        rescoring.book(session, public_id=rescore.public_id, acting_user=office.anna, now=NOW)
    session.rollback()
    decide(session, rescoring.withdraw, rescore, office.erin)
    # 520 of Alice, 130 of Bob's first trip and 260 of the better one: nothing was booked.
    assert (held(session, riders.alice), held(session, riders.bob)) == ((520, 520), (260, 390))
    assert broken(session) == {}


def test_nobody_approves_what_they_proposed(
    session: Session, office: Office, riders: Riders
) -> None:
    version_id = published(session, office)
    rescore = proposed(session, office, version_id, acting_user=office.both)
    for verb, actor, error in (
        (rescoring.approve, office.both, "own_rescore"),
        (rescoring.approve, office.erin, "role_missing"),
        (rescoring.book, Actor("resident", "x", riders.alice), "role_missing"),
    ):
        with pytest.raises(Refused, match=error):
            verb(session, public_id=rescore.public_id, acting_user=actor, now=NOW)
        session.rollback()
    with pytest.raises(Conflict, match="rescore_not_in_state"):
        rescoring.book(session, public_id=rescore.public_id, acting_user=office.erin, now=NOW)
    session.rollback()
    refused = rescoring.refuse(
        session, public_id=rescore.public_id, reason="too late", acting_user=office.anna, now=NOW
    )
    assert refused.status == "refused"
    session.commit()
    assert held(session, riders.alice) == (520, 520)


def test_what_cannot_be_proposed(session: Session, office: Office, riders: Riders) -> None:
    version_id = published(session, office)
    unpublished = draft(session, office.erin, bus_rule(session, "0.03"))
    session.commit()
    day = date(2026, 3, 1)
    for changes, error, code in (
        ({"last_day": date(2026, 3, 11)}, Invalid, "rescore_days"),
        ({"first_day": date(2026, 3, 3)}, Invalid, "rescore_days"),
        ({"reason": " "}, Invalid, "reason_needed"),
        ({"behavior": "metro_trip"}, NotFound, "unknown_rule_version"),
        ({"rule_version_id": unpublished}, Conflict, "rescore_unpublished"),
        ({"first_day": day, "last_day": day}, Conflict, "rescore_changes_nothing"),
        ({"acting_user": office.anna}, Refused, "role_missing"),
    ):
        with pytest.raises(error, match=code):
            proposed(session, office, version_id, **changes)
        session.rollback()
    proposed(session, office, version_id)
    with pytest.raises(Conflict, match="rescore_open"):
        proposed(session, office, version_id)
    session.rollback()
