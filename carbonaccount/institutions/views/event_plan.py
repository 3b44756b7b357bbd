"""The plan of an event: which sources are expected, and what is done to emit less."""

from decimal import Decimal

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.errors import DomainError
from carbonaccount.institutions import event_labels, event_plans
from carbonaccount.institutions.event_accounting import read_amount
from carbonaccount.institutions.event_models import Event, Source
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.institutions.views.event_common import done_or_raise, event_of, shown
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.problems import status_of

_GRAMS = Decimal(1000)


@at_institution("/events/<event_id>/plan")
def event_plan(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show the plan."""
    return _page(place, event_of(place, event_id))


def _page(place: Seated, event: Event, error: DomainError | None = None) -> ResponseReturnValue:
    session = current_session()
    page = render_template(
        "institutions/events/plan.html",
        **shown(
            place,
            event,
            plan=event_plans.plan_of(session, event),
            measures=event_plans.measures_of(session, event),
            sources=event_labels.SOURCES,
            error=explain(error) if error else "",
            written=request.form if error else {},
        ),
    )
    return page, 200 if error is None else status_of(error)


def _grams(field: str) -> int:
    """Return kilograms of the form in grams; nothing written is 0."""
    text = request.form.get(field, "")
    return int(read_amount(text, field) * _GRAMS) if text.strip() else 0


@at_institution("/events/<event_id>/plan/sources", seats=CLERKS, methods=("POST",))
def set_event_plan(place: Seated, event_id: str) -> ResponseReturnValue:
    """Write which sources are expected."""
    event = event_of(place, event_id)
    try:
        sources = {
            source: _grams(f"kg-{source}") if request.form.get(f"kg-{source}", "").strip() else None
            for source in Source
            if request.form.get(f"source-{source}")
        }
    except DomainError as error:
        return _page(place, event, error)
    return done_or_raise(
        place,
        event,
        event_plans.set_plan,
        done=_("计划已保存。"),
        page="event_plan",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        sources=sources,
        offset_plan=request.form.get("offset_plan", ""),
    )


@at_institution("/events/<event_id>/plan/measures", seats=CLERKS, methods=("POST",))
def add_event_measure(place: Seated, event_id: str) -> ResponseReturnValue:
    """Add a measure."""
    event = event_of(place, event_id)
    try:
        expected_g = _grams("expected")
    except DomainError as error:
        return _page(place, event, error)
    return done_or_raise(
        place,
        event,
        event_plans.add_measure,
        done=_("措施已添加。"),
        page="event_plan",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        source=request.form.get("source", ""),
        what=request.form.get("what", ""),
        basis=request.form.get("basis", ""),
        expected_g=expected_g,
    )


@at_institution(
    "/events/<event_id>/plan/measures/<int:measure_id>/remove", seats=CLERKS, methods=("POST",)
)
def remove_event_measure(place: Seated, event_id: str, measure_id: int) -> ResponseReturnValue:
    """Take a measure off the plan."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_plans.remove_measure,
        done=_("措施已删除。"),
        page="event_plan",
        measure_id=measure_id,
    )


@at_institution(
    "/events/<event_id>/plan/measures/<int:measure_id>/achieved", seats=CLERKS, methods=("POST",)
)
def event_measure_achieved(place: Seated, event_id: str, measure_id: int) -> ResponseReturnValue:
    """Write what a measure achieved."""
    event = event_of(place, event_id)
    try:
        achieved_g = _grams("achieved")
    except DomainError as error:
        return _page(place, event, error)
    return done_or_raise(
        place,
        event,
        event_plans.set_achieved,
        done=_("已保存。"),
        page="event_plan",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        measure_id=measure_id,
        achieved_g=achieved_g,
    )
