"""Columns as the databases send them are the records as they stand."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, Behavior, RecordStatus
from behaviors.preview import reading
from behaviors.preview.engine import preview
from behaviors.preview.reading import CAPPED, LOST, REPLACED, Selection, read_blocks, snapshot
from carbonaccount.accounts.roles import Role
from carbonaccount.errors import Invalid
from tests.behaviors.intake.arranging import open_person
from tests.behaviors.rules.acts import staff
from tests.behaviors.rules.drafts import bus_rule, draft

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
PERIOD = (date(2026, 2, 28), date(2026, 3, 31))


@pytest.fixture
def engine(app: Flask) -> Engine:
    """The engine of the test's database."""
    found: Engine = app.extensions["carbonaccount.engine"]
    return found


def record(number: int, behavior_id: int, **changes: Any) -> ActivityRecord:
    """A trip of 1 km; `number` is its id."""
    values: dict[str, Any] = {
        "id": number,
        "source_id": 1,
        "event_id": f"e{number}",
        "account_id": 7,
        "behavior_id": behavior_id,
        "rule_version_id": 1,
        "occurred_at": NOON,
        "business_day": date(2026, 3, 2),
        "evidence": "A",
        "activity": '{"distance_km":"1"}',
        "quantity_milli": 1000,
        "counted_milli": 1000,
        "reduction_g": 52,
        "credits": 52,
        "status": RecordStatus.COUNTED,
        "outcome": "ok",
        "fingerprint": number,
        "batch_id": 1,
        "recorded_at": NOON,
    }
    return ActivityRecord(**{**values, **changes})


@pytest.fixture
def bus_id(session: Session) -> int:
    """The behaviour's id."""
    return session.exec(select(Behavior.id).where(col(Behavior.code) == "bus_trip")).one() or 0


def read(engine: Engine, bus_id: int, *, readers: int = 2) -> list[tuple[int, ...]]:
    """Return all rows: id, account, quantity, grams, credits, day, evidence, flags."""
    with snapshot(engine, readers=readers) as sessions:
        return [
            row
            for block in read_blocks(sessions, Selection(bus_id, *PERIOD))
            for row in zip(*(column.tolist() for column in block.rows), strict=True)
        ]


def test_every_column_arrives(session: Session, engine: Engine, bus_id: int) -> None:
    session.add_all(
        [
            record(3, bus_id, business_day=PERIOD[0], evidence="D", reduction_g=0, credits=13),
            record(4, bus_id, counted_milli=400, reduction_g=20, credits=21, outcome="capped"),
            record(5, bus_id, counted_milli=0, reduction_g=0, credits=0, outcome="overlap"),
            record(6, bus_id, counted_milli=0, reduction_g=0, credits=0, status="r"),
            record(9, bus_id, business_day=PERIOD[1], evidence="B", account_id=8),
        ]
    )
    session.commit()
    assert read(engine, bus_id) == [
        (3, 7, 1000, 0, 13, 0, ord("D"), 0),
        (4, 7, 1000, 20, 21, 2, ord("A"), CAPPED),
        (5, 7, 1000, 0, 0, 2, ord("A"), LOST),
        (6, 7, 1000, 0, 0, 2, ord("A"), REPLACED),
        (9, 8, 1000, 52, 52, 31, ord("B"), 0),
    ]


def test_records_come_in_the_order_of_ids_whatever_index_is_taken(
    session: Session, engine: Engine, bus_id: int
) -> None:
    days = (date(2026, 3, 4), date(2026, 3, 3), date(2026, 3, 2))
    session.add_all(record(number, bus_id, business_day=day) for number, day in enumerate(days, 1))
    session.commit()
    assert [row[0] for row in read(engine, bus_id)] == [1, 2, 3]


def test_what_is_not_asked_for_stays(session: Session, engine: Engine, bus_id: int) -> None:
    session.add_all(
        [
            record(1, bus_id, business_day=date(2026, 2, 27)),
            record(2, bus_id, business_day=date(2026, 4, 1)),
            record(3, bus_id, status="h", counted_milli=0, reduction_g=0, credits=0),
            record(4, bus_id, status="d", counted_milli=0, reduction_g=0, credits=0),
            record(5, bus_id + 1),
        ]
    )
    session.commit()
    assert read(engine, bus_id) == []


@pytest.mark.parametrize("amount", [2**32 - 1, 2**32, 2**62])
def test_large_amounts_arrive_whole(
    session: Session, engine: Engine, bus_id: int, amount: int
) -> None:
    session.add_all(
        [record(1, bus_id), record(2, bus_id, quantity_milli=amount, counted_milli=amount)]
    )
    session.commit()
    assert [row[2] for row in read(engine, bus_id)] == [1000, amount]


@pytest.mark.parametrize("readers", [1, 2])
def test_blocks_come_in_the_order_of_ids(
    session: Session,
    engine: Engine,
    bus_id: int,
    monkeypatch: pytest.MonkeyPatch,
    readers: int,
) -> None:
    monkeypatch.setattr(reading, "BLOCK_IDS", 10)
    # A block without a record between others, and one that is cut short.
    ids = [*range(5, 31), *range(52, 77)]
    session.add_all([record(number, bus_id) for number in ids])
    session.commit()
    assert [row[0] for row in read(engine, bus_id, readers=readers)] == ids


def test_sums_beyond_64_bits_are_refused(session: Session, engine: Engine, bus_id: int) -> None:
    rule = bus_rule(session, "0.0269")
    version_id = draft(session, staff(session, "erin", Role.RULE_EDITOR), rule)
    account_id = open_person(session)
    session.add_all(
        [record(number, bus_id, credits=2**61, account_id=account_id) for number in (1, 2)]
    )
    session.commit()
    with pytest.raises(Invalid, match="preview_amounts_too_large"):
        preview(
            engine,
            behavior_id=bus_id,
            rule_version_ids=[version_id],
            first_day=PERIOD[0],
            last_day=PERIOD[1],
            today=PERIOD[1],
        )
