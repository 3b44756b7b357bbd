"""Adding the city up, a changed day at a time: the cost grows with what is new, not with history.

A change marks its days; the job works out each marked day anew from its records, which gives the
same rows however often it is done, and moves the totals of the city and of institutions by the
difference.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import total_members, total_people
from behaviors.city_rules import Key, mark_withheld
from behaviors.models import ActivityRecord
from behaviors.rule_models import Rescore
from behaviors.total_members import month_of
from behaviors.total_models import CityTotal, DayChange, DayTotal
from behaviors.total_people import Groups
from carbonaccount import signals
from carbonaccount.database import is_sqlite

# Days worked out in one statement; a gap of a year is a few dozen of them.
DAYS_AT_ONCE = 10
# What PostgreSQL may take for each sort or hash table of the work.
SORTING_MB = 128
_BOOKED = "booked"

# What counts of the days asked for: one row a day, person, behaviour and evidence grade. Built
# once, the only statement that reads the records; everything else is worked out from it.
_ACTS = """
    CREATE TEMPORARY TABLE counted_act AS
    SELECT g.business_day, g.account_id, g.behavior_id, g.evidence,
           coalesce(a.district_code, '') AS district_code, g.records, g.grams, g.credits
    FROM (SELECT business_day, account_id, behavior_id, evidence, count(*) AS records,
                 CAST(sum(reduction_g) AS BIGINT) AS grams,
                 CAST(sum(credits) AS BIGINT) AS credits
          FROM activity_record
          WHERE business_day IN ({days}) AND status = 'c' AND outcome <> 'overlap'
          GROUP BY business_day, account_id, behavior_id, evidence) g
    JOIN account a ON a.id = g.account_id
"""

# What booked re-scorings changed of them; such rows hold no records.
_CORRECTIONS = """
    INSERT INTO counted_act
    SELECT r.business_day, r.account_id, r.behavior_id, r.evidence,
           coalesce(a.district_code, ''), 0, sum(j.difference_g), sum(j.difference_credits)
    FROM activity_record r
    JOIN record_adjustment j ON j.record_id = r.id
    JOIN rescore s ON s.id = j.rescore_id AND s.status = 'booked'
    JOIN account a ON a.id = r.account_id
    WHERE r.business_day IN ({days}) AND r.status = 'c' AND r.outcome <> 'overlap'
    GROUP BY r.business_day, r.account_id, r.behavior_id, r.evidence,
             coalesce(a.district_code, '')
"""

_DAYS = """
    INSERT INTO day_total (business_day, behavior_id, district_code, evidence, records, people,
                           reduction_g, credits)
    SELECT business_day, behavior_id, district_code, evidence, sum(records),
           sum(CASE WHEN records > 0 THEN 1 ELSE 0 END), sum(grams), sum(credits)
    FROM counted_act
    GROUP BY business_day, behavior_id, district_code, evidence
"""

# What each dimension calls a group, of a row of day_total (d) with its behaviour (b).
_YEAR = "substr(cast(d.business_day AS text), 1, 4)"
_KEYS = {
    "all": "''",
    "behavior": "b.code",
    "district": "d.district_code",
    "evidence": "d.evidence",
    "month": "substr(cast(d.business_day AS text), 1, 7)",
    "year": _YEAR,
    "year_district": f"{_YEAR} || '/' || d.district_code",
}


class _Amounts(NamedTuple):
    records: int = 0
    reduction_g: int = 0
    credits: int = 0


_Sums = dict[Key, _Amounts]


def mark_days(session: Session, days: Iterable[date]) -> None:
    """Say that records of these days changed; in the transaction of the change."""
    session.add_all(DayChange(business_day=day) for day in sorted(set(days)))


@signals.on_district_changed
def mark_days_of(session: Session, *, account_id: int) -> None:
    """Let a person's records count where the person lives now: all their days change."""
    for day in _days_of(session, account_id):
        session.add(DayChange(business_day=day, account_id=account_id))


@signals.on_membership_changed
def mark_days_of_member(
    session: Session, *, account_id: int, first_day: date, last_day: date
) -> None:
    """Let a member's records count with their institutions as they do now."""
    days = _days_of(session, account_id)
    mark_days(session, [day for day in days if first_day <= day <= last_day])


def _days_of(session: Session, account_id: int) -> list[date]:
    return list(
        session.exec(
            select(col(ActivityRecord.business_day))
            .where(col(ActivityRecord.account_id) == account_id)
            .distinct()
            .order_by(col(ActivityRecord.business_day))
        )
    )


def add_up(session: Session, *, now: datetime) -> int:
    """Work out the totals of all days that changed; returns how many. Does not commit.

    Doing it again changes nothing.
    """
    if not is_sqlite(session):
        # One at a time, as everything on SQLite: totals are moved from what they are.
        session.execute(sa.text("LOCK TABLE city_total IN SHARE ROW EXCLUSIVE MODE"))
        # A day of a city fits; with the usual 4 MB it would be sorted on disk.
        session.execute(sa.text(f"SET LOCAL work_mem = '{SORTING_MB}MB'"))
    marked = session.exec(select(DayChange).order_by(col(DayChange.id))).all()
    days = sorted({mark.business_day for mark in marked})
    if not days:
        return 0
    totals = {(row.dimension, row.key): row for row in session.exec(select(CityTotal))}
    moved = {mark.account_id for mark in marked if mark.account_id is not None}
    people = total_people.move(session, moved)
    for some in _portions(days):
        change = _add_up(session, some, people)
        _apply(session, totals, change, people, now)
        people = Groups()
    mark_withheld(totals)
    ids = [mark.id for mark in marked]
    for start in range(0, len(ids), 500):
        chosen = col(DayChange.id).in_(ids[start : start + 500])
        session.execute(sa.delete(DayChange).where(chosen))
    session.flush()
    return len(days)


def _portions(days: list[date]) -> Iterator[list[date]]:
    """Divide days into some that are worked out together, all of one month."""
    for _, of_month in groupby(days, key=lambda day: (day.year, day.month)):
        some = list(of_month)
        for start in range(0, len(some), DAYS_AT_ONCE):
            yield some[start : start + DAYS_AT_ONCE]


def _add_up(session: Session, days: list[date], people: Groups) -> _Sums:
    """Work out some days; `people` gets who is new, and what the sums move by is returned."""
    before = _sums(session, days)
    with _acts(session, days):
        session.execute(sa.delete(DayTotal).where(col(DayTotal.business_day).in_(days)))
        session.execute(sa.text(_DAYS))
        people.update(total_people.count_new(session, month=month_of(days[0])))
        total_members.add_up(session, days)
    after = _sums(session, days)
    nothing = _Amounts()
    return {
        group: _Amounts(
            *(
                new - old
                for old, new in zip(
                    before.get(group, nothing), after.get(group, nothing), strict=True
                )
            )
        )
        for group in before.keys() | after.keys()
    }


@contextmanager
def _acts(session: Session, days: list[date]) -> Iterator[None]:
    """Keep what counts of some days at hand while the block runs."""
    listed = ", ".join(f"'{day.isoformat()}'" for day in days)
    session.execute(sa.text("DROP TABLE IF EXISTS counted_act"))
    session.execute(sa.text(_ACTS.format(days=listed)))
    corrected = select(col(Rescore.id)).where(
        col(Rescore.status) == _BOOKED,
        col(Rescore.first_day) <= days[-1],
        col(Rescore.last_day) >= days[0],
    )
    if session.exec(corrected.limit(1)).first() is not None:
        session.execute(sa.text(_CORRECTIONS.format(days=listed)))
    yield
    session.execute(sa.text("DROP TABLE counted_act"))


def _sums(session: Session, days: list[date]) -> _Sums:
    """Return records, grams and credits of some days by group of each dimension."""
    found: _Sums = {}
    for dimension, key in _KEYS.items():
        statement = sa.text(
            f"SELECT {key}, sum(d.records), sum(d.reduction_g), sum(d.credits) "  # noqa: S608
            "FROM day_total d JOIN behavior b ON b.id = d.behavior_id "
            "WHERE d.business_day IN :days GROUP BY 1"
        ).bindparams(sa.bindparam("days", days, expanding=True, type_=sa.Date()))
        for name, records, grams, credited in session.execute(statement):
            found[dimension, name] = _Amounts(int(records), int(grams), int(credited))
    return found


def _apply(
    session: Session,
    totals: dict[Key, CityTotal],
    change: _Sums,
    people: Groups,
    now: datetime,
) -> None:
    """Move the city's totals; a row is opened when a group is new, untouched if nothing moved."""
    for group in sorted(change.keys() | people.keys()):
        amounts = change.get(group, _Amounts())
        if not any(amounts) and not people[group]:
            continue
        row = totals.get(group)
        if row is None:
            row = totals[group] = _opened(group, now)
            session.add(row)
        row.records += amounts.records
        row.reduction_g += amounts.reduction_g
        row.credits += amounts.credits
        row.people += people[group]
        row.updated_at = now


def _opened(group: Key, now: datetime) -> CityTotal:
    dimension, key = group
    return CityTotal(
        dimension=dimension,
        key=key,
        records=0,
        people=0,
        reduction_g=0,
        credits=0,
        updated_at=now,
    )
