"""Languages: Chinese is the source, English the translation; the person's choice goes first."""

from flask import Blueprint, Flask, has_request_context, request, session
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from werkzeug.exceptions import BadRequest

from carbonaccount.accounts.services import change_locale
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, go_to, person, safe_next

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)

blueprint = Blueprint("language", __name__)


def init_app(app: Flask) -> None:
    """Let Babel ask for the language of each request, and offer the switch."""
    Babel(app, locale_selector=choose_language)
    app.register_blueprint(blueprint)


def choose_language() -> str:
    """Return the language of this request: chosen, else the browser's, else Chinese."""
    if not has_request_context():
        return CHINESE
    chosen = session.get("locale")
    if chosen not in LANGUAGES:
        found = person()
        chosen = None if found is None else found.locale
    return chosen if chosen in LANGUAGES else language_of_browser()


def language_of_browser() -> str:
    """Return English when the browser clearly prefers it, Chinese in every other case."""
    return request.accept_languages.best_match(LANGUAGES, default=CHINESE) or CHINESE


@blueprint.post("/language")
def switch() -> ResponseReturnValue:
    """Remember a language, in the browser and with a resident, and go back to the page."""
    locale = request.form.get("locale")
    if locale not in LANGUAGES:
        raise BadRequest
    session["locale"] = locale
    account_id = current_account_id()
    if account_id is not None:
        change_locale(current_session(), account_id=account_id, locale=locale)
        current_session().commit()
    return go_to(safe_next(request.form.get("next")) or "/")
