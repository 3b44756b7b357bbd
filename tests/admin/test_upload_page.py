"""An uploaded file is imported to the end, and every line is accounted for."""

import csv
import io
import re

from flask import Flask
from sqlmodel import select

from behaviors.intake.background import UploadRunner
from behaviors.models import ActivityRecord, IntakeBatch, Source
from tests.admin.conftest import HEADER, csv_of, line, only_upload, send
from tests.people import Browser, writing


def test_a_file_is_imported_to_the_end(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    lines = [line(1), line(2, "p2"), line(3, km="ten"), line(4, "stranger"), line(1)]
    answer = send(dana, csv_of(*lines))
    assert answer.status_code == 303
    runner.join()
    upload = only_upload(app)
    assert answer.headers["Location"] == f"/admin/intake/{upload.public_id}"
    assert (upload.status, upload.lines_done, upload.lines_total) == ("done", 5, 5)
    assert upload.counts == {
        "accepted": 2,
        "duplicate": 1,
        "rejected": 2,
        "conflict": 0,
        "held": 0,
    }
    assert upload.reasons == {"duplicate": 1, "not_a_number": 1, "unknown_subject": 1}
    assert upload.mapping == "auto:canonical"
    assert upload.finished_at is not None
    # 6.4 km by bus at 0.052 kg: 332 g (332.8 rounded down).
    with writing(app) as session:
        assert set(session.exec(select(ActivityRecord.reduction_g))) == {332}
        assert session.exec(select(IntakeBatch.channel)).all() == ["file"]
    # The file itself is not kept, its lines with reasons are.
    assert runner.files.data(upload.public_id) is None
