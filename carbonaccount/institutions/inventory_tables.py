"""Small tables from CSV, TSV and XLSX files, as text: what people fill in and send back."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from carbonaccount.errors import Invalid

MAX_BYTES = 4 * 1024 * 1024
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
MAX_ROWS = 20_000
MAX_COLUMNS = 200
MAX_SHEET_CELLS = MAX_ROWS * MAX_COLUMNS
_CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")
_ENCODINGS = ("utf-8-sig", "gb18030")
_SUFFIXES = {"csv": ",", "tsv": "\t", "txt": "\t"}


@dataclass(frozen=True)
class Row:
    """A row by column name; `line` is its number in the file, the first line being 1."""

    line: int
    cells: dict[str, str]

    def get(self, column: str) -> str:
        """Return a cell without blanks around it, empty when the column is not there."""
        return self.cells.get(column, "").strip()


@dataclass(frozen=True)
class Table:
    """A header and the rows below it that hold anything."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(
    content: bytes, name: str, *, sheets: tuple[str, ...] = (), wanted: tuple[str, ...] = ()
) -> Table:
    """Return the table of a file; of a workbook that of a sheet named so, else of the first.

    `wanted` are names of a column the header must have: lines above it (titles, instructions)
    are passed.
    Raises Invalid: table_too_large, table_format, table_damaged, table_encoding, table_empty,
    table_header (with the columns found).
    """
    if len(content) > MAX_BYTES:
        raise Invalid("table_too_large", limit_mib=MAX_BYTES // 1024 // 1024)
    suffix = name.lower().rpartition(".")[2]
    if suffix == "xlsx":
        lines = list(_workbook_lines(content, sheets))
    elif suffix in _SUFFIXES:
        lines = list(_text_lines(content, _SUFFIXES[suffix]))
    else:
        raise Invalid("table_format")
    return _table(lines, wanted)


def _table(lines: list[tuple[int, list[str]]], wanted: tuple[str, ...]) -> Table:
    filled = [(number, cells) for number, cells in lines if any(cell.strip() for cell in cells)]
    if not filled:
        raise Invalid("table_empty")
    if len(filled) > MAX_ROWS:
        raise Invalid("table_rows", limit=MAX_ROWS)
    start = 0
    if wanted:
        lower = {name.lower() for name in wanted}
        names = [
            index
            for index, (_, cells) in enumerate(filled)
            if lower & {_named(cell).lower() for cell in cells}
        ]
        if not names:
            shown = ", ".join(cell.strip() for cell in filled[0][1] if cell.strip())
            raise Invalid("table_header", column=" / ".join(wanted), columns=shown[:200])
        start = names[0]
    header = [_named(cell) for cell in filled[start][1]]
    given = [name for name in header if name]
    if len(set(given)) != len(given):
        raise Invalid("header_repeats", columns=next(n for n in given if given.count(n) > 1)[:60])
    rows = tuple(
        Row(number, {name: cell for name, cell in zip(header, cells, strict=False) if name})
        for number, cells in filled[start + 1 :]
    )
    return Table(tuple(given), rows)


def _named(cell: str) -> str:
    """Return a column's name: its first line, without the star of columns that must be filled."""
    return cell.strip().split("\n")[0].strip().rstrip("*＊").strip()


def _text_lines(content: bytes, separator: str) -> Iterator[tuple[int, list[str]]]:
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Invalid("table_encoding")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            yield reader.line_num, [_without_guard(cell) for cell in cells[:MAX_COLUMNS]]
    except csv.Error:
        raise Invalid("table_damaged") from None


def _without_guard(cell: str) -> str:
    """Take off the apostrophe that our own exports put before what a spreadsheet might run."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@＝＋－＠" else cell


def _workbook_lines(content: bytes, sheets: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    import python_calamine

    try:
        _check_unpacked(content)
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
        chosen = next((name for name in (*sheets, *names) if name in names), "")
        cells = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    except (
        zipfile.BadZipFile,
        python_calamine.CalamineError,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
    ):
        raise Invalid("table_damaged") from None
    for number, row in enumerate(cells, start=1):
        yield number, [_cell_text(cell) for cell in row[:MAX_COLUMNS]]


def _check_unpacked(content: bytes) -> None:
    """Unpack once with a limit: a small file may hold more than memory does.

    The reader takes memory for the whole rectangle of a sheet, so two cells in far corners are
    refused too.
    """
    left = MAX_UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            with archive.open(name) as part:
                data = part.read(left + 1)
            left -= len(data)
            if left < 0 or (name.startswith("xl/worksheets/") and _spans_too_much(data)):
                raise Invalid("table_too_large", limit_mib=MAX_BYTES // 1024 // 1024)


def _spans_too_much(sheet: bytes) -> bool:
    places = _CELL_PLACE.findall(sheet)
    columns = max((_column_number(column) for column, _row in places), default=0)
    rows = max((int(row) for _column, row in places), default=0)
    return rows * columns > MAX_SHEET_CELLS


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _cell_text(cell: Any) -> str:
    """Return a cell as a person would type it; numbers exactly as the workbook keeps them."""
    if isinstance(cell, bool) or cell is None:
        return "" if cell is None else str(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        text = f"{Decimal(repr(cell)):f}"
        return text.removesuffix(".0")
    return str(cell)
