"""What members of institutions did: by institution, day, behaviour and evidence, and by month.

A member counts with an institution on the days of their membership, once however often they left
and came back. Everything is worked out from the acts that `totals` has at hand.
"""

from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.total_models import InstitutionDay

_ACTS = """
    CREATE TEMPORARY TABLE member_act AS
    SELECT DISTINCT m.institution_id, c.business_day, c.account_id, c.behavior_id, c.evidence,
           c.records, c.grams, c.credits
    FROM counted_act c JOIN institution_member m ON m.account_id = c.account_id
      AND m.first_day <= c.business_day AND (m.last_day IS NULL OR c.business_day <= m.last_day)
"""
_DAYS = """
    INSERT INTO institution_day (business_day, institution_id, behavior_id, evidence, records,
                                 people, reduction_g, credits)
    SELECT business_day, institution_id, behavior_id, evidence, sum(records),
           sum(CASE WHEN records > 0 THEN 1 ELSE 0 END), sum(grams), sum(credits)
    FROM member_act GROUP BY business_day, institution_id, behavior_id, evidence
"""
_FORGET_DAYS = """
    UPDATE active_member SET days = days & ~{bits} WHERE month = '{month}' AND days & {bits} <> 0
"""
_REMEMBER_DAYS = """
    INSERT INTO active_member (month, institution_id, behavior_id, account_id, days)
    SELECT '{month}', institution_id, behavior_id, account_id, sum(bit)
    FROM (SELECT DISTINCT institution_id, behavior_id, account_id,
            1 << (CAST(substr(cast(business_day AS text), 9, 2) AS INTEGER) - 1) AS bit
          FROM member_act WHERE records > 0) acts
    WHERE true GROUP BY institution_id, behavior_id, account_id
    ON CONFLICT (month, institution_id, behavior_id, account_id)
    DO UPDATE SET days = active_member.days | excluded.days
"""
_FORGET_ABSENT = "DELETE FROM active_member WHERE month = '{month}' AND days = 0"
_FORGET_MONTH = "DELETE FROM institution_month WHERE month = '{month}'"

# The sums of a month's days with its people; behaviour 0 is all of them together.
_MONTHS = """
    INSERT INTO institution_month (institution_id, month, behavior_id, records, people,
                                   reduction_g, credits)
    SELECT d.institution_id, '{month}', {group}, sum(d.records),
           coalesce((SELECT count(DISTINCT p.account_id) FROM active_member p
             WHERE p.month = '{month}' AND p.institution_id = d.institution_id {same}), 0),
           sum(d.reduction_g), sum(d.credits)
    FROM institution_day d WHERE d.business_day BETWEEN '{first}' AND '{last}'
    GROUP BY d.institution_id, {by}
"""
_GROUPS = (
    {"group": "0", "same": "", "by": "3"},
    {"group": "d.behavior_id", "same": "AND p.behavior_id = d.behavior_id", "by": "d.behavior_id"},
)


def month_of(day: date) -> str:
    """Return the month of a day as totals name it, like "2026-03"."""
    return day.isoformat()[:7]


def add_up(session: Session, days: list[date]) -> None:
    """Work out what members came to on some days of one month, and the month itself."""
    in_days = col(InstitutionDay.business_day).in_(days)
    before = session.exec(select(col(InstitutionDay.business_day)).where(in_days).limit(1)).first()
    session.execute(sa.text("DROP TABLE IF EXISTS member_act"))
    session.execute(sa.text(_ACTS))
    after = session.execute(sa.text("SELECT 1 FROM member_act LIMIT 1")).first()
    if before is not None or after is not None:
        session.execute(sa.delete(InstitutionDay).where(in_days))
        session.execute(sa.text(_DAYS))
        _add_up_month(session, days)
    session.execute(sa.text("DROP TABLE member_act"))


def _add_up_month(session: Session, days: list[date]) -> None:
    first = days[0].replace(day=1)
    last = date(first.year + first.month // 12, first.month % 12 + 1, 1) - date.resolution
    words = {
        "month": month_of(first),
        "bits": sum(1 << (day.day - 1) for day in days),
        "first": first.isoformat(),
        "last": last.isoformat(),
    }
    for statement in (_FORGET_DAYS, _REMEMBER_DAYS, _FORGET_ABSENT, _FORGET_MONTH):
        session.execute(sa.text(statement.format(**words)))
    for group in _GROUPS:
        session.execute(sa.text(_MONTHS.format(**words, **group)))
