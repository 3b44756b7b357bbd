"""The events of an institution: their list, a new one, one's overview, and its steps."""

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.queries import districts
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import (
    event_accounting,
    event_answers,
    event_certificates,
    event_labels,
    event_plans,
)
from carbonaccount.institutions import (
    events as services,
)
from carbonaccount.institutions.event_accounting import CLOSED_STATES
from carbonaccount.institutions.event_forms import EventForm
from carbonaccount.institutions.event_models import Event, EventState
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted, put_error
from carbonaccount.institutions.views.event_common import (
    address,
    done_or_raise,
    event_of,
    shown,
)
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen, chosen_year
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language


def _wanted(place: Seated) -> tuple[list[Event], str, int | None]:
    """Return the events that the filter asks for, the state and the year that were chosen."""
    state = chosen("state", set(EventState), _("状态"))
    year = int(chosen_year("year", _("年份")) or 0) or None
    found = services.events_of(
        current_session(),
        institution_id=place.institution_id,
        states=(state,) if state else (),
        year=year,
    )
    return found, state, year


@at_institution("/events")
def events(place: Seated) -> ResponseReturnValue:
    """List the events of an institution."""
    found, state, year = _wanted(place)
    return render_template(
        "institutions/events/list.html",
        place=place,
        events=found,
        state=state,
        year=year,
        states=event_labels.STATES,
        totals=_totals(found),
        may_edit=place.may(CLERKS),
    )


def _totals(found: list[Event]) -> dict[int, int]:
    """Return the grams of closed accounts by event."""
    closed = [event.stored_id for event in found if event.state in CLOSED_STATES]
    return event_accounting.totals_by_event(current_session(), closed)


@at_institution("/events.<any(csv, xlsx):kind>")
def events_export(place: Seated, kind: str) -> ResponseReturnValue:
    """Send the list as a file."""
    found, _state, _year = _wanted(place)
    totals = _totals(found)
    header = [
        _("名称"), _("种类"), _("地点"), _("开始日期"), _("结束日期"), _("状态"),
        _("预计参加人数"), _("参加人数"), _("排放总量（克）"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            event.name_zh,
            event_labels.kind(event.kind),
            event.place,
            event.first_day.isoformat(),
            event.last_day.isoformat(),
            event_labels.state(event.state),
            event.expected_people,
            event.head_count or "",
            totals.get(event.stored_id, ""),
        ]
        for event in found
    ]
    return table_file(kind, name="events", header=header, rows=rows)


def _form() -> EventForm:
    form = EventForm()
    form.offer(districts(current_session()), english=language() == "en")
    return form


@at_institution("/events/new", seats=CLERKS, methods=("GET", "POST"))
def new_event(place: Seated) -> ResponseReturnValue:
    """Make an event."""
    form, status = _form(), 200
    made: list[Event] = []
    if request.method == "GET":
        form.expected_people.data = ""
    elif form.validate():

        def create(session: object, **needs: object) -> None:
            made.append(services.create(session, **needs))  # type: ignore[arg-type]

        error = attempted(
            create,
            institution=place.institution,
            draft=form.draft(),
            request_key=form.key(),
        )
        if error is None:
            flash(_("活动已建立，请接着写计划。"), "success")
            return go_to(address(place, made[0], "event_plan"))
        put_error(form, error)
        status = status_of(error)
    else:
        status = 422
    page = render_template(
        "institutions/events/edit.html", place=place, form=form, event=None, may_edit=True
    )
    return page, status


@at_institution("/events/<event_id>/edit", seats=CLERKS, methods=("GET", "POST"))
def edit_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Change an event before its plan stands."""
    event = event_of(place, event_id)
    form, status = _form(), 200
    if request.method == "GET":
        form.fill(event)
    elif form.validate():
        error = attempted(services.edit, event=event, draft=form.draft())
        if error is None:
            flash(_("已保存。"), "success")
            return go_to(address(place, event))
        put_error(form, error)
        status = status_of(error)
    else:
        status = 422
    return render_template(
        "institutions/events/edit.html", **shown(place, event, form=form)
    ), status


@at_institution("/events/<event_id>")
def event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show how far an event is, and what is to be done next."""
    return _overview(place, event_of(place, event_id))


def _overview(place: Seated, found: Event, error: DomainError | None = None) -> ResponseReturnValue:
    session, now = current_session(), utc_now()
    closed = found.state in CLOSED_STATES
    certificate = event_certificates.certificate_of(session, found)
    page = render_template(
        "institutions/events/event.html",
        **shown(
            place,
            found,
            plan=event_plans.plan_of(session, found),
            measures=event_plans.measures_of(session, found),
            answered=sum(group.people for group in event_answers.groups(session, found)),
            door=event_answers.door(found, now).value,
            balance=event_certificates.balance_of(session, found) if closed else None,
            account=event_accounting.account_of(session, found) if closed else None,
            certificate=certificate,
            is_over=business_day(now) > found.last_day,
            days_left=(found.offset_due - business_day(now)).days,
            error=explain(error) if error else "",
        ),
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/events/<event_id>/begin", seats=CLERKS, methods=("POST",))
def begin_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Let the plan stand."""
    found = event_of(place, event_id)
    return done_or_raise(
        place,
        found,
        event_plans.begin,
        done=_("计划已确定，请填写人数和用量。")
        if found.last_day < business_day(utc_now())
        else _("计划已确定。活动期间参加者可以扫码填写。"),
        refused=lambda error: _overview(place, event_of(place, event_id), error),
    )


@at_institution("/events/<event_id>/replan", seats=CLERKS, methods=("POST",))
def replan_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Take an event back to planning."""
    found = event_of(place, event_id)
    return done_or_raise(
        place,
        found,
        event_plans.replan,
        done=_("已回到筹备，可以修改活动和计划。"),
        refused=lambda error: _overview(place, event_of(place, event_id), error),
    )


@at_institution("/events/<event_id>/end", seats=CLERKS, methods=("POST",))
def end_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """End scanning in and begin the account."""
    found = event_of(place, event_id)
    return done_or_raise(
        place,
        found,
        services.end,
        done=_("扫码已结束，请填写人数和用量。"),
        refused=lambda error: _overview(place, event_of(place, event_id), error),
    )


@at_institution("/events/<event_id>/withdraw", seats=OWNERS, methods=("POST",))
def withdraw_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Withdraw an event, with its certificate where there is one."""
    found = event_of(place, event_id)
    published = found.state == EventState.PUBLISHED
    return done_or_raise(
        place,
        found,
        event_certificates.withdraw if published else services.call_off,
        done=_("已撤回。"),
        refused=lambda error: _overview(place, event_of(place, event_id), error),
        reason=request.form.get("reason", ""),
    )


@at_institution("/events/<event_id>/reopen", seats=OWNERS, methods=("POST",))
def reopen_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Take the account up again."""
    found = event_of(place, event_id)
    return done_or_raise(
        place,
        found,
        services.reopen,
        done=_("已重新打开核算。"),
        refused=lambda error: _overview(place, event_of(place, event_id), error),
        reason=request.form.get("reason", ""),
    )


@at_institution("/events/<event_id>/certificate")
def event_paper(place: Seated, event_id: str) -> ResponseReturnValue:
    """Lead to the certificate, which is public. Raises NotFound (unknown_certificate)."""
    certificate = event_certificates.certificate_of(current_session(), event_of(place, event_id))
    if certificate is None:
        raise NotFound("unknown_certificate")
    return go_to(url_for("institutions.event_certificate", number=certificate.number))
