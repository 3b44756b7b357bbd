"""A statement as a workbook: what it comes to, the account, the factors, and the lots.

Kilograms stand as exact decimals with three places, so that sums in a spreadsheet are right.
"""

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter
from flask_babel import gettext as _

from carbonaccount.institutions import completeness_labels, offset_labels, uncertainty_labels
from carbonaccount.institutions.factor_words import source_text, unit_text
from carbonaccount.institutions.neutrality_states import NeutralityState
from carbonaccount.institutions.statement_corrections import Correction
from carbonaccount.sealing import printed_number
from carbonaccount.web.templating import language

Cell = str | int | Decimal


def as_xlsx(content: dict[str, Any], *, digest: str, correction: Correction | None = None) -> bytes:
    """Return what a statement says as an Excel workbook in the page's language.

    `correction` is what became of a neutral one whose inventory was corrected since.
    """
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        formats = {
            "bold": workbook.add_format({"bold": True}),
            "kg": workbook.add_format({"num_format": "#,##0.000"}),
        }
        _pairs(workbook.add_worksheet(_("结果")), _results(content, digest, correction), formats)
        _table(workbook.add_worksheet(_("核算")), *_account(content), formats)
        _table(workbook.add_worksheet(_("排放因子")), *_factors(content), formats)
        _table(workbook.add_worksheet(_("抵消")), *_lots(content), formats)
        _table(workbook.add_worksheet(_("减排措施")), *_measures(content), formats)
        if completeness_labels.gaps(content):
            _table(workbook.add_worksheet(_("缺少的数据")), *_gaps(content), formats)
        if uncertainty_labels.parts(content):
            _table(workbook.add_worksheet(_("不确定度")), *_parts(content), formats)
    return file.getvalue()


def _kg(grams: int) -> Decimal:
    return Decimal(grams) / 1000


def _name(row: dict[str, Any]) -> str:
    return str((row["name_en"] if language() == "en" else "") or row["name_zh"])


def _results(
    content: dict[str, Any], digest: str, correction: Correction | None
) -> list[tuple[str, Cell]]:
    balance = content["balance"]
    concluded = _("已实现碳中和") if balance["neutral"] else _("尚未碳中和")
    since: list[tuple[str, Cell]] = []
    if correction is not None:
        if not correction.is_enough:
            concluded = str(offset_labels.STATES[NeutralityState.CORRECTED_SHORT])
        since = [(_("清单更正后还差（千克）"), _kg(correction.short_g))]
    above = uncertainty_labels.above_offsets(content)
    if above and (correction is None or correction.is_enough):
        since.append((_("抵消与置信区间"), above))
    return [
        (_("声明编号"), printed_number(content["number"])),
        (_("单位"), _name(content["institution"])),
        (_("年份"), content["year"]),
        (_("核算方法"), content["method"]),
        (_("清单版本"), content["inventory"]["version"]),
        (_("排放总量（千克）"), _kg(balance["emissions_g"])),
        (_("绿证抵减电力（千瓦时）"), Decimal(balance["covered_kwh"])),
        (_("绿证抵减（千克）"), _kg(balance["power_reduction_g"])),
        (_("抵减后的排放（千克）"), _kg(balance["after_power_g"])),
        (_("抵消总量（千克）"), _kg(balance["offsets_g"])),
        (_("剩余（千克）"), _kg(balance["remaining_g"])),
        (_("结论"), concluded),
        *since,
        (_("数据是否完整"), completeness_labels.figure(content)),
        *(
            (_("电力因子"), offset_labels.other_grid(item))
            for item in content.get("other_grids", ())
        ),
        *_uncertainty(content),
        (_("审核人"), content.get("reviewer", "")),
        (_("发布日期"), content.get("published_on", "")),
        ("SHA-256", digest),
    ]


def _uncertainty(content: dict[str, Any]) -> list[tuple[str, Cell]]:
    """Return the uncertainty; the ends of its interval only where everything is covered."""
    rows: list[tuple[str, Cell]] = [
        (_("不确定度"), uncertainty_labels.figure(content) or _("未给出"))
    ]
    found = uncertainty_labels.interval(content)
    if found is not None:
        rows.append((_("95% 置信区间下限（千克）"), _kg(found["lower_g"])))
        rows.append((_("95% 置信区间上限（千克）"), _kg(found["upper_g"])))
    remark = uncertainty_labels.remark(content)
    return [*rows, (_("不确定度的说明"), remark)] if remark else rows


def _parts(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [
        *(_("因子"), _("名称"), _("排放（千克）"), _("活动数据（%）"), _("活动数据的依据")),
        *(_("因子（%）"), _("因子的依据")),
    ]
    rows: list[list[Cell]] = [
        [
            part["factor"],
            uncertainty_labels.factor_name(content, part["factor"]),
            _kg(part["emission_g"]),
            _percent(part["activity_percent"]),
            part["activity_basis"],
            _percent(part["factor_percent"]),
            part["factor_basis"],
        ]
        for part in uncertainty_labels.parts(content)
    ]
    return header, rows


def _percent(text: str) -> Cell:
    return Decimal(text) if text else _("未给出")


def _account(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [
        _("类别"),
        _("因子"),
        _("版本"),
        _("月份"),
        _("计入数量"),
        _("单位"),
        _("千克"),
        _("证据"),
    ]
    rows = [
        [
            str(offset_labels.BLOCKS[line["block"]]),
            line["factor"],
            line["version"],
            line["month"] or _("全年"),
            Decimal(line["counted"]),
            unit_text(line["unit"], language()),
            _kg(line["emission_g"]),
            line["grade"],
        ]
        for line in content["lines"]
    ]
    return header, rows


def _factors(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [_("因子"), _("版本"), _("名称"), _("数值"), _("单位"), _("等级"), _("来源")]
    rows: list[list[Cell]] = [
        [
            item["code"],
            item["version"],
            _name(item),
            Decimal(item["value"]),
            unit_text(item["unit"], language()),
            item["grade"],
            source_text(item, language()),
        ]
        for item in content["factors"]
    ]
    return header, rows


def _lots(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [
        *(_("顺序"), _("种类"), _("登记系统"), _("首个编号"), _("末个编号"), _("个数")),
        *(_("千克"), _("千瓦时"), _("年份"), _("发电月份"), _("证明文件 SHA-256")),
    ]
    rows: list[list[Cell]] = [
        [
            lot["rank"],
            str(offset_labels.KINDS[lot["kind"]]),
            offset_labels.registry_name(lot["registry"]),
            lot["first"],
            lot["last"],
            lot["serials"],
            _kg(lot["amount_g"]),
            lot["amount_kwh"],
            lot["vintage"],
            lot.get("produced", ""),
            lot["evidence_sha256"],
        ]
        for lot in [*content["certificates"], *content["offsets"]]
    ]
    return header, rows


def _gaps(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [_("缺少的数据"), _("单位的说明"), _("日期")]
    rows: list[list[Cell]] = [
        [completeness_labels.words(content, gap), gap["reason"], gap["explained_on"]]
        for gap in completeness_labels.gaps(content)
    ]
    return header, rows


def _measures(content: dict[str, Any]) -> tuple[Sequence[str], list[list[Cell]]]:
    header = [_("措施"), _("类别"), _("预计（千克）"), _("实际（千克）"), _("怎样得出")]
    rows: list[list[Cell]] = [
        [
            row["title"],
            str(offset_labels.AREAS[row["area"]]),
            _kg(row["expected_g"]),
            "" if row["achieved_g"] is None else _kg(row["achieved_g"]),
            row["basis"],
        ]
        for row in content["measures"]
    ]
    return header, rows


def _pairs(sheet: Any, rows: list[tuple[str, Cell]], formats: dict[str, Any]) -> None:
    for number, (name, value) in enumerate(rows):
        sheet.write_string(number, 0, name, formats["bold"])
        _write(sheet, number, 1, value, formats)
    sheet.autofit()


def _table(
    sheet: Any, header: Sequence[str], rows: list[list[Cell]], formats: dict[str, Any]
) -> None:
    for column, name in enumerate(header):
        sheet.write_string(0, column, name, formats["bold"])
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            _write(sheet, number, column, cell, formats)
    sheet.freeze_panes(1, 0)
    sheet.autofit()


def _write(sheet: Any, row: int, column: int, cell: Cell, formats: dict[str, Any]) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif isinstance(cell, Decimal):
        style = formats["kg"] if cell == cell.quantize(Decimal("0.001")) else None
        sheet.write_number(row, column, cell, style)
    else:
        sheet.write_number(row, column, cell)
