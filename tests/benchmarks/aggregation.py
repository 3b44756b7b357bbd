"""A day of a million new records added up into a city of ten million, on both databases.

The limit is the bare GROUP BY of the new rows in the same database and the same run: records,
people, grams and credits by day, behaviour, district and evidence grade, and nothing kept. What
is measured beside it is everything the job does: the day's rows, people counted once, the city's
totals with what may be told of them, the days and months of institutions, and the commit.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from behaviors import totals
from carbonaccount import bulk
from carbonaccount.database import is_sqlite, open_session
from tests.benchmarks.history import FIRST_DAY, TRIPS_A_DAY, make_history
from tests.benchmarks.intake import SERVER_SETTINGS, _postgres_url
from tests.postgres import running_postgres

OLD_DAYS = 10
# Each is measured once, since a day is new only once; the best of them is told, as of the limit.
NEW_DAYS = 3
INSTITUTIONS = 200
NOW = datetime(2026, 6, 2, 4, tzinfo=UTC)

_BARE = """
    SELECT r.business_day, r.behavior_id, a.district_code, r.evidence, count(*),
           count(DISTINCT r.account_id), sum(r.reduction_g), sum(r.credits)
    FROM activity_record r JOIN account a ON a.id = r.account_id
    WHERE r.business_day = '{day}' AND r.status = 'c' AND r.outcome <> 'overlap'
    GROUP BY r.business_day, r.behavior_id, a.district_code, r.evidence
"""


@dataclass(frozen=True)
class City:
    """A database with old days that are added up and new ones that are not."""

    engine: Engine
    new_days: list[date]
    records: int
    old_records: int


def make_city(url: str, *, new_records: int) -> City:
    """Fill a database: ten old days, added up, and three new ones, each of as many records.

    Every 25th person is a member of one of 200 institutions.
    """
    people = new_records // TRIPS_A_DAY
    all_days = OLD_DAYS + NEW_DAYS
    engine = make_history(url, records=new_records * all_days, people=people)
    days = [FIRST_DAY + timedelta(days=number) for number in range(all_days)]
    with open_session(engine) as session:
        connection = bulk.driver_connection(session)
        for statement in _institutions(people):
            connection.execute(statement)
        if not is_sqlite(session):
            # The rows above brought their ids along.
            for table in ("account", "institution"):
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
                )
        session.commit()
        # A day at a time: what is kept for all of them in memory at once would not fit.
        for day in days[:OLD_DAYS]:
            totals.mark_days(session, [day])
            totals.add_up(session, now=NOW)
            session.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return City(engine, days[OLD_DAYS:], new_records, new_records * OLD_DAYS)


def _institutions(people: int) -> list[str]:
    moment = "'2026-01-01 00:00:00.000000'"
    first = people + 1
    accounts = ", ".join(
        f"({first + number}, 'institution{number}', 'institution', {moment})"
        for number in range(INSTITUTIONS)
    )
    rows = ", ".join(
        f"({number + 1}, 'institution{number}', {first + number}, 'agency', 'x', '', '', 0, 0, "
        f"'active', {first + number}, {moment}, '')"
        for number in range(INSTITUTIONS)
    )
    return [
        f"INSERT INTO account (id, public_id, kind, opened_at) VALUES {accounts}",
        "INSERT INTO institution (id, public_id, account_id, kind, name_zh, name_en, credit_code, "
        f"floor_area_dm2, head_count, status, applied_by, applied_at, decision) VALUES {rows}",
        f"""INSERT INTO institution_member (institution_id, account_id, team, first_day,
            consented_at, notice_version)
            SELECT id / 25 % {INSTITUTIONS} + 1, id, '', '2026-01-01', {moment}, ''
            FROM account WHERE id <= {people} AND id % 25 = 0""",
        "ANALYZE",
    ]


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a database for a day that is new, and one for it worked out again."""
    records = 20_000 if quick else 1_000_000
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        url = f"sqlite:///{Path(name) / 'city.sqlite3'}"
        yield from measure("sqlite", make_city(url, new_records=records))
    with running_postgres(SERVER_SETTINGS) as server:
        url = _postgres_url(server, "city")
        yield from measure("postgresql", make_city(url, new_records=records))


def measure(kind: str, city: City) -> Iterator[dict[str, object]]:
    """Yield what a new day takes, and the same day again, against the bare GROUP BY."""
    again = [city.new_days[-1]] * NEW_DAYS
    for what, days in (("new day", city.new_days), ("same day again", again)):
        limit_s = min(_timed(partial(_bare, city, day)) for day in days)
        ours_s = min(_timed(partial(_add_up, city, day)) for day in days)
        yield {
            "benchmark": "aggregation",
            "database": kind,
            "what": what,
            "records": city.records,
            "old_records": city.old_records,
            "seconds": round(ours_s, 3),
            "limit_seconds": round(limit_s, 3),
            "ratio": round(ours_s / limit_s, 2),
        }
    city.engine.dispose()


def _timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _bare(city: City, day: date) -> None:
    with open_session(city.engine) as session:
        rows = session.execute(sa.text(_BARE.format(day=day.isoformat()))).all()
        assert sum(row[4] for row in rows) == city.records


def _add_up(city: City, day: date) -> None:
    with open_session(city.engine) as session:
        totals.mark_days(session, [day])
        assert totals.add_up(session, now=NOW) == 1
        session.commit()
