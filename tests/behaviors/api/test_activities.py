"""POST /api/v1/activities: every item answered, nothing counted twice, nothing half done."""

import gzip
import json
import sqlite3
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, func, select

from behaviors.api import activities, transactions
from behaviors.intake.door import take_items
from behaviors.models import ActivityRecord, Channel, IntakeBatch, IntakeConflict
from carbonaccount.accounts.models import Account
from carbonaccount.errors import InsufficientBalance
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Transfer, Unit
from tests.behaviors.api.conftest import (
    ACTIVITIES,
    Partner,
    add_partner,
    bind_account,
    body_of,
    item,
    row_counts,
)

STATUSES = ("accepted", "duplicate", "rejected", "conflict", "held")


def adds_up(answer: dict[str, Any]) -> bool:
    return sum(answer[status] for status in STATUSES) == len(answer["items"]) and all(
        answer[status] == sum(one["status"] == status for one in answer["items"])
        for status in STATUSES
    )


def grams_of(session: Session, account: Account) -> int:
    session.rollback()
    balance = session.exec(
        select(col(LedgerAccount.balance)).where(
            col(LedgerAccount.owner_id) == account.id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.G,
        )
    ).first()
    session.rollback()
    return balance or 0


def test_a_ride_is_booked(partner: Partner, rider: Account, session: Session) -> None:
    response = partner.send(item("ride-1"))
    assert response.status_code == 200, response.text
    # 3 km x 0.0487 kg/km = 0.1461 kg
    assert body_of(response) == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "conflict": 0,
        "held": 0,
        "items": [
            {
                "event_id": "ride-1",
                "status": "accepted",
                "code": "ok",
                "reduction_g": 146,
                "credits": 146,
            }
        ],
    }
    assert grams_of(session, rider) == 146
    batch = session.exec(select(IntakeBatch)).one()
    assert (batch.channel, batch.accepted) == (Channel.API, 1)


def test_good_items_are_taken_beside_bad_ones(
    partner: Partner, rider: Account, session: Session
) -> None:
    response = partner.send(
        item("ok"),
        item("negative", activity={"distance_km": -3}),
        item("word", activity={"distance_km": "ten"}),
        item("nan", activity={"distance_km": "NaN"}),
        item("empty", activity={}),
        item("stranger", subject="nobody"),
        item("flight", behavior="flying"),
        item("bus", behavior="bus_trip"),
        item("when", occurred_at="2026-03-01 08:30"),
        item("later", occurred_at="2999-01-01T00:00:00Z"),
        item("grade", evidence="E"),
        item("misspelt", end_at="2026-03-01T09:00:00+08:00"),
        "not an object",  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        {},
    )
    assert response.status_code == 200
    answer = body_of(response)
    assert adds_up(answer)
    assert (answer["accepted"], answer["rejected"]) == (1, 14)
    named = {one["event_id"]: one for one in answer["items"] if one["event_id"]}
    assert "detail" not in named["ok"]
    assert named["misspelt"]["code"] == "unknown_field"
    assert named["misspelt"]["detail"] == "end_at"
    assert named["nan"]["detail"] == "distance_km"
    codes = {event_id: one["code"] for event_id, one in named.items()}
    assert codes["ok"] == "ok"
    assert codes["stranger"] == "unknown_subject"
    assert codes["flight"] == "unknown_behavior"
    assert codes["bus"] == "behavior_not_allowed"
    assert codes["when"] == "time_format"
    assert codes["later"] == "in_future"
    assert codes["grade"] == "evidence_unknown"
    assert codes["word"] == codes["nan"] == "not_a_number"
    assert [one["code"] for one in answer["items"][-3:-1]] == ["not_an_object"] * 2
    assert grams_of(session, rider) == 146


def test_a_batch_of_10_000_is_answered_one_by_one(partner: Partner, session: Session) -> None:
    subjects = [f"rider-{number}" for number in range(500)]
    for subject in subjects:
        bind_account(session, partner.code, subject)
    session.commit()
    # 20 rides each on 20 days, 1 km = 48 g (0.0487 kg rounded down).
    items = [
        item(
            f"ride-{number}",
            subject=subjects[number % 500],
            occurred_at=f"2026-03-{1 + number // 500:02d}T08:00:00+08:00",
            activity={"distance_km": "1"},
        )
        for number in range(10_000)
    ]
    first = partner.send(*items)
    assert first.status_code == 200, first.text[:500]
    assert body_of(first)["accepted"] == 10_000
    assert [one["event_id"] for one in body_of(first)["items"]] == [
        one["event_id"] for one in items
    ]
    assert all(one["reduction_g"] == 48 for one in body_of(first)["items"])
    assert adds_up(body_of(first))

    records, transfers = _booked(session)
    assert (records, transfers) == (10_000, 20_000)
    again = partner.send(*items)
    assert body_of(again)["duplicate"] == 10_000
    assert adds_up(body_of(again))
    assert _booked(session) == (records, transfers)

    body = json.dumps({"items": items}).encode()
    before = row_counts(session)
    forged = body.replace(b'"distance_km": "1"', b'"distance_km": "2"', 1)
    assert len(forged) == len(body)
    response = partner.client.post(
        ACTIVITIES,
        data=forged,
        content_type="application/json",
        headers=partner.headers("POST", ACTIVITIES, body),
    )
    assert response.status_code == 401
    assert row_counts(session) == before


def _booked(session: Session) -> tuple[int, int]:
    session.rollback()
    counted = (
        session.exec(select(func.count()).select_from(ActivityRecord)).one(),
        session.exec(select(func.count()).select_from(Transfer)).one(),
    )
    session.rollback()
    return counted


def test_a_changed_amount_is_a_conflict_kept_apart(
    partner: Partner, rider: Account, session: Session
) -> None:
    partner.send(item("ride-1"))
    booked = _booked(session)
    changed = item("ride-1", activity={"distance_km": "3.5"})
    answer = body_of(partner.send(changed, item("ride-2", occurred_at="2026-03-02T08:00:00+08:00")))
    assert adds_up(answer)
    assert [one["status"] for one in answer["items"]] == ["conflict", "accepted"]
    assert (answer["items"][0]["reduction_g"], answer["items"][0]["credits"]) == (0, 0)
    assert body_of(partner.send(item("ride-1")))["duplicate"] == 1
    # ride-2 alone was added: one record, grams and credits.
    assert _booked(session) == (booked[0] + 1, booked[1] + 2)
    assert grams_of(session, rider) == 146 + 146
    kept = session.exec(select(IntakeConflict)).one()
    assert kept.event_id == "ride-1"
    assert "3.5" in kept.activity


@pytest.mark.usefixtures("rider")
def test_gzip_is_signed_as_sent(partner: Partner) -> None:
    packed = gzip.compress(json.dumps({"items": [item("ride-1")]}).encode())
    response = partner.post(ACTIVITIES, packed, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 200, response.text
    assert body_of(response)["accepted"] == 1


NO_BATCHES: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 400, "malformed_body"),
    (b"", {}, 400, "malformed_body"),
    (b'{"items": [NaN]}', {}, 400, "malformed_body"),
    (b'{"items": [1e400]}', {}, 400, "malformed_body"),
    (b'{"items": ["\\ud800"]}', {}, 400, "malformed_body"),
    (b'{"items": ["\xff"]}', {}, 400, "malformed_body"),
    (b'{"items":' + b"[" * 4000 + b"]" * 4000 + b"}", {}, 400, "malformed_body"),
    (b"[]", {}, 422, "invalid_content"),
    (b"null", {}, 422, "invalid_content"),
    (b"{}", {}, 422, "invalid_content"),
    (b'{"items": []}', {}, 422, "invalid_content"),
    (b'{"items": {}}', {}, 422, "invalid_content"),
    (b'{"items": [1], "more": 1}', {}, 422, "invalid_content"),
    (b'{"items": [' + b"1," * 10_000 + b"1]}", {}, 413, "too_many_items"),
    (b" " * (8 * 1024 * 1024 + 1), {}, 413, "body_too_large"),
    (b"not gzip", {"Content-Encoding": "gzip"}, 400, "malformed_gzip"),
    (gzip.compress(b"{}", mtime=0)[:-4], {"Content-Encoding": "gzip"}, 400, "malformed_gzip"),
    (gzip.compress(b"{}", mtime=0) + b"x", {"Content-Encoding": "gzip"}, 400, "malformed_gzip"),
    (gzip.compress(b"", mtime=0) * 1000, {"Content-Encoding": "gzip"}, 400, "malformed_gzip"),
    (b"{}", {"Content-Encoding": "br"}, 415, "content_encoding"),
    (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "content_encoding"),
    (b"items=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "content_type"),
]


@pytest.mark.usefixtures("rider")
def test_what_is_no_batch_is_refused_whole(
    partner: Partner, counts: Callable[[], dict[str, int]]
) -> None:
    before = counts()
    for body, headers, status, code in NO_BATCHES:
        response = partner.client.post(
            ACTIVITIES,
            data=body,
            headers={
                "Content-Type": "application/json",
                **partner.headers("POST", ACTIVITIES, body),
                **headers,
            },
        )
        assert (response.status_code, body_of(response)["code"]) == (status, code), body[:40]
    assert counts() == before


@pytest.mark.usefixtures("rider")
def test_a_gzip_bomb_is_not_unpacked(partner: Partner) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    assert len(bomb) < 125_000
    tracemalloc.start()
    response = partner.post(ACTIVITIES, bomb, headers={"Content-Encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 413
    assert peak < 40 * 1024 * 1024


@pytest.mark.usefixtures("rider")
def test_a_partner_sends_for_its_own_customers_only(app: Flask, session: Session) -> None:
    other = add_partner(app, "other-bikes")
    answer = body_of(other.send(item("ride-1")))
    assert answer["items"][0]["code"] == "unknown_subject"


def test_an_unlucky_batch_is_taken_again(
    partner: Partner, rider: Account, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [race("unique"), race("busy")]

    def unlucky(session: Session, **rest: Any) -> Any:
        result = take_items(session, **rest)
        if failures:
            raise failures.pop()
        return result

    monkeypatch.setattr(activities, "take_items", unlucky)
    response = partner.send(item("ride-1"))
    assert response.status_code == 200
    assert body_of(response)["accepted"] == 1
    assert grams_of(session, rider) == 146


def test_a_batch_that_stays_unlucky_may_be_sent_again(
    partner: Partner, rider: Account, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"items": [item("ride-1")]}).encode()
    headers = partner.headers("POST", ACTIVITIES, body)
    attempts = []

    def unlucky(*_args: object, **_rest: object) -> None:
        attempts.append(1)
        raise race("unique")

    before = row_counts(session)
    with monkeypatch.context() as patch:
        patch.setattr(activities, "take_items", unlucky)
        response = partner.client.post(
            ACTIVITIES, data=body, headers=headers, content_type="application/json"
        )
    assert (response.status_code, len(attempts)) == (503, transactions.ATTEMPTS)
    assert int(response.headers["Retry-After"]) > 0
    assert row_counts(session) == before
    # Nothing was kept, not even the nonce.
    response = partner.client.post(
        ACTIVITIES, data=body, headers=headers, content_type="application/json"
    )
    assert body_of(response)["accepted"] == 1
    assert grams_of(session, rider) == 146


def race(kind: str) -> Exception:
    """The errors of two writers in each other's way, as the drivers raise them."""
    error = sqlite3.IntegrityError("UNIQUE constraint failed")
    error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_UNIQUE
    if kind == "unique":
        return IntegrityError("insert", {}, error)
    locked = sqlite3.OperationalError("database is locked")
    locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("begin", {}, locked)


def test_what_counts_as_a_race() -> None:
    broken = sqlite3.IntegrityError("CHECK constraint failed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_CHECK
    assert transactions.is_race(race("unique"))
    assert transactions.is_race(race("busy"))
    assert transactions.is_race(psycopg.errors.SerializationFailure())
    assert transactions.is_race(psycopg.errors.DeadlockDetected())
    assert transactions.is_race(IntegrityError("insert", {}, psycopg.errors.UniqueViolation()))
    assert transactions.is_race(InsufficientBalance())
    assert not transactions.is_race(IntegrityError("insert", {}, broken))
    assert not transactions.is_race(psycopg.errors.CheckViolation())
    assert not transactions.is_race(ValueError())
