"""Signed requests: good once, for 300 seconds, and only exactly as they were signed."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlmodel import Session, select

from behaviors import jobs, source_keys
from behaviors.models import SourceKey, SourceNonce
from carbonaccount.accounts.models import Account
from carbonaccount.app import create_app
from carbonaccount.audit import SYSTEM
from carbonaccount.config import Settings
from tests.behaviors.api.conftest import ACTIVITIES, Partner, item, source_of

BATCH = json.dumps({"items": [item("ride-1")]}).encode()


def post(
    partner: Partner, headers: dict[str, str], body: bytes = BATCH, to: str = ACTIVITIES
) -> int:
    response = partner.client.post(to, data=body, headers=headers, content_type="application/json")
    return response.status_code


@pytest.mark.usefixtures("rider")
def test_a_good_signature_is_taken(partner: Partner) -> None:
    assert post(partner, partner.headers("POST", ACTIVITIES, BATCH)) == 200


@pytest.mark.usefixtures("rider")
def test_the_query_is_signed_too(partner: Partner) -> None:
    with_query = f"{ACTIVITIES}?run=7"
    assert post(partner, partner.headers("POST", ACTIVITIES, BATCH), to=with_query) == 401
    assert post(partner, partner.headers("POST", with_query, BATCH), to=with_query) == 200


@pytest.mark.usefixtures("rider")
def test_one_changed_byte_anywhere_stores_nothing(
    partner: Partner, counts: Callable[[], dict[str, int]]
) -> None:
    before = counts()
    headers = partner.headers("POST", ACTIVITIES, BATCH)
    for place in range(0, len(BATCH), 7):
        changed = BATCH[:place] + bytes([BATCH[place] ^ 1]) + BATCH[place + 1 :]
        assert post(partner, headers, changed) == 401
    assert counts() == before
    # The nonce was not used up by the forgeries.
    assert post(partner, headers) == 200


WRONG_HEADERS = [
    ("X-Key-Id", "k_00000000000000000000"),
    ("X-Key-Id", ""),
    ("X-Key-Id", "k\u00e9"),
    ("X-Timestamp", "now"),
    ("X-Timestamp", "99999999999"),
    ("X-Timestamp", "-1"),
    ("X-Timestamp", ""),
    ("X-Nonce", ""),
    ("X-Nonce", "n" * 65),
    ("X-Nonce", "another"),
    ("X-Signature", ""),
    ("X-Signature", "0" * 64),
    ("X-Signature", "\u00e9" * 64),
]


@pytest.mark.usefixtures("rider")
def test_every_cause_gets_the_same_answer(
    partner: Partner, counts: Callable[[], dict[str, int]]
) -> None:
    before = counts()
    usual = partner.client.post(ACTIVITIES, data=BATCH, content_type="application/json")
    for name, value in WRONG_HEADERS:
        headers = {**partner.headers("POST", ACTIVITIES, BATCH), name: value}
        response = partner.client.post(
            ACTIVITIES, data=BATCH, headers=headers, content_type="application/json"
        )
        assert response.status_code == usual.status_code == 401, (name, value)
        assert response.data == usual.data
        assert "WWW-Authenticate" in response.headers
    assert counts() == before


@pytest.mark.usefixtures("rider")
def test_an_upper_case_signature_is_refused(partner: Partner) -> None:
    headers = partner.headers("POST", ACTIVITIES, BATCH)
    headers["X-Signature"] = headers["X-Signature"].upper()
    assert post(partner, headers) == 401


@pytest.mark.usefixtures("rider")
def test_the_window_is_300_seconds(partner: Partner) -> None:
    signed_at = int(time.time())
    for shift_s, status in ((299, 200), (-299, 200), (301, 401), (-301, 401)):
        headers = partner.headers("POST", ACTIVITIES, BATCH, timestamp=signed_at)
        moment = datetime.fromtimestamp(signed_at, UTC) + timedelta(seconds=shift_s)
        with time_machine.travel(moment, tick=False):
            assert post(partner, headers) == status, shift_s


@pytest.mark.usefixtures("rider")
def test_a_replay_is_refused_after_a_restart_too(
    partner: Partner, settings: Settings, counts: Callable[[], dict[str, int]]
) -> None:
    headers = partner.headers("POST", ACTIVITIES, BATCH)
    assert post(partner, headers) == 200
    before = counts()
    assert post(partner, headers) == 401
    restarted = create_app(settings)
    partner.client = restarted.test_client()
    assert post(partner, headers) == 401
    restarted.extensions["carbonaccount.engine"].dispose()
    assert counts() == before


@pytest.mark.usefixtures("rider")
def test_of_20_at_once_exactly_one_is_taken(partner: Partner, app: Flask) -> None:
    headers = partner.headers("POST", ACTIVITIES, BATCH)
    start, statuses = threading.Barrier(20), []

    def send() -> None:
        client = app.test_client()
        start.wait()
        response = client.post(
            ACTIVITIES, data=BATCH, headers=headers, content_type="application/json"
        )
        statuses.append(response.status_code)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 19


@pytest.mark.usefixtures("rider")
def test_a_key_that_was_rotated_lives_on_for_the_overlap(
    partner: Partner, app: Flask, session: Session
) -> None:
    now = datetime.now(UTC)
    new = source_keys.rotate_key(
        session,
        vault=app.extensions["carbonaccount.vault"],
        source=source_of(session, partner.code),
        acting_user=SYSTEM,
        now=now,
    )
    session.commit()
    assert new.secret is not None
    renewed = Partner(partner.code, new.key_id, new.secret, partner.client)
    for days, old_status in ((0, 200), (6.99, 200), (7.01, 401)):
        with time_machine.travel(now + timedelta(days=days), tick=False):
            assert post(partner, partner.headers("POST", ACTIVITIES, BATCH)) == old_status
            assert post(renewed, renewed.headers("POST", ACTIVITIES, BATCH)) == 200


@pytest.mark.usefixtures("rider")
def test_a_revoked_key_is_useless_at_once(partner: Partner, session: Session) -> None:
    assert post(partner, partner.headers("POST", ACTIVITIES, BATCH)) == 200
    source_keys.revoke_key(
        session, key_id=partner.key_id, acting_user=SYSTEM, now=datetime.now(UTC)
    )
    session.commit()
    assert post(partner, partner.headers("POST", ACTIVITIES, BATCH)) == 401


@pytest.mark.usefixtures("rider")
def test_a_source_that_is_switched_off_may_not_send(partner: Partner, session: Session) -> None:
    source = source_of(session, partner.code)
    source.active = False
    session.add(source)
    session.commit()
    assert post(partner, partner.headers("POST", ACTIVITIES, BATCH)) == 401


def test_ed25519(partner: Partner, rider: Account, app: Flask, session: Session) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = source_keys.add_key(
        session,
        vault=app.extensions["carbonaccount.vault"],
        source=source_of(session, partner.code),
        algorithm="ed25519",
        public_key=base64.b64encode(public).decode(),
        acting_user=SYSTEM,
        now=datetime.now(UTC),
    )
    session.commit()
    assert key.secret is None
    # The digest of the body is worked out by the helper, only the last step differs.
    headers = partner.headers("POST", ACTIVITIES, BATCH) | {"X-Key-Id": key.key_id}
    message = "\n".join(
        [
            "POST",
            ACTIVITIES,
            headers["X-Timestamp"],
            headers["X-Nonce"],
            hashlib.sha256(BATCH).hexdigest(),
            "",
        ]
    )
    assert post(partner, headers) == 401
    headers["X-Signature"] = base64.b64encode(private.sign(message.encode())).decode()
    assert post(partner, headers) == 200
    assert post(partner, headers) == 401


def test_secrets_are_stored_sealed(partner: Partner, session: Session) -> None:
    key = session.get_one(SourceKey, partner.key_id)
    assert partner.secret.encode() not in key.material
    assert key.last_used_at is None


@pytest.mark.usefixtures("rider")
def test_old_nonces_are_forgotten(partner: Partner, session: Session) -> None:
    post(partner, partner.headers("POST", ACTIVITIES, BATCH))
    now = datetime.now(UTC)
    assert jobs.forget_signing_traces(session, period=now.date(), now=now) == "nonces=0 codes=0"
    later = now + timedelta(hours=2)
    assert jobs.forget_signing_traces(session, period=now.date(), now=later) == "nonces=1 codes=0"
    assert session.exec(select(SourceNonce)).all() == []
