"""What members of an institution came to, worked out by hand, and who learns of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.models import SourceSubject
from behaviors.telling import close_due
from behaviors.total_models import DayChange, InstitutionDay
from carbonaccount import signals
from carbonaccount.institutions.member_totals import MemberGroup, member_totals
from carbonaccount.institutions.models import InstitutionMember
from tests.behaviors.intake.arranging import NOW, admit, bring, broken, item
from tests.behaviors.totals.arranging import open_institution, people, rides

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
# The first moment of 8 April in the city.
CLOSING = datetime(2026, 4, 7, 16, tzinfo=UTC)


def account_of(session: Session, name: str) -> int:
    return session.exec(
        select(col(SourceSubject.account_id)).where(col(SourceSubject.subject) == name)
    ).one()


def join(session: Session, institution_id: int, names: list[str], first: date) -> None:
    for name in names:
        session.add(
            InstitutionMember(
                institution_id=institution_id,
                account_id=account_of(session, name),
                first_day=first,
                consented_at=NOW,
            )
        )
    session.flush()


def days_of(session: Session, institution_id: int) -> list[tuple[str, int, int, int]]:
    rows = session.exec(
        select(InstitutionDay)
        .where(col(InstitutionDay.institution_id) == institution_id)
        .order_by(col(InstitutionDay.business_day))
        .execution_options(populate_existing=True)
    )
    return [(r.business_day.isoformat(), r.records, r.people, r.reduction_g) for r in rows]


def test_members_count_from_their_first_day_to_their_last(session: Session) -> None:
    source = admit(session)
    names = people(session, source, 12, "370811")
    ours, other = open_institution(session), open_institution(session, "另一机关")
    join(session, ours, names[:11], date(2026, 3, 2))
    join(session, other, names[11:], date(2026, 3, 2))
    for day in ("2026-02-28", "2026-03-02", "2026-03-05"):
        bring(session, source, *rides(names, day))
    totals.add_up(session, now=NOW)
    # Before the first day nobody counts; then 11 x 146 g = 1606 g a day.
    assert days_of(session, ours) == [("2026-03-02", 11, 11, 1606), ("2026-03-05", 11, 11, 1606)]
    # Parts 1 to 7 and 8 to 14 March, 15 to 21 and the rest: told when each is over for a week.
    assert [part.code for part in close_due(session, now=CLOSING - timedelta(days=1))] == [
        "2026-03/1",
        "2026-03/2",
        "2026-03/3",
    ]
    assert member_totals(session, institution_id=ours, first=MARCH[0], last=MARCH[1]).withheld
    assert [part.code for part in close_due(session, now=CLOSING)] == ["2026-03/4"]
    assert close_due(session, now=CLOSING) == []
    found = member_totals(session, institution_id=ours, first=MARCH[0], last=MARCH[1])
    assert (found.people, found.records, found.reduction_g) == (11, 22, 3212)
    assert (found.withheld, found.partly) == (False, False)
    assert found.by_month == (MemberGroup("2026-03", {}, 11, 22, 3212, withheld=False),)
    names_of_ride = {"zh": "共享单车骑行", "en": "Shared-bike ride"}
    assert found.by_behavior == (
        MemberGroup("bike_ride", names_of_ride, None, 22, 3212, withheld=False),
    )
    # One person is too few: of the other institution nothing is told at all.
    alone = member_totals(session, institution_id=other, first=MARCH[0], last=MARCH[1])
    assert (alone.withheld, alone.people, alone.reduction_g) == (True, None, None)
    assert "146" not in str(alone)
    assert broken(session) == {}

    # Somebody leaves after the 2nd and comes back on the 2nd of a later record: counted once.
    leaver = account_of(session, names[0])
    row = session.exec(
        select(InstitutionMember).where(col(InstitutionMember.account_id) == leaver)
    ).one()
    row.last_day = date(2026, 3, 2)
    signals.membership_changed(
        session, account_id=leaver, first_day=date(2026, 3, 2), last_day=date(2026, 3, 10)
    )
    marked = session.exec(select(DayChange).order_by(col(DayChange.business_day))).all()
    assert [mark.business_day.isoformat() for mark in marked] == ["2026-03-02", "2026-03-05"]
    join(session, ours, names[:1], date(2026, 3, 2))
    session.execute(
        sa.update(InstitutionMember)
        .where(
            col(InstitutionMember.last_day).is_(None), col(InstitutionMember.account_id) == leaver
        )
        .values(last_day=date(2026, 3, 3))
    )
    totals.add_up(session, now=NOW)
    assert days_of(session, ours) == [("2026-03-02", 11, 11, 1606), ("2026-03-05", 10, 10, 1460)]
    # A late record of a member reaches its day.
    late = item("late", subject=names[1], occurred_at="2026-03-02T10:00:00+08:00")
    bring(session, source, late)
    totals.add_up(session, now=NOW)
    assert days_of(session, ours)[0] == ("2026-03-02", 12, 11, 1752)
    # What was told stays: neither who left nor what came late can be read out of a change.
    close_due(session, now=CLOSING)
    assert found == member_totals(session, institution_id=ours, first=MARCH[0], last=MARCH[1])
    assert broken(session) == {}
    for change in ("UPDATE told_total SET people = 12", "DELETE FROM part_closed"):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(sa.text(change))
    session.execute(sa.text("UPDATE institution_day SET reduction_g = reduction_g + 1"))
    assert broken(session) == {"T5": 4, "T6": 4}


def test_what_few_did_is_not_told_by_what_many_did(session: Session) -> None:
    source = admit(session)
    names = people(session, source, 14, "370811")
    ours = open_institution(session)
    join(session, ours, names, date(2026, 1, 1))
    bring(session, source, *rides(names))
    bring(session, source, *(bus(name) for name in names[:3]))
    # In February only nine acted.
    bring(session, source, *rides(names[:9], "2026-02-02"))
    totals.add_up(session, now=NOW)
    close_due(session, now=CLOSING)
    found = member_totals(session, institution_id=ours, first=date(2026, 2, 1), last=MARCH[1])
    assert [(group.key, group.withheld) for group in found.by_month] == [
        ("2026-02", True),
        ("2026-03", False),
    ]
    # The rides of 14 are told. Beside them the whole month would tell the bus trips of three, so
    # it is the rides alone: 14 x 146 g.
    assert {group.key: group.withheld for group in found.by_behavior} == {
        "bike_ride": False,
        "bus_trip": True,
    }
    assert (found.records, found.reduction_g, found.partly) == (14, 2044, True)


def bus(name: str) -> dict[str, object]:
    return item(
        f"bus-{name}",
        subject=name,
        behavior="bus_trip",
        activity={"distance_km": "2"},
        occurred_at="2026-03-03T18:00:00+08:00",
    )


def test_only_whole_months_are_told(session: Session) -> None:
    for first, last in ((MARCH[0], MARCH[1] - timedelta(days=1)), (date(2026, 3, 2), MARCH[1])):
        with pytest.raises(ValueError, match="whole months"):
            member_totals(session, institution_id=1, first=first, last=last)
