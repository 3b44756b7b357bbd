"""An institution's plantations: what was planted, survival checks, and a lot a year."""

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import afforestation
from carbonaccount.institutions.afforestation import Planted
from carbonaccount.institutions.offset_forms import CheckForm, PlantedForm, day_in
from carbonaccount.institutions.offset_models import Plantation
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution, put_error
from carbonaccount.institutions.views.offset_common import done, paper_file, paper_of
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of


@at_institution("/plantations")
def plantations(place: Seated) -> ResponseReturnValue:
    """List the plantations of an institution."""
    rows = afforestation.plantations_of(current_session(), institution_id=place.institution_id)
    return render_template("institutions/plantations.html", place=place, rows=rows)


@at_institution("/plantations/new", seats=CLERKS, methods=("GET", "POST"))
def plantation_new(place: Seated) -> ResponseReturnValue:
    """Write down a plantation."""
    form, status = PlantedForm(), 200
    if form.validate_on_submit():
        error = _plant(place, form)
        if error is None:
            flash(_("已登记。存活核查通过后，每年可以做一个批次。"), "success")
            return go_to(url_for("institutions.plantations", public_id=place.institution.public_id))
        put_error(form, error)
        status = status_of(error)
    elif request.method == "POST":
        status = 422
    return render_template("institutions/plantation_new.html", place=place, form=form), status


def _plant(place: Seated, form: PlantedForm) -> DomainError | None:
    try:
        paper = paper_of(form.file)
    except DomainError as error:
        return error
    planted = Planted(
        place=form.place.data or "",
        species=form.species.data or "",
        area_m2=form.area_m2,
        trees=form.tree_count,
        planted_on=day_in(form.planted_on),
    )
    return done(afforestation.plant, institution=place.institution, planted=planted, paper=paper)


@at_institution("/plantations/<plantation_id>")
def plantation(place: Seated, plantation_id: str) -> ResponseReturnValue:
    """Show a plantation with its checks and years."""
    return _page(place, _plantation(place, plantation_id))


def _plantation(place: Seated, plantation_id: str) -> Plantation:
    return afforestation.plantation_at(
        current_session(), institution_id=place.institution_id, public_id=plantation_id
    )


def _page(
    place: Seated,
    row: Plantation,
    *,
    form: CheckForm | None = None,
    error: DomainError | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session = current_session()
    page = render_template(
        "institutions/plantation.html",
        place=place,
        row=row,
        form=form or CheckForm(None),
        checks=afforestation.checks_of(session, plantation_id=row.id or 0),
        years=afforestation.years_of(session, plantation=row, today=business_day(utc_now())),
        error=explain(error) if error else "",
    )
    return page, status if error is None else status_of(error)


@at_institution("/plantations/<plantation_id>/paper")
def plantation_paper(place: Seated, plantation_id: str) -> Response:
    """Send the file that proves a plantation."""
    return paper_file(_plantation(place, plantation_id).evidence_file)


@at_institution("/plantations/<plantation_id>/checks/<int:check_id>/paper")
def survival_paper(place: Seated, plantation_id: str, check_id: int) -> Response:
    """Send the file of a survival check."""
    row = _plantation(place, plantation_id)
    for check in afforestation.checks_of(current_session(), plantation_id=row.id or 0):
        if check.id == check_id:
            return paper_file(check.evidence_file)
    raise NotFound("unknown_check")


@at_institution("/plantations/<plantation_id>/checks", seats=CLERKS, methods=("POST",))
def survival_new(place: Seated, plantation_id: str) -> ResponseReturnValue:
    """File a survival check."""
    row, form = _plantation(place, plantation_id), CheckForm()
    if not form.validate_on_submit():
        return _page(place, row, form=form, status=422)
    error = _file_check(row, form)
    if error is not None:
        put_error(form, error)
        return _page(place, row, form=form, status=status_of(error))
    flash(_("已提交，等市里审核。"), "success")
    return _to(place, plantation_id)


def _file_check(row: Plantation, form: CheckForm) -> DomainError | None:
    try:
        paper = paper_of(form.file)
    except DomainError as error:
        return error
    return done(
        afforestation.file_check,
        plantation=row,
        checked_on=day_in(form.checked_on),
        living=form.living_count,
        paper=paper,
    )


def _to(place: Seated, plantation_id: str) -> Response:
    return go_to(
        url_for(
            "institutions.plantation",
            public_id=place.institution.public_id,
            plantation_id=plantation_id,
        )
    )


@at_institution("/plantations/<plantation_id>/lots/<int:year>", seats=CLERKS, methods=("POST",))
def plantation_lot(place: Seated, plantation_id: str, year: int) -> ResponseReturnValue:
    """Make the lot of a year."""
    row = _plantation(place, plantation_id)
    error = done(afforestation.make_lot, plantation=row, year=year)
    if error is not None:
        return _page(place, row, error=error)
    flash(_("%(year)s 年的批次已做好。", year=year), "success")
    return _to(place, plantation_id)
