"""A signed-in resident, Alice, and a partner that tells of her rides."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from behaviors.intake.door import ItemResult, take_items
from behaviors.models import Channel, Source
from behaviors.sources import add_source, bind_subject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.people import ALICE, Browser, writing

SUBJECT = "customer-0042"
Ride = Callable[..., ItemResult]


@pytest.fixture
def alice(app: Flask) -> Browser:
    """Alice's browser, signed in."""
    browser = Browser(app)
    browser.sign_in(ALICE)
    return browser


@pytest.fixture
def bob(app: Flask, alice: Browser) -> Browser:
    """Another resident's browser, signed in after Alice."""
    browser = Browser(app)
    browser.sign_in("13912345678")
    return browser


def newest_person(app: Flask) -> Account:
    """Return the account that a person opened last."""
    with writing(app) as session:
        return session.exec(
            select(Account)
            .where(col(Account.kind) == AccountKind.PERSON)
            .order_by(col(Account.id).desc())
        ).first() or pytest.fail("nobody registered")


@pytest.fixture
def ride(app: Flask, alice: Browser) -> Ride:
    """Let the partner tell of one of Alice's acts; returns what became of it."""
    account, now = newest_person(app), utc_now()
    with writing(app) as session:
        source = add_source(
            session,
            code="rider",
            name_zh="骑行公司",
            name_en="Rider",
            behaviors=["bike_ride", "bus_trip", "metro_trip", "ev_charging"],
            acting_user=SYSTEM,
            now=now,
        )
        bind_subject(
            session,
            source=source,
            subject=SUBJECT,
            account_public_id=account.public_id,
            acting_user=SYSTEM,
            now=now,
        )
        session.commit()
    sent = iter(range(10_000))

    def tell(
        amount: str,
        *,
        behavior: str = "bike_ride",
        field: str = "distance_km",
        at: datetime | None = None,
        ended_at: datetime | None = None,
        evidence: str = "A",
        event_id: str | None = None,
    ) -> ItemResult:
        number = next(sent)
        # Each a day before the last, so that neither caps nor overlaps meet unless a test wants it.
        begun = at or datetime(2026, 3, 1, 4, tzinfo=UTC) - timedelta(days=number)
        with writing(app) as session:
            batch = take_items(
                session,
                source=session.exec(select(Source).where(col(Source.code) == "rider")).one(),
                channel=Channel.API,
                items=[
                    {
                        "event_id": event_id or f"ride-{number}",
                        "subject": SUBJECT,
                        "behavior": behavior,
                        "occurred_at": begun.isoformat(),
                        "ended_at": ended_at and ended_at.isoformat(),
                        "activity": {field: amount},
                        "evidence": evidence,
                    }
                ],
                acting_user=SYSTEM,
                now=utc_now(),
            )
            session.commit()
        (result,) = batch.results()
        return result

    return tell
