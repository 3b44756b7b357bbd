"""The one place where errors become pages, in the reader's language.

Below /api/ the application's class answers with problem details instead (see application.py).
"""

from math import ceil

from flask import Flask, Response, make_response, render_template
from flask_babel import get_locale
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from carbonaccount.errors import DomainError, LimitReached
from carbonaccount.web import messages
from carbonaccount.web.identity import forget_person
from carbonaccount.web.problems import status_of

_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, domain_error_page)
    app.register_error_handler(CSRFError, forged_request_page)
    app.register_error_handler(SecurityError, foreign_host_answer)
    app.register_error_handler(HTTPException, http_error_page)
    app.register_error_handler(InternalServerError, internal_error_page)


def explain(error: DomainError) -> str:
    """Return the sentence for an error in the reader's language, and how long to wait."""
    wait_s = error.params.get("retry_after_s")
    if isinstance(error, LimitReached) and isinstance(wait_s, int):
        minutes = {"minutes": ceil(wait_s / 60)}
        return messages.sentence("too_many_attempts_wait", minutes, _language())
    return messages.sentence(error.code, error.params, _language())


def domain_error_page(error: DomainError) -> Response:
    """Show what was refused and why."""
    response = error_page(status_of(error), explain(error))
    if isinstance(error, LimitReached) and "retry_after_s" in error.params:
        response.headers["Retry-After"] = str(error.params["retry_after_s"])
    return response


def forged_request_page(_error: CSRFError) -> Response:
    """Say that the form is too old or came from elsewhere."""
    return error_page(400, messages.sentence("form_expired", {}, _language()))


def foreign_host_answer(_error: SecurityError) -> Response:
    """Refuse a host name that is not ours in plain text: no page can be drawn, since there are
    no addresses to link to.
    """
    return Response(_http_sentence(400), 400, mimetype="text/plain")


def http_error_page(error: HTTPException) -> Response:
    """Show an error of HTTP itself; a redirect raised by the routing passes through."""
    original = error.get_response()
    if original.status_code < 400:
        return make_response(original)
    response = error_page(original.status_code, _http_sentence(original.status_code))
    for name in _KEPT_HEADERS:
        if name in original.headers:
            response.headers[name] = original.headers[name]
    return response


def internal_error_page(_error: InternalServerError) -> Response:
    """Apologise without details; the page is drawn for nobody, since the database may be gone."""
    forget_person()
    return error_page(500, _http_sentence(500))


def _http_sentence(status: int) -> str:
    code = f"http_{status}"
    return messages.sentence(code if code in messages.SENTENCES else "refused", {}, _language())


def error_page(status: int, message: str) -> Response:
    """Return the page for a status with a sentence that says what to do."""
    title = messages.title(status, _language())
    page = render_template("errors/error.html", status=status, title=title, message=message)
    return make_response(page, status)


def _language() -> str:
    locale = get_locale()
    return messages.CHINESE if locale is None else str(locale.language)
