"""Statements for everybody: the list of institutions, a statement, its papers, and its check."""

from datetime import timedelta
from typing import Any

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount import papers
from carbonaccount.accounts.limits import Limit
from carbonaccount.accounts.queries import districts
from carbonaccount.errors import NotFound
from carbonaccount.institutions import (
    labels,
    offset_labels,
    statement_checks,
    statement_content,
    statements,
)
from carbonaccount.institutions.models import InstitutionKind
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.neutrality_states import PublicLine, public_count, public_lines
from carbonaccount.institutions.offset_forms import PrintedForm, day_in
from carbonaccount.institutions.statement_checks import Checked, Printed
from carbonaccount.institutions.statement_corrections import Correction, corrections
from carbonaccount.institutions.statement_sheets import as_xlsx
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import named
from carbonaccount.institutions.views.offset_common import PAGE_ROWS, paging
from carbonaccount.qr import qr_svg
from carbonaccount.sealing import printed_number
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen
from carbonaccount.web.limits import count_or_refuse, this_address, vault
from carbonaccount.web.tables import Cell, table_file

# Numbers cannot be guessed; this only keeps machines from trying.
CHECKS_PER_ADDRESS = Limit("statement_check", 120, timedelta(hours=1))
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _filters() -> dict[str, str]:
    known = {row.code for row in districts(current_session())}
    kinds = set(InstitutionKind) - {InstitutionKind.FAMILY}
    return {
        "district": chosen("district", known, _("区县")),
        "about": chosen("about", kinds, _("类型")),
    }


@blueprint.get("/statements")
def public_statements() -> ResponseReturnValue:
    """List institutions that are neutral or on the way. For everybody."""
    filters, session = _filters(), current_session()
    district, kind = filters["district"], filters["about"]
    page, pages = paging(public_count(session, district_code=district, kind=kind))
    lines = public_lines(
        session,
        district_code=district,
        kind=kind,
        limit=PAGE_ROWS,
        offset=(page - 1) * PAGE_ROWS,
    )
    return render_template(
        "institutions/public_statements.html",
        lines=lines,
        page=page,
        page_count=pages,
        filters=filters,
        districts=districts(current_session()),
        kinds={code: word for code, word in labels.KINDS.items() if code != InstitutionKind.FAMILY},
    )


@blueprint.get("/statements.<any(csv, xlsx):kind>")
def public_statements_file(kind: str) -> Response:
    """Send the filtered list."""
    header = (
        *(_("单位"), _("类型"), _("区县代码"), _("状态"), _("年份"), _("排放总量（千克）")),
        *(_("抵消总量（千克）"), _("剩余（千克）"), _("声明编号"), _("清单更正后还差（千克）")),
    )
    filters = _filters()
    lines = public_lines(
        current_session(), district_code=filters["district"], kind=filters["about"]
    )
    rows = [_cells(line) for line in lines]
    return table_file(kind, name="neutrality-statements", header=header, rows=rows)


def _cells(line: PublicLine) -> list[Cell]:
    row, statement = line.institution, line.statement
    said: list[Cell] = [""] * 6
    if statement is not None:
        grams = (statement.emissions_g, statement.offsets_g, statement.remaining_g)
        said = [statement.year, *map(_plain_kg, grams), statement.public_id, ""]
    if line.correction is not None:
        said[-1] = _plain_kg(line.correction.short_g)
    state = str(offset_labels.STATES[line.state])
    return [named(row), labels.kind_label(row.kind), row.district_code or "", state, *said]


@blueprint.get("/statements/<number>")
def public_statement(number: str) -> ResponseReturnValue:
    """Show a statement that is or was published. For everybody."""
    return render_template("institutions/public_statement.html", **_shown(_public(number)))


def _public(number: str) -> NeutralityStatement:
    row = statement_checks.find_public(current_session(), number)
    if row is None:
        raise NotFound("unknown_statement")
    return row


def _shown(row: NeutralityStatement) -> dict[str, Any]:
    content = statement_content.read(row.content)
    address = check_address(row, content)
    return {
        "row": row,
        "newer": statements.newer_inventory(current_session(), row),
        "correction": _correction(row),
        "content": content,
        "printed": printed_number(row.public_id),
        "address": address,
        "check_page": url_for("institutions.check_statement", _external=True),
        "qr": qr_svg(address, label=_("核验这份声明的二维码")),
    }


def _correction(row: NeutralityStatement) -> Correction | None:
    """Return what became of a neutral statement whose inventory was corrected since."""
    return corrections(current_session(), statement_ids=[row.stored_id]).get(row.stored_id)


def check_address(row: NeutralityStatement, content: dict[str, Any]) -> str:
    """Return the address that a statement's QR code holds: number, both totals, and date."""
    return url_for(
        "institutions.check_statement",
        number=row.public_id,
        total=_plain_kg(content["balance"]["emissions_g"]),
        offset=_plain_kg(content["balance"]["offsets_g"]),
        date=content["published_on"],
        _external=True,
    )


def _plain_kg(grams: int) -> str:
    return offset_labels.kg(grams).replace(",", "")


@blueprint.get("/statements/<number>.pdf")
def public_statement_pdf(number: str) -> Response:
    """Send a statement as a PDF."""
    row = _public(number)
    content = papers.pdf(render_template("institutions/statement_pdf.html", **_shown(row)))
    headers = {"Content-Disposition": f'attachment; filename="statement-{row.public_id}.pdf"'}
    return Response(content, content_type="application/pdf", headers=headers)


@blueprint.get("/statements/<number>.xlsx")
def public_statement_xlsx(number: str) -> Response:
    """Send a statement as a workbook."""
    row = _public(number)
    content = as_xlsx(
        statement_content.read(row.content), digest=row.digest, correction=_correction(row)
    )
    headers = {"Content-Disposition": f'attachment; filename="statement-{row.public_id}.xlsx"'}
    return Response(content, content_type=_XLSX, headers=headers)


@blueprint.get("/statements/<number>.json")
def public_statement_json(number: str) -> Response:
    """Send the text that was sealed: its SHA-256 is the digest on the paper."""
    row = _public(number)
    return Response(row.content.encode(), content_type="application/json; charset=utf-8")


@blueprint.get("/statements/check")
def check_statement() -> ResponseReturnValue:
    """Compare what is printed on a statement with what was published. For everybody."""
    form = PrintedForm(request.args)
    checked = _checked(form) if form.number.data else None
    row = checked.statement if checked else None
    page = render_template(
        "institutions/statement_check.html",
        form=form,
        checked=checked,
        row=row,
        content=checked.content if checked else None,
        correction=_correction(row) if row is not None else None,
    )
    return page, 200, {"X-Robots-Tag": "noindex"}


def _checked(form: PrintedForm) -> Checked | None:
    """Return the verdict; None when what was typed cannot be read, which stands at its field."""
    count_or_refuse((CHECKS_PER_ADDRESS, this_address()))
    valid = form.validate()
    published_on = day_in(form.date)
    if form.date.data and published_on is None:
        form.date.errors = [_("请填写日期，例如 2026-12-01。")]
        valid = False
    if not valid:
        return None
    printed = Printed(form.grams("total"), form.grams("offset"), published_on)
    return statement_checks.check(
        current_session(), number=form.number.data, printed=printed, vault=vault()
    )
