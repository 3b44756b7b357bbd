"""The application's class: Flask with an OpenAPI document, and one kind of error below /api/."""

import sys
from typing import Any, NoReturn

import structlog
from flask import Response, request
from flask_openapi.openapi import OpenAPI
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import IntegerConverter, Map

from carbonaccount.errors import DomainError
from carbonaccount.web import problems

_log = structlog.stdlib.get_logger("carbonaccount.web")
_LARGEST_ROW_NUMBER = 2**63 - 1


class Application(OpenAPI):
    """Flask whose API answers every error as a problem, whichever handlers the pages register.

    Handlers of a blueprint would miss what fails before routing (404, 405), and handlers of the
    application belong to the pages; so the two methods Flask offers for this are overridden.
    """

    def handle_user_exception(self, e: Exception) -> object:  # type: ignore[override]
        """Answer refusals below /api/ with a problem; leave pages to their handlers."""
        if problems.is_api_request() and isinstance(e, DomainError | HTTPException):
            return problems.answer(e)
        return super().handle_user_exception(e)

    def handle_http_exception(self, e: HTTPException) -> object:  # type: ignore[override]
        """Answer HTTP errors below /api/ with a problem; leave pages to their handlers."""
        if problems.is_api_request() and isinstance(e, HTTPException):
            return problems.answer(e)
        return super().handle_http_exception(e)

    def handle_exception(self, e: Exception) -> Response:
        """Log what nobody expected and say so in a problem, without a trace of its insides."""
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if not problems.is_api_request() or (self.testing if propagate is None else propagate):
            return super().handle_exception(e)
        self.log_exception(sys.exc_info())
        return self.finalize_request(
            problems.answer(InternalServerError()), from_error_handler=True
        )

    def log_exception(self, exc_info: Any) -> None:
        """Log what nobody expected under the rule of its address: the path may name a person."""
        rule = request.url_rule.rule if request.url_rule is not None else None
        _log.error("unhandled", method=request.method, url_rule=rule, exc_info=exc_info)


class RowNumber(IntegerConverter):
    """A number in a path that a database can look for; with a larger one there is no page."""

    def __init__(self, map: Map, **limits: Any) -> None:
        super().__init__(map, **{"max": _LARGEST_ROW_NUMBER, **limits})


def _refuse_parameters(error: ValidationError) -> NoReturn:
    raise problems.invalid_content(error)


def make_application(import_name: str, *, instance_path: str) -> Application:
    """Return the application with an empty OpenAPI 3.1 document and no page to browse it."""
    app = Application(
        import_name,
        instance_path=instance_path,
        doc_ui=False,
        info={"title": "碳普惠 carbon account", "version": "1"},
        validation_error_callback=_refuse_parameters,
    )
    app.openapi_version = "3.1.0"
    app.url_map.converters["int"] = RowNumber
    return app
