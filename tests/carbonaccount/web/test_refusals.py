"""What commands say when the database is not ready: one sentence, exit status 1, no stack trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from carbonaccount.app import create_app
from tests.conftest import make_settings

COMMANDS = (
    ("sources", "list"),
    ("staff", "list"),
    ("staff", "deactivate", "dana"),
    ("jobs", "list"),
    ("rules", "list"),
    ("ledger", "verify"),
)
# Nothing listens on port 1.
UNREACHABLE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=2"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_schema(tmp_path: Path, command: tuple[str, ...]) -> None:
    said = refused(f"sqlite:///{tmp_path / 'empty.sqlite3'}", tmp_path, command)
    assert said.startswith("Error: The database has no schema yet")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_server(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert refused(UNREACHABLE, tmp_path, command).startswith("Error: The database cannot be")


@pytest.mark.parametrize(
    ("environment", "problems"),
    [
        ({"DATABASE_URL": "nonsense-with-secret"}, ["DATABASE_URL is no database URL"]),
        (
            {"DATABASE_URL": "mysql://me:secret@host/db", "PROFILE": "production"},
            ["DATABASE_URL names another database", "SECRET_KEY must be", "DATA_KEY must be"],
        ),
        ({"DATABASE_URL": "sqlite://", "PROFILE": "odd"}, ["PROFILE: Input should be"]),
    ],
)
def test_with_wrong_settings(environment: dict[str, str], problems: list[str]) -> None:
    flask = Path(sys.executable).parent / "flask"
    ended = subprocess.run(
        [flask, "sources", "list"],
        cwd=Path(__file__).resolve().parents[3],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "secret" not in ended.stderr
    told = ended.stderr.splitlines()
    assert all(line.startswith("Error: ") for line in told)
    for problem in problems:
        assert sum(problem in line for line in told) == 1


def refused(url: str, folder: Path, command: tuple[str, ...]) -> str:
    """Run a command that must fail, and return what it said."""
    app = create_app(make_settings(url, folder))
    result = app.test_cli_runner().invoke(args=list(command), env={"LANG": "C.UTF-8"})
    app.extensions["carbonaccount.engine"].dispose()
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr
