"""The import contracts hold, and each of them fails when it should."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("carbonaccount", "behaviors", "rewards", "admin")
LINTER = Path(sys.executable).parent / "lint-imports"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code without templates and static files."""
    copy = tmp_path_factory.mktemp("rooms")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=_only_code)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@pytest.fixture
def house(untouched: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return shutil.copytree(untouched, tmp_path / "house")


def _only_code(_folder: str, names: list[str]) -> set[str]:
    return {
        name for name in names if name in {"templates", "static", "translations", "__pycache__"}
    }


def _lint(house: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LINTER, "--no-logo", "--no-cache"],
        cwd=house,
        env={"PYTHONPATH": str(house), "COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def _break(house: Path, module: str, line: str) -> None:
    """Add an import to a module, which is made when the room has none of this name yet."""
    file = house.joinpath(*module.split(".")).with_suffix(".py")
    if not file.exists() and file.with_suffix("").is_dir():
        file = file.with_suffix("") / "__init__.py"
    before = file.read_text("utf-8") if file.exists() else ""
    file.write_text(f"{before}\n{line}\n", "utf-8")


def _touch(house: Path, module: str) -> None:
    _break(house, module, "")


def test_the_contracts_hold(untouched: Path) -> None:
    result = _lint(untouched)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("behaviors.services", "import rewards", "Rooms depend downward"),
        ("rewards.services", "import behaviors.models", "Rooms depend downward"),
        ("carbonaccount.ledger.services", "import behaviors.models", "Rooms depend downward"),
        ("carbonaccount.cli", "import behaviors.models", "Rooms depend downward"),
        ("behaviors.queries", "import admin", "Rooms depend downward"),
        ("behaviors.views", "import carbonaccount.app", "Nobody but the server"),
        ("behaviors.services", "import behaviors.views", "Inside a room"),
        ("behaviors.models", "import behaviors.queries", "Inside a room"),
        ("carbonaccount.ledger.models", "import carbonaccount.ledger.services", "Inside a room"),
        ("carbonaccount.accounts.services", "import flask", "Business code"),
        ("behaviors.services", "import carbonaccount.web.database", "Business code"),
        ("carbonaccount.errors", "import flask", "Business code"),
        ("behaviors.intake.door", "import flask", "Business code"),
        ("behaviors.scoring", "import sqlalchemy", "Scoring is arithmetic"),
        ("behaviors.formula", "import polars", "Scoring is arithmetic"),
        ("behaviors.rules", "import carbonaccount.clock", "Scoring is arithmetic"),
        ("behaviors.methods", "import sqlmodel", "Scoring is arithmetic"),
    ],
)
def test_a_contract_breaks_when_it_should(
    house: Path, module: str, line: str, contract: str
) -> None:
    for needed in ("behaviors.views", "behaviors.queries", "behaviors.services"):
        _touch(house, needed)
    _break(house, module, line)
    result = _lint(house)
    broken = [entry for entry in result.stdout.splitlines() if " BROKEN" in entry]
    assert result.returncode != 0, result.stdout
    assert any(entry.startswith(contract) for entry in broken), result.stdout


def test_every_room_with_services_has_its_layers_checked() -> None:
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    for file in sorted(ROOT.glob("carbonaccount/*/services.py")):
        assert f'"carbonaccount.{file.parent.name}"' in settings, f"{file} is in no layer contract"
