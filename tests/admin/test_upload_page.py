"""An uploaded file is imported to the end, and every line is accounted for."""

import csv
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import col, select

from behaviors.intake import background, importing
from behaviors.intake.background import UploadRunner
from behaviors.intake.upload_files import UploadFiles
from behaviors.models import ActivityRecord, IntakeBatch, IntakeUpload, Source
from carbonaccount.audit import AuditEntry
from carbonaccount.config import Settings
from carbonaccount.leadership import take_lock
from tests.admin.conftest import HEADER, csv_of, line, only_upload, send
from tests.people import Browser, csrf_token, writing

ADDRESS = "/admin/intake/{}"


PATIENCE_S = 60


class Gate:
    """Where an import waits between two batches until the test lets it go on."""

    def __init__(self, after: int) -> None:
        self.after, self.batches = after, 0
        self.reached, self.opened = Event(), Event()

    def wait(self) -> None:
        """Called by the import after each batch but the last."""
        self.batches += 1
        if self.batches == self.after:
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)


@contextmanager
def halted(app: Flask, settings: Settings, *, after: int) -> Iterator[Gate]:
    """Let the application import line by line and halt after some; at the end it goes on."""
    gate = Gate(after)
    runner = UploadRunner(
        app.extensions["carbonaccount.engine"],
        files=UploadFiles(settings.instance_path / "uploads"),
        lock_folder=settings.instance_path / "locks",
        batch_rows=1,
        between_batches=gate.wait,
    )
    usual: UploadRunner = app.extensions["carbonaccount.uploads"]
    app.extensions["carbonaccount.uploads"] = runner
    try:
        yield gate
    finally:
        gate.opened.set()
        runner.join()
        app.extensions["carbonaccount.uploads"] = usual


def press(browser: Browser, upload_id: str, button: str) -> int:
    """Press a button of an upload's page and return the status of the answer."""
    page = ADDRESS.format(upload_id)
    return browser.post(f"{page}/{button}", {}, page=page).status_code


def numbers(page: str) -> list[int]:
    """Return the numbers in the cells of a page, in their order."""
    return [int(text.replace(",", "")) for text in re.findall(r'class="num"[^>]*>([\d,]+)<', page)]


def record_count(app: Flask) -> int:
    """Return how many records there are."""
    with writing(app) as session:
        return len(session.exec(select(ActivityRecord.id)).all())


def test_a_file_is_imported_to_the_end(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    lines = [line(1), line(2, "p2"), line(3, km="ten"), line(4, "stranger"), line(1)]
    answer = send(dana, csv_of(*lines))
    assert answer.status_code == 303
    runner.join()
    upload = only_upload(app)
    assert answer.headers["Location"] == ADDRESS.format(upload.public_id)
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
    with writing(app) as session:
        # 6.4 km by bus at 0.052 kg: 332.8 g, rounded down.
        assert session.exec(select(ActivityRecord.reduction_g)).all() == [332, 332]
        assert session.exec(select(IntakeBatch.channel)).all() == ["file"]
        trail = session.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
    acts = [(row.action, row.actor) for row in trail if row.action.startswith("intake")]
    assert acts == [("intake.upload", "staff:dana"), ("intake.import_file", "staff:dana")]
    assert "trips.csv" not in repr(trail)
    # The file itself is not kept.
    assert runner.files.data(upload.public_id) is None


def test_the_page_accounts_for_every_line(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    lines = [line(n) for n in range(7)] + [line(3, km="7"), line(8, km="-1"), "x,y"]
    send(dana, csv_of(*lines))
    runner.join()
    page = dana.get(ADDRESS.format(only_upload(app).public_id))
    accepted, duplicate, rejected, conflict, held, total = numbers(page.text)[:6]
    assert (accepted, duplicate, rejected, conflict, held) == (7, 0, 2, 1, 0)
    assert total == 10 == accepted + duplicate + rejected + conflict + held
    for words in ("编号以前用过，但内容不同", "测量值超出允许范围", "列数与表头不同"):
        assert words in page.text
    assert sum(numbers(page.text)[6:]) == 3
    dana.post("/language", {"locale": "en"}, page="/admin/")
    english = dana.get(ADDRESS.format(only_upload(app).public_id)).text
    assert "The event id was used before with other content" in english
    assert "The line has more or fewer columns than the header." in english


def test_lines_with_reasons_are_downloaded_and_harmless(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    send(dana, csv_of(line(1), line(2, "=cmd()"), line(3, km="ten")), name="王小明 trips.csv")
    runner.join()
    upload = only_upload(app)
    assert upload.file_name == "王小明 trips.csv"
    answer = dana.get(f"{ADDRESS.format(upload.public_id)}/lines.csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == "attachment; filename=lines-with-reasons.csv"
    assert answer.mimetype == "text/csv"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0] == ["line", "status", "reason", "detail", *HEADER.split(",")]
    assert [row[:3] for row in rows[1:]] == [
        ["3", "rejected", "unknown_subject"],
        ["4", "rejected", "not_a_number"],
    ]
    assert rows[1][5] == "'=cmd()"
    answer.close()


def test_when_all_is_taken_nothing_is_offered(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    send(dana, csv_of(line(1)))
    runner.join()
    page = dana.get(ADDRESS.format(only_upload(app).public_id)).text
    assert "所有行都已全部计入" in page
    assert "lines.csv" not in page
    send(dana, csv_of(line(1)), name="again.csv")
    runner.join()
    with writing(app) as session:
        again = session.exec(
            select(IntakeUpload).where(IntakeUpload.file_name == "again.csv")
        ).one()
    page = dana.get(ADDRESS.format(again.public_id)).text
    assert "没有重复入账" in page
    assert "lines.csv" not in page  # it would hold the header only


def test_importing_the_same_file_again_changes_nothing(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    for _ in range(2):
        send(dana, csv_of(line(1), line(2)))
        runner.join()
    with writing(app) as session:
        counts = session.exec(select(IntakeUpload.counts).order_by(col(IntakeUpload.id))).all()
    assert [(c["accepted"], c["duplicate"]) for c in counts] == [(2, 0), (0, 2)]
    assert record_count(app) == 2


def test_the_part_that_changes_asks_again_only_while_it_may_change(
    app: Flask, dana: Browser, source: Source, settings: Settings
) -> None:
    with halted(app, settings, after=2) as gate:
        send(dana, csv_of(*[line(n) for n in range(4)]))
        part = f"{ADDRESS.format(only_upload(app).public_id)}/progress"
        assert gate.reached.wait(PATIENCE_S)
        during = dana.get(part).text
    assert 'hx-trigger="every 2s"' in during
    assert "导入中" in during
    assert "<progress" in during
    assert "<html" not in during
    after = dana.get(part).text
    assert "hx-trigger" not in after
    assert "已完成" in after
    assert "<progress" not in after


def test_stopping_keeps_what_was_taken_and_can_be_taken_up_again(
    app: Flask, dana: Browser, source: Source, settings: Settings
) -> None:
    runner: UploadRunner = app.extensions["carbonaccount.uploads"]
    with halted(app, settings, after=2) as gate:
        send(dana, csv_of(*[line(n) for n in range(6)]))
        upload_id = only_upload(app).public_id
        assert gate.reached.wait(PATIENCE_S)
        assert press(dana, upload_id, "resume") == 409  # it is at work
        assert press(dana, upload_id, "stop") == 303
        assert only_upload(app).status == "stopping"
    stopped = only_upload(app)
    # The batch after the press is the last.
    assert (stopped.status, stopped.lines_done) == ("stopped", 3)
    assert sum(stopped.counts.values()) == stopped.lines_done == record_count(app)
    page = dana.get(ADDRESS.format(upload_id)).text
    assert "停止前收下的行已经入账" in page
    assert press(dana, upload_id, "resume") == 303
    runner.join()
    done = only_upload(app)
    assert done.status == "done"
    assert (done.counts["duplicate"], done.counts["accepted"]) == (3, 3)
    assert record_count(app) == 6


def test_while_lines_are_read_and_between_batches_others_may_write(
    app: Flask,
    dana: Browser,
    source: Source,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[int] = []

    def write(*args: Any) -> Any:
        """Write beside the import; inside its transaction this would wait in vain."""
        with writing(app) as session:
            session.execute(sa.update(Source).values(name_en="Jining Buses"))
            session.commit()
        written.append(len(written))
        return candidates_of(*args) if args else None

    candidates_of = importing._candidates
    monkeypatch.setattr(importing, "_candidates", write)
    with halted(app, settings, after=0) as gate:
        monkeypatch.setattr(gate, "wait", write)
        send(dana, csv_of(*[line(n) for n in range(3)]))
    assert len(written) == 3
    assert only_upload(app).status == "done"


def test_one_that_waits_is_stopped_at_once(
    app: Flask, dana: Browser, source: Source, settings: Settings
) -> None:
    with halted(app, settings, after=1):
        for name in ("first.csv", "second.csv"):
            send(dana, csv_of(*[line(n) for n in range(3)]), name=name)
        with writing(app) as session:
            waiting = session.exec(
                select(IntakeUpload).where(IntakeUpload.file_name == "second.csv")
            ).one()
        assert "排队中" in dana.get(ADDRESS.format(waiting.public_id)).text
        assert press(dana, waiting.public_id, "stop") == 303
    with writing(app) as session:
        rows = session.exec(select(IntakeUpload).order_by(col(IntakeUpload.id))).all()
    assert [(row.status, row.lines_done) for row in rows] == [("done", 3), ("stopped", 0)]


def test_what_is_over_can_be_neither_stopped_nor_taken_up(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    send(dana, csv_of(line(1)))
    runner.join()
    upload_id = only_upload(app).public_id
    token = csrf_token(dana.get("/admin/intake/new"))
    for button in ("stop", "resume"):
        answer = dana.post_with(token, f"{ADDRESS.format(upload_id)}/{button}", {})
        assert answer.status_code == 409
        assert "这次导入已经结束。" in answer.text
    assert only_upload(app).status == "done"


def put_back(app: Flask, **changes: object) -> None:
    """Make the one upload look as if its process had died."""
    with writing(app) as session:
        upload = session.exec(select(IntakeUpload)).one()
        for name, value in changes.items():
            setattr(upload, name, value)
        session.add(upload)
        session.commit()


def test_one_whose_process_died_shows_so_and_is_taken_up_again(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    content = csv_of(line(1), line(2))
    send(dana, content)
    runner.join()
    upload_id = only_upload(app).public_id
    for status in ("waiting", "running", "stopping"):
        (runner.files.root / f"{upload_id}.csv").write_bytes(content)
        put_back(app, status=status, finished_at=None, lines_done=1)
        page = dana.get(ADDRESS.format(upload_id)).text
        assert "已中断" in page, status
        assert "hx-trigger" not in page
        assert press(dana, upload_id, "resume") == 303
        runner.join()
        assert only_upload(app).status == "done"
        assert only_upload(app).counts["duplicate"] == 2
        assert record_count(app) == 2


def test_while_another_process_is_at_work_it_does_not_look_interrupted(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner, settings: Settings
) -> None:
    send(dana, csv_of(line(1)))
    runner.join()
    put_back(app, status="running", finished_at=None)
    upload_id = only_upload(app).public_id
    lock = take_lock(
        app.extensions["carbonaccount.engine"],
        name=f"upload-{upload_id}",
        folder=settings.instance_path / "locks",
    )
    assert lock is not None
    assert "导入中" in dana.get(ADDRESS.format(upload_id)).text
    lock.release()
    assert "已中断" in dana.get(ADDRESS.format(upload_id)).text


def test_an_interrupted_one_can_be_given_up(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    send(dana, csv_of(line(1)))
    runner.join()
    put_back(app, status="running", finished_at=None)
    upload_id = only_upload(app).public_id
    assert press(dana, upload_id, "stop") == 303
    assert only_upload(app).status == "stopped"
    # Its file is gone, so there is no button, and asking all the same says why.
    page = dana.get(ADDRESS.format(upload_id)).text
    assert "/resume" not in page
    assert "文件已不在这台服务器上" in page
    token = csrf_token(dana.get("/admin/intake/new"))
    answer = dana.post_with(token, f"{ADDRESS.format(upload_id)}/resume", {})
    assert answer.status_code == 404
    assert "请重新上传" in answer.text


def test_a_fault_in_the_middle_is_told_and_what_came_before_stays(
    app: Flask,
    dana: Browser,
    source: Source,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Else so short a file would be refused as soon as it comes.
    monkeypatch.setattr(importing, "LOOKED_AT_ROWS", 1)
    content = csv_of(line(1), line(2)) + b"\xff\xfe,p1\n"
    with halted(app, settings, after=0):
        send(dana, content, name="夜班.csv")
    upload = only_upload(app)
    assert upload.status == "failed"
    assert upload.error == {
        "code": "file_encoding",
        "params": {"line": "4", "encoding": "utf-8"},
    }
    assert upload.counts["accepted"] == upload.lines_done == record_count(app) == 2
    page = dana.get(ADDRESS.format(upload.public_id)).text
    assert "第 4 行不是 utf-8 编码" in page
    assert "此前收下的行已经入账" in page
    assert "/resume" in page


def test_an_error_of_ours_is_logged_and_shown_without_its_insides(
    app: Flask,
    dana: Browser,
    source: Source,
    runner: UploadRunner,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(background, "import_file", broken)
        send(dana, csv_of(line(1)))
        runner.join()
    upload = only_upload(app)
    assert upload.status == "failed"
    page = dana.get(ADDRESS.format(upload.public_id)).text
    assert "导入因内部错误中断" in page
    assert "on fire" not in page
    assert "upload_failed" in caplog.text
    # The process goes on with the next one.
    assert press(dana, upload.public_id, "resume") == 303
    runner.join()
    assert only_upload(app).status == "done"


def test_an_unknown_upload_is_not_found(dana: Browser) -> None:
    for path in ("0123456789abcdef", "..%2f..%2fetc", "0123456789abcdef/lines.csv"):
        answer = dana.get(ADDRESS.format(path))
        assert answer.status_code == 404
    assert "没有这次导入。" in dana.get(ADDRESS.format("0123456789abcdef")).text


def test_a_name_with_markup_is_text(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    name = "<script>alert(1)</script>.csv"
    send(dana, csv_of(line(1)), name=name)
    runner.join()
    page = dana.get(ADDRESS.format(only_upload(app).public_id)).text
    shown = only_upload(app).file_name
    assert "<script>alert" not in page
    assert html.escape(shown) in page


def test_old_files_go(app: Flask, tmp_path: Path) -> None:
    files = UploadFiles(tmp_path)
    upload_id, path = files.new("x.csv")
    path.write_text("x")
    files.rejected(upload_id).parent.mkdir()
    files.rejected(upload_id).write_text("x")
    (tmp_path / "rejected" / "by-hand.csv").write_text("x")
    day_s = 24 * 3600
    written_s = path.stat().st_mtime
    assert files.delete_old(now_s=written_s + 7 * day_s - 60) == 0
    assert files.delete_old(now_s=written_s + 7 * day_s + 60) == 1
    assert files.data(upload_id) is None
    assert files.delete_old(now_s=written_s + 180 * day_s + 60) == 1
    assert (tmp_path / "rejected" / "by-hand.csv").exists()
    done = app.test_cli_runner().invoke(args=["jobs", "once", "forget-uploads"])
    assert "files=0" in done.output
