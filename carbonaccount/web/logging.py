"""Logs as JSON lines: what happened, how long it took, never whose it was.

A request is named by its rule (`/records/<int:record_id>`), not its path, and without its query;
addresses, numbers, cookies and form fields are not logged at all.
"""

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from flask import Flask, Response, g, request

from carbonaccount.config import Settings
from carbonaccount.crypto import random_token

REQUEST_ID_LENGTH = 16
# These libraries write whole addresses with their queries at lower levels.
_QUIET = ("httpx", "httpcore", "werkzeug", "urllib3")
# What these say of is names in our own code.
_ABOUT_CODE = frozenset(
    ("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError")
)
_VALUES = re.compile(r"""'[^']*'|"[^"]*"|“[^”]*”|=\([^)]*\)|[0-9]{5,}""")
_LINE_BREAKS = str.maketrans({"\r": "\\r", "\n": "\\n", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_log = structlog.stdlib.get_logger("carbonaccount.web")


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is now, also when somebody has replaced it since."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Return standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        raise AttributeError("this handler writes to standard error")


def init_app(app: Flask, settings: Settings) -> None:
    """Configure logging for the process and one line for each request of this application."""
    configure(settings.log_level)
    # The handler of Flask's own would write a second, unstructured line.
    app.logger.handlers.clear()
    app.before_request(begin_request)
    app.after_request(log_request)


def configure(level: str) -> None:
    """Send every logger of the process through one JSON formatter; again changes nothing."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, StandardErrorHandler) for handler in root.handlers):
        handler = StandardErrorHandler()
        handler.setFormatter(json_formatter())
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def json_formatter() -> logging.Formatter:
    """Return the formatter that makes one JSON line of an event, with the traceback as data."""
    # Local variables would hold what people typed.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            tracebacks,
            keep_values_out,
            keep_to_one_line,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def keep_values_out(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask in the messages of errors what may have been typed: quoted texts and long numbers.

    Databases add lines of their own with whole rows; these are left out. What an error says of
    our own code stays: it quotes names.
    """
    for part in event.get("exception") or []:
        if isinstance(part, dict) and part["exc_type"] not in _ABOUT_CODE:
            first_line = part["exc_value"].split("\n", 1)[0]
            part["exc_value"] = _VALUES.sub("…", first_line)
            part["exc_notes"] = []
    return event


def keep_to_one_line(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Write line breaks as marks, so that no input can begin a line of its own."""
    return {
        key: value.translate(_LINE_BREAKS) if isinstance(value, str) else value
        for key, value in event.items()
    }


def begin_request() -> None:
    """Note when the request began and give it an id, which all its lines carry."""
    g.request_began = time.perf_counter()
    g.request_id = random_token()[:REQUEST_ID_LENGTH]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def log_request(response: Response) -> Response:
    """Log what kind of request it was, how it ended and how long it took."""
    rule = request.url_rule
    began = g.get("request_began")
    _log.info(
        "request",
        method=request.method,
        url_rule=rule.rule if rule is not None else None,
        status=response.status_code,
        duration_ms=None if began is None else round((time.perf_counter() - began) * 1000, 1),
    )
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    return response
