"""The API's routes and its OpenAPI 3.1 document at /api/v1/openapi.json."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any, cast

from flask import Blueprint, Response, current_app
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.schema import Schema
from pydantic import BaseModel

from behaviors.api import activities, bindings, footprint, methods, public, schemas, score
from behaviors.api.answers import json_answer
from carbonaccount.web.application import Application
from carbonaccount.web.problems import MEDIA_TYPE
from carbonaccount.web.security import csrf

PREFIX = "/api/v1"
_REF = "#/components/schemas/"

# What each status means here; every operation lists those it may answer with.
_REASONS = {
    400: "The content is not JSON, or damaged gzip",
    401: "The signature does not hold; the same for every cause",
    404: "There is no such behaviour",
    409: "It conflicts with what is there",
    413: "Too large, or too many items",
    415: "The content type or encoding is not supported",
    422: "Fields are missing or wrong; `errors` names them",
    429: "The day's quota of new items does not suffice; retry after Retry-After",
    503: "Busy; retry after the seconds in Retry-After",
}
_BODY = (400, 413, 415, 422)

# The four headers belong together: all or none.
_SCHEMES: dict[str, Any] = {
    "keyId": ("X-Key-Id", "The key's id"),
    "timestamp": ("X-Timestamp", "Unix seconds, at most 300 off"),
    "nonce": ("X-Nonce", "1 to 64 visible ASCII characters, good once for a key"),
    "signature": (
        "X-Signature",
        "Lower-case hex HMAC-SHA256, or base64 Ed25519, over "
        "METHOD\\nPATH\\nTIMESTAMP\\nNONCE\\nHEX_SHA256_OF_BODY_AS_SENT\\n",
    ),
}
_SIGNED: list[dict[str, list[Any]]] = [{name: [] for name in _SCHEMES}]


def init_app(app: Application) -> None:
    """Add the API and its document; partners sign, so forms' CSRF tokens do not apply."""
    app.security_schemes = {
        name: {"type": "apiKey", "in": "header", "name": header, "description": text}
        for name, (header, text) in _SCHEMES.items()
    }
    app.validation_error_model = schemas.Problem
    api, document = _routes(), Blueprint("api_document", __name__, url_prefix=PREFIX)
    document.get("/openapi.json")(_show_document)
    app.register_api(api)
    app.register_blueprint(document)
    csrf.exempt(api)


@cache
def _routes() -> APIBlueprint:
    """Return the routes with their schemas; working these out is half of starting up."""
    api = APIBlueprint("api", __name__, url_prefix=PREFIX)
    _get(api, "/behaviors", methods.list_behaviors, schemas.BehaviorList, tag="methods")
    _get(
        api,
        "/behaviors/<code>",
        methods.show_behavior,
        schemas.BehaviorView,
        tag="methods",
        problems=(404, 422),
    )
    _post(
        api,
        "/score",
        score.score_act,
        schemas.ScoreView,
        tag="methods",
        problems=(*_BODY, 404, 409),
    )
    _post(
        api,
        "/footprint",
        footprint.footprint_of,
        footprint.FootprintView,
        tag="institutions",
        problems=_BODY,
    )
    _get(api, "/public/summary", public.public_summary, public.SummaryView, tag="city")
    _post(
        api,
        "/activities",
        activities.take_activities,
        schemas.BatchView,
        tag="partners",
        problems=(*_BODY, 401, 429, 503),
        request_body=_batch_body(api),
    )
    _get(
        api,
        "/bindings",
        bindings.list_bindings,
        schemas.BindingsPage,
        tag="partners",
        problems=(401, 413, 422, 503),
    )
    _post(
        api,
        "/bindings",
        bindings.bind,
        schemas.BindingView,
        tag="partners",
        problems=(*_BODY, 401, 409, 503),
        request_body=_json_body(api, schemas.BindingRequest),
    )
    return api


def _get(
    api: APIBlueprint,
    rule: str,
    view: Callable[..., Response],
    answer: type[BaseModel],
    *,
    tag: str,
    problems: tuple[int, ...] = (),
) -> None:
    api.get(
        rule,
        tags=[{"name": tag}],
        operation_id=view.__name__,
        responses=_responses(answer, problems),
        security=_SIGNED if 401 in problems else None,
    )(view)


def _post(
    api: APIBlueprint,
    rule: str,
    view: Callable[..., Response],
    answer: type[BaseModel],
    *,
    tag: str,
    problems: tuple[int, ...],
    request_body: dict[str, Any] | None = None,
) -> None:
    api.post(
        rule,
        tags=[{"name": tag}],
        operation_id=view.__name__,
        responses=_responses(answer, problems),
        security=_SIGNED if 401 in problems else None,
        request_body=request_body,
    )(view)


def _responses(answer: type[BaseModel], problems: tuple[int, ...]) -> dict[int | str, Any]:
    responses: dict[int | str, Any] = {200: answer}
    for status in sorted(problems):
        content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}
        responses[status] = {"description": _REASONS[status], "content": content}
    return responses


def _json_body(api: APIBlueprint, model: type[BaseModel]) -> dict[str, Any]:
    """Document a body that the view reads itself, after the signature was checked."""
    _add_schema(api, model)
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"{_REF}{model.__name__}"}}},
    }


def _batch_body(api: APIBlueprint) -> dict[str, Any]:
    """Any JSON may stand as an item: a wrong one is answered in its place, not refused."""
    _add_schema(api, schemas.ActivityItem)
    items = {"anyOf": [{"$ref": f"{_REF}ActivityItem"}, {}]}
    batch = {
        "type": "object",
        "required": ["items"],
        "additionalProperties": False,
        "properties": {
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": activities.BATCH_ITEMS,
                "items": items,
            }
        },
    }
    return {"required": True, "content": {"application/json": {"schema": batch}}}


def _add_schema(api: APIBlueprint, model: type[BaseModel]) -> None:
    definition = model.model_json_schema(ref_template=f"{_REF}{{model}}")
    api.components_schemas[model.__name__] = Schema(**definition)


def _show_document() -> Response:
    document: dict[str, Any] = deepcopy(cast("Application", current_app).api_doc)
    return json_answer(_honest(document), store=True)


def _honest(document: dict[str, Any]) -> dict[str, Any]:
    """Take out what the library adds: a 422 where none is answered, HTML in descriptions."""
    for path in document["paths"].values():
        for operation in path.values():
            operation["description"] = _plain(operation.get("description", operation["summary"]))
            found = operation["responses"].get("422", {})
            if "application/json" in found.get("content", {}):
                del operation["responses"]["422"]
    return document


def _plain(text: str) -> str:
    return " ".join(text.replace("<br/>", " ").split())
