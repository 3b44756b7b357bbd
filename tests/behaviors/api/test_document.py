"""The OpenAPI document, and the API held against it by a fuzzer."""

import os
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.parameters import ParameterLocation
from schemathesis.schemas import BaseSchema
from werkzeug.wrappers import Request

from carbonaccount.database import open_session
from tests.behaviors.api.conftest import Partner, add_partner, body_of, bound_account

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

DOCUMENT = "/api/v1/openapi.json"
PLEASE_SIGN = "please-sign"
SIGN_HEADERS = {"X-Key-Id": PLEASE_SIGN, "X-Timestamp": "-", "X-Nonce": "-", "X-Signature": "-"}
# Of valid and of invalid requests each, an operation and database; more to look more closely.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))


class SigningProxy:
    """A partner's program before the application: signs what asks for it, exactly as it is sent.

    The fuzzer does not know the bytes of a request before it sends it; this place does.
    """

    def __init__(self, app: Flask, partner: Partner) -> None:
        self.app = app
        self.partner = partner

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ.get("HTTP_X_KEY_ID") == PLEASE_SIGN:
            self.sign(environ)
        return self.app(environ, start_response)

    def sign(self, environ: "WSGIEnvironment") -> None:
        request = Request(environ)
        body = request.get_data()
        environ["wsgi.input"] = BytesIO(body)
        query = environ.get("QUERY_STRING", "")
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        for name, value in self.partner.headers(request.method, target, body).items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value


@pytest.fixture(scope="module")
def api_schema(shared_app: Flask) -> BaseSchema:
    """The whole document, with signed requests for the signed operations."""
    partner = add_partner(shared_app, behaviors=("bike_ride", "ev_charging"))
    with open_session(shared_app.extensions["carbonaccount.engine"]) as session:
        bound_account(session, partner.code, "0", "rider-1")
    return schemathesis.openapi.from_wsgi(DOCUMENT, SigningProxy(shared_app, partner))


# What each operation must have answered at least once for the fuzzing to be worth its name.
OPERATIONS = {
    ("GET", "/api/v1/behaviors"): {200},
    ("GET", "/api/v1/behaviors/{code}"): {200, 404, 422},
    ("POST", "/api/v1/score"): {200, 404, 422},
    ("POST", "/api/v1/footprint"): {200, 422},
    ("POST", "/api/v1/activities"): {200, 422},
    ("GET", "/api/v1/public/summary"): {200},
    ("GET", "/api/v1/bindings"): {200, 422},
    ("POST", "/api/v1/bindings"): {422},
}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_api_keeps_to_its_document(api_schema: BaseSchema, method: str, path: str) -> None:
    operation = api_schema[path][method]
    good = fuzz(operation, GenerationMode.POSITIVE)
    assert 401 not in good
    assert good | fuzz(operation, GenerationMode.NEGATIVE) >= OPERATIONS[method, path]


def fuzz(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> set[int]:
    """Send generated requests; every answer must be one the document knows. Returns statuses."""
    met: set[int] = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:
            lead_to_a_rule(case)
        # A request whose headers are wrong on purpose is not made right again.
        headers = {} if is_negative_at_headers(case) else SIGN_HEADERS
        # What a valid activity or code is depends on rules and rows, which no schema knows.
        response = case.call_and_validate(
            headers=headers, excluded_checks=[positive_data_acceptance]
        )
        met.add(response.status_code)

    with suppress(Unsatisfiable):  # Nothing about this operation can be wrong.
        send()
    return met


def is_negative_at_headers(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)


def lead_to_a_rule(case: Case[Any]) -> None:
    """Names that mean something are rare among random ones: give every other case some."""
    content: Any = case.body
    if case.path.endswith("/score") and isinstance(content, dict) and len(str(content)) % 2:
        values = list(content["activity"].values())
        content["behavior"] = "bus_trip"
        content["activity"] = {"distance_km": values[0] if values else "1.5"}
    if case.path.endswith("/footprint") and isinstance(content, dict) and len(str(content)) % 2:
        for line in content["lines"]:
            line["factor"] = "grid.shandong"
            if line.get("unit"):
                line["unit"] = "MWh"
        if len(str(content)) % 4 == 1:  # Others try amounts and units of all kinds.
            content["lines"] = [{"factor": "grid.shandong", "amount": "1.5", "unit": "MWh"}]
        content["lines"].append({"factor": "fuel.petrol", "amount": "1.5"})


def test_document_is_openapi_3_1_and_names_everything(public: FlaskClient) -> None:
    document: dict[str, Any] = body_of(public.get(DOCUMENT))
    assert document["openapi"] == "3.1.0"
    assert {
        (path, method) for path, operations in document["paths"].items() for method in operations
    } == {
        ("/api/v1/behaviors", "get"),
        ("/api/v1/behaviors/{code}", "get"),
        ("/api/v1/score", "post"),
        ("/api/v1/footprint", "post"),
        ("/api/v1/public/summary", "get"),
        ("/api/v1/activities", "post"),
        ("/api/v1/bindings", "get"),
        ("/api/v1/bindings", "post"),
    }
    signed = document["paths"]["/api/v1/activities"]["post"]["security"]
    assert set(signed[0]) == {"keyId", "timestamp", "nonce", "signature"}


def test_there_is_no_page_to_browse_it(public: FlaskClient) -> None:
    for address in ("/openapi", "/openapi/", "/openapi/swagger", "/api/v1/", "/docs"):
        assert public.get(address).status_code == 404
