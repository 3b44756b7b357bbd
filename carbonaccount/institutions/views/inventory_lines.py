"""Entering a line, changing it, taking it out, and undoing."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.config import Settings
from carbonaccount.errors import Conflict, DomainError, NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import conversion, footprint
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_lines as writing
from carbonaccount.institutions.footprint import Block
from carbonaccount.institutions.inventory_entries import Entry, factor_day, prepared, usable_factors
from carbonaccount.institutions.inventory_evidence import (
    add_evidence,
    evidence_folder,
    evidence_of,
    find_evidence,
)
from carbonaccount.institutions.inventory_forms import LineForm
from carbonaccount.institutions.inventory_models import Inventory, InventoryEvidence, InventoryLine
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.institutions.views.inventory import show_year, to_year
from carbonaccount.institutions.views.inventory_common import (
    BASES,
    YearPage,
    month_name,
    on_year,
    spoken,
    year_page,
)
from carbonaccount.institutions.views.meanwhile import Difference, differences
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of

FILES_OFFERED = 100
_MONTHS = (*range(1, 13), 0)


def instance_folder() -> Path:
    """Return where evidence files lie."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return evidence_folder(settings.instance_path)


@at_institution("/inventory/<int:year>/lines/new", seats=CLERKS, methods=("GET", "POST"))
def inventory_add(place: Seated, year: int) -> ResponseReturnValue:
    """Choose an energy, then enter a line of it."""
    page = year_page(place, year)
    if request.method == "GET" and page.inventory.status != life.OPEN:
        return _closed(place, year)
    code = request.args.get("factor", "")
    if not code:
        factors = usable_factors(page.book, factor_day(year, 1))
        return render_template(
            "institutions/inventory/choose.html",
            place=place,
            inventory=page.inventory,
            groups=[
                (block, [factor for kind, factor in factors if kind is block])
                for block in Block
                if block is not Block.OPTIONAL
            ],
            optional=[
                (kind, [item for _block, item in factors if footprint.kind_of(item.code) is kind])
                for kind in footprint.Kind
            ],
            names=page.names,
        )
    form = _form(page, code)
    if request.method == "GET":
        _continue(form)
        return _line_page(page, form, code)
    if not form.validate():
        return _line_page(page, form, code, status=422)
    error = on_year(place, year, _add, open_only=True, form=form, code=code)
    if error is not None:
        return _line_page(page, form, code, error=error)
    flash(_("已保存。"), "success")
    if request.form.get("again") != "1":
        return to_year(place, year)
    return go_to(_next_month(place, year, code, form))


def _add(session: Session, *, inventory: Inventory, form: LineForm, code: str, **who: Any) -> None:
    entry = _checked(session, inventory, form, code, **who)
    writing.add_line(session, inventory=inventory, entry=entry, **who)


def _checked(
    session: Session, inventory: Inventory, form: LineForm, code: str, **who: Any
) -> Entry:
    """Return the line with its file; the file is kept only if the rest can be taken."""
    book = FactorBook.load(session)
    prepared(form.entry(code, None), year=inventory.year, book=book)
    return form.entry(code, _evidence_id(session, inventory, form, **who))


def _evidence_id(
    session: Session, inventory: Inventory, form: LineForm, *, acting_user: Actor, now: datetime
) -> int | None:
    """Return the file of the line: a new one is kept first, else the one that was chosen."""
    sent: Any = form.file.data
    if sent and sent.filename:
        return add_evidence(
            session,
            institution_id=inventory.institution_id,
            content=sent.read(),
            name=sent.filename,
            folder=instance_folder(),
            acting_user=acting_user,
            now=now,
        ).stored_id
    if not form.evidence.data:
        return None
    return find_evidence(
        session, institution_id=inventory.institution_id, public_id=form.evidence.data
    ).stored_id


def _continue(form: LineForm) -> None:
    """Take over from the last line what stays the same from month to month."""
    for name in ("month", "unit", "place", "basis"):
        if request.args.get(name):
            form[name].data = request.args[name]


def _next_month(place: Seated, year: int, code: str, form: LineForm) -> str:
    return url_for(
        "institutions.inventory_add",
        public_id=place.institution.public_id,
        year=year,
        factor=code,
        month=min(int(form.month.data or 0) + 1, 12),
        unit=form.unit.data,
        place=form.place.data or None,
        basis=form.basis.data,
    )


@at_institution("/inventory/<int:year>/lines/<int:line_id>", seats=CLERKS, methods=("GET", "POST"))
def inventory_edit(place: Seated, year: int, line_id: int) -> ResponseReturnValue:
    """Change a line."""
    page = year_page(place, year)
    if request.method == "GET" and page.inventory.status != life.OPEN:
        return _closed(place, year)
    line = writing.find_line(page.session, inventory=page.inventory, line_id=line_id)
    form = _form(page, line.factor_code, line)
    if request.method == "GET":
        form.show(line, _files(page, line))
        return _line_page(page, form, line.factor_code, line=line)
    if not form.validate():
        return _line_page(page, form, line.factor_code, line=line, status=422)
    code = line.factor_code
    error = on_year(place, year, _edit, open_only=True, form=form, code=code, line_id=line_id)
    if error is not None:
        meanwhile = _meanwhile(page, form, line) if error.code == "changed_meanwhile" else ()
        return _line_page(page, form, code, line=line, error=error, meanwhile=meanwhile)
    flash(_("已保存。"), "success")
    return to_year(place, year)


def _meanwhile(page: YearPage, form: LineForm, line: InventoryLine) -> list[Difference]:
    """Return what was saved since the form was opened; saving again then writes over it."""
    stored = _form(page, line.factor_code, line, LineForm(None))
    stored.show(line, _files(page, line))
    form.seen.data = stored.seen.data
    return differences(form, stored)


def _edit(
    session: Session,
    *,
    inventory: Inventory,
    form: LineForm,
    code: str,
    line_id: int,
    **who: Any,
) -> None:
    entry = _checked(session, inventory, form, code, **who)
    writing.edit_line(
        session, inventory=inventory, line_id=line_id, entry=entry, seen=form.seen.data, **who
    )


@at_institution("/inventory/<int:year>/lines/<int:line_id>/remove", seats=CLERKS, methods=("POST",))
def inventory_remove(place: Seated, year: int, line_id: int) -> ResponseReturnValue:
    """Take a line out."""
    error = on_year(place, year, writing.remove_line, open_only=True, line_id=line_id)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已删除，可以撤销。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/undo", seats=CLERKS, methods=("POST",))
def inventory_undo(place: Seated, year: int) -> ResponseReturnValue:
    """Take the latest act back."""
    error = on_year(place, year, writing.undo, open_only=True)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已撤销上一次修改。"), "success")
    return to_year(place, year)


def _closed(place: Seated, year: int) -> ResponseReturnValue:
    """Lead away from a form that nothing could be done with."""
    flash(explain(Conflict("inventory_not_open")), "error")
    return to_year(place, year)


def _form(
    page: YearPage, code: str, line: InventoryLine | None = None, form: LineForm | None = None
) -> LineForm:
    """Return the form of one energy; raises NotFound (unknown_factor) and as `block_of` does."""
    factor = page.book.on(code, factor_day(page.inventory.year, 1))
    footprint.block_of(code)
    units = conversion.choices(footprint.activity_unit(factor.unit), code)
    if line is not None and line.entered_unit not in units:
        units = (line.entered_unit, *units)
    form = form or LineForm()
    form.offer(
        months=[(month, month_name(month)) for month in _MONTHS],
        units=units,
        bases=list(BASES.items()),
        evidence=_files(page, line),
    )
    return form


def _files(page: YearPage, line: InventoryLine | None) -> list[InventoryEvidence]:
    """Return the files to choose from: the newest, and the line's own."""
    session, institution_id = page.session, page.place.institution_id
    found = evidence_of(session, institution_id=institution_id, limit=FILES_OFFERED)
    own = session.get(InventoryEvidence, line.evidence_id) if line and line.evidence_id else None
    return found if own is None or own in found else [*found, own]


def _put_error(form: LineForm, error: DomainError) -> None:
    name = str(error.params.get("field", ""))
    if name in form:
        form[name].errors = [*form[name].errors, spoken(error)]
    else:
        form.form_errors.append(spoken(error))


def _line_page(
    page: YearPage,
    form: LineForm,
    code: str,
    *,
    line: InventoryLine | None = None,
    error: DomainError | None = None,
    meanwhile: Sequence[Difference] = (),
    status: int = 200,
) -> ResponseReturnValue:
    if error is not None:
        if isinstance(error, NotFound) and error.code == "inventory_not_found":
            raise error
        _put_error(form, error)
        status = status_of(error)
    month = line.month if line else 1
    factor = page.book.on(code, factor_day(page.inventory.year, month))
    html = render_template(
        "institutions/inventory/line.html",
        place=page.place,
        inventory=page.inventory,
        form=form,
        line=line,
        meanwhile=meanwhile,
        code=code,
        block=footprint.block_of(code),
        kind=footprint.kind_of(code),
        counted_in=footprint.activity_unit(factor.unit),
        factor=factor,
        usual=page.usual_grid(code, month),
        names=page.names,
    )
    return html, status
