"""A resident's records as a file: CSV for anything that reads text, XLSX for spreadsheets.

What came from outside (event ids, names) is never a formula: CSV cells that a spreadsheet would
run get an apostrophe in front, XLSX cells are written as strings.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence

import xlsxwriter
from flask_babel import gettext as _

from behaviors import explain, labels
from behaviors.queries import RecordRow
from behaviors.rulebook import RuleBook
from carbonaccount.clock import CITY_ZONE
from carbonaccount.web.templating import language

# A spreadsheet takes a text that begins like this for a formula or a command.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BYTE_ORDER_MARK = "\ufeff"
Cell = str | int


def header() -> list[str]:
    """Return the names of the columns in the page's language."""
    return [
        _("编号"),
        _("行为"),
        _("行为代码"),
        _("数据来源"),
        _("来源方编号"),
        _("发生时间"),
        _("记账日"),
        _("证据"),
        _("状态"),
        _("测量值"),
        _("量"),
        _("计入的量"),
        _("单位"),
        _("规则版本"),
        _("减排量（克）"),
        _("积分"),
    ]


def lines(rows: Iterable[RecordRow], book: RuleBook) -> Iterable[list[Cell]]:
    """Yield a line for each record, whole numbers as numbers and everything else as text."""
    for record, source in rows:
        info, rule = (
            book.behavior_by_id[record.behavior_id],
            book.rule_by_id(record.rule_version_id),
        )
        measured = json.loads(record.activity)
        yield [
            record.id or 0,
            str(info.texts[language()]["name"]),
            info.code,
            source.name_en if language() == "en" else source.name_zh,
            record.event_id,
            record.occurred_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"),
            record.business_day.isoformat(),
            record.evidence,
            str(labels.STATUS_NAMES[record.status]),
            "; ".join(f"{name}={amount}" for name, amount in measured.items()),
            explain.milli(record.quantity_milli),
            explain.milli(record.counted_milli),
            rule.quantity_unit,
            rule.version,
            record.reduction_g,
            record.credits,
        ]


def as_csv(rows: Iterable[RecordRow], book: RuleBook) -> bytes:
    """Return the records as CSV in UTF-8, with the mark by which Excel knows that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header())
    for line in lines(rows, book):
        writer.writerow([harmless(cell) for cell in line])
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def harmless(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet runs; numbers stay as they are."""
    if isinstance(cell, str) and cell.startswith(_DANGEROUS):
        return f"'{cell}"
    return cell


def as_xlsx(rows: Iterable[RecordRow], book: RuleBook) -> bytes:
    """Return the records as an Excel workbook with one sheet."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        sheet = workbook.add_worksheet(_("记录"))
        _write_line(sheet, 0, header(), workbook.add_format({"bold": True}))
        for number, line in enumerate(lines(rows, book), start=1):
            _write_line(sheet, number, line, None)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    return file.getvalue()


def _write_line(sheet: object, number: int, cells: Sequence[Cell], style: object) -> None:
    for column, cell in enumerate(cells):
        write = sheet.write_number if isinstance(cell, int) else sheet.write_string  # type: ignore[attr-defined]
        write(number, column, cell, style)
