"""Lists as files: CSV for anything that reads text, XLSX for spreadsheets.

What came from outside is never a formula: CSV cells that a spreadsheet would run get an
apostrophe in front, XLSX cells are written as strings. Numbers stay numbers.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

import xlsxwriter
from flask import Response

from carbonaccount.web.filters import refuse_unknown

Cell = str | int | Decimal

# A spreadsheet takes a text that begins like this for a formula or a command; some also take the
# full-width signs, which Chinese input methods write.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# By this mark Excel knows that a text is UTF-8.
_BYTE_ORDER_MARK = "\ufeff"
_CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def harmless(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet runs; numbers stay as they are."""
    if isinstance(cell, str) and cell.startswith(DANGEROUS):
        return f"'{cell}"
    return cell


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a table as CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(harmless, header))
    writer.writerows(map(harmless, row) for row in rows)
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def as_xlsx(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a table as an Excel workbook with one sheet."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        sheet = workbook.add_worksheet()
        bold = workbook.add_format({"bold": True})
        for column, name in enumerate(header):
            sheet.write_string(0, column, name, bold)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                write = sheet.write_string if isinstance(cell, str) else sheet.write_number
                write(number, column, cell)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return file.getvalue()


def table_file(
    kind: str, *, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Response:
    """Return a table to download; `kind` is csv or xlsx, `name` has no suffix.

    Raises Invalid (unknown_filter) when the address asks for what the list does not know.
    """
    refuse_unknown()
    content = (as_csv if kind == "csv" else as_xlsx)(header, rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(content, content_type=_CONTENT_TYPES[kind], headers=headers)
