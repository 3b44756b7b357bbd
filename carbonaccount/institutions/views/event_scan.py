"""The participant's page: three questions, no account, one answer a browser."""

from datetime import datetime, timedelta

from flask import Response, current_app, flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.limits import Limit
from carbonaccount.clock import day_end, utc_now
from carbonaccount.crypto import random_token
from carbonaccount.errors import DomainError, Invalid
from carbonaccount.institutions import event_answers
from carbonaccount.institutions.event_answers import KEPT_FOR, Door
from carbonaccount.institutions.event_factors import DISTRICT, LONGEST_STAY, catalogue
from carbonaccount.institutions.event_forms import whole_number
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.event_common import district_names
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import go_to
from carbonaccount.web.limits import count_or_refuse, this_address
from carbonaccount.web.problems import status_of

# A whole hall stands behind one address of the venue's network.
ANSWERS_PER_ADDRESS = Limit("event_answer", 6000, timedelta(hours=1))
CODES_PER_ADDRESS = Limit("event_code", 1200, timedelta(hours=1))
COOKIE = "event"


@blueprint.get("/e")
def event_code() -> ResponseReturnValue:
    """Ask for the short code on the poster, and lead to its event."""
    written = request.args.get("code", "")
    if not written:
        return render_template("institutions/events/code.html", error="", written="")
    count_or_refuse((CODES_PER_ADDRESS, this_address()))
    try:
        event = event_answers.find_by_code(current_session(), written)
    except DomainError as error:
        page = render_template(
            "institutions/events/code.html", error=explain(error), written=written[:40]
        )
        return page, status_of(error)
    return go_to(url_for("institutions.event_scan", code=event.scan_code))


@blueprint.get("/e/<code>")
def event_scan(code: str) -> ResponseReturnValue:
    """Ask a participant, or show what they said."""
    event = event_answers.find_by_code(current_session(), code)
    if code != event.scan_code:
        # The cookie belongs to the one address of the event.
        return go_to(url_for("institutions.event_scan", code=event.scan_code))
    return _page(event, utc_now())


def _page(event: Event, now: datetime, error: DomainError | None = None) -> Response:
    session = current_session()
    token = request.cookies.get(COOKIE, "")
    said = event_answers.answer_of(session, event=event, token=token) if token else None
    names = district_names()
    page = render_template(
        "institutions/events/scan.html",
        event=event,
        institution=session.get_one(Institution, event.institution_id),
        door=event_answers.door(event, now).value,
        may_take_back=said is not None,
        said=said,
        written=request.form if error else _as_written(said),
        districts=names,
        district_mark=DISTRICT,
        beyond=catalogue().beyond(),
        modes=catalogue().modes.values(),
        longest_stay=LONGEST_STAY,
        error=explain(error) if error else "",
        wrong=error.params.get("field") if error else "",
    )
    response = make_response(page, 200 if error is None else status_of(error))
    if not token and event_answers.door(event, now) is Door.OPEN:
        _give_token(response, event)
    return response


def _as_written(said: object) -> dict[str, str]:
    """Return what was said as the form holds it."""
    parts = ("origin", "mode", "nights")
    return {part: str(getattr(said, part)) for part in parts} if said is not None else {}


def _give_token(response: Response, event: Event) -> None:
    """Give the browser a random token that is sent to this event's page only."""
    response.set_cookie(
        COOKIE,
        random_token(),
        path=f"/e/{event.scan_code}",
        expires=day_end(event.last_day) + KEPT_FOR,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )


@blueprint.post("/e/<code>")
def event_say(code: str) -> ResponseReturnValue:
    """Keep what a participant says."""
    count_or_refuse((ANSWERS_PER_ADDRESS, this_address()))
    session, now = current_session(), utc_now()
    event = event_answers.find_by_code(session, code)
    nights = whole_number(request.form.get("nights") or "0")
    try:
        event_answers.answer(
            session,
            event=event,
            token=_token(),
            origin=request.form.get("origin", ""),
            mode=request.form.get("mode", ""),
            nights=-1 if nights is None else nights,
            now=now,
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        return _page(event_answers.find_by_code(session, code), now, error)
    return go_to(url_for("institutions.event_scan", code=event.scan_code))


def _token() -> str:
    """Return the browser's token. Raises Invalid (event_no_cookie)."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise Invalid("event_no_cookie")
    return token


@blueprint.post("/e/<code>/withdraw")
def event_unsay(code: str) -> ResponseReturnValue:
    """Delete what a participant said."""
    count_or_refuse((ANSWERS_PER_ADDRESS, this_address()))
    session = current_session()
    event = event_answers.find_by_code(session, code)
    event_answers.take_back(session, event=event, token=_token())
    session.commit()
    flash(_("已撤回，您填的内容已删除。"), "success")
    return go_to(url_for("institutions.event_scan", code=event.scan_code))
