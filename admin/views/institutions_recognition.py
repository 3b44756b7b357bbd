"""Recognitions in the panel: each criterion is accepted or sent back, then all is decided."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin import institution_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.institution_reads import CaseFilter, CaseRow
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.accounts.models import Staff
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import labels, recognition, recognition_review
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.recognition_models import RecognitionCase
from carbonaccount.institutions.recognition_schemes import current_schemes, find_scheme
from carbonaccount.institutions.views.common import named
from carbonaccount.institutions.views.recognition import case_words, send_file_of
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.templating import language

# A draft is the institution's own until it is sent in.
_STATES = ("submitted", "returned", "granted", "refused", "revoked")


def scheme_name(case: RecognitionCase) -> str:
    """Return what a recognition is called, in the page's language."""
    return find_scheme(case.scheme, case.scheme_version).names[language()]


def columns() -> list[SortedColumn[CaseRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "scheme", _("绿色创建"), lambda row: scheme_name(row.case), col(RecognitionCase.scheme)
        ),
        SortedColumn(
            "name", _("单位"), lambda row: named(row.institution), col(Institution.name_zh)
        ),
        SortedColumn(
            "submitted",
            _("提交时间"),
            lambda row: (
                row.case.submitted_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")
                if row.case.submitted_at
                else ""
            ),
            col(RecognitionCase.submitted_at),
        ),
        SortedColumn(
            "until",
            _("有效期至"),
            lambda row: str(row.case.valid_until or ""),
            col(RecognitionCase.valid_until),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: case_words(row.case)[0],
            col(RecognitionCase.status),
        ),
    ]


def _kept() -> dict[str, str]:
    """Return the filters of the address; what is no scheme or state is told."""
    found = {
        "scheme": chosen("scheme", {scheme.code for scheme in current_schemes()}, _("绿色创建")),
        "status": chosen("status", _STATES, _("状态")),
    }
    return {name: value for name, value in found.items() if value}


def _needs() -> dict[str, Any]:
    return {
        "wanted": institution_reads.case_rows(CaseFilter(**_kept())),
        "columns": columns(),
        "as_row": CaseRow,
        "tie": col(RecognitionCase.id),
        "default": "-submitted",
    }


@blueprint.get("/recognitions")
def recognitions() -> ResponseReturnValue:
    """List the applications that were sent in."""
    return render_template(
        "admin/institutions/recognitions.html",
        list=database_listing(current_session(), **_needs(), filters=_kept()),
        kept=_kept(),
        schemes=current_schemes(),
        states=_STATES,
    )


@blueprint.get("/recognitions.<any(csv, xlsx):kind>")
def recognitions_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="recognitions", kind=kind)


@blueprint.get("/recognitions/<public_id>")
def recognition_case(public_id: str) -> ResponseReturnValue:
    """Show an application with its evidence."""
    return _page(public_id)


def _page(
    public_id: str, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    row = institution_reads.find_case(session, public_id)
    lines = recognition.lines_of(session, case=row.case)
    decided = session.get(Staff, row.case.decided_by) if row.case.decided_by else None
    revoked = session.get(Staff, row.case.revoked_by) if row.case.revoked_by else None
    page = render_template(
        "admin/institutions/recognition.html",
        row=row,
        scheme=recognition.scheme_of(row.case),
        lines=lines,
        unjudged=sum(line.answer.status == "open" for line in lines),
        sent_back=sum(line.answer.status == "returned" for line in lines),
        today=business_day(utc_now()),
        decided_by=decided.login if decided else "",
        revoked_by=revoked.login if revoked else "",
        written=request.form if error else {},
        trail=institution_reads.case_trail(session, row),
        error=explain(error) if error else "",
    )
    return page, status


@blueprint.get("/recognitions/<public_id>/files/<int:file_id>")
def recognition_evidence(public_id: str, file_id: int) -> Response:
    """Send a file of an application."""
    session = current_session()
    case = institution_reads.find_case(session, public_id).case
    return send_file_of(recognition.find_file(session, case=case, file_id=file_id))


def _done(
    public_id: str, service: Callable[..., object], done: str, /, **needs: object
) -> ResponseReturnValue:
    institution_reads.find_case(current_session(), public_id)
    error, status = attempted(
        service, case_id=public_id, acting_user=current_actor(), now=utc_now(), **needs
    )
    if error is not None:
        return _page(public_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.recognition_case", public_id=public_id))


@blueprint.post("/recognitions/<public_id>/<criterion>/judge")
def judge_criterion(public_id: str, criterion: str) -> ResponseReturnValue:
    """Accept a criterion, or send it back with a reason."""
    accepted = request.form.get("accepted") == "1"
    return _done(
        public_id,
        recognition_review.judge,
        _("已采纳。") if accepted else _("已退回这一条。"),
        criterion=criterion,
        accepted=accepted,
        reason=request.form.get("reason", ""),
    )


@blueprint.post("/recognitions/<public_id>/return")
def return_recognition(public_id: str) -> ResponseReturnValue:
    """Give an application back to be mended."""
    return _done(public_id, recognition_review.send_back, _("已退回，负责人会收到消息。"))


@blueprint.post("/recognitions/<public_id>/grant")
def grant_recognition(public_id: str) -> ResponseReturnValue:
    """Grant a recognition until a day."""
    return _done(
        public_id,
        recognition_review.grant,
        _("已认定，会出现在公开名单上。"),
        valid_until=_last_day(),
    )


@blueprint.post("/recognitions/<public_id>/refuse")
def refuse_recognition(public_id: str) -> ResponseReturnValue:
    """Refuse a recognition with a reason."""
    return _done(
        public_id,
        recognition_review.refuse,
        _("不予认定，负责人会看到理由。"),
        reason=request.form.get("reason", ""),
    )


@blueprint.post("/recognitions/<public_id>/correct")
def correct_recognition(public_id: str) -> ResponseReturnValue:
    """Correct until when a recognition holds."""
    return _done(
        public_id,
        recognition_review.correct,
        _("有效期已更正，负责人会收到消息。"),
        valid_until=_last_day(),
        reason=request.form.get("reason", ""),
    )


@blueprint.post("/recognitions/<public_id>/revoke")
def revoke_recognition(public_id: str) -> ResponseReturnValue:
    """Revoke a recognition with a reason that everybody reads."""
    return _done(
        public_id,
        recognition_review.revoke,
        _("已撤销，负责人会收到消息。"),
        reason=request.form.get("reason", ""),
    )


def _last_day() -> date | None:
    try:
        return date.fromisoformat(request.form.get("valid_until", ""))
    except ValueError:
        return None


@blueprint.context_processor
def recognition_words() -> dict[str, object]:
    """Give the pages about recognitions the names of things."""
    return {
        "answer_states": labels.ANSWER_STATES,
        "case_states": labels.CASE_STATES,
        "case_words": case_words,
        "recognition_name": scheme_name,
        "source_grades": labels.SOURCE_GRADES,
    }
