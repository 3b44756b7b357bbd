"""Files of an inventory: the template, exports, imports that are looked at first, evidence."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import Conflict, DomainError, Invalid
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_evidence as evidence
from carbonaccount.institutions import inventory_sheets as sheets
from carbonaccount.institutions import inventory_uploads as uploads
from carbonaccount.institutions.inventory_completeness import unfinished_around
from carbonaccount.institutions.inventory_evidence_removal import remove_evidence, uses_of
from carbonaccount.institutions.inventory_models import InventoryEvidence
from carbonaccount.institutions.inventory_reading import Plan
from carbonaccount.institutions.inventory_results import account_of
from carbonaccount.institutions.inventory_tables import MAX_BYTES
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted
from carbonaccount.institutions.views.inventory import show_year, to_year
from carbonaccount.institutions.views.inventory_common import (
    YearPage,
    on_year,
    remarks_on,
    spoken,
    year_page,
)
from carbonaccount.institutions.views.inventory_lines import instance_folder
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import as_csv
from carbonaccount.web.templating import language

_XLSX = evidence.CONTENT_TYPES["xlsx"]
_CSV = "text/csv; charset=utf-8"
_SHOWN = 200


def _download(content: bytes, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=content_type, headers=headers)


@at_institution("/inventory/<int:year>/template.xlsx")
def inventory_template(place: Seated, year: int) -> ResponseReturnValue:
    """Send the workbook to fill in."""
    page = year_page(place, year)
    content = sheets.template(year=year, book=page.book, language=language())
    return _download(content, _XLSX, f"inventory-template-{year}.xlsx")


@at_institution("/inventory/<int:year>.<any(csv, xlsx):kind>")
def inventory_file(place: Seated, year: int, kind: str) -> ResponseReturnValue:
    """Send a year's lines and what they come to."""
    page = year_page(place, year)
    account, spoken = page.account, language()
    name = f"inventory-{place.institution.public_id}-{year}-v{account.version}.{kind}"
    if kind == "xlsx":
        around = unfinished_around(
            page.session,
            account,
            institution_id=place.institution_id,
            today=business_day(utc_now()),
        )
        content = sheets.export(
            account, names=page.names, book=page.book, language=spoken, unfinished=around
        )
        return _download(content, _XLSX, name)
    rows = [
        [cell if isinstance(cell, (str, int)) else f"{cell:f}" for cell in cells]
        for cells in (sheets.line_cells(line, page.names, spoken) for line in account.lines)
    ]
    return _download(as_csv(sheets.lines_header(spoken), rows), _CSV, name)


@at_institution("/inventory/<int:year>/import", seats=CLERKS)
def inventory_import(place: Seated, year: int) -> ResponseReturnValue:
    """Show what the waiting file would do, or ask for one."""
    return _import_page(place, year)


def _import_page(
    place: Seated,
    year: int,
    error: DomainError | None = None,
    *,
    refused: str = "",
    look: bool = True,
) -> ResponseReturnValue:
    """Show the page; `refused` names a file that was not taken in.

    look: whether the waiting file may be imported from here. It may not where somebody would take
    it for the one that was just sent or looked at: it is named, and opened on its own.
    """
    page = year_page(place, year)
    row = uploads.waiting(page.session, inventory=page.inventory)
    shown: dict[str, Any] = {"plan": None, "remarks": []}
    if row is not None and look:
        shown = _planned(page, row.content, row.name)
    html = render_template(
        "institutions/inventory/import.html",
        place=place,
        inventory=page.inventory,
        waiting=row,
        look=look,
        refused=refused,
        names=page.names,
        most=_SHOWN,
        is_open=page.inventory.status == life.OPEN,
        error=explain(error) if error else "",
        explain=spoken,
        limit_mib=MAX_BYTES // 1024 // 1024,
        **shown,
    )
    return html, 200 if error is None else status_of(error)


def _planned(page: YearPage, content: bytes, name: str) -> dict[str, Any]:
    """Return what a file would do, and what there would be to look at then."""
    try:
        plan = uploads.planned(page.session, inventory=page.inventory, content=content, name=name)
    except DomainError as error:
        # The library may have changed since the file was sent.
        return {"plan": None, "remarks": [], "error": explain(error)}
    return {"plan": plan, "remarks": _remarks_after(page, plan)}


def _remarks_after(page: YearPage, plan: Plan) -> list[Any]:
    present = [line.row for line in page.account.lines]
    # Which file it is does not matter here, only whether there is one.
    files: dict[int | None, tuple[str, ...]] = {None: ()}
    lines = uploads.lines_after(page.inventory, present, plan)
    named = [(line, "".join(files.get(line.evidence_id, ("-",)))) for line in lines]
    return remarks_on(account_of(page.inventory, named), page.last, page.inventory, page.book)


@at_institution("/inventory/<int:year>/import", seats=CLERKS, methods=("POST",))
def inventory_send(place: Seated, year: int) -> ResponseReturnValue:
    """Keep a file to be looked at."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _import_page(place, year, Invalid("file_needed", field="file"), look=False)
    error = on_year(
        place, year, uploads.keep, open_only=True, content=sent.read(), name=sent.filename
    )
    if error is not None:
        name = evidence.shown_name(sent.filename, "xlsx")
        return _import_page(place, year, error, refused=name, look=False)
    return _to_import(place, year)


def _to_import(place: Seated, year: int) -> ResponseReturnValue:
    public_id = place.institution.public_id
    return go_to(url_for("institutions.inventory_import", public_id=public_id, year=year))


@at_institution("/inventory/<int:year>/import/take", seats=CLERKS, methods=("POST",))
def inventory_take(place: Seated, year: int) -> ResponseReturnValue:
    """Take the waiting file."""
    error = on_year(place, year, uploads.take, open_only=True, key=request.form.get("key", ""))
    if error is not None:
        # Another file may wait than the one that was looked at.
        return _import_page(place, year, error, look=error.code != "upload_not_found")
    flash(_("文件已导入，可以整体撤销。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/import/drop", seats=CLERKS, methods=("POST",))
def inventory_drop(place: Seated, year: int) -> ResponseReturnValue:
    """Give the waiting file up."""
    error = on_year(place, year, _drop, key=request.form.get("key", ""))
    if error is not None:
        return _import_page(place, year, error, look=False)
    return _to_import(place, year)


def _drop(session: Any, *, inventory: Any, key: str, **_who: Any) -> None:
    uploads.drop(session, inventory=inventory, key=key)


@at_institution("/inventory/<int:year>/evidence", seats=CLERKS, methods=("POST",))
def inventory_evidence(place: Seated, year: int) -> ResponseReturnValue:
    """Keep an evidence file."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return show_year(place, year, error=Invalid("file_needed", field="file"))
    error = attempted(
        evidence.add_evidence,
        institution_id=place.institution_id,
        content=sent.read(),
        name=sent.filename,
        folder=instance_folder(),
    )
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("佐证文件已上传，可以在各行里选用。"), "success")
    return to_year(place, year)


@at_institution("/inventory/evidence/<file_id>")
def inventory_evidence_file(place: Seated, file_id: str) -> ResponseReturnValue:
    """Send an evidence file as it was uploaded."""
    row = evidence.find_evidence(
        current_session(), institution_id=place.institution_id, public_id=file_id
    )
    content = evidence.stored_bytes(row, instance_folder())
    return _download(content, evidence.CONTENT_TYPES[row.kind], f"{row.public_id}.{row.kind}")


@at_institution(
    "/inventory/<int:year>/evidence/<file_id>/remove", seats=CLERKS, methods=("GET", "POST")
)
def inventory_evidence_remove(place: Seated, year: int, file_id: str) -> ResponseReturnValue:
    """Say what loses an evidence file, then delete it for good."""
    page = year_page(place, year)
    row = evidence.find_evidence(
        page.session, institution_id=place.institution_id, public_id=file_id
    )
    if request.method == "GET":
        if page.inventory.status == life.OPEN:
            return _remove_page(page, row)
        flash(explain(Conflict("inventory_not_open")), "error")
        return to_year(place, year)
    if request.form.get("is_sure") != "y":
        return _remove_page(page, row, Invalid("evidence_removal_unsure", field="is_sure"))
    kept_as = instance_folder() / evidence.stored_name(row)
    error = attempted(
        remove_evidence,
        institution_id=place.institution_id,
        year=year,
        public_id=file_id,
        is_name_kept=request.form.get("forget_name") != "y",
    )
    if error is not None:
        return _remove_page(page, row, error)
    # Only now: before the commit somebody could still be refused, and the file be gone.
    kept_as.unlink(missing_ok=True)
    flash(_("佐证文件已删除。"), "success")
    return to_year(place, year)


def _remove_page(
    page: YearPage, row: InventoryEvidence, error: DomainError | None = None
) -> ResponseReturnValue:
    uses = uses_of(page.session, evidence=row)
    html = render_template(
        "institutions/inventory/evidence_remove.html",
        place=page.place,
        inventory=page.inventory,
        evidence=row,
        uses=[use for use in uses if use.is_open],
        closed=[use for use in uses if not use.is_open],
        names=page.names,
        error=explain(error) if error else "",
    )
    return html, 200 if error is None else status_of(error)
