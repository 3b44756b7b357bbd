"""What the files of the project look like: no foreign hosts, no machine's paths, no long files."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 450
ROOMS = ("carbonaccount", "behaviors", "rewards", "admin", "tools")

# Written with brackets so that this file does not name what it forbids.
REGISTRY_HOST = re.compile(
    r"(?:[p]ypi|[p]ythonhosted|[n]pmjs|[y]arnpkg|[d]ebian|[u]buntu|[t]una\.tsinghua|[a]liyun\.com/pypi)"
    r"\.(?:org|com|net|edu\.cn)"
)
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:[w]ork|[f]arm|[r]oot|[h]ome/\w+|[U]sers/\w+)/[\w.]")


def project_files() -> list[Path]:
    """Return every text file git keeps or would keep."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    files = [ROOT / name for name in listing.decode().split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:8000]]


def matches(pattern: re.Pattern[str]) -> list[str]:
    """Return file, line number and match wherever the pattern stands."""
    found = []
    for file in project_files():
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            match = pattern.search(line)
            if match:
                found.append(f"{file.relative_to(ROOT)}:{number}: {match.group()}")
    return found


def test_no_file_names_a_package_registry() -> None:
    assert matches(REGISTRY_HOST) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert matches(MACHINE_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRY_HOST, "https://files." + "pythonhosted" + ".org/packages"),
        (REGISTRY_HOST, "https://registry." + "npmjs" + ".org/htmx"),
        (REGISTRY_HOST, "deb http://deb." + "debian" + ".org/debian stable main"),
        (MACHINE_PATH, "open('/" + "home/ann/data.csv')"),
        (MACHINE_PATH, "cd /" + "work/shared"),
    ],
)
def test_the_patterns_find_what_they_should(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_no_python_file_is_long() -> None:
    """A longer file mostly holds a second concept; migrations and tests are counted by nobody."""
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines())
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_nothing_is_left_to_do() -> None:
    unfinished = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX|[N]otImplementedError)\b")
    code = (".py", ".html", ".js", ".css", ".sh")
    assert [line for line in matches(unfinished) if line.split(":")[0].endswith(code)] == []
