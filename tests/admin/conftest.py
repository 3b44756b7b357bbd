"""Staff at the panel, a source whose subjects are bound, and files in the API's columns."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlmodel import col, select
from werkzeug.test import TestResponse

from behaviors.intake.background import UploadRunner
from behaviors.models import IntakeUpload, Source, SourceSubject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.database import open_session, reading
from tests.people import Browser, add_dana, csrf_token, writing

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
HEADER = "event_id,subject,behavior,occurred_at,evidence,distance_km"
FORM = "/admin/intake/new"


@pytest.fixture
def dana(app: Flask) -> Browser:
    """A signed-in operator."""
    browser = Browser(app)
    assert browser.sign_in_staff(add_dana(app, Role.OPERATOR).now()).status_code == 303
    return browser


@pytest.fixture
def source(app: Flask) -> Source:
    """A bus operator whose passengers p1 and p2 have accounts."""
    return add_bus_operator(app)


@pytest.fixture
def runner(app: Flask) -> Iterator[UploadRunner]:
    """What imports the uploads; nothing of it outlives the test."""
    runner: UploadRunner = app.extensions["carbonaccount.uploads"]
    yield runner
    runner.join()


def add_bus_operator(app: Flask) -> Source:
    """Admit a bus operator, and bind its passengers p1 and p2 to accounts."""
    with writing(app) as session:
        source = Source(
            code="jn_bus",
            name_zh="济宁公交",
            name_en="Jining Bus",
            behaviors=["bus_trip"],
            created_at=NOW,
        )
        session.add(source)
        session.flush()
        for name in ("p1", "p2"):
            account = Account(public_id=name, kind=AccountKind.PERSON, opened_at=NOW)
            session.add(account)
            session.flush()
            session.add(
                SourceSubject(
                    source_id=source.stored_id,
                    subject=name,
                    account_id=account.stored_id,
                    bound_at=NOW,
                )
            )
        session.commit()
    return source


def line(number: int, subject: str = "p1", km: str = "6.4") -> str:
    """Return a line of a trip."""
    day, hour = 1 + number % 19, 6 + number // 19
    return f"T-{number},{subject},bus_trip,2026-11-{day:02}T{hour:02}:05:00+08:00,A,{km}"


def csv_of(*lines: str) -> bytes:
    """Return a file in the API's columns."""
    return "\n".join([HEADER, *lines, ""]).encode()


def send(
    browser: Browser, content: bytes | None, name: str = "trips.csv", **fields: Any
) -> TestResponse:
    """Send the form of an upload."""
    data: dict[str, object] = {
        "csrf_token": csrf_token(browser.get(FORM)),
        "source": "jn_bus",
        "mapping": "auto",
        **fields,
    }
    if content is not None:
        data["file"] = (BytesIO(content), name)
    return browser.client.post(FORM, data=data)


def only_upload(app: Flask) -> IntakeUpload:
    """Return the one upload there is, without waiting for who writes."""
    with open_session(reading(app.extensions["carbonaccount.engine"])) as session:
        return session.exec(select(IntakeUpload)).one()


def upload_count(app: Flask) -> int:
    """Return how many uploads there are."""
    with writing(app) as session:
        return len(session.exec(select(col(IntakeUpload.id))).all())
