"""Migrations on both databases: up, down and up again on data, and never behind the models."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from behaviors.invariants import RECORDS
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.database import make_engine, open_session
from carbonaccount.institutions import lot_withdrawal
from carbonaccount.institutions.afforestation import Planted, plant
from carbonaccount.institutions.offset_models import OffsetLot
from carbonaccount.ledger.verify import verify
from carbonaccount.migrate import alembic_config, check, downgrade, upgrade
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.carbonaccount.institutions.offsets.arranging import NOW, bought, broken, paper, school

Rows = dict[str, list[tuple[str, ...]]]
KEPT = ("account", "activity_record", "transfer", "ledger_account", "rule_version", "audit_entry")

LIKENESS = "5f4bbe7f30286714863cc4f04a2d347d69a5100cce8695192cdfc76f9663385b"
# The same wood in another spelling, as two institutions could write it down at once.
TWIN = """INSERT INTO plantation (public_id, institution_id, place, species, area_m2, trees,
    planted_on, evidence_sha256, evidence_file, added_at)
  SELECT 'twin', institution_id, '南四湖３号。', species, area_m2, trees, planted_on, 'other',
    evidence_file, added_at FROM plantation"""


def contents(url: str) -> Rows:
    """Return every row of the tables that matter, in the order of their ids."""
    engine = make_engine(url)
    with engine.connect() as connection:
        rows = {
            table: [
                tuple(map(str, row))
                for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")
            ]
            for table in KEPT
        }
    engine.dispose()
    return rows


@pytest.fixture
def with_data(app: Flask, session: Session) -> None:
    """A person, two rides and the transfers they made; a school's wood."""
    source = admit(session)
    open_person(session, (source, "alice"))
    later = "2026-03-03T08:00:00+08:00"
    bring(session, source, item("one"), item("two", occurred_at=later))
    plant(
        session,
        institution=school(session),
        planted=Planted("南四湖 3号", "国槐", 40, 8, date(2019, 3, 12)),
        paper=paper(),
        acting_user=SYSTEM,
        now=utc_now(),
    )
    session.commit()
    session.close()
    app.extensions["carbonaccount.engine"].dispose()


def test_models_and_migrations_agree(database_url: str) -> None:
    check(url=database_url)


@pytest.mark.usefixtures("with_data")
def test_the_guards_go_and_come_back_and_every_row_stays(database_url: str) -> None:
    before = contents(database_url)
    assert len(before["transfer"]) == 4
    downgrade("0001", url=database_url)
    assert contents(database_url) == before
    engine = make_engine(database_url)
    with engine.begin() as connection:
        # Without the guards a transfer can be changed: the next line proves they are gone.
        connection.exec_driver_sql("UPDATE transfer SET amount = amount")
        connection.exec_driver_sql(TWIN)
    engine.dispose()
    upgrade(url=database_url)
    assert contents(database_url) == before
    engine = make_engine(database_url)
    with engine.connect() as connection:
        # sha256sum over "2019-03-12", "40", "南四湖3号" and "国槐" in lines; the twin has none.
        keys = connection.exec_driver_sql("SELECT likeness FROM plantation ORDER BY id").all()
    assert [key for (key,) in keys] == [LIKENESS, None]
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql("UPDATE transfer SET amount = amount")
    with open_session(engine) as session:
        assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []
    engine.dispose()


@pytest.mark.usefixtures("with_data")
def test_down_to_nothing_and_up_again(database_url: str) -> None:
    downgrade("base", url=database_url)
    engine = make_engine(database_url)
    tables = set(sa.inspect(engine).get_table_names())
    assert tables <= {"alembic_version"}
    engine.dispose()
    upgrade(url=database_url)
    check(url=database_url)


def test_numbers_spelt_twice_are_told_and_none_is_lost(
    database_url: str, app: Flask, session: Session
) -> None:
    """Before "0006" blanks, and O for 0, made another number: rows that are one stay and are named.

    Certificates have no grams, so that the books say nothing of the rows that are put in here.
    """
    place = school(session)
    lots = [
        bought(session, place.stored_id, f"GEC-2025-{first}", f"GEC-2025-{last}", "gec")
        for first, last in (("000150", "000169"), ("000500", "000519"))
    ]
    withdraw: dict[str, Any] = {
        "institution_id": place.stored_id,
        "acting_user": SYSTEM,
        "now": NOW,
    }
    numbers = [lot.public_id for lot in lots]
    lot_withdrawal.withdraw(session, public_id=numbers[1], reason="填错", **withdraw)
    session.commit()
    session.close()
    engine = app.extensions["carbonaccount.engine"]
    engine.dispose()
    script = ScriptDirectory.from_config(alembic_config(database_url))
    downgrade(str(script.get_revision("0006").down_revision), url=database_url)
    table = sa.Table("offset_lot", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        (row,) = connection.execute(sa.select(table)).mappings()
        assert (row["series_key"], row["serial_first"]) == ("2025", 150)
        assert (row["joined_key"], row["joined_first"]) == ("", 2025000150)
        for number, prefix, series, first in (
            ("TWICE1", "GEC", "", 2025150),
            ("TWICE2", "GEC-2025-OOO", "2025.OOO", 160),
            ("OTHER1", "GEC-2025-OOO", "2025.OOO", 190),
        ):
            written = {**row, "public_id": number, "serial_prefix": prefix, "series_key": series}
            del written["id"]
            one = {"serial_first": first, "serial_last": first, "amount_kwh": 1000}
            connection.execute(table.insert().values({**written, **one}))
    engine.dispose()
    upgrade(url=database_url)
    check(url=database_url)
    with open_session(engine) as session:
        found = {lot.public_id: lot for lot in session.exec(select(OffsetLot))}
        kept = found[numbers[0]]
        assert set(found) == {numbers[0], "TWICE1", "TWICE2", "OTHER1"}
        assert {number for number, lot in found.items() if lot.same_as_id == kept.id} == {
            *("TWICE1", "TWICE2")
        }
        keys = {(lot.series_key, lot.serial_first) for lot in found.values()}
        assert keys == {("2025.", 150), ("", 2025150), ("2025.", 160), ("2025.", 190)}
        assert broken(session)["O8"] == 2
        for number in ("TWICE1", "TWICE2"):
            lot_withdrawal.withdraw(session, public_id=number, reason="同一编号", **withdraw)
        assert broken(session) == {}
    engine.dispose()


def refused(url: str, statement: str) -> bool:
    """Return whether the database refuses a statement."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        # SQLite and PostgreSQL pass on the guard's own words.
        return "append-only" in str(error.orig) or "immutable" in str(error.orig)
    finally:
        engine.dispose()
    return False


@pytest.mark.usefixtures("with_data")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfer SET amount = amount + 1",
        "DELETE FROM transfer",
        "UPDATE audit_entry SET action = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE rule_version SET grade = 'A'",
        "DELETE FROM rule_version WHERE status = 'active'",
    ],
)
def test_what_is_booked_audited_or_published_cannot_be_changed(
    database_url: str, statement: str
) -> None:
    before = contents(database_url)
    assert refused(database_url, statement)
    assert contents(database_url) == before


@pytest.mark.usefixtures("with_data")
def test_nor_by_the_ways_around(database_url: str, database_kind: str) -> None:
    around: dict[str, Callable[[], str]] = {
        # Without recursive_triggers the replaced row would be deleted unseen.
        "sqlite": lambda: "INSERT OR REPLACE INTO transfer SELECT * FROM transfer",
        "postgresql": lambda: "TRUNCATE transfer",
    }
    before = contents(database_url)
    assert refused(database_url, around[database_kind]())
    assert contents(database_url) == before
