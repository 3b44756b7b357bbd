"""Reading files from the field, a block of lines at a time, every line accounted for."""

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import orjson
import polars as pl
import python_calamine

from carbonaccount.errors import Invalid

FORMATS = ("csv", "tsv", "xlsx", "ndjson")
MAX_XLSX_UNPACKED_BYTES = 1 << 30
# A quoted text of more lines than this is a quote that somebody forgot to close.
MAX_RECORD_LINES = 1000
# What a block carries besides the file's own columns, whose names never begin with a line break.
LINE_COLUMN, BROKEN_COLUMN = "\nline", "\nbroken"
ITEM_COLUMN = "item"
# Of a table; its header is line 1.
FIRST_LINE = 2
MAX_SHEET_CELLS = 12_000_000
_CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")
_SCAN_BYTES = 1 << 20
_LONGEST_PLACE = 40
# What the readers of zip files and workbooks say of damage, of passwords and of foreign packings.
_WORKBOOK_ERRORS = (
    *(zipfile.BadZipFile, python_calamine.CalamineError, zlib.error),
    *(OSError, EOFError, RuntimeError, ValueError),
)
_END = "end of block\n"


@dataclass(frozen=True)
class Block:
    """Some lines of a file: text columns as in the header, `_line` (the record's number in the
    file, the header being line 1) and `_broken` (why a line could not be split, else null).
    `read_bytes` says how far into the file (as it lies on disk) this block ends. Of NDJSON
    `items` are the objects themselves (None for a broken line) and `texts` its lines; `lines`
    then has no columns of the file, for each line may have others.
    """

    lines: pl.DataFrame
    read_bytes: int
    items: list[object] | None = None
    texts: list[str] | None = None

    def with_columns(self, names: list[str]) -> pl.DataFrame:
        """Return the lines, of NDJSON with these columns: what each object says under the name."""
        if self.items is None:
            return self.lines
        items = self.items
        return self.lines.with_columns(
            pl.Series(name, [_cell(item, name) for item in items], dtype=pl.String)
            for name in names
        )

    def shown(self) -> pl.DataFrame:
        """Return the lines as a person is shown them: NDJSON as its texts."""
        if self.texts is None:
            return self.lines.drop(BROKEN_COLUMN)
        return self.lines.select(LINE_COLUMN, pl.Series(ITEM_COLUMN, self.texts, dtype=pl.String))


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
) -> Generator[Block]:
    """Yield the file in blocks of up to `rows` lines.

    Raises Invalid: file_format, file_empty, file_without_rows, file_encoding (with the line),
    file_damaged, workbook_damaged, header_repeats, sheet_unknown.
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
        except (OSError, EOFError, zlib.error, csv.Error):
            raise Invalid("file_damaged", name=path.name) from None


def _text_blocks(
    stream: IO[bytes], raw: IO[bytes], rows: int, separator: str, encoding: str
) -> Iterator[Block]:
    decoded = _decoded_lines(stream, encoding)
    columns = _header(next(csv.reader(decoded, delimiter=separator), []))
    line = FIRST_LINE
    begun: list[str] = []  # The lines of a record that goes on in the next block.
    for text in _grouped(decoded, rows):
        frame, begun = _split([*begun, *text], columns, separator)
        if frame.height:
            yield Block(_numbered(frame, line), raw.tell())
        line += frame.height
    if begun:
        frame = _split_one_by_one(begun, columns, separator, may_go_on=False)[0]
        yield Block(_numbered(frame, line), raw.tell())
        line += frame.height
    if line == FIRST_LINE:
        raise Invalid("file_without_rows")


def _decoded_lines(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """Yield lines as text; a byte order mark is dropped, blank lines are kept."""
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    for number, raw_line in enumerate(stream, start=1):
        try:
            # Only the first line may carry the mark.
            yield raw_line.decode(codec if number == 1 else codec.removesuffix("-sig"))
        except (ValueError, LookupError):
            raise Invalid("file_encoding", line=number, encoding=encoding) from None


def _grouped(lines: Iterator[str], rows: int) -> Iterator[list[str]]:
    while group := list(islice(lines, rows)):
        yield group


def _header(names: list[str]) -> list[str]:
    if not any(name.strip() for name in names):
        raise Invalid("file_empty")
    columns = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise Invalid("header_repeats", columns=", ".join(sorted(repeated)))
    return columns


def _split(lines: list[str], columns: list[str], separator: str) -> tuple[pl.DataFrame, list[str]]:
    """Split lines into text columns; lines of another width are kept and marked as broken.

    Returns with them the last lines when they begin a record that is not at its end yet.
    """
    text = "".join(lines)
    if _is_plain(lines, text, columns, separator):
        return _split_in_columns(text, columns, separator), []
    return _split_one_by_one(lines, columns, separator, may_go_on=True)


def _is_plain(lines: list[str], text: str, columns: list[str], separator: str) -> bool:
    """Return whether the fast way reads these lines as they are.

    It would skip a blank line silently and fill up a short one; quotes and lone carriage returns
    need a reader that knows what they mean.
    """
    width = len(columns) - 1
    return not (
        '"' in text
        or text.count("\r") != text.count("\r\n")
        or any(line.count(separator) != width or line.isspace() for line in lines)
    )


def _split_in_columns(text: str, columns: list[str], separator: str) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(text.encode()),
        has_header=False,
        new_columns=columns,
        separator=separator,
        infer_schema=False,
        quote_char=None,
    ).with_columns(pl.lit(None, pl.String).alias(BROKEN_COLUMN))


def _split_one_by_one(
    lines: list[str], columns: list[str], separator: str, *, may_go_on: bool
) -> tuple[pl.DataFrame, list[str]]:
    """Split with the reader that knows quotes; see `_split`.

    A quote that is never closed would swallow the rest of the file as one record: its line is
    marked as broken, and reading goes on with the next.
    """
    rows: list[list[str | None]] = []
    place = 0
    while place < len(lines):
        for taken, cells, broken in _records(lines[place:], separator):
            if broken == "quote_open" and may_go_on and len(lines) - place <= MAX_RECORD_LINES:
                return _text_frame(rows, columns), lines[place:]
            rows.append(_row(cells, columns, broken))
            place += taken
            if broken:
                break
    return _text_frame(rows, columns), []


def _records(lines: list[str], separator: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield how many lines each record takes, its cells and, as the last, why it cannot be read."""
    # The line after the last is found again unless an open quote has taken it in.
    reader = csv.reader([*lines, _END], delimiter=separator)
    end = next(csv.reader([_END], delimiter=separator))
    done = 0
    while done < len(lines):
        try:
            cells = next(reader)
        except csv.Error:
            yield 1, [lines[done].rstrip("\r\n")], "line_unreadable"
            return
        if reader.line_num > len(lines):
            yield 1, [lines[done].rstrip("\r\n")], "quote_open"
            return
        yield reader.line_num - done, cells, None
        done = reader.line_num
    assert next(reader) == end


def _row(cells: list[str], columns: list[str], broken: str | None) -> list[str | None]:
    """Return the cells that have a column, empty ones as None like the fast way, and the fault."""
    if not broken and not cells:
        broken = "blank_line"
    elif not broken and len(cells) != len(columns):
        broken = "column_count"
    kept = [cell or None for cell in cells[: len(columns)]]
    return [*kept, *[None] * (len(columns) - len(kept)), broken]


def _text_frame(rows: list[list[str | None]], columns: list[str]) -> pl.DataFrame:
    schema = dict.fromkeys([*columns, BROKEN_COLUMN], pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _numbered(frame: pl.DataFrame, first_line: int) -> pl.DataFrame:
    return frame.with_row_index(LINE_COLUMN, offset=first_line)


def _ndjson_blocks(stream: IO[bytes], raw: IO[bytes], rows: int) -> Iterator[Block]:
    """Each line is an object, as a rule in the API's form."""
    line = 1
    for group in _grouped(_decoded_lines(stream, "utf-8"), rows):
        read = [_item(text) for text in group]
        broken = pl.DataFrame({BROKEN_COLUMN: [why for _, why in read]}, {BROKEN_COLUMN: pl.String})
        texts = [text.rstrip("\r\n") for text in group]
        yield Block(_numbered(broken, line), raw.tell(), [item for item, _ in read], texts)
        line += len(group)


def _item(text: str) -> tuple[object, str | None]:
    """Return the object of a line, and why there is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, "not_json" if text.strip() else "blank_line"
    return value, None if isinstance(value, dict) else "not_an_object"


def _cell(item: object, name: str) -> str | None:
    """Return what an object says under a name, itself or in its activity."""
    if not isinstance(item, dict):
        return None
    activity = item.get("activity")
    inner = activity.get(name) if isinstance(activity, dict) else None
    return cell_text(item.get(name, inner))


def _xlsx_blocks(path: Path, rows: int, sheet: str) -> Iterator[Block]:
    try:
        found = _sheet(path, sheet)
    except _WORKBOOK_ERRORS:
        raise Invalid("workbook_damaged", name=path.name) from None
    if not found:
        raise Invalid("file_empty")
    columns = _header([cell_text(cell) or "" for cell in found[0]])
    if len(found) == 1:
        raise Invalid("file_without_rows")
    size = path.stat().st_size
    for start in range(1, len(found), rows):
        part = [[cell_text(cell) for cell in row] for row in found[start : start + rows]]
        broken = [None if any(row) else "blank_line" for row in part]
        frame = pl.DataFrame(part, schema=dict.fromkeys(columns, pl.String), orient="row")
        frame = frame.with_columns(pl.Series(BROKEN_COLUMN, broken, dtype=pl.String))
        done = size * min(start + rows, len(found)) // len(found)
        yield Block(_numbered(frame, start + 1), done)


def _sheet(path: Path, sheet: str) -> list[list[Any]]:
    """Return the cells of the named sheet, else of the first."""
    with zipfile.ZipFile(path) as archive:
        unpacked_bytes = sum(info.file_size for info in archive.infolist())
        if unpacked_bytes > MAX_XLSX_UNPACKED_BYTES or _spans_too_much(archive):
            raise Invalid("file_too_large", name=path.name)
    book = python_calamine.CalamineWorkbook.from_path(str(path))
    name = sheet or next(iter(book.sheet_names), "")
    if name not in book.sheet_names:
        raise Invalid("sheet_unknown", sheet=name, sheets=", ".join(book.sheet_names))
    cells: list[list[Any]] = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return cells


def _spans_too_much(archive: zipfile.ZipFile) -> bool:
    """Return whether a sheet's last column and row span more cells than memory should hold.

    The reader takes memory for the whole rectangle: two cells in far corners would end the process.
    """
    for name in archive.namelist():
        if not name.startswith("xl/worksheets/"):
            continue
        columns: set[bytes] = set()
        rows = 0
        with archive.open(name) as sheet:
            tail = b""
            while part := sheet.read(_SCAN_BYTES):
                found = _CELL_PLACE.findall(tail + part)
                tail = part[-_LONGEST_PLACE:]
                columns.update(column for column, _ in found)
                rows = max([rows, *(int(row) for _, row in found)])
        if rows * max(map(_column_number, columns), default=0) > MAX_SHEET_CELLS:
            return True
    return False


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


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
