"""An institution's first page: as many statements, by index, however long its members' history."""

from datetime import date, timedelta

import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.models import SourceSubject
from behaviors.telling import close_due
from carbonaccount.institutions.dashboard_facts import _FACTS
from carbonaccount.institutions.models import InstitutionMember
from tests.behaviors.intake.arranging import NOW, admit, bring
from tests.behaviors.totals.arranging import people, rides
from tests.carbonaccount.institutions.places import arranged
from tests.queries import counting

PHONES = ("13900000021", "13900000022", "13900000023")


def test_the_page_does_not_grow_with_history(app: Flask, session: Session) -> None:
    session.rollback()
    place = arranged(app, "officer", PHONES)
    source = admit(session)
    names = people(session, source, 12, "370811")
    for account_id in session.exec(
        select(col(SourceSubject.account_id)).where(col(SourceSubject.subject).in_(names))
    ).all():
        session.add(
            InstitutionMember(
                institution_id=place.row_id,
                account_id=account_id,
                first_day=date(2026, 1, 1),
                consented_at=NOW,
            )
        )
    session.flush()
    seen = []
    for first, told in ((date(2026, 1, 5), 2), (date(2026, 3, 2), 4)):
        days = [first + timedelta(days=7 * week) for week in range(4)]
        for day in days:
            bring(session, source, *rides(names, day.isoformat()))
        totals.add_up(session, now=NOW)
        close_due(session, now=NOW.replace(month=told))
        session.commit()
        with counting(app) as statements:
            assert place.owner.get(place.address).status_code == 200
        seen.append(statements)
    assert len(seen[1]) == len(seen[0]) <= 24
    assert not [text for text in seen[1] if "activity_record" in text or "_day" in text.split()]
    # Once for what it shows, once among the facts by which the page is kept.
    asked = [text for text in seen[1] if "FROM told_total" in text]
    assert len(asked) == 2
    assert "told_total" in plan(
        session,
        "SELECT * FROM told_total WHERE institution_id = 1 AND period >= '2026-01' "
        "AND period <= '2026-12'",
    )


def test_the_facts_of_the_page_are_found_by_indexes(session: Session) -> None:
    sqlite = session.get_bind().dialect.name == "sqlite"
    asked = _FACTS.format(list="group_concat" if sqlite else "string_agg")
    for name in ("since", "month", "day_before", "today", "year_ago", "public_id"):
        asked = asked.replace(f":{name}", "'2026-03-01'")
    asked = asked.replace(":account_id", "1")
    if sqlite:
        found = session.execute(sa.text(f"EXPLAIN QUERY PLAN {asked}")).all()
        steps = [row[3] for row in found if not row[3].startswith("CORRELATED")]
    else:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        found = session.execute(sa.text(f"EXPLAIN {asked}")).all()
        steps = [row[0] for row in found if " on " in row[0]]
    assert len(steps) >= 16
    wrong = ("SCAN ", "Seq Scan", "AUTOMATIC")
    assert not [step for step in steps if step.lstrip(" ->").startswith(wrong) or "AUTO" in step]


def test_a_day_is_found_by_the_index_of_days(session: Session) -> None:
    # What adding up asks of the records, and nothing else asks them.
    asked = totals._ACTS.partition("FROM (")[2].partition(") g")[0].format(days="'2026-03-02'")
    assert "ix_activity_record_business_day" in plan(session, asked)


def plan(session: Session, statement: str) -> str:
    """Return by what a statement is answered, with no table too small for an index."""
    if session.get_bind().dialect.name == "sqlite":
        found = session.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}")).all()
        return "\n".join(row[3] for row in found if "SEARCH" in row[3])
    session.execute(sa.text("SET LOCAL enable_seqscan = off"))
    found = session.execute(sa.text(f"EXPLAIN {statement}")).all()
    return "\n".join(row[0] for row in found if "Index" in row[0])
