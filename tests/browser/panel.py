"""A site with people who work with rules, a history of bus trips, and a clock that can be moved."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlmodel import Session
from werkzeug.serving import make_server

from behaviors.intake.door import take_items
from behaviors.models import Channel, Source
from behaviors.sources import add_source, bind_subject
from carbonaccount import clock
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.browser.conftest import Visit, new_visit
from tests.people import DANA_PASSWORD, add_dana, writing


class MovedClock(datetime):
    """A clock that goes ahead of the real one by `ahead`."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """Return the moved present."""
        return datetime.now(tz) + cls.ahead


@dataclass
class Panel:
    """A running site and the secrets of its staff."""

    app: Flask
    address: str
    totps: dict[str, pyotp.TOTP]
    # A code is good once, so a person signs in once and keeps the cookie.
    cookies: dict[str, list[Any]] = field(default_factory=dict)

    def employ(self, login: str, *roles: Role) -> None:
        """Add a member of staff."""
        self.totps[login] = add_dana(self.app, *roles, login=login)

    def sign_in(self, visit: Visit, login: str) -> None:
        """Sign a member of staff in with the code of the site's own time."""
        visit.open("/staff/sign-in")
        visit.page.fill("#login", login)
        visit.page.fill("#password", DANA_PASSWORD)
        visit.page.fill("#totp", self.totps[login].at(utc_now()))
        visit.page.click("main button[type=submit]")
        visit.page.wait_for_url(lambda url: "/staff/sign-in" not in url)

    def visit(self, chromium: Browser, login: str, size: dict[str, int], locale: str) -> Visit:
        """Open a window in which a member of staff is signed in."""
        visit = new_visit(chromium, self.address, size, locale)
        if login in self.cookies:
            visit.context.add_cookies(self.cookies[login])
        else:
            self.sign_in(visit, login)
            self.cookies[login] = visit.context.cookies()
        return visit


@contextmanager
def running(app: Flask) -> Iterator[Panel]:
    """Serve an application from a thread."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Panel(app, f"http://127.0.0.1:{server.server_port}", {})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ride_the_bus(app: Flask, kilometres: dict[str, str]) -> None:
    """Let a bus operator tell of one metered trip of each passenger, two days ago."""
    moment = (utc_now() - timedelta(days=2)).astimezone(UTC)
    with writing(app) as session:
        source = _operator(session)
        for subject in kilometres:
            account = open_account(
                session, kind=AccountKind.PERSON, district_code="370811", now=moment
            )
            bind_subject(
                session,
                source=source,
                subject=subject,
                account_public_id=account.public_id,
                acting_user=SYSTEM,
                now=moment,
            )
        batch = take_items(
            session,
            source=source,
            channel=Channel.FILE,
            items=[
                {
                    "event_id": f"trip-{subject}",
                    "subject": subject,
                    "behavior": "bus_trip",
                    "occurred_at": moment.isoformat(timespec="seconds"),
                    "activity": {"distance_km": distance_km},
                    "evidence": "A",
                }
                for subject, distance_km in kilometres.items()
            ],
            acting_user=SYSTEM,
            now=utc_now(),
        )
        assert batch.accepted == len(kilometres), batch.results()
        session.commit()


def _operator(session: Session) -> Source:
    return add_source(
        session,
        code="city-bus",
        name_zh="公交公司",
        name_en="City bus",
        behaviors=["bus_trip"],
        acting_user=SYSTEM,
        now=utc_now(),
    )


@pytest.fixture
def moved_clock(monkeypatch: pytest.MonkeyPatch) -> type[MovedClock]:
    """The site's clock, to be moved by setting `ahead`."""
    monkeypatch.setattr(MovedClock, "ahead", timedelta())
    monkeypatch.setattr(clock, "datetime", MovedClock)
    return MovedClock
