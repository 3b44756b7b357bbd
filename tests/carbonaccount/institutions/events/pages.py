"""An institution with two owners and a clerk, and what people do on the pages of an event."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Flask
from sqlmodel import Session, col, select
from werkzeug.test import TestResponse

from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import lots
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.lots import ISSUED, NewLot
from carbonaccount.institutions.models import InstitutionPerson, Seat
from carbonaccount.institutions.offset_models import LotKind
from carbonaccount.institutions.serial_numbers import parse_serials
from tests.carbonaccount.institutions.places import Place, actor_of, arranged
from tests.people import Browser, csrf_token, writing

PHONES = ("13900000101", "13900000102", "13900000103")
HERE = "district:370811"
NAME = "任城低碳论坛"
REASON = "原因写在这里"
_ALERT = re.compile(r'message--error" role="alert"[^>]*>([^<]*)<')
_VERDICT = re.compile(r'data-verdict="([a-z]+)"')


@dataclass
class Scene:
    """The institution, and the event once it is made."""

    app: Flask
    place: Place
    event_id: str = ""

    @property
    def address(self) -> str:
        """Return the address of the event below the institution."""
        return f"{self.place.address}/events/{self.event_id}"

    def event(self) -> Event:
        """Return the event as it is stored."""
        with writing(self.app) as session:
            return session.exec(select(Event).where(col(Event.public_id) == self.event_id)).one()

    def do(self, browser: Browser, page: str, **data: str) -> TestResponse:
        """Send a form below the event, with the token of its overview."""
        token = csrf_token(browser.get("/me"))
        return browser.post_with(token, f"{self.address}/{page}", data)

    def participant(self) -> Browser:
        """Return the browser of somebody who opened the poster's address."""
        browser = Browser(self.app)
        assert browser.get(self.scan).status_code == 200
        return browser

    @property
    def scan(self) -> str:
        """Return the address on the poster."""
        return f"/e/{self.event().scan_code}"

    def say(self, browser: Browser, origin: str, mode: str, nights: str = "0") -> TestResponse:
        """Answer the three questions."""
        data = {"origin": origin, "mode": mode, "nights": nights}
        return browser.post(self.scan, data)


def arranged_scene(app: Flask) -> Scene:
    """Return an institution with an owner, and a clerk who is made the second owner."""
    place = arranged(app, "officer-e", PHONES)
    with writing(app) as session:
        third = actor_of(app, session, PHONES[2])
        row = session.get_one(InstitutionPerson, (place.row_id, third.id))
        row.seat = Seat.OWNER
        session.commit()
    return Scene(app, place)


def today() -> date:
    """Return the city's day."""
    return business_day(utc_now())


def draft(**changes: str) -> dict[str, str]:
    """Return the form of a meeting of two days that begins today."""
    return {
        "kind": "meeting",
        "name_zh": NAME,
        "name_en": "Rencheng low-carbon forum",
        "place": "文化中心",
        "district_code": "370811",
        "first_day": today().isoformat(),
        "last_day": (today() + timedelta(days=1)).isoformat(),
        "expected_people": "120",
        "open_to_public": "y",
        "daily_return": "y",
        **changes,
    }


def make(scene: Scene, **changes: str) -> None:
    """Make the event as the clerk does, write its plan and let it stand."""
    made = scene.place.clerk.post(f"{scene.place.address}/events/new", draft(**changes))
    assert made.status_code == 303, alert(made)
    scene.event_id = made.location.split("/events/")[1].split("/")[0]


def plan(scene: Scene) -> None:
    """Write the plan and let it stand."""
    clerk = scene.place.clerk
    written = scene.do(
        clerk, "plan/sources", **{"source-travel": "1", "kg-travel": "6000", "source-meals": "1"}
    )
    assert written.status_code == 303, alert(written)
    added = scene.do(
        clerk,
        "plan/measures",
        what="接驳大巴",
        source="travel",
        expected="1500.5",
        basis="少开 60 辆车",
    )
    assert added.status_code == 303, alert(added)
    assert scene.do(clerk, "begin").status_code == 303


def alert(response: TestResponse) -> str:
    """Return what a page says is wrong."""
    found = _ALERT.search(response.text)
    return found[1] if found else ""


def verdict(browser: Browser, address: str) -> str:
    """Return what the check page says."""
    found = _VERDICT.search(browser.get(address).text)
    return found[1] if found else ""


def give_lot(
    session: Session, app: Flask, place: Place, tonnes: int, prefix: str = "CCER-"
) -> None:
    """Give the institution bought tonnes with serial numbers."""
    lots.add(
        session,
        institution_id=place.row_id,
        new=NewLot(
            kind=LotKind.CCER,
            vintage=2025,
            title="示例项目",
            registry="ccer",
            serials=parse_serials(f"{prefix}0001", f"{prefix}{tonnes:04d}"),
            amount_g=tonnes * 1_000_000,
            serial_g=1_000_000,
        ),
        grams_from=ISSUED,
        acting_user=actor_of(app, session, PHONES[0]),
        now=utc_now(),
    )
