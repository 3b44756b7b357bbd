"""The documents say what the code does: settings, decisions, map of rooms, first commands."""

import re
from pathlib import Path

import click
import pytest

from carbonaccount.app import create_app
from carbonaccount.config import Settings
from tests.conftest import make_settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_two_commands_of_a_readme(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    commands = [
        line.split("#")[0].strip()
        for block in blocks
        for line in block.splitlines()
        if line.split("#")[0].strip()
    ]
    assert commands[:2] == ["make run", "make test"]


def test_every_setting_is_documented_and_no_other() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \|", text, re.MULTILINE)
    settings = {name.upper() for name in Settings.model_fields}
    assert sorted(documented) == sorted(settings)


def test_documented_defaults_are_the_real_ones() -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| ([^|]*) \|", text, re.MULTILINE)
    for name, shown in rows:
        default = Settings.model_fields[name.lower()].default
        if hasattr(default, "get_secret_value"):
            assert shown.strip() in {"demonstration key", "none"}, name
        else:
            real = str(default).lower() if isinstance(default, bool) else str(default)
            assert shown.strip() == (f"`{real}`" if real else "none"), name


def test_every_decision_is_in_the_index_and_dated() -> None:
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    files = sorted(file.name for file in (DOCS / "decisions").glob("[0-9]*.md"))
    assert files
    assert re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", index) == files
    numbers = [int(name[:4]) for name in files]
    assert numbers == list(range(1, len(files) + 1))
    for name in files:
        text = (DOCS / "decisions" / name).read_text("utf-8")
        assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE), name


def test_the_map_names_every_room_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    mapped = set(re.findall(r"^\| `([a-z/_]+)/` \|", text, re.MULTILINE))
    rooms = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tools", "tests"}
    inner = {
        f"{file.parent.parent.name}/{file.parent.name}"
        for file in [
            *ROOT.glob("carbonaccount/*/__init__.py"),
            *ROOT.glob("behaviors/*/__init__.py"),
        ]
    }
    # Views that fill a folder are still the views of their room.
    assert mapped == {room for room in rooms | inner if not room.endswith("/views")}


def test_links_inside_the_documents_lead_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "README.zh-CN.md", *DOCS.rglob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_make_targets_named_in_the_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    documents = [ROOT / "README.md", ROOT / "README.zh-CN.md", *DOCS.rglob("*.md")]
    for document in documents:
        for target in re.findall(r"`make ([a-z-]+)", document.read_text("utf-8")):
            assert target in targets, f"{document.name} names make {target}"


def test_flask_commands_named_in_the_documents_exist(tmp_path: Path) -> None:
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'none.sqlite3'}", tmp_path))
    sources = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "Makefile", *DOCS.rglob("*.md")]
    for source in sources:
        text = source.read_text("utf-8").replace("$(FLASK)", "bin/flask")
        for named in re.findall(r"(?:`|bin/)flask ([a-z-]+(?: [a-z-]+)?)", text):
            assert _has_command(app.cli, named.split()), f"{source.name} names flask {named}"


def _has_command(group: click.Group, words: list[str]) -> bool:
    command = group.commands.get(words[0])
    if isinstance(command, click.Group) and len(words) > 1:
        return _has_command(command, words[1:])
    return command is not None
