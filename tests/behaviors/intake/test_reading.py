"""Reading files of the field: formats, encodings, quotes, and every line accounted for."""

import gzip
import io
import json
import random
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from behaviors.intake import reading
from behaviors.intake.reading import BROKEN_COLUMN, LINE_COLUMN, read_blocks
from carbonaccount.errors import DomainError, Invalid

TABLE = [["ride", "rider", "far"], ["r1", "alice", "3"], ["r2", "bob", "4.5"]]


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    """Return all lines of a file as dicts, with `line` and `broken`."""
    found: list[dict[str, Any]] = []
    for block in read_blocks(path, **{"rows": 1000, **options}):
        found += block.lines.rename({LINE_COLUMN: "line", BROKEN_COLUMN: "broken"}).to_dicts()
    return found


def written(folder: Path, content: bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(Invalid) as refused:
        read(path, **options)
    return refused.value.code


def workbook(folder: Path, rows: list[list[Any]], sheet: str = "rides") -> Path:
    path = folder / "file.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("notes")
        page = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


PLAIN = [
    {"line": 2, "broken": None, "ride": "r1", "rider": "alice", "far": "3"},
    {"line": 3, "broken": None, "ride": "r2", "rider": "bob", "far": "4.5"},
]


def delimited(separator: str, end: str = "\n") -> bytes:
    return "".join(separator.join(row) + end for row in TABLE).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("file.csv", delimited(",")),
        ("file.CSV", delimited(",")),
        ("file.tsv", delimited("\t")),
        ("file.txt", delimited("\t")),
        ("file.csv.gz", gzip.compress(delimited(","))),
        ("file.tsv.gz", gzip.compress(delimited("\t"))),
        # Packed although the name does not say so.
        ("file.csv", gzip.compress(delimited(","))),
        ("file.csv", delimited(",", "\r\n")),
        ("file.csv", b"\xef\xbb\xbf" + delimited(",")),
        ("file.csv", delimited(",").rstrip(b"\n")),
        ("file.csv", b'"ride","rider","far"\n"r1","alice","3"\n"r2","bob","4.5"\n'),
        ("file.csv", b"\xef\xbb\xbf" + delimited(",").replace(b"r1", b'"r1"')),
        ("file.csv", b" ride , rider ,far\nr1,alice,3\nr2,bob,4.5\n"),
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, name: str, content: bytes) -> None:
    assert read(written(tmp_path, content, name)) == PLAIN


def test_the_sheet_of_a_workbook(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["ride", "rider", "far"], ["r1", "alice", 3], ["r2", "bob", 4.5]])
    assert read(path, sheet="rides") == PLAIN
    assert refusal(path, sheet="trips") == "sheet_unknown"
    # Without a name it is the first one, and that is empty here.
    assert refusal(path) == "file_empty"


def test_cells_of_a_workbook_are_what_a_person_would_have_typed(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 2, 8, 30)  # noqa: DTZ001 - a workbook has no zones
    path = tmp_path / "file.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["a", "b", "c", "d", "e"])
        page.write_row(1, 0, [1234567890123, 0.1, True, "  x "])
        page.write_datetime(1, 4, moment, book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
        page.write_row(3, 0, ["after a blank row"])
    first, blank, last = read(path)
    assert (first["a"], first["b"], first["c"], first["d"], first["e"]) == (
        "1234567890123",
        "0.1",
        "true",
        "  x ",
        "2026-03-02 08:30:00",
    )
    assert (blank["line"], blank["broken"]) == (3, "blank_line")
    assert (last["line"], last["a"], last["b"]) == (4, "after a blank row", None)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "UTF8", "gbk"])
def test_encodings_are_named_by_the_mapping(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "骑行,单车\n一,二\n".encode(encoding))
    assert read(path, encoding=encoding) == [
        {"line": 2, "broken": None, "骑行": "一", "单车": "二"}
    ]


def test_a_wrong_encoding_names_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, "ride,rider\nr1,alice\nr2,李\n".encode("gb18030"))
    with pytest.raises(Invalid) as refused:
        read(path)
    assert refused.value.code == "file_encoding"
    assert refused.value.params == {"line": 3, "encoding": "utf-8"}


@pytest.mark.parametrize("encoding", ["no-such", "hex", "undefined", "a\0b", "utf-16", "idna"])
def test_encodings_that_cannot_be(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, b"ride,rider\nr1,\xff\xfe\n")
    assert refusal(path, encoding=encoding) == "file_encoding"


def test_quotes_hold_separators_line_breaks_and_quotes(tmp_path: Path) -> None:
    content = b'ride,note\nr1,"a, ""b""\nand c"\nr2,plain\nr3,5"" pipe\n'
    assert read(written(tmp_path, content)) == [
        {"line": 2, "broken": None, "ride": "r1", "note": 'a, "b"\nand c'},
        {"line": 3, "broken": None, "ride": "r2", "note": "plain"},
        {"line": 4, "broken": None, "ride": "r3", "note": '5"" pipe'},
    ]


def test_a_header_may_have_line_breaks_in_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, b'"ride\n(id)",far\nr1,3\n')
    assert read(path) == [{"line": 2, "broken": None, "ride\n(id)": "r1", "far": "3"}]


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_a_record_is_never_cut_by_the_end_of_a_block(tmp_path: Path, rows: int) -> None:
    # The lone quote of line 2 stands inside a text and opens nothing.
    content = b'ride,note\nr1,5" pipe\nr2,"one\ntwo\nthree"\nr3,"four\nfive"\nr4,six\n'
    found = read(written(tmp_path, content), rows=rows)
    assert [(row["line"], row["broken"], row["note"]) for row in found] == [
        (2, None, '5" pipe'),
        (3, None, "one\ntwo\nthree"),
        (4, None, "four\nfive"),
        (5, None, "six"),
    ]


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_a_quote_that_is_never_closed_costs_its_line_only(tmp_path: Path, rows: int) -> None:
    content = b'ride,note\nr1,plain\nr2,"never closed\nr3,plain\nr4,plain\n'
    found = read(written(tmp_path, content), rows=rows)
    assert [(row["line"], row["broken"]) for row in found] == [
        (2, None),
        (3, "quote_open"),
        (4, None),
        (5, None),
    ]
    assert [row["ride"] for row in found] == ["r1", 'r2,"never closed', "r3", "r4"]


def test_a_quote_is_not_looked_for_through_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_RECORD_LINES", 5)
    rows = [b"ride,note", b'r0,"open'] + [b"r%d,x" % n for n in range(1, 40)] + [b'r40,shut"']
    found = read(written(tmp_path, b"\n".join(rows) + b"\n"), rows=3)
    assert [row["line"] for row in found] == list(range(2, 43))
    assert [row["line"] for row in found if row["broken"]] == [2]


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    content = (
        b"ride,rider,far\n"
        b"r1,alice,3\n"
        b"\n"
        b"r3,bob\n"
        b"r4,bob,4,5\n"
        b"   \n"
        b",,\n"
        b'r7,"",\n'
        b"\r\n"
        b"r9,a\rb,1\n"
        b"r10,bob,6"
    )
    found = read(written(tmp_path, content))
    assert [(row["line"], row["broken"], row["ride"]) for row in found] == [
        (2, None, "r1"),
        (3, "blank_line", None),
        (4, "column_count", "r3"),
        (5, "column_count", "r4"),
        (6, "column_count", "   "),
        (7, None, None),
        (8, None, "r7"),
        (9, "blank_line", None),
        (10, "line_unreadable", "r9,a\rb,1"),
        (11, None, "r10"),
    ]
    # An empty cell is no text, quoted or not.
    assert (found[6]["rider"], found[6]["far"]) == (None, None)


def test_both_ways_of_splitting_read_the_same(tmp_path: Path) -> None:
    plain = b"ride,rider,far\nr1,,3\nr2, bob ,\nr3,\xe6\x9d\x8e,5\n"
    fast = read(written(tmp_path, plain))
    # A blank line at the end sends the whole block the slow way.
    slow = read(written(tmp_path, plain + b"\n"))
    assert slow[:-1] == fast
    assert slow[-1]["broken"] == "blank_line"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\n\n", "file_empty"),
        (b",,\n1,2,3\n", "file_empty"),
        (b"ride,ride\n1,2\n", "header_repeats"),
        (b"ride,far\rr1,3\r", "file_damaged"),
        (b'ride,"' + b"x" * 200_000 + b'"\n', "file_damaged"),
    ],
)
def test_headers_that_are_none(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal(written(tmp_path, content)) == code


def test_columns_without_a_name_are_numbered(tmp_path: Path) -> None:
    path = written(tmp_path, b"ride,,\nr1,a,b\n")
    assert read(path) == [
        {"line": 2, "broken": None, "ride": "r1", "column 2": "a", "column 3": "b"}
    ]


def test_a_header_alone_is_told_apart_from_an_empty_file(tmp_path: Path) -> None:
    for content in (b"ride,far\n", b"ride,far"):
        assert refusal(written(tmp_path, content)) == "file_without_rows"
    path = tmp_path / "header.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet().write_row(0, 0, ["ride", "far"])
    assert refusal(path) == "file_without_rows"


def test_a_text_longer_than_a_reader_takes_costs_its_line_only(tmp_path: Path) -> None:
    content = b'ride,far\nr1,"' + b"x" * 200_000 + b'"\nr2,3\n'
    found = read(written(tmp_path, content))
    assert [(row["line"], row["broken"]) for row in found] == [(2, "line_unreadable"), (3, None)]


PACKED = gzip.compress(delimited(",") + b"r,x,1\n" * 5000)


def flipped(content: bytes, *places: int) -> bytes:
    changed = bytearray(content)
    for place in places:
        changed[place] ^= 0xFF
    return bytes(changed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv.gz", PACKED[: len(PACKED) // 2]),
        ("cut.csv.gz", PACKED[:-4]),
        ("changed.csv.gz", flipped(PACKED, 12, 13, 14)),
        ("changed.csv.gz", flipped(PACKED, len(PACKED) - 6)),
        ("no.csv.gz", b"\x1f\x8bno gzip"),
    ],
)
def test_damaged_files_are_told_as_such(tmp_path: Path, name: str, content: bytes) -> None:
    assert refusal(written(tmp_path, content, name)) == "file_damaged"


@pytest.mark.parametrize("content", [b"no workbook", b"PK\x03\x04no workbook", b""])
def test_what_is_no_workbook_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    assert refusal(written(tmp_path, content, "no.xlsx")) == "workbook_damaged"


def test_every_changed_byte_of_a_packed_file_is_noticed_or_harmless(tmp_path: Path) -> None:
    whole = read(written(tmp_path, PACKED, "whole.csv.gz"))
    chance = random.Random(20260321)
    refused = 0
    for _ in range(200):
        path = written(tmp_path, flipped(PACKED, chance.randrange(len(PACKED))), "changed.csv.gz")
        try:
            # A byte of the header, such as the time stamp, changes nothing.
            assert read(path) == whole
        except DomainError:
            refused += 1
    assert refused > 100


def test_a_zip_of_something_else_is_no_workbook(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refusal(written(tmp_path, buffer.getvalue(), "file.xlsx")) == "workbook_damaged"


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path, TABLE)
    monkeypatch.setattr(reading, "MAX_XLSX_UNPACKED_BYTES", 1000)
    assert refusal(path, sheet="rides") == "file_too_large"


def test_two_cells_in_far_corners_do_not_take_the_memory_between_them(tmp_path: Path) -> None:
    path = tmp_path / "file.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet()
        page.write(0, 0, "ride")
        page.write(1_048_575, 16_383, "far away")
    assert path.stat().st_size < 10_000
    assert refusal(path) == "file_too_large"


def test_every_damage_to_a_workbook_is_a_domain_error(tmp_path: Path) -> None:
    whole = workbook(tmp_path, TABLE).read_bytes()
    chance = random.Random(20260322)
    refused = 0
    for _ in range(150):
        places = [chance.randrange(len(whole)) for _ in range(chance.choice([1, 3, 30]))]
        content = flipped(whole, *places)
        if chance.random() < 0.2:
            content = content[: chance.randrange(len(content))]
        try:
            read(written(tmp_path, content, "changed.xlsx"), sheet="rides")
        except DomainError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("name", ["file.pdf", "file", "file.gz", "file.csv.zip", ".csv"])
def test_unknown_formats(tmp_path: Path, name: str) -> None:
    assert refusal(written(tmp_path, delimited(","), name)) == "file_format"


def test_objects_one_a_line(tmp_path: Path) -> None:
    ride = {"event_id": "r1", "activity": {"distance_km": 3.5, "event_id": "inner"}}
    content = (
        json.dumps(ride)
        + "\n\nno json\n[1, 2]\n"
        + '{"event_id": 1e400}\n{"event_id": "r6", "\\nline": "x", "\\nbroken": "y"}'
    )
    (block,) = read_blocks(written(tmp_path, content.encode(), "file.ndjson"), rows=1000)
    rows = block.with_columns(["event_id", "distance_km"]).rows()
    assert rows == [
        # Of two equal keys the outer one counts.
        (1, None, "r1", "3.5"),
        (2, "blank_line", None, None),
        (3, "not_json", None, None),
        (4, "not_an_object", None, None),
        (5, "not_json", None, None),
        (6, None, "r6", None),
    ]
    assert block.items is not None
    assert block.items[0] == ride


def test_objects_are_numbered_through_blocks(tmp_path: Path) -> None:
    # Escaped quotes come in odd numbers here, which means nothing in JSON.
    content = b"".join(b'{"event_id": "r\\"%d"}\n' % number for number in range(7))
    found = read(written(tmp_path, content, "file.jsonl"), rows=2)
    assert [row["line"] for row in found] == [1, 2, 3, 4, 5, 6, 7]
    blocks = list(read_blocks(tmp_path / "file.jsonl", rows=2))
    assert [block.lines.height for block in blocks] == [2, 2, 2, 1]


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    for path in (
        written(tmp_path, delimited(","), "file.csv"),
        written(tmp_path, gzip.compress(delimited(",")), "packed.csv.gz"),
    ):
        assert [*read_blocks(path, rows=1)][-1].read_bytes == path.stat().st_size


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(alphabet='a1,\t"\r\n é\0{}[]:', max_size=120).map(str.encode),
        st.text(alphabet='a1,"\n', max_size=120).map(lambda text: b"a,b\n" + text.encode()),
    ),
    name=st.sampled_from(["f.csv", "f.tsv", "f.ndjson", "f.xlsx", "f.csv.gz"]),
    rows=st.integers(1, 4),
)
@example(content=b'"\n', name="f.csv", rows=1)
@example(content=b"PK\x05\x06" + b"\0" * 18, name="f.xlsx", rows=1)
def test_whatever_comes_in_only_domain_errors_come_out(
    tmp_path: Path, content: bytes, name: str, rows: int
) -> None:
    path = written(tmp_path, content, name)
    try:
        found = read(path, rows=rows)
    except DomainError:
        return
    first = 1 if name == "f.ndjson" else 2
    assert [row["line"] for row in found] == list(range(first, first + len(found)))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.text(alphabet='a,"\n', min_size=1, max_size=80), rows=st.integers(1, 5))
def test_blocks_do_not_change_what_is_read(tmp_path: Path, body: str, rows: int) -> None:
    path = written(tmp_path, f"x,y\n{body}".encode())
    assert read(path, rows=rows) == read(path, rows=1000)
