"""A process is killed in the middle of an import: the page says so, and nothing counts twice."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import select

from behaviors import invariants
from behaviors.intake.background import UploadRunner
from behaviors.intake.uploads import add_upload
from behaviors.models import ActivityRecord, Source
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.staff import staff_actor
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.ledger.verify import verify
from tests.admin.conftest import csv_of, line, only_upload
from tests.people import Browser, writing

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
LINES, TAKEN = 8, 3


def test_a_killed_import_is_taken_up_again(
    app: Flask,
    dana: Browser,
    source: Source,
    runner: UploadRunner,
    settings: Settings,
    database_url: str,
) -> None:
    upload_id, path = runner.files.new("trips.csv")
    path.write_bytes(csv_of(*[line(n, ("p1", "p2")[n % 2]) for n in range(LINES)]))
    with writing(app) as session:
        staff = session.exec(select(Staff)).one()
        add_upload(
            session,
            upload_id=upload_id,
            source_code=source.code,
            staff_id=staff.stored_id,
            file_name="trips.csv",
            mapping="auto",
            acting_user=staff_actor(staff),
            now=utc_now(),
        )
        session.commit()
    page = f"/admin/intake/{upload_id}"
    assert "已中断" in dana.get(page).text  # nobody has begun yet
    arguments = [database_url, str(settings.instance_path), upload_id, str(TAKEN)]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.admin.upload_child", *arguments], cwd=ROOT
    )
    try:
        deadline = time.monotonic() + 60
        while only_upload(app).lines_done < TAKEN:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "导入中" in dana.get(page).text
    finally:
        child.kill()
        child.wait()
    interrupted = only_upload(app)
    assert (interrupted.status, interrupted.lines_done) == ("running", TAKEN)
    assert "已中断" in dana.get(page).text
    assert dana.post(f"{page}/resume", {}, page=page).status_code == 303
    runner.join()
    done = only_upload(app)
    assert (done.status, done.lines_done) == ("done", LINES)
    assert (done.counts["duplicate"], done.counts["accepted"]) == (TAKEN, LINES - TAKEN)
    with writing(app) as session:
        assert len(session.exec(select(ActivityRecord.id)).all()) == LINES
        found = [row for row in verify(session, extra=invariants.RECORDS) if row[2]]
    assert found == []
