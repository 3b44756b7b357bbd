"""Languages: Chinese is the source, English the translation; the person's choice goes first."""

from typing import cast

from babel.support import NullTranslations
from flask import Blueprint, Flask, has_request_context, request, session
from flask.typing import ResponseReturnValue
from flask_babel import Babel, Domain, get_locale
from werkzeug.exceptions import BadRequest

from carbonaccount.accounts.services import change_locale
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, go_to, person, safe_next

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)

blueprint = Blueprint("language", __name__)


class _Catalogues(Domain):
    """Flask-Babel's way to find a catalogue, without spelling out the locale for every word."""

    def __init__(self) -> None:
        super().__init__()
        self._by_language: dict[str, NullTranslations] = {}

    def get_translations(self) -> NullTranslations:
        """Return the catalogue of the page's language."""
        locale = get_locale()
        found = None if locale is None else self._by_language.get(locale.language)
        if found is None:
            found = cast("NullTranslations", super().get_translations())
            if locale is not None:
                self._by_language[locale.language] = found
        return found


def init_app(app: Flask) -> None:
    """Let Babel ask for the language of each request, and offer the switch."""
    babel = Babel(app, locale_selector=choose_language)
    babel.domain_instance = _Catalogues()
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
