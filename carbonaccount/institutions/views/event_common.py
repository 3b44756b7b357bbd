"""What the pages of an event share: which event, words of its parts, and steps that come back."""

from collections.abc import Callable

from flask import flash, url_for
from flask.typing import ResponseReturnValue

from carbonaccount.accounts.queries import districts
from carbonaccount.errors import DomainError
from carbonaccount.institutions import event_labels, events
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import attempted, named
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import go_to


def event_of(place: Seated, event_id: str) -> Event:
    """Return an event of the institution. Raises NotFound (unknown_event)."""
    return events.find(current_session(), institution_id=place.institution_id, public_id=event_id)


def address(place: Seated, event: Event, page: str = "event", **parts: object) -> str:
    """Return the address of an event's page."""
    return url_for(
        f"institutions.{page}",
        public_id=place.institution.public_id,
        event_id=event.public_id,
        **parts,  # type: ignore[arg-type]
    )


def shown(place: Seated, event: Event, **more: object) -> dict[str, object]:
    """Return what the pages of an event are drawn with."""
    return {
        "place": place,
        "event": event,
        "may_edit": place.may(CLERKS),
        "is_owner": place.may(OWNERS),
        **more,
    }


def done_or_raise(
    place: Seated,
    event: Event,
    service: Callable[..., object],
    *,
    done: str,
    page: str = "event",
    refused: Callable[[DomainError], ResponseReturnValue] | None = None,
    **needs: object,
) -> ResponseReturnValue:
    """Do a step and come back to a page; what is refused goes to `refused`, else it is raised."""
    where = address(place, event, page)
    error = attempted(service, event=event, **needs)
    if error is not None:
        if refused is None:
            raise error
        return refused(error)
    flash(done, "success")
    return go_to(where)


def district_names() -> dict[str, str]:
    """Return the city's districts by code, in the page's language."""
    return {row.code: named(row) for row in districts(current_session())}


@blueprint.context_processor
def event_words() -> dict[str, object]:
    """Give templates the words of events."""
    return {"event_labels": event_labels}
