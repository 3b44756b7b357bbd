"""The tests' own PostgreSQL: durable by default, private, and gone with its block."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresUnavailable, running_postgres


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def _show(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture
def own_server_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about a server of our own, even when the run uses another."""
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)


@pytest.mark.postgres
@pytest.mark.usefixtures("own_server_only")
def test_it_is_durable_private_and_gone_afterwards() -> None:
    with running_postgres() as url:
        with _connect(url) as connection:
            assert _show(connection, "fsync") == "on"
            assert _show(connection, "listen_addresses") == "127.0.0.1"
            assert _show(connection, "server_encoding") == "UTF8"
            data = Path(_show(connection, "data_directory"))
        assert data.exists()
        without_password = url.replace("+psycopg", "").split("@")[1]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://carbonaccount@{without_password}")
    assert not data.exists()
    with pytest.raises(psycopg.OperationalError):
        _connect(url)


@pytest.mark.postgres
@pytest.mark.usefixtures("own_server_only")
def test_a_test_may_choose_settings() -> None:
    with running_postgres({"fsync": "off"}) as url, _connect(url) as connection:
        assert _show(connection, "fsync") == "off"


@pytest.mark.postgres
@pytest.mark.usefixtures("own_server_only")
def test_it_does_not_outlive_a_killed_run() -> None:
    program = textwrap.dedent(
        """
        import time
        from tests.postgres import running_postgres
        with running_postgres() as url:
            print(url, flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        url = run.stdout.readline().decode().strip()
        with _connect(url) as connection:
            folder = Path(_show(connection, "data_directory")).parent
        run.kill()
    gone = _is_gone_within(url, seconds=10)
    # The server ends with its run, its files cannot.
    shutil.rmtree(folder, ignore_errors=True)
    assert gone


def _is_gone_within(url: str, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            _connect(url).close()
        except psycopg.OperationalError:
            return True
        time.sleep(0.05)
    return False


def test_without_a_program_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    monkeypatch.setattr("tests.postgres.find_binaries", lambda: None)
    with pytest.raises(PostgresUnavailable, match="PostgreSQL is missing"), running_postgres():
        pass


def test_an_existing_server_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgresql://me:secret@db.example:5433/postgres")
    with running_postgres() as url:
        assert url == "postgresql+psycopg://me:secret@db.example:5433/postgres"
    assert os.environ["TEST_POSTGRES_URL"].startswith("postgresql://")
