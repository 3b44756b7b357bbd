"""Counting people once: who is new in a group, told by the changes of the days worked out.

People are those who ever had a counted record in a group; who moves is counted where they live
now. Each person is looked up by their own rows, so that the cost does not grow with the city.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from behaviors.city_rules import ALL, Key

# By how many people the groups of the city grow or shrink.
Groups = Counter[Key]

_AT_ONCE = 500

_NEW_IN_GROUP = """
    CREATE TEMPORARY TABLE new_in_group AS
    SELECT DISTINCT c.account_id, c.behavior_id, c.evidence
    FROM counted_act c LEFT JOIN group_person g ON g.account_id = c.account_id
      AND g.behavior_id = c.behavior_id AND g.evidence = c.evidence
    WHERE c.records > 0 AND g.account_id IS NULL
"""
_NEW_IN_MONTH = """
    CREATE TEMPORARY TABLE new_in_month AS
    SELECT DISTINCT c.account_id, c.district_code
    FROM counted_act c LEFT JOIN month_person p ON p.month = '{month}'
      AND p.account_id = c.account_id
    WHERE c.records > 0 AND p.account_id IS NULL
"""

_WRITE_MONTH = """
    INSERT INTO month_person (month, account_id, district_code)
    SELECT '{month}', account_id, district_code FROM new_in_month
"""
_NOT_IN_YEAR = """NOT EXISTS (SELECT 1 FROM month_person p WHERE p.account_id = n.account_id
          AND p.month BETWEEN '{year}-01' AND '{year}-12')"""

# How many people a group has for the first time, asked before they are written down.
_COUNTS = {
    "behavior": """SELECT b.code, count(DISTINCT n.account_id) FROM new_in_group n
        JOIN behavior b ON b.id = n.behavior_id
        WHERE NOT EXISTS (SELECT 1 FROM group_person g WHERE g.account_id = n.account_id
          AND g.behavior_id = n.behavior_id) GROUP BY b.code""",
    "evidence": """SELECT n.evidence, count(DISTINCT n.account_id) FROM new_in_group n
        WHERE NOT EXISTS (SELECT 1 FROM group_person g WHERE g.account_id = n.account_id
          AND g.evidence = n.evidence) GROUP BY n.evidence""",
    "month": "SELECT '{month}', count(*) FROM new_in_month HAVING count(*) > 0",
    "year": """SELECT '{year}', count(*) FROM new_in_month n
        WHERE {not_in_year} HAVING count(*) > 0""",
    "year_district": """SELECT '{year}/' || n.district_code, count(*) FROM new_in_month n
        WHERE {not_in_year} GROUP BY n.district_code""",
    "district": """SELECT n.district_code, count(*) FROM new_in_month n
        WHERE NOT EXISTS (SELECT 1 FROM month_person p WHERE p.account_id = n.account_id)
        GROUP BY n.district_code""",
}


def count_new(session: Session, *, month: str) -> Groups:
    """Write down who is new among the acts at hand, all of one month; returns how groups grow."""
    found, year = Groups(), month[:4]
    words = {"month": month, "year": year, "not_in_year": _NOT_IN_YEAR.format(year=year)}
    for table, statement in (("new_in_group", _NEW_IN_GROUP), ("new_in_month", _NEW_IN_MONTH)):
        session.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
        session.execute(sa.text(statement.format(month=month)))
    for dimension, statement in _COUNTS.items():
        asked = statement.format(**words)
        for key, people in session.execute(sa.text(asked)):
            found[dimension, key] += int(people)
            if dimension == "district":
                found[ALL] += int(people)
    session.execute(sa.text("INSERT INTO group_person SELECT * FROM new_in_group"))
    session.execute(sa.text(_WRITE_MONTH.format(month=month)))
    for table in ("new_in_group", "new_in_month"):
        session.execute(sa.text(f"DROP TABLE {table}"))
    return found


def move(session: Session, account_ids: Collection[int]) -> Groups:
    """Count people where they live now; returns by how many the districts grow and shrink."""
    found = Groups()
    ids = sorted(account_ids)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        for old, new, months in _moved(session, some).values():
            for district, people in ((old, -1), (new, 1)):
                found["district", district] += people
                for year in {month[:4] for month in months}:
                    found["year_district", f"{year}/{district}"] += people
        _run(
            session,
            "UPDATE month_person SET district_code = (SELECT coalesce(a.district_code, '') "
            "FROM account a WHERE a.id = month_person.account_id) WHERE account_id IN :ids",
            some,
        )
    return found


def _moved(session: Session, ids: list[int]) -> dict[int, tuple[str, str, list[str]]]:
    """Return by account the district it counted in, the one it lives in, and its months."""
    rows = _run(
        session,
        "SELECT p.account_id, p.district_code, coalesce(a.district_code, ''), p.month "
        "FROM month_person p JOIN account a ON a.id = p.account_id "
        "WHERE p.account_id IN :ids AND p.district_code <> coalesce(a.district_code, '')",
        ids,
    )
    found: dict[int, tuple[str, str, list[str]]] = {}
    for account_id, old, new, month in rows:
        found.setdefault(account_id, (old, new, []))[2].append(month)
    return found


def _run(session: Session, statement: str, ids: list[int]) -> Any:
    asked = sa.text(statement).bindparams(sa.bindparam("ids", ids, expanding=True))
    return session.execute(asked)
