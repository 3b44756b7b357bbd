"""Lots in the panel: whose numbers are whose, and taking back what somebody should not hold."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin import lot_reads as reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.life.forms import ReasonForm
from admin.lot_reads import LotRow
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.institutions import lot_withdrawal, offset_labels
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_models import OffsetLot
from carbonaccount.institutions.views.common import named
from carbonaccount.institutions.views.offset_common import offset_words, paper_file
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import current_actor, go_to


def columns() -> list[SortedColumn[LotRow]]:
    """Return the columns of the list of lots, on the page and in its files."""
    return [
        SortedColumn("first", _("首个编号"), lambda row: row.lot.first_number, None),
        SortedColumn("last", _("末个编号"), lambda row: row.lot.last_number, None),
        SortedColumn(
            "institution", _("单位"), lambda row: named(row.institution), col(Institution.name_zh)
        ),
        SortedColumn(
            "kind",
            _("种类"),
            lambda row: str(offset_labels.KINDS[row.lot.kind]),
            col(OffsetLot.kind),
        ),
        SortedColumn(
            "serials",
            _("编号个数"),
            lambda row: row.lot.serials,
            col(OffsetLot.serial_last) - col(OffsetLot.serial_first),
        ),
        SortedColumn(
            "grams", _("减排量（克）"), lambda row: row.lot.amount_g, col(OffsetLot.amount_g)
        ),
        SortedColumn(
            "added",
            _("登记时间"),
            lambda row: row.lot.added_at.astimezone(CITY_ZONE).isoformat(
                sep=" ", timespec="seconds"
            ),
            col(OffsetLot.added_at),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: str(offset_labels.LOT_STATES[row.lot.status][0]),
            col(OffsetLot.status),
        ),
    ]


def _filters() -> dict[str, str]:
    # `kind` is what the addresses of files call their format.
    return {
        "kind_of": chosen("kind_of", offset_labels.KINDS, _("种类")),
        "status": chosen("status", offset_labels.LOT_STATES, _("状态")),
        "q": request.args.get("q", "").strip()[:80],
    }


def _needs() -> dict[str, Any]:
    filters = _filters()
    return {
        "wanted": reads.lot_rows(kind=filters["kind_of"], status=filters["status"], q=filters["q"]),
        "columns": columns(),
        "as_row": LotRow,
        "tie": col(OffsetLot.id),
        "default": "-added",
    }


@blueprint.get("/offset-lots")
def offset_lots() -> ResponseReturnValue:
    """List the lots of all institutions."""
    filters = _filters()
    return render_template(
        "admin/institutions/offset_lots.html",
        list=database_listing(current_session(), **_needs(), filters=filters),
        filters=filters,
        named=named,
        **offset_words(),
    )


@blueprint.get("/offset-lots.<any(csv, xlsx):kind>")
def offset_lots_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="offset-lots", kind=kind)


@blueprint.get("/offset-lots/<public_id>")
def offset_lot(public_id: str) -> ResponseReturnValue:
    """Show a lot, what proves it, and what was done to it."""
    return _page(public_id, ReasonForm(None))


def _page(public_id: str, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    found = reads.find_lot(current_session(), public_id)
    page = render_template(
        "admin/institutions/offset_lot.html",
        lot=found.lot,
        institution=found.institution,
        trail=reads.trail_of(current_session(), found.lot),
        from_nobody=lot_withdrawal.FROM_NOBODY,
        today=business_day(utc_now()),
        form=form,
        named=named,
        **offset_words(),
    )
    return page, status


@blueprint.get("/offset-lots/<public_id>/paper")
def offset_lot_paper(public_id: str) -> Response:
    """Send the file that proves a lot."""
    return paper_file(reads.find_lot(current_session(), public_id).lot.evidence_file)


@blueprint.post("/offset-lots/<public_id>/withdraw")
def withdraw_offset_lot(public_id: str) -> ResponseReturnValue:
    """Take a lot back with a reason that its institution reads."""
    reads.find_lot(current_session(), public_id)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(public_id, form, 422)
    error, status = attempted(
        lot_withdrawal.withdraw_as_officer,
        public_id=public_id,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已撤回，编号空出来了；单位负责人会收到消息和理由。"), "success")
        return go_to(url_for("admin.offset_lot", public_id=public_id))
    put_error(form, error)
    return _page(public_id, form, status)
