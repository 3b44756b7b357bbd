"""An institution's offsets: what it holds, what it bought, and what residents gave it."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import (
    credits,
    given,
    lot_withdrawal,
    offset_labels,
    offset_queries,
)
from carbonaccount.institutions.offset_forms import BoughtForm, ReasonForm
from carbonaccount.institutions.offset_models import LotStatus, OffsetLot
from carbonaccount.institutions.offset_queries import LotFilter
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution, put_error
from carbonaccount.institutions.views.offset_common import (
    PAGE_ROWS,
    done,
    paging,
    paper_file,
    paper_of,
)
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file


def _filters() -> dict[str, str]:
    """Return the list's filters; what is no kind or state is no filter and is told."""
    return {
        "kind_of": chosen("kind_of", offset_labels.KINDS, _("种类")),
        "status": chosen("status", offset_labels.LOT_STATES, _("状态")),
    }


def _chosen() -> LotFilter:
    filters = _filters()
    return LotFilter(filters["kind_of"], filters["status"])


@at_institution("/offsets")
def offsets(place: Seated) -> ResponseReturnValue:
    """Show what an institution holds, by step of the order of use, and its lots."""
    return _page(place)


def _page(place: Seated, error: DomainError | None = None) -> ResponseReturnValue:
    session, today = current_session(), business_day(utc_now())
    whose = {"institution_id": place.institution_id}
    page_number, pages = paging(offset_queries.lot_count(session, **whose, chosen=_chosen()))
    page = render_template(
        "institutions/offsets.html",
        place=place,
        lots=offset_queries.lots_of(
            session,
            **whose,
            chosen=_chosen(),
            limit=PAGE_ROWS,
            offset=(page_number - 1) * PAGE_ROWS,
        ),
        page=page_number,
        page_count=pages,
        filters=_filters(),
        holdings=offset_queries.holdings(session, institution_id=place.institution_id, on=today),
        given=given.waiting(session, institution_id=place.institution_id),
        today=today,
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/offsets.<any(csv, xlsx):kind>")
def offsets_file(place: Seated, kind: str) -> Response:
    """Send the filtered list of lots."""
    header = (
        *(_("种类"), _("登记系统"), _("首个编号"), _("末个编号"), _("编号个数")),
        *(_("减排量（克）"), _("电量（千瓦时）"), _("年份"), _("有效期至"), _("状态")),
        *(_("用途"), _("使用日期"), _("说明"), _("证明文件 SHA-256")),
        *(_("撤回时间"), _("撤回的理由")),
    )
    name = f"offsets-{place.institution.public_id}"
    found = offset_queries.lots_of(
        current_session(), institution_id=place.institution_id, chosen=_chosen()
    )
    rows = [_cells(lot) for lot in found]
    return table_file(kind, name=name, header=header, rows=rows)


def _cells(lot: OffsetLot) -> tuple[Cell, ...]:
    return (
        str(offset_labels.KINDS[lot.kind]),
        offset_labels.registry_name(lot.registry_code),
        lot.first_number,
        lot.last_number,
        lot.serials,
        lot.amount_g,
        lot.amount_kwh,
        lot.vintage,
        lot.valid_until.isoformat() if lot.valid_until else "",
        str(offset_labels.LOT_STATES[lot.status][0]),
        str(offset_labels.PURPOSES[lot.purpose]) if lot.purpose else "",
        lot.retired_on.isoformat() if lot.retired_on else "",
        lot.title,
        lot.evidence_sha256,
        lot.withdrawn_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")
        if lot.withdrawn_at
        else "",
        lot.withdrawn_reason,
    )


@at_institution("/offsets/new", seats=CLERKS, methods=("GET", "POST"))
def offset_new(place: Seated) -> ResponseReturnValue:
    """Bring in certificates or credits that were bought."""
    form, status = BoughtForm(), 200
    form.offer()
    if form.validate_on_submit():
        error = _bring_in(place, form)
        if error is None:
            flash(
                _("已登记，这些编号从此归本单位。填错了可以在批次的页面上撤回，再重新登记。"),
                "success",
            )
            return go_to(url_for("institutions.offsets", public_id=place.institution.public_id))
        put_error(form, error)
        status = status_of(error)
    elif request.method == "POST":
        status = 422
    return render_template("institutions/offset_new.html", place=place, form=form), status


def _bring_in(place: Seated, form: BoughtForm) -> DomainError | None:
    try:
        paper = paper_of(form.file)
    except DomainError as error:
        return error
    return done(
        credits.bring_in,
        institution_id=place.institution_id,
        bought=form.bought(),
        paper=paper,
    )


@at_institution("/offsets/lots/<lot_id>")
def offset_lot(place: Seated, lot_id: str) -> ResponseReturnValue:
    """Show a lot: its numbers, what proves it, and what it was used for."""
    return _lot_page(place, _lot(place, lot_id), ReasonForm(None))


def _lot_page(
    place: Seated, lot: OffsetLot, form: ReasonForm, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    shown: dict[str, Any] = {"statement": offset_queries.statement_of(session, lot)}
    if lot.status == LotStatus.HELD and place.may(CLERKS):
        obstacle = lot_withdrawal.obstacle(session, lot)
        shown["obstacle"] = explain(obstacle) if obstacle else ""
        shown["form"] = form
    page = render_template(
        "institutions/offset_lot.html",
        place=place,
        lot=lot,
        today=business_day(utc_now()),
        **shown,
    )
    return page, status


@at_institution("/offsets/lots/<lot_id>/withdraw", seats=CLERKS, methods=("POST",))
def offset_withdraw(place: Seated, lot_id: str) -> ResponseReturnValue:
    """Take a lot back that was used nowhere, with a reason."""
    lot, form = _lot(place, lot_id), ReasonForm()
    if not form.validate_on_submit():
        return _lot_page(place, lot, form, 422)
    error = done(
        lot_withdrawal.withdraw,
        institution_id=place.institution_id,
        public_id=lot_id,
        reason=form.reason.data,
    )
    if error is not None:
        put_error(form, error)
        return _lot_page(place, _lot(place, lot_id), form, status_of(error))
    flash(_("已撤回，这些编号可以重新登记。"), "success")
    number = place.institution.public_id
    return go_to(url_for("institutions.offset_lot", public_id=number, lot_id=lot_id))


def _lot(place: Seated, lot_id: str) -> OffsetLot:
    return offset_queries.lot_at(
        current_session(), institution_id=place.institution_id, public_id=lot_id
    )


@at_institution("/offsets/lots/<lot_id>/paper")
def offset_paper(place: Seated, lot_id: str) -> Response:
    """Send the file that proves a lot."""
    return paper_file(_lot(place, lot_id).evidence_file)


@at_institution("/offsets/given/<ref>", seats=CLERKS, methods=("POST",))
def offset_given(place: Seated, ref: str) -> ResponseReturnValue:
    """Make a lot of donated grams."""
    error = done(given.turn_into_lot, institution_id=place.institution_id, ref=ref)
    if error is not None:
        return _page(place, error)
    flash(_("已做成批次。"), "success")
    return go_to(url_for("institutions.offsets", public_id=place.institution.public_id))
