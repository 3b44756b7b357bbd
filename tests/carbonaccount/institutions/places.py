"""Institutions of invented people, arranged through the services that the pages use."""

from dataclasses import dataclass

from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, Resident
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import phone_index, resident_actor
from carbonaccount.accounts.staff import add_staff, staff_actor
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.clock import utc_now
from carbonaccount.institutions import applications, people
from carbonaccount.institutions.applications import ApplicationContent
from carbonaccount.institutions.models import Institution, Seat
from tests.people import DANA_PASSWORD, Browser, writing

# Published codes: the example of GB 32100-2015, and of companies' own imprints.
CODE_X = "91350100M000100Y43"
CODE_Y = "9144030071526726XG"


@dataclass(frozen=True)
class Place:
    """An institution with the browser of a person for each seat."""

    public_id: str
    row_id: int
    owner: Browser
    clerk: Browser
    reader: Browser

    @property
    def address(self) -> str:
        """Return the address below which its pages are."""
        return f"/institutions/{self.public_id}"


def signed_in(app: Flask, phone: str) -> Browser:
    """Return the browser of a resident who has just signed in."""
    browser = Browser(app)
    browser.sign_in(phone)
    return browser


def actor_of(app: Flask, session: Session, phone: str) -> Actor:
    """Return the resident with a number as the one who acts."""
    index = phone_index(app.extensions["carbonaccount.vault"], phone)
    account = session.exec(
        select(Account)
        .join(Resident, col(Resident.account_id) == col(Account.id))
        .where(col(Resident.phone_index) == index)
    ).one()
    return resident_actor(account)


def add_officer(app: Flask, session: Session, login: str = "officer") -> Actor:
    """Add a member of staff who admits institutions."""
    added = add_staff(
        session,
        login=login,
        display_name="Officer",
        password=DANA_PASSWORD,
        roles=frozenset({Role.INSTITUTION_OFFICER}),
        vault=app.extensions["carbonaccount.vault"],
        acting_user=SYSTEM,
        now=utc_now(),
    )
    return staff_actor(added.staff)


def content(**changes: object) -> ApplicationContent:
    """Return a school's application."""
    values: dict[str, object] = {
        "kind": "school",
        "name_zh": "示例学校",
        "name_en": "",
        "credit_code": CODE_X,
        "district_code": "370811",
        "floor_area_dm2": 125_050,
        "head_count": 320,
        "parent": "",
        "applicant": "张三",
        "authority": "校办主任，校发〔2026〕1 号",
    }
    return ApplicationContent(**{**values, **changes})  # type: ignore[arg-type]


def admitted(
    session: Session, *, applicant: Actor, officer: Actor, **changes: object
) -> Institution:
    """Return an active institution whose owner applied for it."""
    applied = applications.apply(
        session, content=content(**changes), acting_user=applicant, now=utc_now()
    )
    return applications.admit(
        session, public_id=applied.public_id, acting_user=officer, now=utc_now()
    )


def arranged(app: Flask, officer: str, phones: tuple[str, str, str], **changes: object) -> Place:
    """Return an institution with an owner, a clerk and a reader, who are signed in."""
    browsers = [signed_in(app, phone) for phone in phones]
    vault = app.extensions["carbonaccount.vault"]
    with writing(app) as session:
        owner, clerk, reader = (actor_of(app, session, phone) for phone in phones)
        staff = add_officer(app, session, officer)
        row = admitted(session, applicant=owner, officer=staff, **changes)
        for actor, seat in ((clerk, Seat.CLERK), (reader, Seat.READER)):
            code = people.invite(
                session, institution=row, seat=seat, vault=vault, acting_user=owner, now=utc_now()
            )
            people.take_seat(session, code=code, vault=vault, acting_user=actor, now=utc_now())
        session.commit()
        return Place(row.public_id, row.stored_id, *browsers)
