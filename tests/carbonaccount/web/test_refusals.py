"""What commands say when the database is not ready: one sentence, exit status 1, no stack trace."""

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


def refused(url: str, folder: Path, command: tuple[str, ...]) -> str:
    """Run a command that must fail, and return what it said."""
    app = create_app(make_settings(url, folder))
    result = app.test_cli_runner().invoke(args=list(command), env={"LANG": "C.UTF-8"})
    app.extensions["carbonaccount.engine"].dispose()
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr
