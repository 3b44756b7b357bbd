"""Who makes this request: Flask-Login over the table of sessions.

The cookie carries a random token and nothing else of the person. It is looked up once, before the
view opens a session, so that noting "last seen" never waits for the request's own transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin, LoginManager, current_user, login_user
from sqlmodel import Session

from carbonaccount.accounts import notices, queries, sessions
from carbonaccount.accounts.models import Staff
from carbonaccount.accounts.sessions import Owner
from carbonaccount.accounts.staff import staff_actor
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import NotAuthenticated, Refused
from carbonaccount.web.database import engine, writing_session

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]

RESIDENT = "resident"
STAFF = "staff"
# Pages that a resident may open before agreeing to a new version of the notice.
_OPEN_WITHOUT_NOTICE = frozenset(
    {"accounts.agree", "accounts.privacy", "accounts.sign_out", "language.switch", "static"}
)
# What survives the change of the browser's session at sign-in.
_KEPT_AT_SIGN_IN = ("locale",)


class Nobody(AnonymousUserMixin):
    """A request that nobody signed in for."""

    kind = None
    account_id = None
    public_id = None
    phone_tail = None
    locale = None
    staff = None
    token = None


@dataclass(frozen=True)
class SignedIn:
    """The person behind a request; one of the two kinds, never both."""

    kind: str
    token: str
    locale: str
    actor: Actor
    account_id: int | None = None
    public_id: str | None = None
    phone_tail: str | None = None
    notice_version: str | None = None
    unread: int = 0
    staff: Staff | None = None
    roles: frozenset[str] = field(default_factory=frozenset)

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what Flask-Login puts into the cookie."""
        return self.token

    @property
    def owner(self) -> Owner:
        """Return whose sessions these are."""
        if self.staff is not None:
            return Owner(staff_id=self.staff.stored_id)
        return Owner(account_id=self.account_id)


def init_app(app: Flask) -> None:
    """Load the person before each request, and ask for a new consent when the notice changed."""
    manager = LoginManager(app)
    # The table of sessions decides; a changed address on a train must not sign anybody out.
    manager.session_protection = None
    manager.anonymous_user = Nobody
    manager.user_loader(load_person)
    app.before_request(resolve_person)
    app.before_request(require_current_notice)


def load_person(token: str) -> SignedIn | None:
    """Return the person of a session token, None when the session does not hold any more."""
    now = utc_now()
    with open_session(reading(engine())) as database:
        login = queries.signed_in_browser(database, token)
        if login is None or not sessions.holds(login, now=now):
            return None
        if login.staff_id is not None:
            person = _staff_person(database, token, login.staff_id)
        else:
            person = _resident_person(token, login)
    if person is not None and sessions.is_due(login, now=now):
        _touch(token, now)
    return person


def _touch(token: str, now: datetime) -> None:
    with writing_session() as database:
        sessions.touch(database, token=token, now=now)
        database.commit()


def _staff_person(database: Session, token: str, staff_id: int) -> SignedIn | None:
    staff = database.get(Staff, staff_id)
    if staff is None or not staff.active:
        return None
    return SignedIn(
        STAFF,
        token,
        staff.locale,
        staff_actor(staff),
        staff=staff,
        roles=queries.roles_of(database, staff_id),
    )


def _resident_person(token: str, login: queries.SignedInBrowser) -> SignedIn | None:
    """Return the resident, None when the account is closed or its personal half was erased."""
    if login.account_id is None or login.public_id is None or login.locale is None:
        return None
    return SignedIn(
        RESIDENT,
        token,
        login.locale,
        Actor("resident", login.public_id, login.account_id),
        account_id=login.account_id,
        public_id=login.public_id,
        phone_tail=login.phone_tail,
        notice_version=login.notice_version,
        unread=login.unread,
    )


def resolve_person() -> None:
    """Look the person up now rather than in the middle of a view."""
    if request.endpoint != "static":
        person()


def person() -> SignedIn | None:
    """Return who is signed in, resident or staff."""
    found = current_user._get_current_object()
    return found if isinstance(found, SignedIn) else None


def forget_person() -> None:
    """Treat the rest of the request as nobody's, for pages that must not need the database."""
    g._login_user = Nobody()


def require_current_notice() -> Response | None:
    """Send a resident who agreed to an older notice, or withdrew, to the one in force."""
    found = person() if request.endpoint not in _OPEN_WITHOUT_NOTICE else None
    if found is None or found.kind != RESIDENT or request.path.startswith("/api/"):
        return None
    if found.notice_version == notices.PRIVACY_VERSION:
        return None
    return go_to(url_for("accounts.agree", next=return_path()))


def current_account_id() -> int | None:
    """Return the account of the signed-in resident."""
    found = person()
    return None if found is None else found.account_id


def current_staff() -> Staff | None:
    """Return the signed-in member of staff."""
    found = person()
    return None if found is None else found.staff


def current_actor() -> Actor:
    """Return who acts; raises NotAuthenticated when nobody is signed in."""
    found = person()
    if found is None:
        raise NotAuthenticated("sign_in_needed")
    return found.actor


def resident_required(view: View[P]) -> View[P]:
    """Let only residents in; others are sent to sign in and come back."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if current_account_id() is None:
            return go_to(url_for("accounts.sign_in", next=return_path()))
        return view(*args, **kwargs)

    return guarded


def staff_required(*roles: str) -> Callable[[View[P]], View[P]]:
    """Let only staff in who hold one of the roles, any of staff when none is named.

    Raises Refused with `role_missing` for staff without the role.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            found = person()
            if found is None or found.staff is None:
                return go_to(url_for("accounts.staff_sign_in", next=return_path()))
            if roles and not found.roles.intersection(roles):
                raise Refused("role_missing")
            return view(*args, **kwargs)

        return guarded

    return decorate


def start_session(token: str) -> None:
    """Give this browser a session of its own: nothing of the one before sign-in is kept.

    A session that somebody planted in the browser before is thereby worth nothing.
    """
    kept = {name: session[name] for name in _KEPT_AT_SIGN_IN if name in session}
    session.clear()
    session.update(kept)
    found = load_person(token)
    if found is None:
        raise NotAuthenticated("sign_in_needed")
    login_user(found)


def end_session() -> None:
    """Empty this browser's session but for the language."""
    kept = {name: session[name] for name in _KEPT_AT_SIGN_IN if name in session}
    session.clear()
    session.update(kept)
    forget_person()


def go_to(url: str) -> Response:
    """Redirect; a part of a page that htmx asked for sends the whole page there."""
    if request.headers.get("HX-Request") == "true":
        return Response(status=204, headers={"HX-Redirect": url})
    return make_response(redirect(url, 303))


def return_path() -> str | None:
    """Return where to come back to after signing in; only pages can be come back to."""
    return request.full_path.rstrip("?") if request.method == "GET" else None


def safe_next(target: str | None) -> str | None:
    """Return a path of this site to go to next, None for anything else.

    Browsers read `//host` and `/\\host` as another site and drop control characters.
    """
    if not target or not target.startswith("/") or target[1:2] in ("/", "\\"):
        return None
    if "\\" in target or any(
        ord(character) < 0x20 or ord(character) == 0x7F for character in target
    ):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target
