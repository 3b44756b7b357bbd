"""The Makefile lists itself, and its helpers say clearly what they cannot do."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(*command: str, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_every_target() -> None:
    result = _run("make")
    assert result.returncode == 0, result.stderr
    listed = {line.split()[0] for line in result.stdout.splitlines()}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*?)\n\n", makefile, re.DOTALL | re.MULTILINE)
    assert phony is not None
    assert listed == set(phony.group(1).replace("\\\n", " ").split())
    assert {"run", "test", "check", "bench"} <= listed


def test_an_old_python_is_named_in_the_error(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = _run(str(ROOT / "tools" / "create-venv"), cwd=tmp_path, PYTHON=str(old))
    assert result.returncode != 0
    assert f"PYTHON={old} is not a Python of at least 3.11" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_python_at_all_says_what_to_do(tmp_path: Path) -> None:
    result = _run("/bin/sh", str(ROOT / "tools" / "create-venv"), cwd=tmp_path, PATH=str(tmp_path))
    assert result.returncode != 0
    assert "make PYTHON=" in result.stderr


@pytest.mark.parametrize("script", ["create-venv", "lock", "npm", "system-packages"])
def test_scripts_are_sound_shell_and_executable(script: str) -> None:
    file = ROOT / "tools" / script
    assert os.access(file, os.X_OK)
    assert _run("sh", "-n", str(file)).returncode == 0


def test_the_whole_check_requires_everything() -> None:
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "REQUIRE_ALL=1" in text
    assert "make check" in text
