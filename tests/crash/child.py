"""A program that ingests batches and says so after each commit; made to be killed.

Started once, it imports everything and then forks a child a command, so that a kill costs
milliseconds. `run WAY FIRST` on standard input lets a child ingest batches from FIRST on, until
it is killed or has done LAST; the child writes `ack N` when batch N is committed, the parent
`pid P` before and `ended` after.
"""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.intake.door import take_items
from behaviors.intake.importing import find_source
from behaviors.models import (
    ActivityRecord,
    Behavior,
    Channel,
    RuleVersion,
    SourceSubject,
)
from carbonaccount.app import import_models
from carbonaccount.audit import SYSTEM
from carbonaccount.database import make_engine, open_session
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerAccount, Transfer, TransferKind, Unit

RIDES = 11
PEOPLE = 40
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
# An hour a ride from here on: nobody meets a cap, and thousands of batches come before NOW.
FIRST_RIDE = datetime(2011, 1, 1, tzinfo=UTC)


def batch_items(number: int) -> list[dict[str, object]]:
    """Return the items of a batch: rides of 1 km, each at an hour of its own.

    The first one is told with evidence B, and the next batch tells of it again, metered: that
    record takes the other's place, whose transfers are reversed.
    """
    rides = [_ride(number, place, f"ride-{number}-{place}") for place in range(RIDES)]
    rides[0]["evidence"] = "B"
    better = [_ride(number - 1, 0, f"better-{number - 1}")] if number else []
    return [*rides, *better]


def _ride(number: int, place: int, event_id: str) -> dict[str, object]:
    hours = number * RIDES + place
    start = FIRST_RIDE + timedelta(hours=hours)
    return {
        "event_id": event_id,
        "subject": f"rider-{hours % PEOPLE}",
        "behavior": "bike_ride",
        "occurred_at": start.isoformat(),
        "ended_at": (start + timedelta(minutes=20)).isoformat(),
        "activity": {"distance_km": "1"},
        "evidence": "A",
    }


def ingest(engine: Engine, number: int) -> None:
    """Take a batch through the door, one transaction."""
    with open_session(engine) as session:
        take_items(
            session,
            source=find_source(session, "rides"),
            channel=Channel.API,
            items=batch_items(number),
            acting_user=SYSTEM,
            now=NOW,
        )
        session.commit()


def ingest_naively(engine: Engine, number: int) -> None:
    """Look, then write, each step committed by itself: what the harness has to find out."""
    with open_session(engine) as session:
        for item in batch_items(number):
            for _step in _naive_steps(session, item):
                session.commit()


def _naive_steps(session: Session, item: dict[str, object]) -> Iterator[None]:
    """Do what an intake does without thinking of a crash; yields where it would commit."""
    seen = select(ActivityRecord).where(col(ActivityRecord.event_id) == item["event_id"])
    if session.exec(seen).first() is not None:
        return
    source = find_source(session, "rides")
    bound = session.exec(
        select(SourceSubject).where(col(SourceSubject.subject) == item["subject"])
    ).one()
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bike_ride")).one()
    rule = session.exec(
        select(RuleVersion).where(col(RuleVersion.behavior_id) == behavior.id)
    ).one()
    occurred_at = datetime.fromisoformat(str(item["occurred_at"]))
    record = ActivityRecord(
        source_id=source.stored_id,
        event_id=str(item["event_id"]),
        account_id=bound.account_id,
        behavior_id=behavior.id or 0,
        rule_version_id=rule.id or 0,
        occurred_at=occurred_at,
        business_day=occurred_at.date(),
        evidence=str(item["evidence"]),
        activity="{}",
        quantity_milli=1000,
        counted_milli=1000,
        reduction_g=48,
        credits=48,
        status="c",
        outcome="ok",
        fingerprint=0,
        batch_id=0,
        recorded_at=NOW,
    )
    session.add(record)
    yield
    yield from _naive_transfers(session, record)


def _naive_transfers(session: Session, record: ActivityRecord) -> Iterator[None]:
    for unit, vintage in ((Unit.G, 0), (Unit.CREDIT, NOW.year)):
        owners = pl.Series([record.account_id], dtype=pl.Int64)
        opened = ledger.resident_accounts(session, owner_ids=owners, unit=unit, vintage=vintage)
        account = session.get_one(LedgerAccount, opened["ledger_id"].item())
        transfer = Transfer(
            debit_id=ledger.issuance_account(session, unit=unit, vintage=vintage),
            credit_id=account.id or 0,
            amount=48,
            unit=unit,
            kind=TransferKind.EARN,
            cause=Cause.RECORD,
            cause_id=record.id or 0,
            business_day=record.business_day,
            occurred_at=record.occurred_at,
            booked_at=NOW,
        )
        session.add(transfer)
        yield
        account.balance = (account.balance or 0) + 48
        session.add(account)
        yield


WAYS = {"real": ingest, "naive": ingest_naively}


def main(url: str, last: int) -> None:
    """Serve commands until standard input ends."""
    import_models()
    for line in sys.stdin:
        _, way, first = line.split()
        begin, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(begin, 1)  # The parent names the child before the child says anything.
            engine = make_engine(url)
            for number in range(int(first), last):
                WAYS[way](engine, number)
                os.write(1, f"ack {number}\n".encode())
            os._exit(0)
        os.write(1, f"pid {pid}\n".encode())
        os.write(write, b"!")
        os.waitpid(pid, 0)
        os.close(begin)
        os.close(write)
        os.write(1, b"ended\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
