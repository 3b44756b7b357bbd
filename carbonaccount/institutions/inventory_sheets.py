"""Workbooks of inventories: the template that people fill in, and a year's account as a file.

The sheet of lines has the same columns in both, so that an export can be changed and sent back.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import xlsxwriter

from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions import conversion, footprint
from carbonaccount.institutions.factor_words import source_text, unit_text
from carbonaccount.institutions.footprint import Block, Kind, kind_of
from carbonaccount.institutions.inventory_completeness import Unfinished
from carbonaccount.institutions.inventory_entries import energy_name, factor_day, usable_factors
from carbonaccount.institutions.inventory_reading import (
    BASES,
    COLUMNS,
    EXAMPLE_MARKS,
    REQUIRED,
    SHEETS,
)
from carbonaccount.institutions.inventory_results import AccountLine, YearAccount

Cell = str | Decimal | int
# Each text in Chinese and English; a template carries both, its columns are in one of them.
INSTRUCTIONS: tuple[tuple[str, str], ...] = (
    (
        f"在“{SHEETS[0]}”表中每行填一种能源在一个月（或全年）的数量。带 * 的列必填。",
        f"On the sheet “{SHEETS[1]}” each row is one kind of energy in a month (or the whole "
        "year). Columns with * must be filled.",
    ),
    (
        "月份：1 至 12，或“全年”。全年和各月不要重复填同一笔能耗。",
        "Month: 1 to 12, or “year”. Do not give the same energy both by month and by year.",
    ),
    (
        "能源或活动：从下拉列表中选，或填“单位”表中的代码。",
        "Energy or activity: choose from the list, or give the code from the sheet of units.",
    ),
    (
        "地点或表计：同一月份、同一能源有多块表时用它区分；可以空着。",
        "Place or meter: tells several meters of one energy and month apart; may be empty.",
    ),
    (
        "数量不能是负数；单位必填，能用哪些单位见“单位”表，换算由系统完成。",
        "Amounts are never negative; the unit must be given. The sheet of units lists those that "
        "fit; the system converts.",
    ),
    (
        "其中绿电：外购电力中有绿证或绿电合同的部分，排放因子为 0。"
        "其中转供：转供给其他单位的电力或热力，要扣除。",
        "Of it green power: the purchased electricity covered by certificates or contracts, at "
        "factor 0. Of it re-supplied: electricity or heat passed on to others, deducted.",
    ),
    (
        "差旅和通勤（可选）：人公里＝人数 × 公里，3 人各乘 200 公里填 600；小客车按车行驶的公里填，"
        "不乘人数；住宿填间夜。单位自己的车用的油、电已在直接排放和外购电力里，不要再填。",
        "Business travel and commuting (optional): pkm is people times kilometres, 3 people who "
        "go 200 km each are 600; of cars the kilometres of the car, whoever sits in it; nights "
        "are rooms times nights. Fuel and power of your own vehicles are counted already.",
    ),
    (
        "佐证文件：先在清单页上传，再填文件名。数据来源：计量或账单、推算、估计。",
        "Evidence file: upload it on the inventory page first, then give its name here. "
        "Basis: meter or bill, computed, estimated.",
    ),
    (
        f"备注为“{EXAMPLE_MARKS[0]}”的行不会导入。同一个文件再导入一次，什么都不会变。",
        f"Rows with the note “{EXAMPLE_MARKS[1]}” are not imported. The same file again changes "
        "nothing.",
    ),
)
_UNITS_HEADER = (
    *(("代码", "Code"), ("名称", "Name"), ("英文名称", "Name in English"), ("归类", "Block")),
    *(("排放因子", "Factor"), ("因子单位", "Unit of the factor")),
    *(("可用的单位", "Units that fit"), ("来源", "Source")),
)
_RESULT_COLUMNS = (
    ("折算数量", "Converted amount"),
    ("折算单位", "Converted unit"),
    ("折算绿电", "Green power, converted"),
    ("折算转供", "Re-supplied, converted"),
    ("计入数量", "Amount counted"),
    ("因子代码", "Factor code"),
    ("因子版本", "Factor version"),
    ("排放因子", "Factor"),
    ("因子单位", "Factor unit"),
    ("排放量（kgCO2）", "Emission (kgCO2)"),
    ("归类", "Block"),
    ("证据等级", "Evidence grade"),
)
BLOCKS: dict[Block, tuple[str, str]] = {
    Block.DIRECT: ("直接排放（燃料）", "Direct (fuels)"),
    Block.POWER: ("外购电力", "Purchased electricity"),
    Block.HEAT: ("外购热力", "Purchased heat"),
    Block.OPTIONAL: ("可选项（不计入合计）", "Optional (not in the total)"),
}
# A part of the optional block, with what all its parts come to below.
KINDS: dict[Kind, tuple[str, str]] = {
    Kind.WATER: ("水", "Water"),
    Kind.PAPER: ("纸张", "Paper"),
    Kind.TRAVEL: ("差旅", "Business travel"),
    Kind.COMMUTING: ("员工通勤", "Commuting of staff"),
}
_SUMMARY = {
    "year": ("年度", "Year"),
    "version": ("版本", "Version"),
    "total": ("合计（kgCO2）", "Total (kgCO2)"),
    "per_m2": ("单位建筑面积（kgCO2/m²）", "Per square metre (kgCO2/m²)"),
    "per_head": ("人均（kgCO2/人）", "Per head (kgCO2 a head)"),
    "last_year": ("上年合计（kgCO2）", "Total of the year before (kgCO2)"),
    "base_year": ("基准年合计（kgCO2）", "Total of the base year (kgCO2)"),
    "unfinished": ("不能和整年比较", "Not comparable with a whole year"),
}
_UNFINISHED = {
    "months": ("{year} 年只填了 {months} 个月", "{year} has {months} months only"),
    "other": ("{year} 年还没有结束或没有填全", "{year} is not over or not complete"),
}
_SHEETS = {
    "summary": ("汇总", "Summary"),
    "units": ("单位", "Units"),
    "help": ("说明", "Instructions"),
}
_WIDTHS = (10, 26, 22, 14, 10, 14, 14, 16, 26, 22)
_LARGEST_DIGITS = 15
_FILL_ROWS = 2000
_EXAMPLE_AMOUNT = Decimal("12345.6")


def template(*, year: int, book: FactorBook, language: str) -> bytes:
    """Return the workbook to fill in: lines with an example, units that fit, instructions."""
    factors = usable_factors(book, factor_day(year, 1))
    with _Workbook(language) as work:
        _lines_sheet(work, factors, examples=True)
        _units_sheet(work, factors)
        _help_sheet(work)
    return work.content


def export(
    account: YearAccount,
    *,
    names: dict[str, str],
    book: FactorBook,
    language: str,
    unfinished: Mapping[int, Unfinished],
) -> bytes:
    """Return a year's account: a summary, the lines with what they come to, the units.

    `names` are the factors' names by code, in the language; `unfinished` the years that are not
    whole, of this one and those that it is compared with.
    """
    factors = usable_factors(book, factor_day(account.year, 1))
    with _Workbook(language) as work:
        _summary_sheet(work, account, unfinished)
        sheet = _lines_sheet(work, factors, examples=False)
        work.header(sheet, [work.said(both) for both in _RESULT_COLUMNS], start=len(COLUMNS))
        for number, line in enumerate(account.lines, start=1):
            work.row(sheet, number, line_cells(line, names, language))
        _units_sheet(work, factors)
    return work.content


def lines_header(language: str) -> list[str]:
    """Return the names of the columns of `line_cells`."""
    index = 1 if language == "en" else 0
    return [both[index] for both in (*COLUMNS.values(), *_RESULT_COLUMNS)]


def line_cells(line: AccountLine, names: dict[str, str], language: str) -> list[Cell]:
    """Return a line as the export shows it: first what the template asks for, then the results."""
    index = 1 if language == "en" else 0
    row = line.row
    return [
        line.month or ("year" if index else "全年"),
        names.get(line.factor_code, line.factor_code),
        line.place,
        Decimal(row.entered_amount),
        row.entered_unit,
        _given(row.entered_green_power),
        _given(row.entered_resupplied),
        BASES[row.basis][index],
        ", ".join(line.evidence_files),
        row.note,
        line.amount,
        line.activity_unit,
        line.green_power,
        line.resupplied,
        line.counted,
        line.factor_code,
        line.factor_version,
        line.factor_value,
        line.factor_unit,
        line.emission_kg,
        BLOCKS[line.block][index],
        line.grade,
    ]


def _given(entered: str) -> Cell:
    return "" if entered == "0" else Decimal(entered)


def summary_rows(
    account: YearAccount, language: str, unfinished: Mapping[int, Unfinished]
) -> list[tuple[str, Cell]]:
    """Return the figures of a year with their names; those that are not there are left out.

    Below the totals of other years stands which of the years are not whole.
    """
    index = 1 if language == "en" else 0
    amounts = {
        Block.DIRECT: account.direct_kg,
        Block.POWER: account.power_kg,
        Block.HEAT: account.heat_kg,
    }
    found: list[tuple[str, Cell | None]] = [
        (_SUMMARY["year"][index], account.year),
        (_SUMMARY["version"][index], account.version),
        *((BLOCKS[block][index] + " kgCO2", amount) for block, amount in amounts.items()),
        (_SUMMARY["total"][index], account.total_kg),
        *(
            (_part(kind, index) + " kgCO2e", amount)
            for kind, amount in account.optional_parts.items()
        ),
        (BLOCKS[Block.OPTIONAL][index] + " kgCO2e", account.optional_kg),
        (_SUMMARY["per_m2"][index], account.per_m2_kg),
        (_SUMMARY["per_head"][index], account.per_head_kg),
        (_SUMMARY["last_year"][index], account.last_year_total_kg),
        (_SUMMARY["base_year"][index], account.base_year_total_kg),
        *_not_whole(index, unfinished),
    ]
    return [(name, cell) for name, cell in found if cell is not None]


def _not_whole(index: int, unfinished: Mapping[int, Unfinished]) -> list[tuple[str, str]]:
    """Say which of the years are not whole, so that nobody compares them."""
    return [
        (_SUMMARY["unfinished"][index], words[index].format(year=year, months=item.months))
        for year, item in sorted(unfinished.items(), reverse=True)
        for words in [_UNFINISHED["months" if item.months else "other"]]
    ]


def _part(kind: Kind, index: int) -> str:
    """Return what a part of the optional block is called."""
    return f"{BLOCKS[Block.OPTIONAL][index]} · {KINDS[kind][index]}"


@dataclass
class _Workbook:
    """A workbook in one language; what people wrote never becomes a formula or a link."""

    language: str

    def __enter__(self) -> "_Workbook":
        self._file = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self.book: Any = xlsxwriter.Workbook(self._file, options)
        self.bold = self.book.add_format({"bold": True, "bg_color": "#E3F2E9", "text_wrap": True})
        self.grey = self.book.add_format({"font_color": "#4D5B53", "italic": True})
        self.wrap = self.book.add_format({"text_wrap": True, "valign": "top"})
        return self

    def __exit__(self, *_error: object) -> None:
        self.book.close()
        self.content = self._file.getvalue()

    @property
    def index(self) -> int:
        """Return which of two texts is in the language."""
        return 1 if self.language == "en" else 0

    def said(self, both: tuple[str, str]) -> str:
        """Return one of two texts by the language."""
        return both[self.index]

    def sheet(self, name: str, widths: Sequence[int]) -> Any:
        """Add a sheet with its columns' widths and a header that stays in sight."""
        added = self.book.add_worksheet(name)
        for column, width in enumerate(widths):
            added.set_column(column, column, width)
        added.freeze_panes(1, 0)
        return added

    def header(self, sheet: Any, names: Sequence[str], *, start: int = 0) -> None:
        """Write the first row."""
        for column, name in enumerate(names, start=start):
            sheet.write_string(0, column, name, self.bold)

    def row(self, sheet: Any, number: int, cells: Sequence[Cell], style: Any = None) -> None:
        """Write a row; a number that a spreadsheet cannot hold exactly is written as text."""
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(number, column, cell, style)
            elif isinstance(cell, Decimal) and len(cell.as_tuple().digits) > _LARGEST_DIGITS:
                sheet.write_string(number, column, f"{cell:f}", style)
            else:
                sheet.write_number(number, column, float(cell), style)


def _lines_sheet(
    work: _Workbook, factors: Sequence[tuple[Block, FactorVersion]], *, examples: bool
) -> Any:
    sheet = work.sheet(work.said(SHEETS), _WIDTHS)
    names = [work.said(both) + ("*" if item in REQUIRED else "") for item, both in COLUMNS.items()]
    work.header(sheet, names)
    _choices(work, sheet, factors)
    for number, cells in enumerate(_examples(work, factors) if examples else (), start=1):
        work.row(sheet, number, cells, work.grey)
    return sheet


def _choices(work: _Workbook, sheet: Any, factors: Sequence[tuple[Block, FactorVersion]]) -> None:
    """Offer what may stand in a column as a list to choose from."""
    fields = list(COLUMNS)
    units_sheet = work.said(_SHEETS["units"])
    name_column = "C" if work.language == "en" else "B"
    lists: dict[str, object] = {
        "month": [*range(1, 13), work.said(("全年", "year"))],
        "factor_code": f"='{units_sheet}'!${name_column}$2:${name_column}${len(factors) + 1}",
        "basis": [work.said(both) for both in BASES.values()],
    }
    for item, source in lists.items():
        column = fields.index(item)
        rule = {"validate": "list", "source": source, "error_type": "warning"}
        sheet.data_validation(1, column, _FILL_ROWS, column, rule)


def _examples(
    work: _Workbook, factors: Sequence[tuple[Block, FactorVersion]]
) -> Iterator[list[Cell]]:
    """Yield one line a block as it would be filled in; none of them is imported."""
    shown: set[Block] = set()
    for block, factor in factors:
        if block in shown or block is Block.OPTIONAL:
            continue
        shown.add(block)
        wanted = footprint.activity_unit(factor.unit)
        yield [
            1,
            energy_name(factor, work.language),
            work.said(("1号楼电表", "Building 1")) if block is Block.POWER else "",
            _EXAMPLE_AMOUNT,
            conversion.choices(wanted, factor.code)[0],
            Decimal(2000) if block is Block.POWER else "",
            "",
            work.said(BASES["metered"]),
            "",
            work.said(EXAMPLE_MARKS),
        ]


def _units_sheet(work: _Workbook, factors: Sequence[tuple[Block, FactorVersion]]) -> None:
    sheet = work.sheet(work.said(_SHEETS["units"]), (22, 30, 38, 22, 12, 16, 40, 60))
    work.header(sheet, [work.said(both) for both in _UNITS_HEADER])
    for number, (block, factor) in enumerate(factors, start=1):
        wanted = footprint.activity_unit(factor.unit)
        units = ", ".join(conversion.choices(wanted, factor.code))
        cells: list[Cell] = [factor.code, energy_name(factor, "zh"), energy_name(factor, "en")]
        kind = kind_of(factor.code)
        part = work.said(BLOCKS[block]) if kind is None else _part(kind, work.index)
        cells += [part, factor.value, unit_text(factor.unit, work.language), units]
        cells.append(source_text(factor, work.language))
        work.row(sheet, number, cells)


def _help_sheet(work: _Workbook) -> None:
    sheet = work.sheet(work.said(_SHEETS["help"]), (70, 80))
    work.header(sheet, ["填报说明", "How to fill in"])
    for number, both in enumerate(INSTRUCTIONS, start=1):
        work.row(sheet, number, both, work.wrap)


def _summary_sheet(
    work: _Workbook, account: YearAccount, unfinished: Mapping[int, Unfinished]
) -> None:
    sheet = work.sheet(work.said(_SHEETS["summary"]), (44, 20))
    work.header(sheet, [work.said(("项目", "Figure")), work.said(("数值", "Value"))])
    rows = summary_rows(account, work.language, unfinished)
    for number, (name, cell) in enumerate(rows, start=1):
        work.row(sheet, number, [name, cell])
