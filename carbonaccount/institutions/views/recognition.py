"""Recognitions: an institution's checklists with evidence, and the public list of who has one."""

from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.queries import districts
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError
from carbonaccount.institutions import labels
from carbonaccount.institutions import recognition as services
from carbonaccount.institutions.inventory_evidence import CONTENT_TYPES, MAX_BYTES
from carbonaccount.institutions.recognition_list import (
    LEAST_FAMILIES,
    PublicList,
    Recognised,
    Unnamed,
    name_publicly,
    public_list,
)
from carbonaccount.institutions.recognition_models import RecognitionCase, RecognitionFile
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
    place: Seated,
    case_id: str,
    error: DomainError | None = None,
    wrong: dict[str, list[DomainError]] | None = None,
) -> ResponseReturnValue:
    """Show a checklist; what was typed where something is wrong still stands there."""
    session, wrong = current_session(), wrong or {}
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
        is_owner=place.may(OWNERS),
        wrong={code: [explain(each) for each in errors] for code, errors in wrong.items()},
        typed={code: request.form.get(f"note-{code}", "") for code in wrong},
        limit_mib=MAX_BYTES >> 20,
        error=explain(error) if error else "",
    )
    first = error or next((each for errors in wrong.values() for each in errors), None)
    return page, 200 if first is None else status_of(first)


def _saved(place: Seated, case_id: str) -> dict[str, list[DomainError]]:
    """Keep everything that the page's one form holds; return what could not be, by criterion.

    Every button sends the whole form, so whatever was typed or chosen anywhere is kept whichever
    is pressed, and what is wrong at one criterion takes nothing from the others.
    """
    session = current_session()
    case = services.find_case(session, institution_id=place.institution_id, public_id=case_id)
    codes = [criterion.code for criterion in services.scheme_of(case).criteria]
    needs: dict[str, Any] = {"institution": place.institution, "case_id": case_id}
    wrong: dict[str, list[DomainError]] = {}
    for code in codes:
        tried: list[DomainError | None] = []
        if (text := request.form.get(f"note-{code}")) is not None:
            was = request.form.get(f"was-{code}")
            tried.append(attempted(services.answer, criterion=code, text=text, was=was, **needs))
        tried += [
            attempted(
                services.add_file,
                criterion=code,
                name=sent.filename,
                data=sent.read(),
                folder=evidence_folder(),
                **needs,
            )
            for sent in request.files.getlist(f"file-{code}")
            if sent.filename
        ]
        if errors := [error for error in tried if error is not None]:
            wrong[code] = errors
    return wrong


def _after(
    place: Seated,
    case_id: str,
    error: DomainError | None,
    done: str,
    wrong: dict[str, list[DomainError]] | None = None,
) -> ResponseReturnValue:
    if error is not None or wrong:
        return _case_page(place, case_id, error, wrong)
    flash(done, "success")
    return _to_case(place, case_id, request.form.get("at") or None)


@at_institution("/recognition/<case_id>", seats=CLERKS, methods=("POST",))
def save_recognition(place: Seated, case_id: str) -> ResponseReturnValue:
    """Keep how criteria are met, and the files that show it."""
    return _after(place, case_id, None, _("已保存。"), _saved(place, case_id))


@at_institution(
    "/recognition/<case_id>/files/<int:file_id>/remove", seats=CLERKS, methods=("POST",)
)
def remove_recognition_file(place: Seated, case_id: str, file_id: int) -> ResponseReturnValue:
    """Take a file off its criterion."""
    wrong = _saved(place, case_id)
    error = attempted(
        services.remove_file, institution=place.institution, case_id=case_id, file_id=file_id
    )
    return _after(place, case_id, error, _("已移除。"), wrong)


@at_institution("/recognition/<case_id>/naming", seats=OWNERS, methods=("POST",))
def name_recognition(place: Seated, case_id: str) -> ResponseReturnValue:
    """Let the public list say a family's name, or not any more."""
    wrong = _saved(place, case_id)
    agreed = request.form.get("agreed") == "1"
    error = attempted(name_publicly, institution=place.institution, case_id=case_id, agreed=agreed)
    done = _("已同意，公开名单可以写出家庭名称。") if agreed else _("公开名单不再写出家庭名称。")
    return _after(place, case_id, error, done, wrong)


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
    if wrong := _saved(place, case_id):
        return _case_page(place, case_id, wrong=wrong)
    error = attempted(services.submit, institution=place.institution, case_id=case_id)
    return _after(place, case_id, error, _("已提交，审核结果会发消息给负责人。"))


@blueprint.get("/recognised")
def recognised() -> ResponseReturnValue:
    """List who holds a recognition today, families by number unless they agreed to be named."""
    return render_template(
        "institutions/recognised.html",
        list=_listed(),
        chosen=_chosen(),
        schemes=current_schemes(),
        districts=districts(current_session()),
        scheme_name=_scheme_name,
        least=LEAST_FAMILIES,
    )


@blueprint.get("/recognised.<any(csv, xlsx):kind>")
def recognised_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    header = [
        *(_("绿色创建"), _("单位"), _("类型"), _("区县"), _("认定日期"), _("有效期至")),
        *(_("单位或家庭数"), _("状态"), _("撤销日期"), _("理由")),
    ]
    found = _listed()
    rows = [
        *([*_cells(row), 1, _("已认定"), "", ""] for row in found.named),
        *(
            [
                *(find_scheme(row.scheme).names[language()], _("家庭（不公开名称）")),
                *(labels.kind_label("family"), _district(row), "", ""),
                *(row.families, _("已认定"), "", ""),
            ]
            for row in found.unnamed
        ),
        *([*_cells(row), 1, _("认定已撤销"), *_revoked(row)] for row in found.revoked),
    ]
    return table_file(kind, name="recognised", header=header, rows=rows)


def _cells(row: Recognised) -> list[str]:
    return [
        *(_scheme_name(row.case), named(row.institution), labels.kind_label(row.institution.kind)),
        *(_district(row), str(row.case.valid_from), str(row.case.valid_until)),
    ]


def _revoked(row: Recognised) -> list[str]:
    moment = row.case.revoked_at
    return [str(business_day(moment)) if moment else "", row.case.revoked_reason or ""]


def _district(row: Recognised | Unnamed) -> str:
    return named(row.district) if row.district else ""


def _chosen() -> dict[str, str]:
    """Return the filters of the public list; what is no scheme or district is told."""
    known = {
        "scheme": ({scheme.code for scheme in current_schemes()}, _("绿色创建")),
        "district": ({row.code for row in districts(current_session())}, _("区县")),
    }
    found = {name: chosen(name, *asked) for name, asked in known.items()}
    return {name: value for name, value in found.items() if value}


def _listed() -> PublicList:
    return public_list(current_session(), on=business_day(utc_now()), **_chosen())


def _scheme_name(case: RecognitionCase) -> str:
    return find_scheme(case.scheme, case.scheme_version).names[language()]


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
        "mark": services.mark,
        "source_grades": labels.SOURCE_GRADES,
    }
