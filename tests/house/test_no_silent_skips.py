"""A skip for want of a program is a failure where everything is meant to be checked."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.no_silent_skips import is_lack

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "reason",
    [
        "PostgreSQL is missing: no initdb, no TEST_POSTGRES_URL",
        "Chromium was not found",
        "could not import 'playwright': No module named 'playwright'",
        "missing: chromium",
        "there is no PostgreSQL on this machine",
        "pdftotext not installed",
        "shared/data is missing beside the repository: bike_trips.tsv.gz",
    ],
)
def test_reasons_that_name_a_lack(reason: str) -> None:
    assert is_lack(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "SQLite only",
        "a trigger of PostgreSQL, tested there",
        "the whole bike file is not on this machine",
        "needs PostgreSQL, runs on SQLite",
    ],
)
def test_reasons_that_name_no_lack(reason: str) -> None:
    assert not is_lack(reason)


def _run(folder: Path, *, required: bool) -> "subprocess.CompletedProcess[str]":
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.no_silent_skips"]\n')
    (folder / "test_one.py").write_text(
        "import pytest\n"
        "def test_on_a_database(): pytest.skip('PostgreSQL is missing')\n"
        "def test_of_another_dialect(): pytest.skip('SQLite only')\n"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "REQUIRE_ALL": "1" if required else ""}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-rs",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
            folder,
        ],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_lack_is_only_told_on_a_developers_machine(tmp_path: Path) -> None:
    result = _run(tmp_path, required=False)
    assert result.returncode == 0, result.stdout
    assert "2 skipped" in result.stdout
    assert "PostgreSQL is missing" in result.stdout


def test_a_lack_fails_where_everything_is_required(tmp_path: Path) -> None:
    result = _run(tmp_path, required=True)
    assert result.returncode != 0
    assert "REQUIRE_ALL is set, but: Skipped: PostgreSQL is missing" in result.stdout
    assert "1 failed, 1 skipped" in result.stdout


def test_a_whole_file_that_lacks_something_fails_too(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(
        "import pytest\npytest.skip('Chromium was not found', allow_module_level=True)\n"
    )
    result = _run(tmp_path, required=True)
    assert result.returncode != 0
    assert "REQUIRE_ALL is set, but: Skipped: Chromium was not found" in result.stdout
