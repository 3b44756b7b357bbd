"""Seats: invited once, never without an owner, whatever two people do at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account, resident_actor
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.institutions import people, seats
from carbonaccount.institutions.models import Institution, Seat
from tests.carbonaccount.institutions.places import add_officer, admitted
from tests.people import writing


@pytest.fixture
def owner(session: Session) -> Actor:
    """A resident who applied for the school."""
    return resident(session)


@pytest.fixture
def school(app: Flask, session: Session, owner: Actor) -> Institution:
    """An admitted school."""
    officer = add_officer(app, session)
    school = admitted(session, applicant=owner, officer=officer)
    session.commit()
    return school


def resident(session: Session) -> Actor:
    """Return a new resident."""
    return resident_actor(
        open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
    )


def seat(app: Flask, session: Session, school: Institution, by: Actor, wanted: Seat) -> Actor:
    """Return a new resident with a seat."""
    actor, vault = resident(session), app.extensions["carbonaccount.vault"]
    code = people.invite(
        session, institution=school, seat=wanted, vault=vault, acting_user=by, now=utc_now()
    )
    people.take_seat(session, code=code, vault=vault, acting_user=actor, now=utc_now())
    session.commit()
    return actor


def together(*acts: Callable[[], None]) -> list[DomainError | None]:
    """Do things at the same moment; returns what was refused of each."""
    gate = Barrier(len(acts))

    def do(act: Callable[[], None]) -> DomainError | None:
        gate.wait()
        try:
            act()
        except DomainError as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def test_an_invitation_is_good_once_for_a_day(
    app: Flask, session: Session, school: Institution, owner: Actor
) -> None:
    vault, now = app.extensions["carbonaccount.vault"], utc_now()
    code = people.invite(
        session, institution=school, seat="clerk", vault=vault, acting_user=owner, now=now
    )
    late = people.invite(
        session, institution=school, seat="owner", vault=vault, acting_user=owner, now=now
    )
    session.commit()
    clerk, other = resident(session), resident(session)
    session.commit()
    # Typed as people type: small letters, blanks, O for 0.
    typed = f" {code[:4].lower()} {code[4:].replace('0', 'o')} "

    def take(actor: Actor) -> Callable[[], None]:
        def act() -> None:
            with writing(app) as own:
                people.take_seat(own, code=typed, vault=vault, acting_user=actor, now=now)
                own.commit()

        return act

    refused = together(take(clerk), take(other))
    assert sorted(str(error and error.code) for error in refused) == ["None", "seat_invitation_bad"]
    with pytest.raises(Invalid, match="seat_invitation_bad"):
        people.take_seat(
            session, code=late, vault=vault, acting_user=other, now=now + timedelta(days=1)
        )
    with pytest.raises(Invalid, match="unknown_seat"):
        people.invite(
            session, institution=school, seat="king", vault=vault, acting_user=owner, now=now
        )


def test_a_lower_invitation_takes_nothing_away_and_removing_works_at_once(
    app: Flask, session: Session, school: Institution, owner: Actor
) -> None:
    vault, now = app.extensions["carbonaccount.vault"], utc_now()
    code = people.invite(
        session, institution=school, seat="reader", vault=vault, acting_user=owner, now=now
    )
    people.take_seat(session, code=code, vault=vault, acting_user=owner, now=now)
    assert people.people_of(session, institution_id=school.stored_id)[0].seat == Seat.OWNER
    clerk = seat(app, session, school, owner, Seat.CLERK)
    people.remove(
        session, institution=school, person_public_id=clerk.ref, acting_user=owner, now=now
    )
    with pytest.raises(NotFound, match="unknown_institution"):
        seats.seated(session, public_id=school.public_id, account_id=clerk.id or 0)
    with pytest.raises(NotFound, match="unknown_person"):
        people.remove(
            session, institution=school, person_public_id=clerk.ref, acting_user=owner, now=now
        )


def test_two_owners_who_leave_at_once_leave_one(
    app: Flask, session: Session, school: Institution, owner: Actor
) -> None:
    for _round in range(5):
        second = seat(app, session, school, owner, Seat.OWNER)

        def away(actor: Actor, demote: bool) -> Callable[[], None]:
            def act() -> None:
                with writing(app) as own:
                    institution = own.get_one(Institution, school.id)
                    needs: Any = {
                        "institution": institution,
                        "person_public_id": actor.ref,
                        "acting_user": actor,
                        "now": utc_now(),
                    }
                    if demote:
                        people.change_seat(own, seat="reader", **needs)
                    else:
                        people.remove(own, **needs)
                    own.commit()

            return act

        refused = together(away(owner, demote=True), away(second, demote=False))
        assert [error.code for error in refused if error] == ["last_institution_owner"]
        session.rollback()
        left = people.people_of(session, institution_id=school.stored_id)
        assert [person.seat for person in left].count(Seat.OWNER) == 1
        session.rollback()
        owner = owner if refused[0] else second
    with pytest.raises(Conflict, match="last_institution_owner"):
        people.remove(
            session,
            institution=school,
            person_public_id=owner.ref,
            acting_user=owner,
            now=utc_now(),
        )
