"""Neutrality statements and survival checks in the panel: the city's officer reviews both."""

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin import statement_reads as reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.life.forms import ReasonForm
from admin.statement_reads import CheckRow, StatementRow
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import (
    afforestation,
    offset_labels,
    statement_checks,
    statement_content,
    statements,
)
from carbonaccount.institutions.inventory_evidence import CONTENT_TYPES
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.offset_models import SurvivalCheck
from carbonaccount.institutions.statement_corrections import Correction, corrections
from carbonaccount.institutions.views.common import named
from carbonaccount.institutions.views.inventory_common import (
    factor_names,
    remark_text,
    remarks_on,
)
from carbonaccount.institutions.views.inventory_lines import instance_folder
from carbonaccount.institutions.views.offset_common import offset_words, paper_file
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen, chosen_year
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault


def _moment(row: NeutralityStatement) -> str:
    moment = row.submitted_at
    return moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds") if moment else ""


def conclusion(row: NeutralityStatement, corrected: Mapping[int, Correction]) -> str:
    """Return what a statement comes to now: as it was published, or since its inventory changed."""
    correction = corrected.get(row.stored_id)
    if correction is None:
        return str(_("已实现碳中和") if row.is_neutral else _("尚未碳中和"))
    if correction.is_enough:
        return str(_("清单已更正，抵消仍足够"))
    return str(_("清单已更正，抵消不足，还差 %(kg)s kg", kg=offset_labels.kg(correction.short_g)))


def statement_columns(corrected: Mapping[int, Correction]) -> list[SortedColumn[StatementRow]]:
    """Return the columns of the list of statements, on the page and in its files."""
    return [
        SortedColumn(
            "institution", _("单位"), lambda row: named(row.institution), col(Institution.name_zh)
        ),
        SortedColumn(
            "year", _("年份"), lambda row: row.statement.year, col(NeutralityStatement.year)
        ),
        SortedColumn(
            "submitted",
            _("提交时间"),
            lambda row: _moment(row.statement),
            col(NeutralityStatement.submitted_at),
        ),
        SortedColumn(
            "neutral",
            _("结论"),
            lambda row: conclusion(row.statement, corrected),
            col(NeutralityStatement.is_neutral),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: str(offset_labels.STATEMENTS[row.statement.status][0]),
            col(NeutralityStatement.status),
        ),
        SortedColumn(
            "number",
            _("声明编号"),
            lambda row: row.statement.public_id,
            col(NeutralityStatement.public_id),
        ),
    ]


def _statement_filters() -> dict[str, str]:
    return {
        "status": chosen("status", reads.SHOWN, _("状态")),
        "year": chosen_year("year", _("年份")),
    }


def _statement_needs(corrected: Mapping[int, Correction]) -> dict[str, Any]:
    return {
        "wanted": reads.statement_rows(**_statement_filters()),
        "columns": statement_columns(corrected),
        "as_row": StatementRow,
        "tie": col(NeutralityStatement.id),
        "default": "-submitted",
    }


@blueprint.get("/statements")
def statements_list() -> ResponseReturnValue:
    """List the statements that were sent in."""
    filters, session = _statement_filters(), current_session()
    found = database_listing(session, **_statement_needs({}), filters=filters)
    shown_ids = [row.statement.stored_id for row in found.rows]
    return render_template(
        "admin/institutions/statements.html",
        list=found,
        corrected=corrections(session, statement_ids=shown_ids),
        conclusion=conclusion,
        filters=filters,
        shown=reads.SHOWN,
        named=named,
        **offset_words(),
    )


@blueprint.get("/statements.<any(csv, xlsx):kind>")
def statements_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    session = current_session()
    needs = _statement_needs(corrections(session))
    return database_file(session, **needs, name="statements", kind=kind)


@blueprint.get("/statements/<public_id>")
def statement_review(public_id: str) -> ResponseReturnValue:
    """Show what a statement says and what proves it."""
    return _statement_page(public_id, ReasonForm(None))


def _statement_page(public_id: str, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    session = current_session()
    found = reads.find_statement(session, public_id)
    row = found.statement
    under = reads.inventory_under(session, row)
    book = FactorBook.load(session)
    names = factor_names(book)
    page = render_template(
        "admin/institutions/statement.html",
        remarks=[
            remark_text(remark, names)
            for remark in remarks_on(under.account, under.last, under.inventory, book)
        ],
        evidence=reads.evidence_under(session, row),
        row=row,
        institution=found.institution,
        content=statement_content.read(row.content),
        newer=statements.newer_inventory(session, row),
        holds=not row.seal or statement_checks.seal_holds(row, vault()),
        trail=reads.trail_of(session, found),
        form=form,
        named=named,
        **offset_words(),
    )
    return page, status


@blueprint.get("/statements/<public_id>/lots/<lot_id>/paper")
def statement_lot_paper(public_id: str, lot_id: str) -> Response:
    """Send the file that proves a lot of a statement."""
    found = reads.find_statement(current_session(), public_id)
    return paper_file(reads.find_lot(current_session(), found.statement, lot_id).evidence_file)


@blueprint.get("/statements/<public_id>/evidence/<file_id>")
def statement_evidence(public_id: str, file_id: str) -> Response:
    """Send the officer a file that proves lines of the statement's inventory."""
    session = current_session()
    found = reads.find_statement(session, public_id)
    row, content = reads.open_evidence(
        session,
        statement=found.statement,
        file_id=file_id,
        folder=instance_folder(),
        acting_user=current_actor(),
        now=utc_now(),
    )
    name = f"{row.public_id}.{row.kind}"
    session.commit()
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=CONTENT_TYPES[name.rpartition(".")[2]], headers=headers)


def _statement_step(
    public_id: str, service: Any, words: str, **needs: object
) -> ResponseReturnValue:
    found = reads.find_statement(current_session(), public_id)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _statement_page(public_id, form, 422)
    error, status = attempted(
        service,
        statement=found.statement,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
        **needs,
    )
    if error is None:
        flash(words, "success")
        return go_to(url_for("admin.statements_list"))
    put_error(form, error)
    return _statement_page(public_id, form, status)


@blueprint.post("/statements/<public_id>/review")
def review_statement(public_id: str) -> ResponseReturnValue:
    """Confirm what a statement says: the text whose digest the page carried."""
    return _statement_step(
        public_id,
        statements.review,
        _("已审核，由单位负责人发布。"),
        digest=request.args.get("digest", ""),
    )


@blueprint.post("/statements/<public_id>/return")
def return_statement(public_id: str) -> ResponseReturnValue:
    """Send a statement back with a reason."""
    return _statement_step(public_id, statements.send_back, _("已退回，单位会看到理由。"))


@blueprint.post("/statements/<public_id>/withdraw")
def withdraw_statement(public_id: str) -> ResponseReturnValue:
    """Withdraw a published statement with a reason that everybody reads."""
    return _statement_step(
        public_id, statements.withdraw_as_officer, _("已撤回，公开页会显示理由。")
    )


# --- survival checks ---


def check_columns() -> list[SortedColumn[CheckRow]]:
    """Return the columns of the list of survival checks, on the page and in its files."""
    return [
        SortedColumn(
            "institution", _("单位"), lambda row: named(row.institution), col(Institution.name_zh)
        ),
        SortedColumn("species", _("树种"), lambda row: row.plantation.species, None),
        SortedColumn("place", _("地点"), lambda row: row.plantation.place, None),
        SortedColumn(
            "checked",
            _("核查日期"),
            lambda row: row.check.checked_on.isoformat(),
            col(SurvivalCheck.checked_on),
        ),
        SortedColumn(
            "living", _("存活棵数"), lambda row: row.check.living, col(SurvivalCheck.living)
        ),
        SortedColumn("trees", _("种植棵数"), lambda row: row.plantation.trees, None),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: str(offset_labels.CHECKS[row.check.status][0]),
            col(SurvivalCheck.status),
        ),
    ]


def _check_filters() -> dict[str, str]:
    return {"status": chosen("status", offset_labels.CHECKS, _("状态"))}


def _check_needs() -> dict[str, Any]:
    return {
        "wanted": reads.check_rows(**_check_filters()),
        "columns": check_columns(),
        "as_row": CheckRow,
        "tie": col(SurvivalCheck.id),
        "default": "-checked",
    }


@blueprint.get("/survival-checks")
def survival_checks() -> ResponseReturnValue:
    """List the survival checks of plantations."""
    filters = _check_filters()
    return render_template(
        "admin/institutions/survival_checks.html",
        list=database_listing(current_session(), **_check_needs(), filters=filters),
        filters=filters,
        named=named,
        **offset_words(),
    )


@blueprint.get("/survival-checks.<any(csv, xlsx):kind>")
def survival_checks_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_check_needs(), name="survival-checks", kind=kind)


@blueprint.get("/survival-checks/<int:check_id>")
def survival_check(check_id: int) -> ResponseReturnValue:
    """Show a survival check and its plantation."""
    return _check_page(check_id, ReasonForm(None))


def _check_page(check_id: int, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "admin/institutions/survival_check.html",
        found=reads.find_check(current_session(), check_id),
        form=form,
        named=named,
        **offset_words(),
    )
    return page, status


@blueprint.get("/survival-checks/<int:check_id>/<any(check, plantation):which>")
def survival_check_paper(check_id: int, which: str) -> Response:
    """Send the report of a check, or the file that proves its plantation."""
    found = reads.find_check(current_session(), check_id)
    row = found.check if which == "check" else found.plantation
    return paper_file(row.evidence_file)


@blueprint.post("/survival-checks/<int:check_id>/<any(accept, refuse):what>")
def decide_survival_check(check_id: int, what: str) -> ResponseReturnValue:
    """Accept or refuse a survival check with a reason."""
    reads.find_check(current_session(), check_id)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _check_page(check_id, form, 422)
    error, status = attempted(
        afforestation.decide_check,
        check_id=check_id,
        accepted=what == "accept",
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已处理，单位会看到结果和理由。"), "success")
        return go_to(url_for("admin.survival_checks"))
    put_error(form, error)
    return _check_page(check_id, form, status)
