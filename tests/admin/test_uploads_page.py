"""The list of uploads: empty, filtered, in pages, and as files that no spreadsheet runs."""

import csv
import io
from datetime import timedelta

import openpyxl
import pytest
from flask import Flask
from sqlmodel import select

from behaviors.models import IntakeUpload, Source
from carbonaccount.accounts.models import Staff
from tests.admin.conftest import NOW
from tests.people import Browser, writing

COUNTS = {"accepted": 3, "duplicate": 1, "rejected": 0, "conflict": 0, "held": 0}


def add_uploads(app: Flask, source: Source, *names: str, status: str = "done") -> None:
    """Put uploads into the table, each a minute after the one before."""
    with writing(app) as session:
        staff = session.exec(select(Staff)).one()
        before = len(session.exec(select(IntakeUpload.id)).all())
        session.add_all(
            IntakeUpload(
                public_id=f"{number:016x}",
                source_id=source.stored_id,
                staff_id=staff.stored_id,
                file_name=name,
                mapping="auto",
                status=status,
                lines_done=4,
                lines_total=4,
                counts=COUNTS,
                uploaded_at=NOW + timedelta(minutes=number),
                finished_at=NOW + timedelta(minutes=number + 1) if status == "done" else None,
            )
            for number, name in enumerate(names, start=before)
        )
        session.commit()


def test_an_empty_list_says_what_to_do(dana: Browser) -> None:
    page = dana.get("/admin/intake").text
    assert "还没有导入过文件" in page
    assert 'href="/admin/intake/new"' in page


def test_the_newest_comes_first(app: Flask, dana: Browser, source: Source) -> None:
    add_uploads(app, source, "a.csv", "b.csv")
    page = dana.get("/admin/intake").text
    assert page.index("b.csv") < page.index("a.csv")
    assert "Dana" in page
    assert "济宁公交" in page


def test_filters_by_state_and_source(app: Flask, dana: Browser, source: Source) -> None:
    add_uploads(app, source, "good.csv")
    add_uploads(app, source, "bad.csv", status="failed")
    add_uploads(app, source, "dead.csv", status="running")
    failed = dana.get("/admin/intake?status=failed&source=jn_bus").text
    assert "bad.csv" in failed
    assert "good.csv" not in failed
    assert "已中断" in dana.get("/admin/intake?status=unfinished").text
    nothing = dana.get("/admin/intake?source=self").text
    assert "没有符合条件的文件" in nothing
    assert "good.csv" in dana.get("/admin/intake?status=nonsense&source=nobody").text


def test_long_lists_have_pages(app: Flask, dana: Browser, source: Source) -> None:
    add_uploads(app, source, *(f"f{number:03}.csv" for number in range(51)))
    first, second = (dana.get(f"/admin/intake?status=done&page={n}").text for n in (1, 2))
    assert "第 1 页，共 2 页" in first
    assert "共 51 个文件" in first
    assert (first.count(".csv</a>"), second.count(".csv</a>")) == (50, 1)
    assert "f000.csv" in second
    assert "status=done" in second  # the way back keeps the filter
    assert dana.get("/admin/intake?page=99").text.count(".csv</a>") == 1


@pytest.mark.parametrize("name", ["=1+1.csv", "@cmd.csv", "-2.csv", "＝1.csv"])
def test_the_list_as_csv_runs_nothing(app: Flask, dana: Browser, source: Source, name: str) -> None:
    add_uploads(app, source, name, "plain.csv")
    answer = dana.get("/admin/intake.csv?status=done")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="uploads.csv"'
    header, newest, oldest = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert header[4:8] == ["文件", "上传人", "状态", "行数"]
    assert newest[4:] == ["plain.csv", "dana", "已完成", "4", "3", "1", "0", "0", "0"]
    assert oldest[4] == f"'{name}"
    assert newest[1] == "2026-11-20 12:01:00+08:00"


def test_the_list_as_workbook_holds_texts_and_numbers(
    app: Flask, dana: Browser, source: Source
) -> None:
    add_uploads(app, source, "=1+1.csv")
    answer = dana.get("/admin/intake.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    assert sheet["E2"].value == "=1+1.csv"
    assert sheet["E2"].data_type == "s"
    assert (sheet["H2"].value, sheet["I2"].value) == (4, 3)
