"""Units never stand in a circle, whoever answers first; broken promises are counted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account, resident_actor
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import Conflict
from carbonaccount.institutions import units
from carbonaccount.institutions.core_invariants import INSTITUTIONS
from carbonaccount.institutions.models import Institution, InstitutionMember
from carbonaccount.ledger.verify import verify
from tests.carbonaccount.institutions.places import CODE_X, CODE_Y, add_officer, admitted
from tests.people import writing


def broken(session: Session) -> dict[str, int]:
    """Return the promises of this room that do not hold."""
    found = verify(session, extra=INSTITUTIONS)
    return {code: count for code, _sentence, count in found if count and code.startswith("U")}


@pytest.fixture
def owner(session: Session) -> Actor:
    """A resident who owns both."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
    return resident_actor(account)


@pytest.fixture
def pair(app: Flask, session: Session, owner: Actor) -> tuple[Institution, Institution]:
    """Two institutions without a relation."""
    officer = add_officer(app, session)
    one = admitted(session, applicant=owner, officer=officer, credit_code=CODE_X)
    two = admitted(session, applicant=owner, officer=officer, credit_code=CODE_Y)
    session.commit()
    return one, two


def agree(app: Flask, gate: Barrier, owner: Actor, parent_id: int, wish: int) -> str:
    """Confirm a wish at the same moment as somebody else; returns why it was refused."""
    gate.wait()
    with writing(app) as session:
        try:
            units.answer(
                session,
                parent=session.get_one(Institution, parent_id),
                belonging_id=wish,
                agreed=True,
                acting_user=owner,
                now=utc_now(),
            )
        except Conflict as error:
            return error.code
        session.commit()
    return ""


def test_two_units_that_agree_at_once_do_not_stand_in_a_circle(
    app: Flask, session: Session, owner: Actor, pair: tuple[Institution, Institution]
) -> None:
    one, two = pair
    for _round in range(3):
        wishes = [
            units.ask(
                session, child=child, written=parent.public_id, acting_user=owner, now=utc_now()
            ).id
            for child, parent in ((one, two), (two, one))
        ]
        session.commit()
        gate = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            asked = ((two.stored_id, wishes[0] or 0), (one.stored_id, wishes[1] or 0))
            refused = list(pool.map(partial(agree, app, gate, owner), *zip(*asked, strict=True)))
        assert sorted(refused) == ["", "belonging_circle"]
        session.expire_all()
        assert broken(session) == {}
        for wish in wishes:
            units.end(
                session, institution=one, belonging_id=wish or 0, acting_user=owner, now=utc_now()
            )
        session.commit()
        session.expire_all()


def test_what_is_broken_by_hand_is_counted(
    session: Session, owner: Actor, pair: tuple[Institution, Institution]
) -> None:
    one, two = pair
    assert broken(session) == {}
    today = business_day(utc_now())
    for first in (today - timedelta(days=3), today - timedelta(days=2)):
        session.add(
            InstitutionMember(
                institution_id=one.stored_id,
                account_id=owner.id or 0,
                first_day=first,
                last_day=today if first == today - timedelta(days=3) else None,
                consented_at=utc_now(),
            )
        )
    session.flush()
    session.execute(
        sa.text("UPDATE institution SET parent_id = CASE id WHEN :a THEN :b ELSE :a END"),
        {"a": one.stored_id, "b": two.stored_id},
    )
    session.execute(sa.text("UPDATE institution_person SET seat = 'clerk'"))
    # Two circles and two parents who never agreed; two without an owner; one overlap, one without
    # consent.
    assert broken(session) == {"U1": 4, "U2": 2, "U3": 2}
