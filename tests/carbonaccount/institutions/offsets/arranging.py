"""Institutions with lots, papers and shares, for the tests of offsets and statements."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.accounts.staff import add_staff
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.database import open_session
from carbonaccount.errors import DomainError
from carbonaccount.institutions import credits, inventory, inventory_lines, lots, offset_files
from carbonaccount.institutions.inventory_entries import Entry
from carbonaccount.institutions.inventory_models import Basis
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.ledger.verify import verify_everything
from tests.people import DANA_PASSWORD

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def school(session: Session, name: str = "任城第一小学") -> Institution:
    """Open an active institution with a carbon account."""
    account = open_account(session, kind=AccountKind.INSTITUTION, district_code=None, now=NOW)
    place = Institution(
        public_id=f"PLACE{account.stored_id:011d}",
        account_id=account.stored_id,
        kind="school",
        name_zh=name,
        name_en="First School",
        status="active",
        applied_by=account.stored_id,
        applied_at=NOW,
    )
    session.add(place)
    session.flush()
    return place


def seat(session: Session, place: Institution, account_id: int, held: Seat) -> None:
    """Give a person a seat."""
    session.add(
        InstitutionPerson(
            institution_id=place.stored_id, account_id=account_id, seat=held.value, joined_at=NOW
        )
    )
    session.flush()


def officer(app: Flask, session: Session) -> Actor:
    """Add the city's officer for institutions."""
    added = add_staff(
        session,
        login="olga",
        display_name="Olga",
        password=DANA_PASSWORD,
        roles=frozenset({Role.INSTITUTION_OFFICER}),
        vault=app.extensions["carbonaccount.vault"],
        acting_user=SYSTEM,
        now=NOW,
    )
    return Actor("staff", "olga", added.staff.stored_id)


def paper(text: str = "paper") -> offset_files.Paper:
    """Return a PDF of its own."""
    return offset_files.checked(PDF.replace(b"<<>>", f"<</T({text})>>".encode()))


def bought(
    session: Session, place_id: int, first: str, last: str, registry: str = "ccer", **changes: Any
) -> OffsetLot:
    """Bring in bought numbers of May 2025."""
    values: dict[str, Any] = {"produced_on": date(2025, 5, 1), "title": "", **changes}
    return credits.bring_in(
        session,
        institution_id=place_id,
        bought=credits.Bought(registry, first, last, **values),
        paper=paper(),
        acting_user=SYSTEM,
        now=NOW,
    )


def issued(session: Session, place_id: int, kind: LotKind, grams: int, **more: Any) -> OffsetLot:
    """Add a lot of the city's own numbers whose grams are new to the books."""
    return lots.add(
        session,
        institution_id=place_id,
        new=lots.NewLot(kind=kind, vintage=2025, amount_g=grams, **more),
        grams_from=lots.ISSUED,
        acting_user=SYSTEM,
        now=NOW,
    )


def books(session: Session, owner_id: int, kind: LedgerKind) -> int:
    """Return the grams that an owner's account of a kind holds."""
    total = session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(col(LedgerAccount.balance)), 0)).where(
            col(LedgerAccount.owner_id) == owner_id,
            col(LedgerAccount.kind) == kind,
            col(LedgerAccount.unit) == Unit.G,
        )
    ).scalar_one()
    return int(total)


def broken(session: Session) -> dict[str, int]:
    """Return the promises that do not hold; empty is good."""
    return {code: count for code, _, count in verify_everything(session) if count}


def outcome(engine: Engine, work: Callable[[Session], object]) -> str:
    """Do something in a transaction of its own; returns "done" or the code of the refusal."""
    with open_session(engine) as session:
        try:
            work(session)
            session.commit()
        except DomainError as error:
            session.rollback()
            return error.code
        return "done"


def person_at(session: Session, place: Institution, held: Seat) -> Actor:
    """Open a person with a seat; returns them as the one who acts."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    seat(session, place, account.stored_id, held)
    return Actor("resident", account.public_id, account.stored_id)


def locked_year(
    session: Session, place: Institution, owner: Actor, clerk: Actor, year: int = 2025
) -> None:
    """Lock a year of 1,000 l of petrol, 8,000 net kWh and 100 GJ of heat."""
    inventory.open_year(session, institution=place, year=year, acting_user=clerk, now=NOW)
    at_work = inventory.at_work(session, institution_id=place.stored_id, year=year)
    for entry in (
        Entry(0, "fuel.petrol", "1000", "L"),
        Entry(0, "grid.shandong", "10000", "kWh", green_power="2000", basis=Basis.ESTIMATED),
        Entry(0, "heat.purchased", "100", "GJ", basis=Basis.COMPUTED),
        Entry(0, "water.supply", "10", "m3"),
    ):
        inventory_lines.add_line(
            session, inventory=at_work, entry=entry, acting_user=clerk, now=NOW
        )
    inventory.submit(session, inventory=at_work, acting_user=clerk, now=NOW)
    inventory.lock(session, inventory=at_work, acting_user=owner, now=NOW)
    session.flush()
