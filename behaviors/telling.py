"""Closing parts of months: what members did is told once, a week after the part is over.

All institutions at once, from the totals by day and month that `totals` keeps; only the teams need
the records. What may be told is decided in `told`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.told import ALL, Rest, Sum, TeamCell, rest_of, told_months, told_teams
from behaviors.told_models import PartClosed, ToldTeam, ToldTotal
from behaviors.total_models import ActiveMember, InstitutionDay, InstitutionMonth
from carbonaccount.clock import business_day
from carbonaccount.disclosure import FEWEST_PEOPLE, Cell
from carbonaccount.institutions.month_parts import PARTS, Part, parsed, part_of
from carbonaccount.institutions.team_acts import LATE_DAYS

# Members of any day of a part, once each, with the team they are in by now.
_MINE = """
    WITH mine AS (
      SELECT institution_id, account_id, team FROM (
        SELECT institution_id, account_id, team, row_number() OVER (
          PARTITION BY institution_id, account_id ORDER BY first_day DESC, id DESC) AS place
        FROM institution_member
        WHERE first_day <= :last AND (last_day IS NULL OR last_day >= :first)) latest
      WHERE place = 1)
"""
_SIZES = "SELECT institution_id, 0, team, count(*), 0 FROM mine GROUP BY institution_id, team"
_ACTS = """
    SELECT a.institution_id, a.behavior_id, mine.team, count(DISTINCT a.account_id), count(*)
    FROM active_member a
    JOIN mine ON mine.institution_id = a.institution_id AND mine.account_id = a.account_id
    JOIN activity_record r ON r.account_id = a.account_id AND r.behavior_id = a.behavior_id
      AND r.business_day BETWEEN :first AND :last AND r.status = 'c' AND r.outcome <> 'overlap'
    WHERE a.month = :month AND a.days & :bits <> 0 AND EXISTS (
      SELECT 1 FROM institution_member m WHERE m.institution_id = a.institution_id
        AND m.account_id = a.account_id AND m.first_day <= r.business_day
        AND (m.last_day IS NULL OR m.last_day >= r.business_day))
    GROUP BY a.institution_id, a.behavior_id, mine.team
"""


_Key = tuple[int, int]  # institution and behaviour
_Teams = dict[_Key, dict[str, Cell]]


def close_due(session: Session, *, now: datetime) -> list[Part]:
    """Close the parts that have been over for long enough, in order; returns them.

    Totals must have been added up before, in the same transaction. A part is closed once: whoever
    does it at the same moment meets the row's key.
    """
    done = session.scalar(sa.select(sa.func.max(col(PartClosed.part))))
    if done is None:
        month = session.scalar(sa.select(sa.func.min(col(InstitutionMonth.month))))
        part = Part(month or business_day(now).isoformat()[:7], 1)
    else:
        part = parsed(done).after()
    closed = []
    while part.last + timedelta(days=LATE_DAYS) < business_day(now):
        session.add(PartClosed(part=part.code, closed_at=now))
        session.flush()
        _tell_part(session, part)
        if part.number == PARTS:
            _tell_month(session, part.month)
        closed.append(part)
        part = part.after()
    session.flush()
    return closed


def _bits(part: Part) -> int:
    """Return the days of a part as `ActiveMember.days` has them."""
    return ((1 << part.days) - 1) << (part.first.day - 1)


def _tell_part(session: Session, part: Part) -> None:
    sizes = _counted(session, part, _SIZES)
    acts = _counted(session, part, _ACTS)
    for (institution_id, _), teams in sizes.items():
        session.add_all(
            _team(institution_id, part, ALL, name, size) for name, size in teams.items()
        )
    people = _people_of(session, part)
    for key, total in _sums(session, (part,)).get(part, {}).items():
        cell = Cell(people.get(key, 0), total.records)
        told = cell.people >= FEWEST_PEOPLE
        session.add(_total(key, part.code, cell.people, total, told=told))
        if told:
            _tell_teams(session, part, key, cell, _cells(sizes[key[0], ALL], acts.get(key, {})))


def _tell_teams(
    session: Session, part: Part, key: _Key, total: Cell, teams: Mapping[str, TeamCell]
) -> None:
    for name in sorted(told_teams(total, teams)):
        cell = Cell(teams[name].people, teams[name].records)
        session.add(_team(key[0], part, key[1], name, cell))


def _cells(sizes: Mapping[str, Cell], acts: Mapping[str, Cell]) -> dict[str, TeamCell]:
    none = Cell(0, 0)
    return {name: TeamCell(size.people, *acts.get(name, none)) for name, size in sizes.items()}


def _counted(session: Session, part: Part, question: str) -> _Teams:
    """Return people and records by institution and behaviour, and by team."""
    days = (sa.bindparam("first", type_=sa.Date()), sa.bindparam("last", type_=sa.Date()))
    asked: dict[str, Any] = {"first": part.first, "last": part.last}
    if question is _ACTS:
        asked |= {"month": part.month, "bits": _bits(part)}
    found: _Teams = defaultdict(dict)
    for row in session.execute(sa.text(_MINE + question).bindparams(*days), asked):
        found[row[0], row[1]][row[2]] = Cell(row[3], int(row[4]))
    return found


def _people_of(session: Session, part: Part) -> dict[_Key, int]:
    rows = session.exec(
        select(col(ActiveMember.institution_id), col(ActiveMember.behavior_id), sa.func.count())
        .where(
            col(ActiveMember.month) == part.month,
            col(ActiveMember.days).op("&")(_bits(part)) != 0,
        )
        .group_by(col(ActiveMember.institution_id), col(ActiveMember.behavior_id))
    )
    return {(institution, behavior): people for institution, behavior, people in rows}


def _sums(session: Session, parts: Sequence[Part]) -> dict[Part, dict[_Key, Sum]]:
    """Return what behaviours came to by part, as the totals by day have it."""
    found: dict[Part, dict[_Key, Sum]] = defaultdict(dict)
    rows = session.execute(
        sa.select(
            col(InstitutionDay.institution_id),
            col(InstitutionDay.behavior_id),
            col(InstitutionDay.business_day),
            sa.func.sum(col(InstitutionDay.records)),
            sa.func.sum(col(InstitutionDay.reduction_g)),
        )
        .where(
            col(InstitutionDay.business_day) >= parts[0].first,
            col(InstitutionDay.business_day) <= parts[-1].last,
        )
        .group_by(
            col(InstitutionDay.institution_id),
            col(InstitutionDay.behavior_id),
            col(InstitutionDay.business_day),
        )
    )
    for institution, behavior, day, records, grams in rows:
        of_part = found[part_of(day)]
        before = of_part.get((institution, behavior), Sum())
        of_part[institution, behavior] = Sum(
            before.records + int(records), before.grams + int(grams)
        )
    return found


def _tell_month(session: Session, month: str) -> None:
    """Tell the months of behaviours and the month as a whole, beside the parts that were told."""
    parts = [Part(month, number) for number in range(1, PARTS + 1)]
    now = _sums(session, parts)
    told = _told_parts(session, month)
    acting = _acting(session, month)
    rows = session.exec(
        select(InstitutionMonth).where(
            col(InstitutionMonth.month) == month,
            # Without records a month may still hold what a correction took or gave.
            sa.or_(col(InstitutionMonth.records) != 0, col(InstitutionMonth.reduction_g) != 0),
        )
    ).all()
    by_institution: dict[int, dict[int, InstitutionMonth]] = defaultdict(dict)
    for row in rows:
        by_institution[row.institution_id][row.behavior_id] = row
    for institution_id, months in by_institution.items():
        rests = {
            behavior: _rest(
                row,
                acting.get((institution_id, behavior), {}),
                {part: sums.get((institution_id, behavior), Sum()) for part, sums in now.items()},
                told.get((institution_id, behavior), {}),
            )
            for behavior, row in months.items()
            if behavior != ALL
        }
        chosen = told_months(rests)
        for behavior, row in months.items():
            total = Sum(row.records, row.reduction_g)
            key = (institution_id, behavior)
            # Fewer may be left by now than were told of its parts.
            enough = behavior in chosen and row.people >= FEWEST_PEOPLE
            session.add(_total(key, month, row.people, total, told=enough))


def _rest(
    month: InstitutionMonth,
    acting: Mapping[int, int],
    parts: Mapping[Part, Sum],
    told: Mapping[Part, Sum],
) -> Rest:
    """Return what a behaviour's month holds beyond its told parts; acting: days by person."""
    seen = sum(_bits(part) for part in told)
    return rest_of(
        Sum(month.records, month.reduction_g),
        told=list(told.values()),
        untold=[total for part, total in parts.items() if part not in told],
        people=frozenset(person for person, days in acting.items() if days & ~seen),
    )


def _told_parts(session: Session, month: str) -> dict[_Key, dict[Part, Sum]]:
    found: dict[_Key, dict[Part, Sum]] = defaultdict(dict)
    for row in session.exec(
        select(ToldTotal).where(
            col(ToldTotal.period) > month,
            col(ToldTotal.period) <= Part(month, PARTS).code,
            col(ToldTotal.records).is_not(None),
        )
    ):
        total = Sum(row.records or 0, row.reduction_g or 0)
        found[row.institution_id, row.behavior_id][parsed(row.period)] = total
    return found


def _acting(session: Session, month: str) -> dict[_Key, dict[int, int]]:
    """Return on which days of a month each person acted, by institution and behaviour."""
    found: dict[_Key, dict[int, int]] = defaultdict(dict)
    rows = session.execute(
        sa.select(
            col(ActiveMember.institution_id),
            col(ActiveMember.behavior_id),
            col(ActiveMember.account_id),
            col(ActiveMember.days),
        ).where(col(ActiveMember.month) == month)
    )
    for institution, behavior, person, days in rows:
        found[institution, behavior][person] = days
    return found


def _total(key: _Key, period: str, people: int, total: Sum, *, told: bool) -> ToldTotal:
    row = ToldTotal(institution_id=key[0], period=period, behavior_id=key[1])
    if told:
        row.people, row.records, row.reduction_g = people, total.records, total.grams
    return row


def _team(institution_id: int, part: Part, behavior: int, name: str, cell: Cell) -> ToldTeam:
    return ToldTeam(
        institution_id=institution_id,
        part=part.code,
        behavior_id=behavior,
        team=name,
        people=cell.people,
        records=cell.records,
    )
