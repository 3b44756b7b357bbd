"""Recognitions: an institution's checklists with evidence, and the public list of who has one."""

from pathlib import Path

from flask import Response, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.queries import districts
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError
from carbonaccount.institutions import labels, recognition_review
from carbonaccount.institutions import recognition as services
from carbonaccount.institutions.inventory_evidence import CONTENT_TYPES
from carbonaccount.institutions.recognition_models import RecognitionCase, RecognitionFile
from carbonaccount.institutions.recognition_review import Recognised
from carbonaccount.institutions.recognition_schemes import current_schemes, find_scheme
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import at_institution, attempted, named
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import table_file
from carbonaccount.web.templating import language

_OPEN = ("draft", "returned")


def evidence_folder() -> Path:
    """Return where the evidence of recognitions is kept."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return services.file_folder(settings.instance_path.resolve())


@at_institution("/recognition")
def recognition(place: Seated) -> ResponseReturnValue:
    """List an institution's applications, and what it may apply for."""
    return _list(place)


def _list(place: Seated, error: DomainError | None = None) -> ResponseReturnValue:
    cases = services.cases_of(current_session(), institution_id=place.institution_id)
    under_way = {case.scheme for case in cases if case.status in (*_OPEN, "submitted")}
    page = render_template(
        "institutions/recognition.html",
        place=place,
        cases=cases,
        schemes=current_schemes(place.institution.kind),
        under_way=under_way,
        may_edit=place.may(CLERKS),
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/recognition/start", seats=CLERKS, methods=("POST",))
def start_recognition(place: Seated) -> ResponseReturnValue:
    """Begin an application."""
    started: list[RecognitionCase] = []

    def start(session: object, **needs: object) -> None:
        started.append(services.start(session, **needs))  # type: ignore[arg-type]

    error = attempted(start, institution=place.institution, scheme=request.form.get("scheme", ""))
    return _list(place, error) if error else _to_case(place, started[0].public_id)


def _to_case(place: Seated, case_id: str, part: str | None = None) -> ResponseReturnValue:
    return go_to(
        url_for(
            "institutions.recognition_case",
            public_id=place.institution.public_id,
            case_id=case_id,
            _anchor=part,
        )
    )


@at_institution("/recognition/<case_id>")
def recognition_case(place: Seated, case_id: str) -> ResponseReturnValue:
    """Show a checklist."""
    return _case_page(place, case_id)


def _case_page(
    place: Seated, case_id: str, error: DomainError | None = None, at: str = ""
) -> ResponseReturnValue:
    session = current_session()
    case = services.find_case(session, institution_id=place.institution_id, public_id=case_id)
    lines = services.lines_of(session, case=case)
    page = render_template(
        "institutions/recognition_case.html",
        place=place,
        case=case,
        scheme=services.scheme_of(case),
        lines=lines,
        ready=sum(line.complete and line.answer.status != "returned" for line in lines),
        may_edit=place.may(CLERKS) and case.status in _OPEN,
        may_send=place.may(OWNERS) and case.status in _OPEN,
        wrong_at=at,
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


def _after(
    place: Seated, case_id: str, criterion: str, error: DomainError | None, done: str
) -> ResponseReturnValue:
    if error is not None:
        return _case_page(place, case_id, error, criterion)
    flash(done, "success")
    return _to_case(place, case_id, criterion or None)


@at_institution("/recognition/<case_id>/<criterion>/answer", seats=CLERKS, methods=("POST",))
def answer_criterion(place: Seated, case_id: str, criterion: str) -> ResponseReturnValue:
    """Write how a criterion is met."""
    error = attempted(
        services.answer,
        institution=place.institution,
        case_id=case_id,
        criterion=criterion,
        text=request.form.get("note", ""),
    )
    return _after(place, case_id, criterion, error, _("已保存。"))


@at_institution("/recognition/<case_id>/<criterion>/files", seats=CLERKS, methods=("POST",))
def add_recognition_file(place: Seated, case_id: str, criterion: str) -> ResponseReturnValue:
    """Keep a file as evidence."""
    sent = request.files.get("file")
    error = attempted(
        services.add_file,
        institution=place.institution,
        case_id=case_id,
        criterion=criterion,
        name=(sent.filename if sent else "") or "",
        data=sent.read() if sent else b"",
        folder=evidence_folder(),
    )
    return _after(place, case_id, criterion, error, _("文件已存档。"))


@at_institution(
    "/recognition/<case_id>/files/<int:file_id>/remove", seats=CLERKS, methods=("POST",)
)
def remove_recognition_file(place: Seated, case_id: str, file_id: int) -> ResponseReturnValue:
    """Take a file off its criterion."""
    error = attempted(
        services.remove_file, institution=place.institution, case_id=case_id, file_id=file_id
    )
    return _after(place, case_id, "", error, _("已移除。"))


@at_institution("/recognition/<case_id>/files/<int:file_id>")
def recognition_file(place: Seated, case_id: str, file_id: int) -> ResponseReturnValue:
    """Send a file of an application."""
    session = current_session()
    case = services.find_case(session, institution_id=place.institution_id, public_id=case_id)
    return send_file_of(services.find_file(session, case=case, file_id=file_id))


def send_file_of(file: RecognitionFile) -> Response:
    """Return a file as it was sent, to be kept and not shown inside the site."""
    data = services.stored_bytes(file, evidence_folder())
    kind = file.file_name.rpartition(".")[2]
    headers = {"Content-Disposition": f'attachment; filename="evidence-{file.id}.{kind}"'}
    return Response(data, content_type=CONTENT_TYPES[kind], headers=headers)


@at_institution("/recognition/<case_id>/submit", seats=OWNERS, methods=("POST",))
def submit_recognition(place: Seated, case_id: str) -> ResponseReturnValue:
    """Send an application in."""
    error = attempted(services.submit, institution=place.institution, case_id=case_id)
    return _after(place, case_id, "", error, _("已提交，审核结果会发消息给负责人。"))


@blueprint.get("/recognised")
def recognised() -> ResponseReturnValue:
    """List who holds a recognition today."""
    rows = _recognised_rows()
    return render_template(
        "institutions/recognised.html",
        rows=rows,
        chosen=_chosen(),
        schemes=current_schemes(),
        districts=districts(current_session()),
        scheme_names={row.case.scheme: _scheme_name(row) for row in rows},
    )


@blueprint.get("/recognised.<any(csv, xlsx):kind>")
def recognised_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    header = [_("绿色创建"), _("单位"), _("类型"), _("区县"), _("认定日期"), _("有效期至")]
    rows = [
        [
            _scheme_name(row),
            named(row.institution),
            labels.kind_label(row.institution.kind),
            named(row.district) if row.district else "",
            str(row.case.valid_from),
            str(row.case.valid_until),
        ]
        for row in _recognised_rows()
    ]
    return table_file(kind, name="recognised", header=header, rows=rows)


def _chosen() -> dict[str, str]:
    """Return the filters of the public list; what is no scheme or district is told."""
    known = {
        "scheme": ({scheme.code for scheme in current_schemes()}, _("绿色创建")),
        "district": ({row.code for row in districts(current_session())}, _("区县")),
    }
    found = {name: chosen(name, *asked) for name, asked in known.items()}
    return {name: value for name, value in found.items() if value}


def _recognised_rows() -> list[Recognised]:
    today = business_day(utc_now())
    return recognition_review.recognised(current_session(), on=today, **_chosen())


def _scheme_name(row: Recognised) -> str:
    return find_scheme(row.case.scheme, row.case.scheme_version).names[language()]


def case_words(case: RecognitionCase) -> tuple[str, str]:
    """Return where an application stands, in words and as a tone."""
    word, tone = labels.CASE_STATES[labels.case_state(case, business_day(utc_now()))]
    return str(word), tone


@blueprint.context_processor
def recognition_words() -> dict[str, object]:
    """Give the pages about recognitions the names of things."""
    return {
        "answer_states": labels.ANSWER_STATES,
        "case_words": case_words,
        "find_scheme": find_scheme,
        "source_grades": labels.SOURCE_GRADES,
    }
