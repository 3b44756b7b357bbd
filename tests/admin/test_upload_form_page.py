"""The form of an upload: what is wrong is said at once, and what was chosen stays chosen."""

import gzip
import html
import re
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from sqlmodel import col, select

from behaviors.intake.background import UploadRunner
from behaviors.intake.mapping import parse_mapping
from behaviors.intake.uploads import MAX_UNFINISHED
from behaviors.models import IntakeUpload, Source
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from tests.admin.conftest import FORM, HEADER, csv_of, line, only_upload, send, upload_count
from tests.people import Browser, add_dana, csrf_token, writing

OWN = """\
[record]
behavior = "bus_trip"
evidence = "B"
event_id = ["no"]
subject = ["card"]

[time]
start = "at"
format = "%Y-%m-%d %H:%M"

[fields.distance_km]
column = "metres"
unit = "m"
"""
OWN_FILE = b"no,card,at,metres\n1,p1,2026-11-02 08:00,6400\n"


def errors(page: str) -> list[str]:
    """Return what the fields say is wrong."""
    return [html.unescape(t) for t in re.findall(r'class="panel__error"[^>]*>([^<]*)<', page)]


def kept(page: str) -> str:
    """Return the note of a file that was kept."""
    found = re.search(r'name="kept"[^>]*value="([^"]*)"', page)
    assert found
    return found[1]


def test_the_form_offers_sources_and_mappings(app: Flask, dana: Browser, source: Source) -> None:
    with writing(app) as session:
        session.add(
            Source(code="old", name_zh="旧", name_en="Old", active=False, created_at=utc_now())
        )
        session.commit()
    page = dana.get(FORM).text
    options = re.findall(r'<option[^>]*value="([^"]*)"', page)
    assert options == ["", "jn_bus"]  # neither residents' own reports nor what is switched off
    choices = re.findall(r'type="radio" value="([^"]*)"', page)
    assert choices == ["auto", "ready:bike_trips", "ready:workplace_charging", "toml"]
    assert "最大 64 MiB" in page


def test_the_example_on_the_page_is_a_mapping(dana: Browser) -> None:
    example = re.search(r"<code data-example>(.*?)</code>", dana.get(FORM).text, re.DOTALL)
    assert example
    mapping = parse_mapping(html.unescape(example[1]))
    assert mapping.record.behavior == "ev_charging"


def test_everything_missing_is_named_at_once(dana: Browser, source: Source) -> None:
    answer = send(dana, None, source="", mapping="toml")
    assert answer.status_code == 400
    assert errors(answer.text) == [
        "请选择文件来自哪个数据来源。",
        "请选择要导入的文件。",
        "请粘贴或上传映射（TOML）。",
    ]


def test_what_was_chosen_stays_chosen_and_the_file_is_kept(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    answer = send(dana, OWN_FILE, name="卡.csv", mapping="toml", toml="[record]\nbehavior = 1\n")
    assert answer.status_code == 400
    (error,) = errors(answer.text)
    assert error.startswith("映射文件有误")
    assert "record.behavior" in error
    assert re.search(r'<option selected value="jn_bus">', answer.text)
    assert re.search(r'<input[^>]*checked[^>]*value="toml"', answer.text)
    assert "behavior = 1" in answer.text
    assert "已收到“卡.csv”" in answer.text
    again = send(dana, None, mapping="toml", toml=OWN, kept=kept(answer.text))
    assert again.status_code == 303
    runner.join()
    upload = only_upload(app)
    assert (upload.file_name, upload.status, upload.counts["accepted"]) == ("卡.csv", "done", 1)


def test_a_mapping_comes_as_text_or_as_a_file(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    pasted = OWN.replace("\n", "\r\n")  # as browsers send it
    assert send(dana, OWN_FILE, mapping="toml", toml=pasted).status_code == 303
    sent = (BytesIO(b"\xef\xbb\xbf" + OWN.encode()), "mine.toml")
    assert send(dana, OWN_FILE, mapping="toml", toml_file=sent).status_code == 303
    runner.join()
    with writing(app) as session:
        rows = session.exec(select(IntakeUpload).order_by(col(IntakeUpload.id))).all()
    assert [(r.counts["accepted"], r.counts["duplicate"]) for r in rows] == [(1, 0), (0, 1)]
    assert all(row.mapping == f"toml:{OWN.strip()}" for row in rows)


BAD_MAPPINGS: list[tuple[dict[str, Any], str]] = [
    ({"toml": ""}, "请粘贴或上传映射（TOML）。"),
    ({"toml_file": (b"[time]\n", "m.toml"), "toml": OWN}, "请只留一个"),
    ({"toml_file": (b"\xff\xfe", "m.toml")}, "不是 UTF-8"),
    ({"toml_file": (b"#" * 65_537, "m.toml")}, "超过 64 KiB"),
    ({"toml": OWN.replace("card", "").replace("subject", "user")}, "不认识的键：record.user"),
    ({"toml": OWN.replace("[time]", "[when]")}, "缺少的键：time。"),
    ({"toml": OWN.replace("bus_trip", "flying")}, "no such behavior: flying"),
    ({"toml": OWN.replace('"m"', '"kg"')}, "kg -&gt; km"),
    ({"toml": OWN.replace("bus_trip", "metro_trip")}, "不在数据来源 jn_bus 可上报的范围内"),
    ({"toml": OWN.replace('"card"', '"ticket"')}, "文件缺少映射所需的列"),
]


def test_a_mapping_that_does_not_fit_is_said_at_its_field(
    app: Flask, dana: Browser, source: Source
) -> None:
    for fields, sentence in BAD_MAPPINGS:
        sent = fields.get("toml_file")
        if isinstance(sent, tuple):
            fields = {**fields, "toml_file": (BytesIO(sent[0]), sent[1])}
        answer = send(dana, OWN_FILE, mapping="toml", **fields)
        assert answer.status_code == 400
        assert re.search(r'id="toml-error"[^>]*>[^<]*', answer.text)
        assert sentence in answer.text
        assert upload_count(app) == 0


BAD_FILES: list[tuple[bytes, str, str]] = [
    (b"", "empty.csv", "文件是空的"),
    (HEADER.encode(), "header.csv", "文件只有表头，没有数据行"),
    (csv_of(line(1).replace("bus_trip", "walking")), "w.csv", "文件中的行为（walking）都不在"),
    (b"a,a\n1,2\n", "twice.csv", "表头中有重复的列"),
    (csv_of(line(1)), "trips.pdf", "不认识文件 trips.pdf 的格式"),
    (b"no zip", "trips.xlsx", "文件 trips.xlsx 不是能打开的 XLSX 工作簿"),
    (gzip.compress(csv_of(line(1)))[:-12], "trips.csv.gz", "文件 trips.csv.gz 已损坏"),
    ("编号,x\n一,二\n".encode("gb18030"), "gb.csv", "不是 utf-8 编码"),
]


def test_a_file_that_cannot_be_read_is_said_at_its_field(
    app: Flask, dana: Browser, source: Source
) -> None:
    for content, name, sentence in BAD_FILES:
        answer = send(dana, content, name=name)
        assert answer.status_code == 400
        assert sentence in " ".join(errors(answer.text)), errors(answer.text)
        assert 'id="file-error"' in answer.text
        assert upload_count(app) == 0


def test_columns_that_no_mapping_fits_are_named(dana: Browser, source: Source) -> None:
    answer = send(dana, OWN_FILE)
    assert answer.status_code == 400
    assert "no, card, at, metres" in errors(answer.text)[0]
    assert 'id="mapping"' in answer.text


@pytest.mark.parametrize("kind", ["xlsx", "csv.gz", "tsv", "ndjson"])
def test_every_format_is_taken(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner, kind: str
) -> None:
    rows = [HEADER.split(","), line(1).split(",")]
    if kind == "xlsx":
        file = BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
        content = file.getvalue()
    elif kind == "ndjson":
        event, subject, behavior, at, evidence, km = rows[1]
        content = (
            f'{{"event_id":"{event}","subject":"{subject}","behavior":"{behavior}",'
            f'"occurred_at":"{at}","evidence":"{evidence}","activity":{{"distance_km":"{km}"}}}}\n'
        ).encode()
    else:
        text = "\n".join(("\t" if kind == "tsv" else ",").join(row) for row in rows) + "\n"
        content = gzip.compress(text.encode()) if kind.endswith("gz") else text.encode()
    assert send(dana, content, name=f"trips.{kind}").status_code == 303
    runner.join()
    upload = only_upload(app)
    assert (upload.status, upload.counts["accepted"]) == ("done", 1), upload.error


def test_the_note_of_a_kept_file_is_good_for_its_owner_and_once(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    note = kept(send(dana, csv_of(line(1)), source="").text)
    eve = Browser(app)
    eve.sign_in_staff(add_dana(app, Role.OPERATOR, login="eve").now(), login="eve")
    assert "请选择要导入的文件" in send(eve, None, kept=note).text
    assert "请选择要导入的文件" in send(dana, None, kept=note[:-2] + "xx").text
    assert send(dana, None, kept=note).status_code == 303
    runner.join()
    assert "请选择要导入的文件" in send(dana, None, kept=note).text
    assert upload_count(app) == 1


def test_another_file_takes_the_place_of_a_kept_one(
    app: Flask, dana: Browser, source: Source, runner: UploadRunner
) -> None:
    note = kept(send(dana, csv_of(line(1)), source="").text)
    assert send(dana, csv_of(line(1), line(2)), name="other.csv", kept=note).status_code == 303
    runner.join()
    assert only_upload(app).lines_done == 2
    assert [path.name for path in runner.files.root.glob("*.*")] == []


def test_too_large_a_file_is_refused_with_the_limit(
    app: Flask, dana: Browser, source: Source
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1 << 20
    nobody = Browser(app)
    content_type = "multipart/form-data; boundary=x"
    mine, theirs = (
        browser.client.post(FORM, data=b"x" * ((1 << 20) + 1), content_type=content_type)
        for browser in (dana, nobody)
    )
    assert (mine.status_code, theirs.status_code) == (413, 413)
    assert "文件超过 1 MiB 的上限" in mine.text
    assert f'href="{FORM}"' in mine.text
    assert "管理后台" not in theirs.text
    assert upload_count(app) == 0


def test_more_than_a_handful_do_not_wait(app: Flask, dana: Browser, source: Source) -> None:
    with writing(app) as session:
        staff = session.exec(select(Staff)).one()
        session.add_all(
            IntakeUpload(
                public_id=f"{number:016x}",
                source_id=source.stored_id,
                staff_id=staff.stored_id,
                file_name="x.csv",
                mapping="auto",
                status="waiting",
                uploaded_at=utc_now(),
            )
            for number in range(MAX_UNFINISHED)
        )
        session.commit()
    answer = send(dana, csv_of(line(1)))
    assert answer.status_code == 400
    assert "已有 20 个文件在排队" in answer.text
    assert upload_count(app) == MAX_UNFINISHED


def test_a_form_without_its_token_is_refused(app: Flask, dana: Browser, source: Source) -> None:
    answer = dana.client.post(FORM, data={"source": "jn_bus", "mapping": "auto"})
    assert answer.status_code == 400
    assert "页面已过期" in answer.text
    assert csrf_token(dana.get(FORM))
