"""Dependencies: pinned by hash, without an index, and the same for tests as for the site."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^\s;\\]+)")


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {match[1]: match[2] for line in lines if (match := PIN.match(line))}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-node.txt"]
)
def test_each_line_is_a_pin_with_a_hash_and_no_index(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    blocks = re.split(r"\n(?=[a-z])", text.strip())
    assert blocks
    for block in blocks:
        assert PIN.match(block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert not re.search(r"^(?:-|--)|https?://|file:", text, re.MULTILINE)


def test_tests_run_what_the_site_runs() -> None:
    site, development = _pins("requirements.txt"), _pins("requirements-dev.txt")
    assert site
    assert {name: development.get(name) for name in site} == site


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    site, development = _pins("requirements.txt"), _pins("requirements-dev.txt")
    for requirement in project["project"]["dependencies"]:
        name, _, version = requirement.partition("==")
        assert _agrees(site, name, version), f"{requirement} is not in requirements.txt: make lock"
    for requirement in project["dependency-groups"]["dev"]:
        name, _, version = requirement.partition("==")
        assert _agrees(development, name, version), f"{requirement} is not locked: make lock"


def _agrees(pins: dict[str, str], name: str, version: str) -> bool:
    pinned = pins.get(_normal(name.split("[")[0]))
    return pinned is not None and (not version or pinned == version)


def test_front_end_packages_are_exact_and_name_no_host() -> None:
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    declared = {**package["dependencies"], **package["devDependencies"]}
    for name, version in declared.items():
        assert lock[f"node_modules/{name}"]["version"] == version
    for name, entry in lock.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
