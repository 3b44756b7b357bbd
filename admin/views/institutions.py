"""Institutions in the panel: applications are admitted or refused, active ones can be closed."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin import institution_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.institution_reads import InstitutionFilter, InstitutionRow
from admin.institution_waiting import institution_queues
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.accounts import help_desk
from carbonaccount.accounts.models import District, Staff
from carbonaccount.accounts.queries import districts
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import applicants, applications, joining, labels, people, units
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.views.common import named
from carbonaccount.institutions.views.offset_common import paper_file
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of

# `kind` is what the addresses of files call their format.
TONES = {"applied": "wait", "active": "good", "refused": "bad", "closed": "plain"}


def columns() -> list[SortedColumn[InstitutionRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "name", _("单位"), lambda row: named(row.institution), col(Institution.name_zh)
        ),
        SortedColumn(
            "kind",
            _("类型"),
            lambda row: labels.kind_label(row.institution.kind),
            col(Institution.kind),
        ),
        SortedColumn(
            "code",
            _("统一社会信用代码"),
            lambda row: row.institution.credit_code,
            col(Institution.credit_code),
        ),
        SortedColumn(
            "district",
            _("区县"),
            lambda row: named(row.district) if row.district else "",
            col(District.sort),
        ),
        SortedColumn("people", _("任职"), lambda row: row.people, institution_reads.PEOPLE),
        SortedColumn("members", _("成员"), lambda row: row.members, institution_reads.MEMBERS),
        SortedColumn(
            "applied",
            _("申请时间"),
            lambda row: row.institution.applied_at.astimezone(CITY_ZONE).isoformat(
                sep=" ", timespec="seconds"
            ),
            col(Institution.applied_at),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: labels.standing_label(row.institution),
            col(Institution.status),
        ),
    ]


def _kept() -> dict[str, str]:
    """Return the filters of the address; what is no kind, district or state is told."""
    known = {row.code for row in districts(current_session())}
    found = {
        "about": chosen("about", labels.KINDS, _("类型")),
        "district": chosen("district", known, _("区县")),
        "status": chosen("status", labels.STATUSES, _("状态")),
        "q": request.args.get("q", "").strip()[:80],
    }
    return {name: value for name, value in found.items() if value}


def _filter() -> InstitutionFilter:
    kept = _kept()
    return InstitutionFilter(kept.pop("about", ""), **kept)


def _needs() -> dict[str, Any]:
    return {
        "wanted": institution_reads.institution_rows(_filter()),
        "columns": columns(),
        "as_row": InstitutionRow,
        "tie": col(Institution.id),
        "default": "-applied",
    }


@blueprint.get("/institutions")
def institutions_list() -> ResponseReturnValue:
    """List institutions and applications."""
    return render_template(
        "admin/institutions/institutions.html",
        list=database_listing(current_session(), **_needs(), filters=_kept()),
        kept=_kept(),
        districts=districts(current_session()),
    )


@blueprint.get("/institutions.<any(csv, xlsx):kind>")
def institutions_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="institutions", kind=kind)


@blueprint.get("/institutions/<public_id>")
def institution(public_id: str) -> ResponseReturnValue:
    """Show an institution or an application."""
    return _page(public_id)


def _page(
    public_id: str, error: DomainError | None = None, status: int = 200, *, phone: str = ""
) -> ResponseReturnValue:
    session = current_session()
    found = institution_reads.find_institution(session, public_id)
    district = session.get(District, found.district_code) if found.district_code else None
    decided = session.get(Staff, found.decided_by) if found.decided_by else None
    page = render_template(
        "admin/institutions/institution.html",
        institution=found,
        district=district,
        decided_by=decided.login if decided else "",
        people=people.people_of(session, institution_id=found.stored_id),
        parent=units.wish_of(session, institution_id=found.stored_id),
        members=joining.member_count(session, institution_id=found.stored_id),
        shares=institution_reads.shares_in_force(session, found),
        trail=institution_reads.trail_of(session, found),
        applicant=applicants.applicant_of(session, institution=found),
        phone=phone,
        limits=(help_desk.LEAST_REASON, help_desk.LONGEST_REASON),
        reason=request.form.get("reason", ""),
        error=explain(error) if error else "",
    )
    return page, status


def _done(public_id: str, error: DomainError | None, status: int, done: str) -> ResponseReturnValue:
    if error is not None:
        return _page(public_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.institution", public_id=public_id))


@blueprint.get("/institutions/<public_id>/authority")
def institution_authority(public_id: str) -> Response:
    """Send the file that an applicant added. Raises NotFound (offset_file_missing)."""
    session = current_session()
    found = institution_reads.find_institution(session, public_id)
    told = applicants.applicant_of(session, institution=found).told
    return paper_file(told.evidence_file if told else "")


@blueprint.post("/institutions/<public_id>/applicant")
def unmask_applicant(public_id: str) -> ResponseReturnValue:
    """Show the applicant's whole number once, to the officer who says why."""
    session = current_session()
    found = institution_reads.find_institution(session, public_id)
    try:
        phone = applicants.whole_phone(
            session,
            institution=found,
            reason=request.form.get("reason", ""),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        return _page(public_id, error, status_of(error))
    return _page(public_id, phone=phone)


@blueprint.post("/institutions/<public_id>/admit")
def admit_institution(public_id: str) -> ResponseReturnValue:
    """Admit an institution."""
    error, status = attempted(
        applications.admit, public_id=public_id, acting_user=current_actor(), now=utc_now()
    )
    return _done(public_id, error, status, _("已通过，申请人是第一位负责人，已收到消息。"))


@blueprint.post("/institutions/<public_id>/refuse")
def refuse_institution(public_id: str) -> ResponseReturnValue:
    """Refuse an application with a reason."""
    error, status = attempted(
        applications.refuse,
        public_id=public_id,
        reason=request.form.get("reason", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _done(public_id, error, status, _("已拒绝，申请人会看到理由。"))


@blueprint.post("/institutions/<public_id>/close")
def close_institution(public_id: str) -> ResponseReturnValue:
    """Close an institution with a reason."""
    error, status = attempted(
        applications.close,
        public_id=public_id,
        reason=request.form.get("reason", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _done(public_id, error, status, _("单位已关闭。"))


@blueprint.context_processor
def institution_words() -> dict[str, object]:
    """Give the pages about institutions the names of things."""
    return {
        "institution_kinds": labels.KINDS,
        "institution_name": named,
        "institution_queues": institution_queues,
        "institution_statuses": labels.STATUSES,
        "institution_tones": TONES,
        "seat_label": labels.seat_label,
        "standing_label": labels.standing_label,
        "square_metres": labels.square_metres,
    }
