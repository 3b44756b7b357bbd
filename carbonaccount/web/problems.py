"""Errors of the API as RFC 9457 problem details: one answer for people and programs alike."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from carbonaccount.errors import (
    Conflict,
    DomainError,
    InsufficientBalance,
    Invalid,
    LimitReached,
    NotAuthenticated,
    NotFound,
    Refused,
    Unavailable,
)
from carbonaccount.web import messages

API_PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
# What a partner's program is told to sign with; RFC 9110 wants it beside every 401.
CHALLENGE = 'HMAC-SHA256 realm="activities", Ed25519 realm="activities"'
RETRY_AFTER_S = 5

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (NotFound, 404),
    (NotAuthenticated, 401),
    (Refused, 403),
    (Conflict, 409),
    (InsufficientBalance, 409),
    (LimitReached, 429),
    (Invalid, 422),
    (Unavailable, 503),
)
# These of HTTP's own headers travel on; the others described a body that is not sent.
_BODY_HEADERS = frozenset({"content-type", "content-length"})


class RequestRefused(DomainError):
    """Raised at the edge for a request that HTTP itself has a status for: 400, 413, 415, 503."""

    def __init__(
        self, status: int, code: str, *, headers: Mapping[str, str] | None = None, **params: object
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(code, **params)


class InvalidContent(Invalid):
    """Raised for content of which single fields are wrong; `errors` lists each field's code."""

    code = "invalid_content"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(None, fields=[field for field, _ in errors])
        self.errors = errors


# What pydantic calls a fault, and what we call it; everything else is not_valid.
_FAULTS = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "string_unicode": "not_text",
    "dict_type": "not_an_object",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
}


def invalid_content(error: ValidationError) -> InvalidContent:
    """Return the refusal for what pydantic found; our own validators raise with our codes."""
    return InvalidContent(
        [
            (".".join(map(str, fault["loc"])), _FAULTS.get(fault["type"], _own_code(fault["type"])))
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    )


def _own_code(kind: str) -> str:
    return kind if kind in messages.SENTENCES else "not_valid"


def is_api_request() -> bool:
    """Return whether the one who asks is a program that expects problem details."""
    return request.path.startswith(API_PREFIX)


def language() -> str:
    """Return the language of the answer: English when clearly preferred, else Chinese."""
    found = request.accept_languages.best_match(messages.LANGUAGES, default=messages.CHINESE)
    return found or messages.CHINESE


def status_of(error: DomainError) -> int:
    """Return the HTTP status that stands for a domain error."""
    if isinstance(error, RequestRefused):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def answer(error: Exception) -> Response:
    """Return the problem details of any error."""
    if isinstance(error, InvalidContent):
        return problem(422, error.code, error.params, errors=error.errors)
    if isinstance(error, DomainError):
        return _domain_answer(error)
    return _http_answer(error if isinstance(error, HTTPException) else InternalServerError())


def _domain_answer(error: DomainError) -> Response:
    status, headers = status_of(error), dict(getattr(error, "headers", {}))
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, LimitReached):
        headers["Retry-After"] = str(error.params.get("retry_after_s", RETRY_AFTER_S))
    field = error.params.get("field")
    errors = [(str(field), error.code)] if field is not None else None
    return problem(status, error.code, error.params, headers=headers, errors=errors)


def _http_answer(error: HTTPException) -> Response:
    """Keep what HTTP adds to its errors: Allow of a 405, Location of a redirect."""
    original = error.get_response()
    status = original.status_code
    if status < 400:
        return Response(original.get_data(), status, dict(original.headers))
    kept = {k: v for k, v in original.headers.items() if k.lower() not in _BODY_HEADERS}
    return problem(status, f"http_{status}", {}, headers=kept)


def problem(
    status: int,
    code: str,
    params: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[tuple[str, str]] | None = None,
) -> Response:
    """Build the answer; `errors` are pairs of a field's name and what is wrong with it."""
    chosen = language()
    body: dict[str, Any] = {
        "type": f"urn:carbonaccount:problem:{code}",
        "title": messages.title(status, chosen),
        "status": status,
        "detail": _detail(status, code, params, chosen),
        "code": code,
    }
    if errors is not None:
        body["errors"] = [_field_error(field, what, params, chosen) for field, what in errors]
    response = jsonify(body)
    response.status_code = status
    response.headers.extend(headers or {})
    response.content_type = MEDIA_TYPE
    response.headers["Content-Language"] = chosen
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept-Language")
    return response


def _detail(status: int, code: str, params: Mapping[str, object], chosen: str) -> str:
    if code in messages.SENTENCES:
        return _clean(messages.sentence(code, params, chosen))
    if code.startswith("http_") and status in default_exceptions:
        return default_exceptions[status].description or messages.title(status, chosen)
    return messages.title(status, chosen)


def _field_error(
    field: str, code: str, params: Mapping[str, object], chosen: str
) -> dict[str, str]:
    detail = messages.sentence(code, {**params, "field": field}, chosen)
    return {"field": _clean(field), "code": code, "detail": _clean(detail)}


def _clean(text: str) -> str:
    """Text that came with a request may hold lone surrogates, which no answer can carry."""
    return text.encode("utf-8", "replace").decode()
