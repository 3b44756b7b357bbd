"""A partner with a key, a resident it reports for, and signing as a partner does it."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session, SQLModel
from werkzeug.test import TestResponse

from behaviors import source_keys, sources
from behaviors.models import Source, SourceSubject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.app import create_app
from carbonaccount.audit import SYSTEM
from carbonaccount.database import open_session
from tests.conftest import DATABASES, fresh_database, make_settings

ACTIVITIES = "/api/v1/activities"
BINDINGS = "/api/v1/bindings"
# An ordinary morning; the clock of the tests does not matter to it.
MORNING = "2026-03-01T08:30:00+08:00"


def sign(
    secret: str, method: str, target: str, body: bytes, *, timestamp: str, nonce: str
) -> dict[str, str]:
    """The headers of a signed request, written down from the contract and not from the code."""
    digest = hashlib.sha256(body).hexdigest()
    message = f"{method}\n{target}\n{timestamp}\n{nonce}\n{digest}\n"
    signature = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": signature}


@dataclass
class Partner:
    """A partner's program: it knows its key, and sends to a client."""

    code: str
    key_id: str
    secret: str
    client: FlaskClient

    def headers(
        self,
        method: str,
        target: str,
        body: bytes,
        *,
        timestamp: int | None = None,
        nonce: str | None = None,
    ) -> dict[str, str]:
        """The headers for exactly this request."""
        signed = sign(
            self.secret,
            method,
            target,
            body,
            timestamp=str(int(time.time()) if timestamp is None else timestamp),
            nonce=nonce or secrets.token_hex(16),
        )
        return {"X-Key-Id": self.key_id, **signed}

    def post(
        self, target: str, content: object, *, headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Sign and send; bytes are sent as they are, everything else as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post(
            target,
            data=body,
            content_type="application/json",
            headers={**self.headers("POST", target, body), **(headers or {})},
        )

    def get(self, target: str) -> TestResponse:
        """Sign and ask."""
        return self.client.get(target, headers=self.headers("GET", target, b""))

    def send(self, *items: Mapping[str, Any]) -> TestResponse:
        """Send a batch."""
        return self.post(ACTIVITIES, {"items": items})


def item(event_id: str, **changes: Any) -> dict[str, Any]:
    """A ride of 3 km on a shared bike: 146 g (3 x 0.0487 kg = 146.1 g)."""
    return {
        "event_id": event_id,
        "subject": "rider-1",
        "behavior": "bike_ride",
        "occurred_at": MORNING,
        "activity": {"distance_km": "3"},
        "evidence": "A",
        **changes,
    }


def body_of(response: TestResponse) -> Any:
    """The JSON of an answer; a test that asks for a part which is not there fails on it."""
    return response.json


def add_partner(
    app: Flask, code: str = "bikes", behaviors: tuple[str, ...] = ("bike_ride",)
) -> Partner:
    """Admit a partner with one key."""
    now = datetime.now(UTC)
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        source = sources.add_source(
            session,
            code=code,
            name_zh="单车",
            name_en="Bikes",
            behaviors=behaviors,
            acting_user=SYSTEM,
            now=now,
        )
        key = source_keys.add_key(
            session,
            vault=app.extensions["carbonaccount.vault"],
            source=source,
            acting_user=SYSTEM,
            now=now,
        )
        session.commit()
    assert key.secret is not None
    return Partner(code, key.key_id, key.secret, app.test_client())


def bound_account(
    session: Session, source_code: str, *subjects: str, kind: AccountKind = AccountKind.PERSON
) -> Account:
    """An account to which the source's subjects are bound; committed."""
    account = bind_account(session, source_code, *subjects, kind=kind)
    session.commit()
    return account


def bind_account(
    session: Session, source_code: str, *subjects: str, kind: AccountKind = AccountKind.PERSON
) -> Account:
    """Bind the source's subjects to a new account; not committed."""
    now = datetime.now(UTC)
    source = sources.source_by_code(session, source_code)
    account = open_account(session, kind=kind, district_code=None, now=now)
    session.flush()
    for subject in subjects:
        session.add(
            SourceSubject(
                source_id=source.stored_id,
                subject=subject,
                account_id=account.stored_id,
                bound_at=now,
            )
        )
    return account


def source_of(session: Session, code: str) -> Source:
    """The source, fresh from the database."""
    return sources.source_by_code(session, code)


def row_counts(session: Session) -> dict[str, int]:
    """How many rows each table holds, as committed."""
    session.rollback()
    counts = {
        name: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for name, table in SQLModel.metadata.tables.items()
    }
    session.rollback()
    return counts


@pytest.fixture(scope="module", params=DATABASES)
def shared_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An application and its database for all tests of a module that leave no trace to another."""
    folder = tmp_path_factory.mktemp("shared")
    with fresh_database(request.param, request, folder) as url:
        app = create_app(make_settings(url, folder / "instance"))
        app.config["TESTING"] = True
        yield app
        app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def public(shared_app: Flask) -> FlaskClient:
    """A stranger's program; for tests in which nothing is stored."""
    return shared_app.test_client()


@pytest.fixture
def partner(app: Flask) -> Partner:
    """A bike operator that may report bike rides."""
    return add_partner(app)


@pytest.fixture
def rider(partner: Partner, session: Session) -> Account:
    """A resident whom the bike operator calls rider-1."""
    return bound_account(session, partner.code, "rider-1")


@pytest.fixture
def counts(session: Session) -> Callable[[], dict[str, int]]:
    """Counts the rows of every table."""
    return lambda: row_counts(session)
