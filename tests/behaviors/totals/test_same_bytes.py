"""The totals are the same bytes however often, in whatever pieces, they are worked out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.models import SourceSubject
from behaviors.total_models import DayChange, DayTotal
from carbonaccount.database import open_session
from carbonaccount.institutions.models import InstitutionMember
from tests.behaviors.intake.arranging import NOW, admit, bring, broken
from tests.behaviors.totals.arranging import correct, open_institution, people, rides

TABLES = (
    "active_member",
    "city_total",
    "day_change",
    "day_total",
    "group_person",
    "institution_day",
    "institution_month",
    "month_person",
)
LATER = NOW.replace(month=4)


class PowerCut(Exception):
    """What ends the work at a statement."""


def dump(session: Session) -> str:
    """Return everything that stands in the tables of totals, row by row."""
    lines = []
    for table in TABLES:
        rows = session.execute(sa.text(f"SELECT * FROM {table}"))
        lines += sorted(f"{table} {tuple(row)}" for row in rows)
    return "\n".join(lines)


@pytest.fixture
def city(session: Session) -> Session:
    """Twelve people here, three elsewhere, an institution with eleven of them, and a correction."""
    source = admit(session)
    near, far = people(session, source, 12, "370811"), people(session, source, 3, None)
    institution = open_institution(session)
    accounts = [
        session.exec(
            select(col(SourceSubject.account_id)).where(col(SourceSubject.subject) == name)
        ).one()
        for name in near[:11]
    ]
    for account_id in accounts:
        join(session, institution, account_id, date(2026, 3, 1))
    bring(session, source, *rides(near), *rides(far), *rides(near[:4], "2026-02-27"))
    correct(session, date(2026, 3, 2), difference_g=-100)
    session.commit()
    return session


def join(session: Session, institution_id: int, account_id: int, first: date) -> InstitutionMember:
    member = InstitutionMember(
        institution_id=institution_id, account_id=account_id, first_day=first, consented_at=NOW
    )
    session.add(member)
    session.flush()
    return member


def test_worked_out_again_and_from_nothing(city: Session) -> None:
    totals.add_up(city, now=NOW)
    city.commit()
    before = dump(city)
    assert "institution_month (1, '2026-03', 0, 11, 11, 1506, 1606)" in before
    days = city.exec(select(col(DayTotal.business_day)).distinct()).all()
    assert len(days) == 2
    totals.mark_days(city, days)
    assert totals.add_up(city, now=LATER) == 2
    city.commit()
    assert dump(city) == before
    assert broken(city) == {}
    for table in TABLES:
        city.execute(sa.text(f"DELETE FROM {table}"))
    city.expire_all()
    # One day after the other comes to the same as both at once.
    for day in days:
        totals.mark_days(city, [day])
        totals.add_up(city, now=NOW)
    assert dump(city) == before


@contextmanager
def cut_off(engine: Engine, after: int) -> Iterator[list[str]]:
    """Let so many statements pass while the block runs, and end the work at the next."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if len(sent) == after:
            raise PowerCut
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_cut_off_at_any_statement(city: Session, app: Flask) -> None:
    engine = app.extensions["carbonaccount.engine"]
    before = dump(city)
    city.commit()
    with cut_off(engine, after=10_000) as sent:
        totals.add_up(city, now=NOW)
    whole = dump(city)
    assert whole != before
    city.rollback()
    assert len(sent) > 40
    for number in range(len(sent)):
        with cut_off(engine, number), pytest.raises(PowerCut):
            totals.add_up(city, now=NOW)
        city.rollback()
    # Nothing of what was cut off is left, and the work is still to be done.
    assert dump(city) == before
    totals.add_up(city, now=NOW)
    city.commit()
    assert dump(city) == whole


def test_two_at_the_same_time_wait_for_each_other(city: Session, app: Flask) -> None:
    days = city.exec(select(col(DayChange.business_day)).distinct()).all()
    city.exec(sa.delete(DayChange))
    totals.mark_days(city, days[:1])
    city.commit()
    assert totals.add_up(city, now=NOW) == 1
    city.flush()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_add_up_another, app, days[1])
        # The other cannot be done before this one is.
        with pytest.raises(TimeoutError):
            other.result(timeout=0.3)
        city.commit()
        assert other.result(timeout=60) == 1
    assert broken(city) == {}


def _add_up_another(app: Flask, day: date) -> int:
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        totals.mark_days(session, [day])
        done = totals.add_up(session, now=NOW)
        session.commit()
        return done
