"""What an institution's first page is made of, in one statement: it changes when the page does.

What the page shows as it is stands here as it is; of inventories, lots and statements everything
that their sums come from. What was told of members never changes, so that its rows are counted.
Each part reads this institution's own rows by an index.
"""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session
from sqlmodel.sql.sqltypes import UTCDateTime

from carbonaccount.clock import day_start
from carbonaccount.database import is_sqlite

# The moment of a change stands beside its id, since SQLite gives the ids of dropped rows again.
_FACTS = """
    SELECT i.id, p.seat, i.kind, i.name_zh, i.name_en, i.floor_area_dm2, i.head_count,
      (SELECT {list}(v.id || ' ' || v.status, ',') FROM inventory v
         WHERE v.institution_id = i.id),
      (SELECT max(c.id) FROM inventory_change c JOIN inventory v ON v.id = c.inventory_id
         WHERE v.institution_id = i.id AND v.status <> 'locked'),
      (SELECT max(c.changed_at) FROM inventory_change c JOIN inventory v ON v.id = c.inventory_id
         WHERE v.institution_id = i.id AND v.status <> 'locked'),
      (SELECT count(*) FROM inventory_change c JOIN inventory v ON v.id = c.inventory_id
         WHERE v.institution_id = i.id AND v.status <> 'locked' AND c.undone),
      (SELECT count(*) FROM inventory_change c JOIN inventory v ON v.id = c.inventory_id
         WHERE v.institution_id = i.id AND c.changed_at >= :since),
      (SELECT b.year FROM inventory_base_year b WHERE b.institution_id = i.id),
      (SELECT {list}(l.id || ' ' || l.amount_g || ' ' || l.amount_kwh || ' '
           || coalesce(l.purpose || l.purpose_id, ''), ',')
         FROM offset_lot l WHERE l.institution_id = i.id),
      (SELECT count(*) FROM offset_lot l
         WHERE l.institution_id = i.id AND l.added_at >= :since AND l.parent_id IS NULL
           AND l.status <> 'withdrawn'),
      (SELECT count(*) FROM offset_lot l WHERE l.institution_id = i.id AND l.retired_at >= :since),
      (SELECT {list}(s.id || ' ' || s.status, ',') FROM neutrality_statement s
         WHERE s.institution_id = i.id),
      (SELECT count(*) FROM institution_event e
         WHERE e.institution_id = i.id AND e.created_at >= :since),
      (SELECT count(*) FROM institution_member m
         WHERE m.institution_id = i.id AND m.first_day >= :month),
      (SELECT count(*) FROM institution_member m
         WHERE m.institution_id = i.id AND m.last_day >= :day_before),
      (SELECT count(*) FROM institution_member m
         WHERE m.institution_id = i.id AND m.last_day IS NULL),
      (SELECT count(*) FROM institution u WHERE u.parent_id = i.id AND u.status = 'active'),
      (SELECT {list}(c.public_id || ' ' || c.name_zh || ' ' || c.name_en || ' ' || c.last_day, ',')
         FROM campaign c WHERE c.institution_id = i.id AND c.first_day <= :today
         AND c.last_day >= :today AND c.called_off_at IS NULL),
      (SELECT count(*) FROM told_total t
         WHERE t.institution_id = i.id AND t.period >= :year_ago)
    FROM institution i JOIN institution_person p ON p.institution_id = i.id
    WHERE i.public_id = :public_id AND i.status = 'active' AND p.account_id = :account_id
      AND p.active
"""
_DAYS = ("month", "day_before", "today")
_SINCE = sa.bindparam("since", type_=UTCDateTime())


def _statement(list_of: str) -> sa.TextClause:
    return sa.text(_FACTS.format(list=list_of)).bindparams(
        _SINCE, *(sa.bindparam(name, type_=sa.Date()) for name in _DAYS)
    )


_STATEMENTS = {True: _statement("group_concat"), False: _statement("string_agg")}


def facts(
    session: Session, *, public_id: str, account_id: int, today: date
) -> tuple[Any, ...] | None:
    """Return what the page is made of, None for everybody without a seat at the institution.

    It is for comparing only. A change that leaves the city's day as it is shows in it at once.
    """
    month = today.replace(day=1)
    asked = {
        "public_id": public_id,
        "account_id": account_id,
        "since": day_start(month),
        "month": month,
        "day_before": month - timedelta(days=1),
        "today": today,
        "year_ago": f"{today.year - 1}-{today.month:02d}",
    }
    found = session.connection().execute(_STATEMENTS[is_sqlite(session)], asked).first()
    return None if found is None else (today, *found)
