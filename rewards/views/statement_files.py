"""A statement as XLSX and as PDF: the same lines and the same sums, from one reading."""

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import xlsxwriter
from flask import Response, render_template
from flask_babel import gettext as _

from carbonaccount import papers
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.templating import language
from rewards import settlement_queries
from rewards.merchant_models import Merchant, Settlement
from rewards.models import Reward
from rewards.settlement_queries import Deducted, Line, SettlementRow

_TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Statement(NamedTuple):
    """A settlement with everything that stands in its papers."""

    settlement: Settlement
    merchant: Merchant
    lines: list[Line]
    deductions: list[Deducted]

    @property
    def owed_fen(self) -> int:
        """Return what is to be paid."""
        return self.settlement.value_fen - self.settlement.deducted_fen


def yuan(fen: int) -> str:
    """Return an amount in yuan, to the fen."""
    return f"{Decimal(fen) / 100:,.2f}"


def statement_of(row: SettlementRow) -> Statement:
    """Read a statement."""
    session, settlement_id = current_session(), row.settlement.id or 0
    return Statement(
        row.settlement,
        row.merchant,
        settlement_queries.lines_of(session, settlement_id=settlement_id),
        settlement_queries.deductions_of(session, settlement_id=settlement_id),
    )


def statement_file(row: SettlementRow, kind: str) -> Response:
    """Return a statement to download, `kind` pdf or xlsx."""
    statement = statement_of(row)
    make: dict[str, Callable[[Statement], bytes]] = {"pdf": as_pdf, "xlsx": as_xlsx}
    name = f"settlement-{row.settlement.public_id}.{kind}"
    return Response(
        make[kind](statement),
        content_type=_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def as_pdf(statement: Statement) -> bytes:
    """Return a statement as PDF; raises Unavailable with pdf_not_possible."""
    page = render_template(
        "rewards/paper_statement.html",
        statement=statement,
        now=utc_now(),
        merchant_name=merchant_name,
        reward_title=title_of,
        used_text=used_text,
        yuan=yuan,
    )
    return papers.pdf(page)


def title_of(reward: Reward) -> str:
    """Return a reward's title in the page's language, Chinese where it lacks one."""
    titles = (reward.texts.get(name, {}).get("title", "") for name in (language(), "zh"))
    return next(filter(None, titles), "")


def merchant_name(merchant: Merchant) -> str:
    """Return a merchant's name in the page's language."""
    return (merchant.name_en if language() == "en" else "") or merchant.name_zh


def used_text(line: Line) -> str:
    """Return when a coupon was used on the city's clocks."""
    return line.used_at.astimezone(CITY_ZONE).strftime("%Y-%m-%d %H:%M") if line.used_at else ""


def as_xlsx(statement: Statement) -> bytes:
    """Return a statement as a workbook: a sheet of sums, the coupons, and what is deducted."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        formats = {
            "bold": workbook.add_format({"bold": True}),
            "yuan": workbook.add_format({"num_format": "#,##0.00"}),
        }
        _sums_sheet(workbook.add_worksheet(_("合计")), statement, formats)
        _lines_sheet(workbook.add_worksheet(_("券")), statement, formats)
        if statement.deductions:
            _deductions_sheet(workbook.add_worksheet(_("扣减")), statement, formats)
    return file.getvalue()


def _sums_sheet(sheet: Any, statement: Statement, formats: dict[str, Any]) -> None:
    settlement = statement.settlement
    rows: list[tuple[str, str | int, bool]] = [
        (_("结算单号"), settlement.public_id, False),
        (_("商户"), statement.merchant.name_zh, False),
        (_("起始日"), settlement.first_day.isoformat(), False),
        (_("截止日"), settlement.last_day.isoformat(), False),
        (_("券数"), settlement.coupons, False),
        (_("积分"), settlement.credits, False),
        (_("金额（元）"), settlement.value_fen, True),
        (_("扣减（元）"), settlement.deducted_fen, True),
        (_("应付（元）"), statement.owed_fen, True),
        (_("付款凭证"), settlement.payment_reference, False),
    ]
    for number, (name, value, is_fen) in enumerate(rows):
        sheet.write_string(number, 0, name, formats["bold"])
        if is_fen:
            sheet.write_number(number, 1, Decimal(value) / 100, formats["yuan"])
        elif isinstance(value, int):
            sheet.write_number(number, 1, value)
        else:
            sheet.write_string(number, 1, value)
    sheet.autofit()


def _lines_sheet(sheet: Any, statement: Statement, formats: dict[str, Any]) -> None:
    header = (_("使用时间"), _("券号"), _("兑换项目"), _("收银台"), _("积分"), _("金额（元）"))
    _head(sheet, header, formats)
    for number, line in enumerate(statement.lines, start=1):
        texts = (used_text(line), line.coupon.public_id, title_of(line.reward), line.till)
        for column, text in enumerate(texts):
            sheet.write_string(number, column, text)
        sheet.write_number(number, 4, line.coupon.price_credits)
        sheet.write_number(number, 5, Decimal(line.coupon.value_fen) / 100, formats["yuan"])
    last = len(statement.lines) + 1
    sheet.write_string(last, 0, _("合计"), formats["bold"])
    sheet.write_number(last, 4, sum(line.coupon.price_credits for line in statement.lines))
    total_fen = sum(line.coupon.value_fen for line in statement.lines)
    sheet.write_number(last, 5, Decimal(total_fen) / 100, formats["yuan"])
    sheet.autofit()


def _deductions_sheet(sheet: Any, statement: Statement, formats: dict[str, Any]) -> None:
    _head(sheet, (_("券号"), _("原结算单号"), _("积分"), _("金额（元）")), formats)
    for number, row in enumerate(statement.deductions, start=1):
        sheet.write_string(number, 0, row.coupon.public_id)
        sheet.write_string(number, 1, row.counted_in.public_id)
        sheet.write_number(number, 2, row.deduction.credits)
        sheet.write_number(number, 3, Decimal(row.deduction.value_fen) / 100, formats["yuan"])
    sheet.autofit()


def _head(sheet: Any, names: tuple[str, ...], formats: dict[str, Any]) -> None:
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, formats["bold"])
    sheet.freeze_panes(1, 0)
