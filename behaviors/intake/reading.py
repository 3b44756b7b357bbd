"""Reading files from the field, a block of lines at a time, every line accounted for."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, cast

import orjson
import polars as pl
import python_calamine

from carbonaccount.errors import Invalid

FORMATS = ("csv", "tsv", "xlsx", "ndjson")
MAX_XLSX_UNPACKED_BYTES = 1 << 30
# What a block carries besides the file's own columns.
LINE_COLUMN, BROKEN_COLUMN = "_line", "_broken"


@dataclass(frozen=True)
class Block:
    """Some lines of a file: text columns as in the header, `_line` (the record's number in the
    file, the header being line 1) and `_broken` (why a line could not be split, else null).
    `read_bytes` says how far into the file (as it lies on disk) this block ends.
    """

    lines: pl.DataFrame
    read_bytes: int


def file_format(path: Path) -> str:
    """Return csv, tsv, xlsx or ndjson by the name. Raises Invalid (file_format) otherwise."""
    suffixes = [s.lower().lstrip(".") for s in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == ["gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    kind = {"jsonl": "ndjson", "txt": "tsv"}.get(kind, kind)
    if kind not in FORMATS:
        raise Invalid("file_format", name=path.name, allowed=", ".join(FORMATS))
    return kind


def read_blocks(
    path: Path, *, rows: int, kind: str = "", encoding: str = "utf-8", sheet: str = ""
) -> Iterator[Block]:
    """Yield the file in blocks of up to `rows` lines.

    Raises Invalid: file_format, file_empty, file_encoding (with the line), file_damaged,
    header_repeats, sheet_unknown.
    """
    kind = kind or file_format(path)
    if kind == "xlsx":
        yield from _xlsx_blocks(path, rows, sheet)
        return
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if compressed else raw)
        try:
            if kind == "ndjson":
                yield from _ndjson_blocks(stream, raw, rows)
            else:
                yield from _text_blocks(stream, raw, rows, "\t" if kind == "tsv" else ",", encoding)
        except (gzip.BadGzipFile, EOFError, OSError) as error:
            raise Invalid("file_damaged", name=path.name, problem=str(error)) from None


def _text_blocks(
    stream: IO[bytes], raw: IO[bytes], rows: int, separator: str, encoding: str
) -> Iterator[Block]:
    decoded = _decoded_lines(stream, encoding)
    first = next(decoded, None)
    if first is None:
        raise Invalid("file_empty")
    header = next(csv.reader([first], delimiter=separator), [])
    columns = _header(header)
    line = 2
    for text in _grouped(decoded, rows):
        frame = _split(text, columns, separator)
        yield Block(_numbered(frame, line), raw.tell())
        line += frame.height


def _decoded_lines(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """Yield lines as text; a byte order mark is dropped, blank lines are kept."""
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    for number, raw_line in enumerate(stream, start=1):
        try:
            # Only the first line may carry the mark.
            yield raw_line.decode(codec if number == 1 else codec.removesuffix("-sig"))
        except (UnicodeDecodeError, LookupError):
            raise Invalid("file_encoding", line=number, encoding=encoding) from None


def _grouped(lines: Iterator[str], rows: int) -> Iterator[list[str]]:
    """Group lines into blocks; a record whose quotes span lines is never cut in two."""
    group: list[str] = []
    open_quote = False
    for line in lines:
        group.append(line)
        if line.count('"') % 2:
            open_quote = not open_quote
        if len(group) >= rows and not open_quote:
            yield group
            group = []
    if group:
        yield group


def _header(names: list[str]) -> list[str]:
    columns = [name.strip() for name in names]
    if not any(columns):
        raise Invalid("file_empty")
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise Invalid("header_repeats", columns=", ".join(sorted(repeated)))
    return columns


def _split(lines: list[str], columns: list[str], separator: str) -> pl.DataFrame:
    """Split lines into text columns; lines of another width are kept and marked as broken."""
    try:
        frame = _split_in_columns(lines, columns, separator)
    except pl.exceptions.ComputeError:
        frame = _split_one_by_one(lines, columns, separator)
    return frame


def _split_in_columns(lines: list[str], columns: list[str], separator: str) -> pl.DataFrame:
    # A blank line would be skipped silently, and a short one be filled up: both need the slow way.
    width = len(columns) - 1
    text = "".join(lines)
    if any(line.count(separator) != width or line.isspace() for line in lines):
        raise pl.exceptions.ComputeError("lines of another width")
    if '"' in text:
        raise pl.exceptions.ComputeError("quotes")
    return pl.read_csv(
        io.BytesIO(text.encode()),
        has_header=False,
        new_columns=columns,
        separator=separator,
        infer_schema=False,
        quote_char=None,
    ).with_columns(pl.lit(None, pl.String).alias(BROKEN_COLUMN))


def _split_one_by_one(lines: list[str], columns: list[str], separator: str) -> pl.DataFrame:
    rows: list[list[str | None]] = []
    for cells in csv.reader(lines, delimiter=separator):
        if not cells:
            rows.append([None] * len(columns) + ["blank_line"])
        elif len(cells) != len(columns):
            kept = [*cells[: len(columns)], *[None] * (len(columns) - len(cells))]
            rows.append([*kept, "column_count"])
        else:
            rows.append([*cells, None])
    schema = dict.fromkeys([*columns, BROKEN_COLUMN], pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _numbered(frame: pl.DataFrame, first_line: int) -> pl.DataFrame:
    return frame.with_row_index(LINE_COLUMN, offset=first_line)


def _ndjson_blocks(stream: IO[bytes], raw: IO[bytes], rows: int) -> Iterator[Block]:
    """Each line is an object in the API's form, its activity spread into columns."""
    line = 1
    for group in _grouped(_decoded_lines(stream, "utf-8"), rows):
        records = [_flat(text) for text in group]
        frame = pl.DataFrame(records, schema=dict.fromkeys(_keys(records), pl.String), orient="row")
        yield Block(_numbered(frame, line), raw.tell())
        line += len(records)


def _flat(text: str) -> dict[str, str | None]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {BROKEN_COLUMN: "not_json" if text.strip() else "blank_line"}
    if not isinstance(value, dict):
        return {BROKEN_COLUMN: "not_an_object"}
    activity = value.pop("activity", {})
    flat = {**value, **(activity if isinstance(activity, dict) else {})}
    return {BROKEN_COLUMN: None, **{str(key): cell_text(cell) for key, cell in flat.items()}}


def _keys(records: list[dict[str, str | None]]) -> list[str]:
    return list(dict.fromkeys(key for record in records for key in record))


def _xlsx_blocks(path: Path, rows: int, sheet: str) -> Iterator[Block]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_XLSX_UNPACKED_BYTES:
                raise Invalid("file_too_large", name=path.name)
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except (zipfile.BadZipFile, python_calamine.CalamineError) as error:
        raise Invalid("file_damaged", name=path.name, problem=str(error)) from None
    if sheet and sheet not in book.sheet_names:
        raise Invalid("sheet_unknown", sheet=sheet, sheets=", ".join(book.sheet_names))
    found = book.get_sheet_by_name(sheet or book.sheet_names[0]).to_python(skip_empty_area=False)
    if not found:
        raise Invalid("file_empty")
    columns = _header([cell_text(cell) or "" for cell in found[0]])
    size = path.stat().st_size
    for start in range(1, len(found), rows):
        part = [[cell_text(cell) for cell in row] for row in found[start : start + rows]]
        broken = [None if any(row) else "blank_line" for row in part]
        frame = pl.DataFrame(part, schema=dict.fromkeys(columns, pl.String), orient="row")
        frame = frame.with_columns(pl.Series(BROKEN_COLUMN, broken, dtype=pl.String))
        done = size * min(start + rows, len(found)) // len(found)
        yield Block(_numbered(frame, start + 1), done)


def cell_text(cell: Any) -> str | None:
    """Return a cell as the text a person would have typed; an empty one as None."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime | date):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell)
