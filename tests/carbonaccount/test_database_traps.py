"""The traps that were found by running, each with a test that it stays shut."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import Session

from carbonaccount import database
from carbonaccount.accounts.models import Account
from carbonaccount.audit import SYSTEM, record
from carbonaccount.database import make_engine, open_session
from carbonaccount.errors import DatabaseUnsafe

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
TIMES = 50


def add_often(url: str) -> None:
    """Read a number and write it back one larger, many times, each time in one transaction."""
    engine = make_engine(url)
    lock = "" if engine.dialect.name == "sqlite" else " FOR UPDATE"
    for _ in range(TIMES):
        with engine.begin() as connection:
            found = connection.exec_driver_sql(f"SELECT n FROM counter{lock}").scalar_one()
            connection.exec_driver_sql(f"UPDATE counter SET n = {found + 1}")
    engine.dispose()


def test_no_update_is_lost_between_processes(database_url: str) -> None:
    """Trap 1: without BEGIN IMMEDIATE SQLite loses two of three such updates, silently."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        list(pool.map(add_often, [database_url] * PROCESSES))
    with engine.connect() as connection:
        total = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
    engine.dispose()
    assert total == PROCESSES * TIMES


def test_sqlite_is_run_as_the_books_need_it(tmp_path: Path) -> None:
    """Traps 1 and 2, and the report on trust: what a connection must be set to."""
    engine = make_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
    engine.dispose()
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(DatabaseUnsafe):
        make_engine("sqlite://")


def test_deleting_a_parent_never_deletes_its_children(session: Session) -> None:
    """Trap 2: every foreign key restricts; none cascades into what was recorded."""
    inspector = sa.inspect(session.get_bind())
    rules = {
        (table, key["name"], key["options"].get("ondelete"))
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
    }
    assert rules
    assert {name for _, name, rule in rules if rule != "RESTRICT"} == set()


def test_the_database_checks_what_models_do_not(session: Session) -> None:
    """Trap 3: a table model takes anything; the constraint does not."""
    session.add(
        Account(public_id="x", kind="rocket", opened_at=datetime.fromisoformat("2026-01-01T00:00Z"))
    )
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_time_without_a_zone_is_refused_and_comes_back_with_one(session: Session) -> None:
    """Trap 4."""
    record(
        session,
        acting_user=SYSTEM,
        action="test",
        subject="test",
        now=datetime.fromisoformat("2026-01-01T08:00:00+08:00"),
    )
    session.commit()
    found = session.execute(sa.text("SELECT count(*) FROM audit_entry")).scalar_one()
    assert found >= 1
    record(
        session,
        acting_user=SYSTEM,
        action="test",
        subject="test",
        now=datetime(2026, 1, 1),  # noqa: DTZ001 - that is the point
    )
    with pytest.raises(StatementError):
        session.flush()


def test_errors_of_the_database_do_not_tell_the_values(database_url: str) -> None:
    """Trap 5: without hide_parameters the text would hold the number."""
    engine = make_engine(database_url)
    with open_session(engine) as session, pytest.raises(DBAPIError) as told:
        session.execute(sa.text("SELECT :phone FROM no_such_table"), {"phone": "13800138000"})
    engine.dispose()
    assert "13800138000" not in str(told.value)
    assert "no_such_table" in str(told.value)


def test_a_form_cannot_pass_for_json(client: FlaskClient) -> None:
    """Trap 7: a form sent to a JSON endpoint is refused, not taken for nothing."""
    answer = client.post("/api/v1/score", data={"behavior": "bus_trip"})
    assert answer.status_code == 415


def test_htmx_stays_at_2_and_the_token_reaches_it(client: FlaskClient) -> None:
    """Trap 8: version 4 would no longer inherit the header with the token."""
    assert '"htmx.org": "2.' in (ROOT / "package.json").read_text("utf-8")
    page = client.get("/calculator").text
    assert "hx-headers" in page
    assert "X-CSRFToken" in page


def test_the_colours_of_weui_are_overridden(app: Flask) -> None:
    """Trap 9: its own green and grey fail the contrast of WCAG AA."""
    styles = (ROOT / "carbonaccount/static/css/variables.css").read_text("utf-8")
    for name in ("--weui-BRAND", "--weui-FG-1", "--weui-FG-2"):
        assert name in styles


def test_a_connection_that_was_closed_while_it_rested_is_replaced(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of PostgreSQL; a file has nobody who could close it."""
    monkeypatch.setattr(database, "ASKED_AFTER_S", 0.0)
    ours, theirs = make_engine(database_url), make_engine(database_url)
    if ours.dialect.name == "postgresql":
        with ours.connect() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with theirs.connect() as connection:
            closed = f"SELECT pg_terminate_backend({pid}, 60000)"
            assert connection.exec_driver_sql(closed).scalar_one()
    with ours.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    ours.dispose()
    theirs.dispose()
