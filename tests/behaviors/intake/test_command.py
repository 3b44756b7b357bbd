"""`flask intake`: what it says, and what it refuses before it looks at a single line."""

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlmodel import Session

from behaviors.models import IntakeBatch, Source
from tests.behaviors.intake.arranging import rows_of
from tests.behaviors.intake.files import CANONICAL, HEADER, lines, mapping_with, ride

TITLED = mapping_with(top='title_zh = "骑行"\ntitle_en = "Rides"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files with one ride, and the mapping of one of them."""
    at = "2026-03-02T08:00:00+08:00"
    (tmp_path / "rides.csv").write_bytes(lines(HEADER, ride("r1", "three")))
    (tmp_path / "items.tsv").write_bytes(
        lines(CANONICAL, f"r2,alice,ebike_ride,{at},A,3").replace(b",", b"\t")
    )
    (tmp_path / "header.csv").write_bytes(lines(CANONICAL))
    (tmp_path / "rides.toml").write_text(TITLED, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("bikes", "alice")
def test_it_tells_the_mapping_and_where_the_rejected_lines_are(app: Flask, folder: Path) -> None:
    done = told(app, folder / "rides.csv", "bikes", "--mapping", str(folder / "rides.toml"))
    assert done.exit_code == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == f"mapping: {folder / 'rides.toml'}  骑行  Rides"
    assert said[-1] == "accepted=0 duplicate=0 rejected=1 conflict=0 held=0"
    (file,) = (app.extensions["carbonaccount.settings"].instance_path / "rejected").iterdir()
    assert file.name == "rides.rejected.csv"
    assert said[-2] == f"lines with a reason: {file}"


def test_what_is_wrong_with_all_of_a_file_is_one_sentence(
    app: Flask, session: Session, bikes: Source, folder: Path
) -> None:
    for file, source, sentence in (
        ("items.tsv", "nobody", "There is no source nobody."),
        ("items.tsv", "bikes", "may report none of the behaviours of the file (ebike_ride)"),
        ("header.csv", "bikes", "The file has a header, but no lines of data."),
    ):
        assert sentence in refused(app, folder / file, source)
    bikes.active = False
    session.add(bikes)
    session.commit()
    assert "The source bikes is switched off." in refused(app, folder / "items.tsv", "bikes")
    assert rows_of(session, IntakeBatch) == 0


def refused(app: Flask, file: Path, source: str) -> str:
    """Import a file that is refused, and return what is said of it."""
    done = told(app, file, source)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr


def told(app: Flask, file: Path, source: str, *more: str) -> Result:
    """Import a file by the command."""
    command = ["intake", str(file), "--source", source, *more]
    return app.test_cli_runner().invoke(args=command, env={"LANG": "C.UTF-8"})
