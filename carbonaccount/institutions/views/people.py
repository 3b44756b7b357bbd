"""What an institution's owners look after: its facts, its people, and the units it belongs to."""

from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.queries import districts
from carbonaccount.errors import DomainError
from carbonaccount.institutions import people as services
from carbonaccount.institutions import units
from carbonaccount.institutions.access_codes import grouped
from carbonaccount.institutions.forms import FactsForm
from carbonaccount.institutions.models import BelongingStatus
from carbonaccount.institutions.seats import OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted, put_error
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, go_to, person
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language


@at_institution("/people", seats=OWNERS)
def people(place: Seated) -> ResponseReturnValue:
    """Show an institution's facts, people and units to its owners."""
    return _page(place)


def _page(
    place: Seated,
    *,
    form: FactsForm | None = None,
    error: DomainError | None = None,
    status: int = 200,
    **shown: Any,
) -> ResponseReturnValue:
    session, me = current_session(), person()
    if form is None:
        form = _facts_form()
        form.fill(place.institution)
    page = render_template(
        "institutions/people.html",
        place=place,
        form=form,
        people=services.people_of(session, institution_id=place.institution_id),
        me=me.public_id if me else "",
        parent=units.wish_of(session, institution_id=place.institution_id),
        asked=units.wishes_to(
            session, institution_id=place.institution_id, status=BelongingStatus.ASKED
        ),
        children=units.wishes_to(
            session, institution_id=place.institution_id, status=BelongingStatus.AGREED
        ),
        hours=services.INVITATION_LIFE.days * 24,
        error=explain(error) if error else "",
        **shown,
    )
    return page, status if error is None else status_of(error)


def _facts_form() -> FactsForm:
    form = FactsForm(None) if request.endpoint != "institutions.change_facts" else FactsForm()
    form.offer(districts(current_session()), english=language() == "en")
    return form


def _back(place: Seated, error: DomainError | None, done: str) -> ResponseReturnValue:
    if error is not None:
        return _page(place, error=error)
    flash(done, "success")
    return go_to(url_for("institutions.people", public_id=place.institution.public_id))


@at_institution("/facts", seats=OWNERS, methods=("POST",))
def change_facts(place: Seated) -> ResponseReturnValue:
    """Change district, floor area, head count and English name."""
    form = _facts_form()
    if not form.validate_on_submit():
        return _page(place, form=form, status=422)
    error = attempted(
        services.change_facts,
        institution=place.institution,
        name_en=form.name_en.data or "",
        district_code=form.district.data or None,
        floor_area_dm2=form.floor_area_dm2,
        head_count=form.heads,
    )
    if error is not None:
        put_error(form, error)
        return _page(place, form=form, status=status_of(error))
    return _back(place, None, _("已保存。"))


@at_institution("/invitations", seats=OWNERS, methods=("POST",))
def invite_person(place: Seated) -> ResponseReturnValue:
    """Show an invitation once."""
    codes: list[str] = []

    def invite(session: Any, **needs: Any) -> None:
        codes.append(services.invite(session, **needs))

    seat = request.form.get("seat", "")
    error = attempted(invite, institution=place.institution, seat=seat, vault=vault())
    return _page(place, error=error, code=grouped(codes[0]) if codes else "", code_seat=seat)


@at_institution("/people/<person_id>/seat", seats=OWNERS, methods=("POST",))
def change_seat(place: Seated, person_id: str) -> ResponseReturnValue:
    """Give a person another seat."""
    error = attempted(
        services.change_seat,
        institution=place.institution,
        person_public_id=person_id,
        seat=request.form.get("seat", ""),
    )
    return _back_or_away(place, person_id, error, _("已保存。"))


@at_institution("/people/<person_id>/remove", seats=OWNERS, methods=("POST",))
def remove_person(place: Seated, person_id: str) -> ResponseReturnValue:
    """Take a person's seat away."""
    error = attempted(services.remove, institution=place.institution, person_public_id=person_id)
    return _back_or_away(place, person_id, error, _("已移出，马上生效。"))


def _back_or_away(
    place: Seated, person_id: str, error: DomainError | None, done: str
) -> ResponseReturnValue:
    """Come back to the page, or to one's institutions for who may not open it any more."""
    if error is None and person_id == current_actor().ref:
        flash(done, "success")
        return go_to(url_for("institutions.mine"))
    return _back(place, error, done)


@at_institution("/leave", methods=("POST",))
def give_up_seat(place: Seated) -> ResponseReturnValue:
    """Give up one's own seat."""
    error = attempted(
        services.remove,
        institution=place.institution,
        person_public_id=current_actor().ref,
    )
    if error is not None:
        flash(explain(error), "error")
        return go_to(url_for("institutions.home", public_id=place.institution.public_id))
    flash(_("您已离开 %(name)s。", name=place.institution.name_zh), "success")
    return go_to(url_for("institutions.mine"))


@at_institution("/parent", seats=OWNERS, methods=("POST",))
def ask_parent(place: Seated) -> ResponseReturnValue:
    """Ask to belong to another unit."""
    error = attempted(units.ask, child=place.institution, written=request.form.get("parent", ""))
    return _back(place, error, _("已提交，等对方负责人确认。"))


@at_institution("/units/<int:belonging_id>/answer", seats=OWNERS, methods=("POST",))
def answer_unit(place: Seated, belonging_id: int) -> ResponseReturnValue:
    """Confirm or refuse that a unit belongs to this one."""
    agreed = request.form.get("agreed") == "1"
    error = attempted(
        units.answer, parent=place.institution, belonging_id=belonging_id, agreed=agreed
    )
    return _back(place, error, _("已确认。") if agreed else _("已拒绝。"))


@at_institution("/units/<int:belonging_id>/end", seats=OWNERS, methods=("POST",))
def end_unit(place: Seated, belonging_id: int) -> ResponseReturnValue:
    """End a belonging from either side, or take a wish back."""
    error = attempted(units.end, institution=place.institution, belonging_id=belonging_id)
    return _back(place, error, _("已解除，合计不再显示。"))
