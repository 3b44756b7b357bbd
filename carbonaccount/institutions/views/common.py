"""What the pages of institutions share: whose page it is, and words by language."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, cast

from flask import current_app
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlmodel import Session

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotAuthenticated
from carbonaccount.institutions import labels
from carbonaccount.institutions.models import Seat
from carbonaccount.institutions.seats import READERS, Seated, seated
from carbonaccount.institutions.views import blueprint
from carbonaccount.web import kept
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, person, resident_required
from carbonaccount.web.templating import language

P = ParamSpec("P")
Page = Callable[Concatenate[Seated, P], ResponseReturnValue]


class Facts(Protocol):
    """Reads everything that can change a page, None for everybody without a seat."""

    def __call__(
        self, session: Session, *, public_id: str, account_id: int, today: date
    ) -> tuple[object, ...] | None:
        """Return the facts of a page on a day of the city."""


def at_institution(
    rule: str,
    *,
    seats: frozenset[Seat] = READERS,
    methods: tuple[str, ...] = ("GET",),
    kept_by: Facts | None = None,
) -> Callable[[Page[P]], Page[P]]:
    """Register a page below `/institutions/<public_id>` for people with one of the seats.

    The page gets its `Seated` first. This is the only way such a page is registered, so that none
    can forget to ask; a test walks all of them with a stranger's account. `kept_by` reads the facts
    by which a page that everybody with a seat may see is kept; it has none for strangers.
    """

    def register(page: Page[P]) -> Page[P]:
        @wraps(page)
        def view(public_id: str, *args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            found = person()
            if found is None or found.account_id is None:
                raise NotAuthenticated("sign_in_first")
            session, account_id = current_session(), found.account_id

            def draw() -> ResponseReturnValue:
                place = seated(session, public_id=public_id, account_id=account_id, seats=seats)
                return page(place, *args, **kwargs)

            if kept_by is None:
                return draw()
            facts = kept_by(
                session,
                public_id=public_id,
                account_id=account_id,
                today=business_day(utc_now()),
            )
            if facts is None:
                return draw()
            place = (page.__name__, public_id, account_id)
            return kept.page(place, (facts, found.unread), lambda: cast("str", draw()))

        guarded = resident_required(view)
        vars(guarded)["seats"] = seats
        blueprint.add_url_rule(
            f"/institutions/<public_id>{rule}",
            endpoint=page.__name__,
            view_func=guarded,
            methods=list(methods),
        )
        return page

    return register


def seats_of_page(view: Callable[..., object]) -> frozenset[Seat]:
    """Return the seats that a page below an institution is open to, nobody for other pages."""
    seats: frozenset[Seat] = vars(view).get("seats", frozenset())
    return seats


def localized(zh: str, en: str) -> str:
    """Return one of two texts by the page's language, Chinese where there is no English one."""
    return en if en and language() == "en" else zh


def named(row: object) -> str:
    """Return the name of an institution or district in the page's language."""
    return localized(getattr(row, "name_zh", ""), getattr(row, "name_en", ""))


def attempted(service: Callable[..., object], **needs: object) -> DomainError | None:
    """Do something for the signed-in person and commit; return what was refused, rolled back.

    The service is given the session, who acts and the time.
    """
    session = current_session()
    try:
        service(session, acting_user=current_actor(), now=utc_now(), **needs)
        session.commit()
    except DomainError as error:
        session.rollback()
        return error
    return None


def put_error(form: FlaskForm, error: DomainError, **places: str) -> None:
    """Put a refusal at the field it names, or at the form as a whole.

    places: the form's field for a name that the service uses.
    """
    name = str(error.params.get("field", ""))
    name = places.get(name, name)
    if name in form:
        form[name].errors = [*form[name].errors, explain(error)]
    else:
        form.form_errors.append(explain(error))


def has_page(endpoint: str) -> bool:
    """Return whether the application has a page; the tabs of an institution ask."""
    return endpoint in current_app.view_functions


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give this room's templates what they share."""
    return {
        "has_page": has_page,
        "kind_label": labels.kind_label,
        "localized": localized,
        "named": named,
        "seat_label": labels.seat_label,
        "seat_notes": labels.SEAT_NOTES,
        "seats": labels.SEATS,
        "square_metres": labels.square_metres,
        "status_label": labels.status_label,
    }
