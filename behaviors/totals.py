"""Adding the city up, a changed day at a time: the cost grows with what is new, not with history.

A change marks its days; the job works out each marked day anew from its records, which gives the
same rows however often it is done, and moves the city's totals by the difference.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from behaviors.models import ActivityRecord
from behaviors.total_models import CityTotal, DayChange, DayTotal
from carbonaccount import signals

# Days worked out in one statement; a gap of a year is a few dozen of them.
DAYS_AT_ONCE = 10

# Records that count, and what booked re-scorings changed of them, of the days asked for.
_OF_DAYS = """
    SELECT r.business_day, r.behavior_id, coalesce(a.district_code, '') AS district_code,
           r.evidence, count(*) AS records, count(DISTINCT r.account_id) AS people,
           sum(r.reduction_g) AS g, sum(r.credits) AS credits
    FROM activity_record r JOIN account a ON a.id = r.account_id
    WHERE r.business_day IN :days AND r.status = 'c' AND r.outcome <> 'overlap'
    GROUP BY r.business_day, r.behavior_id, coalesce(a.district_code, ''), r.evidence
    UNION ALL
    SELECT r.business_day, r.behavior_id, coalesce(a.district_code, ''), r.evidence, 0, 0,
           sum(j.difference_g), sum(j.difference_credits)
    FROM activity_record r JOIN account a ON a.id = r.account_id
    JOIN record_adjustment j ON j.record_id = r.id
    JOIN rescore s ON s.id = j.rescore_id AND s.status = 'booked'
    WHERE r.business_day IN :days AND r.status = 'c' AND r.outcome <> 'overlap'
    GROUP BY r.business_day, r.behavior_id, coalesce(a.district_code, ''), r.evidence
"""

_INSERT_DAYS = f"""
    INSERT INTO day_total (business_day, behavior_id, district_code, evidence, records, people,
                           reduction_g, credits)
    SELECT business_day, behavior_id, district_code, evidence, sum(records), sum(people),
           sum(g), sum(credits)
    FROM ({_OF_DAYS}) parts
    GROUP BY business_day, behavior_id, district_code, evidence
"""  # noqa: S608 - our own words

_INSERT_PEOPLE = """
    INSERT INTO group_person (behavior_id, evidence, account_id)
    SELECT DISTINCT r.behavior_id, r.evidence, r.account_id FROM activity_record r
    WHERE r.business_day IN :days AND r.status = 'c' AND r.outcome <> 'overlap'
    ON CONFLICT DO NOTHING
"""

# What each dimension calls a group, of a row of day_total (d) with its behaviour (b).
_KEYS = {
    "all": "''",
    "behavior": "b.code",
    "district": "d.district_code",
    "evidence": "d.evidence",
    "month": "substr(cast(d.business_day AS text), 1, 7)",
}
_PEOPLE = {
    "all": "SELECT '' AS key, count(DISTINCT account_id) AS people FROM group_person",
    "behavior": """SELECT b.code AS key, count(DISTINCT p.account_id) AS people
        FROM group_person p JOIN behavior b ON b.id = p.behavior_id GROUP BY b.code""",
    "district": """SELECT coalesce(a.district_code, '') AS key,
        count(DISTINCT p.account_id) AS people
        FROM group_person p JOIN account a ON a.id = p.account_id
        GROUP BY coalesce(a.district_code, '')""",
    "evidence": """SELECT evidence AS key, count(DISTINCT account_id) AS people
        FROM group_person GROUP BY evidence""",
}
_Sums = dict[tuple[str, str], tuple[int, int, int]]


def mark_days(session: Session, days: Iterable[date]) -> None:
    """Say that records of these days changed; in the transaction of the change."""
    session.add_all(DayChange(business_day=day) for day in sorted(set(days)))


@signals.on_district_changed
def mark_days_of(session: Session, *, account_id: int) -> None:
    """Let a person's records count where the person lives now: all their days change."""
    days = session.exec(
        select(col(ActivityRecord.business_day))
        .where(col(ActivityRecord.account_id) == account_id)
        .distinct()
    )
    mark_days(session, days)


def add_up(session: Session, *, now: datetime) -> int:
    """Work out the totals of all days that changed; returns how many. Does not commit.

    Doing it again changes nothing.
    """
    marked = session.exec(select(DayChange).order_by(col(DayChange.id))).all()
    days = sorted({mark.business_day for mark in marked})
    for start in range(0, len(days), DAYS_AT_ONCE):
        _add_up(session, days[start : start + DAYS_AT_ONCE], now)
    if days:
        _count_people(session)
        for month in sorted({day.isoformat()[:7] for day in days}):
            _bound_people(session, month)
    ids = [mark.id for mark in marked]
    for start in range(0, len(ids), 500):
        chosen = col(DayChange.id).in_(ids[start : start + 500])
        session.execute(sa.delete(DayChange).where(chosen))
    return len(days)


def _add_up(session: Session, days: list[date], now: datetime) -> None:
    before = _sums(session, days)
    session.execute(sa.delete(DayTotal).where(col(DayTotal.business_day).in_(days)))
    _run(session, _INSERT_DAYS, days)
    _run(session, _INSERT_PEOPLE, days)
    after = _sums(session, days)
    for group in sorted(before.keys() | after.keys()):
        old, new = before.get(group, (0, 0, 0)), after.get(group, (0, 0, 0))
        _move(session, group, [b - a for a, b in zip(old, new, strict=True)], now)


def _sums(session: Session, days: list[date]) -> _Sums:
    """Return records, grams and credits of some days by group of each dimension."""
    found: _Sums = {}
    for dimension, key in _KEYS.items():
        rows = _run(
            session,
            f"SELECT {key}, sum(d.records), sum(d.reduction_g), sum(d.credits) "  # noqa: S608
            "FROM day_total d JOIN behavior b ON b.id = d.behavior_id "
            "WHERE d.business_day IN :days GROUP BY 1",
            days,
        )
        for name, records, grams, credited in rows:
            found[dimension, name] = (int(records), int(grams), int(credited))
    return found


def _run(session: Session, statement: str, days: list[date]) -> Any:
    asked = sa.text(statement).bindparams(
        sa.bindparam("days", days, expanding=True, type_=sa.Date())
    )
    return session.execute(asked)


def _move(session: Session, group: tuple[str, str], change: list[int], now: datetime) -> None:
    """Move the total of a group; the row is opened when the group is new."""
    dimension, key = group
    row = session.get(CityTotal, group)
    if row is None:
        row = CityTotal(
            dimension=dimension,
            key=key,
            records=0,
            people=0,
            reduction_g=0,
            credits=0,
            updated_at=now,
        )
    records, grams, credited = change
    row.records += records
    row.reduction_g += grams
    row.credits += credited
    row.updated_at = now
    session.add(row)


def _count_people(session: Session) -> None:
    """Count the people of each group anew; months tell no people."""
    session.flush()  # The rows below may be new.
    for dimension, statement in _PEOPLE.items():
        counted = {key: int(people) for key, people in session.execute(sa.text(statement))}
        rows = session.exec(select(CityTotal).where(col(CityTotal.dimension) == dimension))
        for row in rows:
            row.people = counted.get(row.key, 0)


def _bound_people(session: Session, month: str) -> None:
    """Say of how many people a month tells at least: those of its fullest group of a day."""
    first = date.fromisoformat(f"{month}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    most = session.exec(
        select(func.max(col(DayTotal.people))).where(
            col(DayTotal.business_day) >= first, col(DayTotal.business_day) < after
        )
    ).one()
    row = session.get(CityTotal, ("month", month))
    if row is not None:
        row.people = most or 0
