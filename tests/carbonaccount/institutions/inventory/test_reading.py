"""Tables that people fill in: what a file would do, line by line; no database."""

import io
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
import xlsxwriter

from carbonaccount.errors import Invalid
from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions import inventory_sheets as sheets
from carbonaccount.institutions.inventory_completeness import Unfinished
from carbonaccount.institutions.inventory_entries import Entry, prepared
from carbonaccount.institutions.inventory_models import Inventory, InventoryEvidence, InventoryLine
from carbonaccount.institutions.inventory_reading import SHEETS, Plan, plan_upload
from carbonaccount.institutions.inventory_results import YearAccount, account_of
from carbonaccount.institutions.inventory_tables import read_table
from tests.carbonaccount.institutions.inventory.lines import NOW, line


def factor(code: str, value: str, unit: str, name: str, **period: date) -> FactorVersion:
    return FactorVersion(
        code=code,
        version=2 if "valid_from" in period else 1,
        name_zh=name,
        name_en=code,
        value=Decimal(value),
        unit=unit,
        valid_from=period.get("valid_from"),
        valid_to=period.get("valid_to"),
        data_year=2023,
        grade="B",
        source="a published table",
    )


BOOK = FactorBook(
    (
        factor("grid.shandong", "0.6410", "kgCO2/kWh", "山东省电力平均二氧化碳排放因子"),
        factor(
            "grid.shandong",
            "0.6191",
            "kgCO2/kWh",
            "山东省电力平均二氧化碳排放因子",
            valid_from=date(2026, 1, 1),
        ),
        # Before the city's own by its code, and after it wherever people choose.
        factor("grid.national", "0.5306", "kgCO2/kWh", "全国电力平均二氧化碳排放因子"),
        replace(
            factor("fuel.natural_gas", "2.184", "kgCO2/m3", "天然气"),
            source="table A.1",
            source_zh="表 A.1",
        ),
        factor("heat.purchased", "110", "kgCO2/GJ", "外购热力"),
        factor("commuting.car", "0.250", "kgCO2/km", "通勤：燃油小客车"),
        factor("travel.train", "0.03546", "kgCO2e/pkm", "差旅：火车、高铁"),
        factor("water.supply", "0.168", "kgCO2e/m3", "自来水"),
        factor("sink.forest", "243", "kgCO2/(mu year)", "森林"),
    )
)
HEADER = "月份,能源或活动,地点或表计,数量,单位,其中绿电,其中转供,数据来源,佐证文件,备注\n"


def plan(text: str, present: list[InventoryLine] | None = None, year: int = 2026) -> Plan:
    """Read lines below the template's header."""
    evidence = InventoryEvidence(
        id=7,
        public_id="x",
        institution_id=1,
        sha256="",
        name="电费单.pdf",
        kind="pdf",
        size_bytes=1,
        uploaded_by=1,
        uploaded_at=NOW,
    )
    content = (HEADER + text).encode("utf-8-sig")
    return plan_upload(
        content, "a.csv", year=year, book=BOOK, present=present or [], evidence=[evidence]
    )


def test_lines_as_people_write_them() -> None:
    found = plan(
        '1,山东省电力,1号楼,"12,345.6",kWh,2000,,计量或账单,电费单.pdf,\n'
        "2026年2月,grid.shandong,,2,兆瓦时,,0.5,,,\n"
        "2026-03,GRID.SHANDONG,,0.3,万度,,,estimated,,估的\n"
        "全年,天然气,,38.931,GJ,,,推算,,\n"
        "4,外购热力,,10,GJ,,2,,,\n"
        "5,山东省电力,,1,kWh,,,,,示例\n"
    )
    assert [refused.error.code for refused in found.refused] == []
    rows = [item.fields for item in found.added]
    assert [(row["month"], row["factor_code"], row["amount"]) for row in rows] == [
        (1, "grid.shandong", "12345.6"),
        (2, "grid.shandong", "2000"),
        (3, "grid.shandong", "3000"),
        (0, "fuel.natural_gas", "1000"),
        (4, "heat.purchased", "10"),
    ]
    assert (rows[0]["entered_amount"], rows[0]["green_power"]) == ("12345.6", "2000")
    assert (rows[0]["evidence_id"], rows[0]["factor_version"]) == (7, 2)
    assert rows[1]["resupplied"] == "500"  # 0.5 MWh
    assert (rows[2]["basis"], rows[3]["basis"]) == ("estimated", "computed")


REFUSED = [
    ("1,山东省电力,,,kWh,,,,,", "missing_field"),
    ("1,山东省电力,,-5,kWh,,,,,", "amount_negative"),
    ("1,山东省电力,,5,,,,,,", "unit_missing"),
    ("1,山东省电力,,5,m3,,,,,", "unit_not_offered"),
    ("1,山东省电力,,5,therm,,,,,", "unit_not_offered"),
    ("13,山东省电力,,5,kWh,,,,,", "unknown_month"),
    ("3.5,山东省电力,,5,kWh,,,,,", "unknown_month"),
    ("2025-03,山东省电力,,5,kWh,,,,,", "month_of_other_year"),
    ("1,柴火,,5,kg,,,,,", "unknown_factor"),
    ("1,森林,,5,mu,,,,,", "factor_not_for_inventory"),
    ("1,天然气,,5,m3,1,,,,", "green_power_not_here"),
    ("1,自来水,,5,m3,,1,,,", "resupplied_not_here"),
    ("1,山东省电力,,5,kWh,,,猜的,,", "unknown_basis"),
    ("1,山东省电力,,5,kWh,,,,没传.pdf,", "evidence_not_uploaded"),
]


def test_refused_lines_say_why_and_where() -> None:
    found = plan("\n".join(text for text, _code in REFUSED))
    assert found.added == []
    assert [(refused.line, refused.error.code) for refused in found.refused] == [
        (number, code) for number, (_text, code) in enumerate(REFUSED, start=2)
    ]
    assert found.refused[1].text == "1 | 山东省电力 | -5 | kWh"
    twice = plan("1,山东省电力,,5,kWh,,,,,\n1,grid.shandong,,6,kWh,,,,,")
    assert [(item.line, item.error.code) for item in twice.refused] == [(3, "line_repeats")]
    # A meter is the same in capitals, full-width or with another blank.
    meters = plan("1,山东省电力,A 1号,5,kWh,,,,,\n1,山东省电力,ａ　1号,6,kWh,,,,,")
    assert [(item.line, item.error.code) for item in meters.refused] == [(3, "line_repeats")]


def test_the_same_line_again_changes_nothing_and_another_amount_changes_it() -> None:
    text = "1,山东省电力,1号楼,12345.60,kWh,,,,电费单.pdf,"
    there = stored(plan(text), 11)
    again = plan(text + "\n2,山东省电力,1号楼,5,kWh,,,,,", [there])
    assert (len(again.added), len(again.changed), len(again.unchanged)) == (1, 0, 1)
    # No evidence named takes none away.
    other = plan("1,山东省电力,1号楼,12346,kWh,,,,,", [there])
    assert other.changed[0].line_id == 11
    assert other.changed[0].before is not None
    assert other.changed[0].before["entered_amount"] == "12345.6"
    assert other.changed[0].fields["evidence_id"] == 7


def stored(found: Plan, number: int) -> InventoryLine:
    """Return the one line of a plan as if it had been written."""
    fields = found.added[0].fields
    return InventoryLine(id=number, inventory_id=1, changed_at=NOW, **fields)  # type: ignore[arg-type]


def test_tables_that_cannot_be_read() -> None:
    for content, name, code in (
        (b"", "a.csv", "table_empty"),
        (b"a,b\n1,2\n", "a.csv", "table_header"),
        ("数量\n1\n".encode(), "a.csv", "table_columns"),
        (b"x", "a.pdf", "table_format"),
        (b"PK\x03\x04 not a workbook", "a.xlsx", "table_damaged"),
        (b"\xff\xfe\x00\xd8", "a.csv", "table_encoding"),
        (b"x" * (4 * 1024 * 1024 + 1), "a.csv", "table_too_large"),
        (workbook({"XFD1048576": "x", "A1": "数量"}), "a.xlsx", "table_too_large"),
        ("数量,数量\n1,2\n".encode(), "a.csv", "header_repeats"),
    ):
        with pytest.raises(Invalid) as refused:
            plan_upload(content, name, year=2026, book=BOOK, present=[], evidence=[])
        assert refused.value.code == code, (name, content[:20])


def workbook(cells: dict[str, object]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for place, value in cells.items():
            sheet.write(place, value)
    return file.getvalue()


def test_a_small_file_that_unpacks_to_much_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (65 * 1024 * 1024))
    with pytest.raises(Invalid, match="table_too_large"):
        read_table(file.getvalue(), "a.xlsx")


def test_a_csv_from_a_chinese_spreadsheet_is_read() -> None:
    content = (HEADER + "1,山东省电力,,5,kWh,,,,,\n").encode("gb18030")
    found = plan_upload(content, "a.csv", year=2026, book=BOOK, present=[], evidence=[])
    assert found.added[0].fields["amount"] == "5"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_can_be_filled_in_and_read(language: str) -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(sheets.template(year=2026, book=BOOK, language=language))
    )
    assert book.sheetnames == [
        SHEETS[1] if language == "en" else SHEETS[0],
        *(("Units", "Instructions") if language == "en" else ("单位", "说明")),
    ]
    sheet, units = book.worksheets[0], book.worksheets[1]
    # Nothing of the example is read.
    assert read(book) == Plan(examples=[2, 3, 4])
    columns = [cell.value for cell in sheet[1]]
    assert columns[3] == ("Amount*" if language == "en" else "数量*")
    assert len(sheet.data_validations.dataValidation) == 3
    codes = [units.cell(row, 1).value for row in range(2, units.max_row + 1)]
    assert codes == [
        *("fuel.natural_gas", "grid.shandong", "grid.national", "heat.purchased"),
        *("water.supply", "travel.train", "commuting.car"),
    ]
    # The example is of the city's own electricity, as people take it.
    assert sheet.cell(3, 2).value == ("Grid.shandong" if language == "en" else "山东省电力")
    # What is optional says of what kind it is.
    assert units.cell(7, 4).value == (
        "Optional (not in the total) · Business travel"
        if language == "en"
        else "可选项（不计入合计） · 差旅"
    )
    assert units.cell(7, 7).value == "人公里, pkm"
    # Units as people write them; a factor with one text has that one in both languages.
    assert units.cell(7, 6).value == ("kgCO2e/pkm" if language == "en" else "kgCO2e/人公里")
    assert units.cell(7, 8).value == "a published table"
    assert units.cell(2, 8).value == ("table A.1" if language == "en" else "表 A.1")
    name = units.cell(3, 3 if language == "en" else 2).value
    for column, value in ((1, 3), (2, name), (3, "A"), (4, 1234.5), (5, "MWh"), (6, 200)):
        sheet.cell(2, column, value)
    assert read(book).added == []
    sheet.cell(2, 10).value = None
    found = read(book)
    assert found.refused == []
    assert found.added[0].fields["amount"] == "1234500"
    assert found.added[0].fields["green_power"] == "200000"
    instructions = book.worksheets[2]
    assert instructions.max_row == len(sheets.INSTRUCTIONS) + 1
    assert all(cell.value for row in instructions.iter_rows() for cell in row)


def read(book: openpyxl.Workbook) -> Plan:
    file = io.BytesIO()
    book.save(file)
    return plan_upload(file.getvalue(), "a.xlsx", year=2026, book=BOOK, present=[], evidence=[])


def test_an_export_holds_the_figures_and_can_be_sent_back_unchanged() -> None:
    lines = [
        line(1, "grid.shandong", "12345.6", green="2000", place="=1+1", book=BOOK),
        line(0, "fuel.natural_gas", "38.931", unit="GJ", book=BOOK),
        line(2, "water.supply", "1000", unit="m3", book=BOOK),
        line(0, "travel.train", "600", unit="人公里", book=BOOK),
        line(0, "commuting.car", "1000", unit="公里", book=BOOK),
    ]
    account = exported(lines)
    names = {item.factor_code: item.factor_code for item in lines}
    partly = {account.year: Unfinished(2), account.year - 1: Unfinished(0)}
    content = sheets.export(account, names=names, book=BOOK, language="zh", unfinished=partly)
    book = openpyxl.load_workbook(io.BytesIO(content))
    summary = {row[0].value: row[1].value for row in book["汇总"].iter_rows(min_row=2)}
    said = [row[1].value for row in book["汇总"] if row[0].value == "不能和整年比较"]
    assert said == [
        f"{account.year} 年只填了 2 个月",
        f"{account.year - 1} 年还没有结束或没有填全",
    ]
    # (12345.6 - 2000) x 0.6191; 1000 m3 x 2.184; water apart: 1000 x 0.168
    assert summary["外购电力 kgCO2"] == 6404.961
    assert summary["直接排放（燃料） kgCO2"] == 2184
    assert summary["合计（kgCO2）"] == 8588.961
    # 600 pkm x 0.03546; 1000 km x 0.250
    optional = "可选项（不计入合计）"
    assert summary[f"{optional} · 水 kgCO2e"] == 168
    assert summary[f"{optional} · 差旅 kgCO2e"] == 21.276
    assert summary[f"{optional} · 员工通勤 kgCO2e"] == 250
    assert summary[f"{optional} kgCO2e"] == 439.276
    rows = list(book["填报"].iter_rows(min_row=2, values_only=True))
    assert [row[19] for row in rows] == [6404.961, 2184, 168, 21.276, 250]
    assert rows[0][2] == "=1+1"
    assert book["填报"]["C2"].data_type == "s"
    other = sheets.export(account, names=names, book=BOOK, language="en", unfinished=partly)
    for file in (content, other):
        again = plan_upload(file, "export.xlsx", year=2026, book=BOOK, present=lines, evidence=[])
        assert (len(again.unchanged), again.does_something, again.refused) == (5, False, [])


def exported(lines: list[InventoryLine]) -> YearAccount:
    row = Inventory(id=1, institution_id=1, year=2026, status="open", created_at=NOW)
    return account_of(row, [(item, "") for item in lines])


def test_the_year_chooses_the_factor() -> None:
    for year, value in ((2025, "0.6410"), (2026, "0.6191")):
        fields = prepared(Entry(3, "grid.shandong", "1", "kWh"), year=year, book=BOOK)
        assert fields["factor_value"] == value
