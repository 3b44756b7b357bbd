"""Staff of any role at the panel, and residents whose photos they look at."""

from datetime import datetime
from pathlib import Path

from flask import Flask
from sqlmodel import Session, col, select

from behaviors.photos import photo_folder
from behaviors.services import report_act
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.behaviors.reviews.pictures import encoded, noise
from tests.people import Browser, add_dana, writing


def staff(app: Flask, *roles: Role, login: str = "rita") -> Browser:
    """Return a browser in which a member of staff is signed in."""
    browser = Browser(app)
    totp = add_dana(app, *roles, login=login)
    assert browser.sign_in_staff(totp.now(), login=login).status_code == 303
    return browser


def photo_report(
    app: Flask,
    seed: int,
    *,
    km: str = "10",
    account_id: int | None = None,
    at: datetime | None = None,
) -> int:
    """Let a resident report a bus trip of now with a photo; returns the record."""
    moment = at or utc_now()
    with writing(app) as session:
        owner = (
            account_id
            or open_account(
                session, kind=AccountKind.PERSON, district_code=None, now=moment
            ).stored_id
        )
        result = report_act(
            session,
            account_id=owner,
            behavior="bus_trip",
            activity={"distance_km": km},
            occurred_at=moment,
            photo=encoded(noise(seed)),
            photo_folder=folder(app),
            form_token=f"photo-{seed}-{owner}-{moment.timestamp()}",
            acting_user=SYSTEM,
            now=moment,
        )
        session.commit()
    assert result.record_id is not None
    return result.record_id


def folder(app: Flask) -> Path:
    """Return where the application keeps photos."""
    return photo_folder(app.extensions["carbonaccount.settings"].instance_path)


def newest_person(session: Session) -> Account:
    """Return the account that a person opened last."""
    rows = session.exec(
        select(Account)
        .where(col(Account.kind) == AccountKind.PERSON)
        .order_by(col(Account.id).desc())
    )
    return rows.first() or LookupError("nobody registered")  # type: ignore[return-value]
