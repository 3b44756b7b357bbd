"""A city's history made inside the database: millions of trips by one INSERT ... SELECT."""

from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, Behavior, RuleVersion, Source
from carbonaccount import bulk
from carbonaccount.accounts.models import District
from carbonaccount.app import import_models, load_reference_data
from carbonaccount.database import is_sqlite, make_engine, open_session
from carbonaccount.migrate import upgrade

BEHAVIOR = "bus_trip"
FIRST_DAY = date(2026, 3, 2)
TRIPS_A_DAY = 2
BATCH_ROWS = 10_000
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)

# A pseudo-random number below 2^31 of a row's number, the same in both dialects.
_CHANCE = "((n * 1103515245 + 12345) % 2147483648)"
_QUANTITY = f"(500 + {_CHANCE} / 64 % 12000 + CASE WHEN n % 37 = 0 THEN 30000 ELSE 0 END)"
_EVIDENCE = "CASE n % 10 WHEN 9 THEN 'D' WHEN 8 THEN 'C' WHEN 7 THEN 'B' ELSE 'A' END"
_SHARES = "CASE n % 10 WHEN 8 THEN 2 WHEN 9 THEN 1 ELSE 4 END"


class Size(NamedTuple):
    """How much history, and the rows it hangs on."""

    records: int
    people: int
    source_id: int
    behavior_id: int
    version_id: int


def make_history(url: str, *, records: int, people: int) -> Engine:
    """Return an engine on a fresh database with that many bus trips of that many people.

    Each person makes two trips a day; every 37th trip is long, so that some days meet the cap.
    Records of one day stand together, as they do when a city's feeds come in daily.
    """
    import_models()
    upgrade(url=url)
    engine = make_engine(url)
    with open_session(engine) as session:
        load_reference_data(session)
        session.commit()
        _fill(session, records, people)
        session.commit()
    return engine


def _fill(session: Session, records: int, people: int) -> None:
    source = Source(code="bench", name_zh="基准", name_en="Benchmark", created_at=NOW)
    session.add(source)
    session.flush()  # The rows below name it.
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == BEHAVIOR)).one()
    version = session.exec(
        select(RuleVersion).where(col(RuleVersion.behavior_id) == behavior.id)
    ).one()
    size = Size(records, people, source.stored_id, _id(behavior), _id(version))
    connection = bulk.driver_connection(session)
    for statement in _statements(session, size, sqlite=is_sqlite(session)):
        connection.execute(statement)


def _id(row: Behavior | RuleVersion) -> int:
    assert row.id is not None
    return row.id


def _statements(session: Session, size: Size, *, sqlite: bool) -> list[str]:
    """Return what fills accounts, batches and records; the index of days is built afterwards."""
    codes = session.exec(select(col(District.code)).order_by(col(District.code))).all()
    district = (
        "CASE n % 12 "
        + " ".join(f"WHEN {number} THEN '{code}'" for number, code in enumerate(codes[:10]))
        + " END"
    )
    index = "ix_activity_record_account_id_business_day"
    trips = _trips(size, sqlite=sqlite)
    batches = _numbers(-(-size.records // BATCH_ROWS), sqlite=sqlite)
    return [
        f"DROP INDEX {index}",
        f"""INSERT INTO account (id, public_id, kind, district_code, opened_at)
            SELECT n, 'bench' || n, 'pseudonym', {district}, '2026-01-01 00:00:00.000000'
            FROM ({_numbers(size.people, sqlite=sqlite)}) numbers""",
        f"""INSERT INTO intake_batch (id, source_id, channel, received_at, accepted, duplicate,
            rejected, conflict, held, reasons)
            SELECT n, {size.source_id}, 'file', '2026-05-01 00:00:00.000000', {BATCH_ROWS},
            0, 0, 0, 0, '{{}}' FROM ({batches}) numbers""",
        trips,
        f"CREATE INDEX {index} ON activity_record (account_id, business_day)",
        "ANALYZE",
    ]


def _numbers(last: int, *, sqlite: bool) -> str:
    if sqlite:
        return (
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {last}) "
            "SELECT n FROM c"
        )
    return f"SELECT n::bigint FROM generate_series(1, {last}) AS g(n)"


def _trips(size: Size, *, sqlite: bool) -> str:
    turn = f"(n - 1) / {size.people}"
    person = f"(n * 7919) % {size.people} + 1"
    # The first trip of a day at about eight, the second nine hours later.
    hour, minute = f"({turn}) % {TRIPS_A_DAY} * 9", "n % 60"
    if sqlite:
        day = f"date('{FIRST_DAY}', '+' || ({turn} / {TRIPS_A_DAY}) || ' days')"
        moment = f"{day} || printf(' %02d:%02d:00.000000', {hour}, {minute})"
    else:
        day = f"(date '{FIRST_DAY}' + ({turn} / {TRIPS_A_DAY})::int)"
        moment = (
            f"({day}::timestamp AT TIME ZONE 'UTC' + ({hour}) * interval '1 hour' "
            f"+ ({minute}) * interval '1 minute')"
        )
    activity = (
        'printf(\'{"distance_km":"%d.%03d"}\', q / 1000, q % 1000)'
        if sqlite
        else "'{\"distance_km\":\"' || q / 1000 || '.' || lpad((q % 1000)::text, 3, '0') || '\"}'"
    )
    columns = ", ".join(
        item.name
        for item in ActivityRecord.__table__.columns  # type: ignore[attr-defined]
        if item.name != "released_batch_id"
    )
    digits = "printf('E%09d', n)" if sqlite else "'E' || lpad(n::text, 9, '0')"
    no_end = "NULL" if sqlite else "NULL::timestamptz"
    received = "'2026-05-01 00:00:00.000000'" + ("" if sqlite else "::timestamptz")
    return f"""INSERT INTO activity_record ({columns})
        SELECT n, {size.source_id}, {digits}, {person}, NULL, {size.behavior_id},
          {size.version_id}, {moment}, {no_end}, {day}, {_EVIDENCE}, {activity}, 0, q, q,
          CASE WHEN {_EVIDENCE} = 'D' THEN 0 ELSE q * 52 / 1000 END,
          q * 52 / 1000 * ({_SHARES}) / 4, 'c', 'ok', NULL, n, 0, (n - 1) / {BATCH_ROWS} + 1,
          {received}
        FROM (SELECT n, {_QUANTITY} AS q
              FROM ({_numbers(size.records, sqlite=sqlite)}) numbers) trips"""
