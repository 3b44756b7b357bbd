"""Is it alive, is it ready, and what does it do: /healthz, /readyz and /metrics."""

import hmac
import ipaddress
import os
import time
from functools import lru_cache

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from carbonaccount.config import Settings
from carbonaccount.database import reading
from carbonaccount.migrate import alembic_config
from carbonaccount.web.database import engine

blueprint = Blueprint("health", __name__)

REQUESTS = Counter(
    "carbon_requests", "Requests answered", ["rule", "method", "status"], registry=REGISTRY
)
# A page is to answer within 0.3 s, a batch of 10,000 within seconds.
SECONDS = Histogram(
    "carbon_request_seconds",
    "Time to answer",
    ["rule", "method"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    registry=REGISTRY,
)
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FORWARDING_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


def init_app(app: Flask) -> None:
    """Measure every request and offer the three addresses."""
    app.before_request(_start_watch)
    app.after_request(_count_request)
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers; whatever else is wrong, restarting it would not help."""
    return _not_kept(jsonify(status="ok"))


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Requests can be served; else 503 with the reasons as codes."""
    reasons = _reasons_against()
    response = jsonify(status="unavailable" if reasons else "ok", reasons=reasons)
    response.status_code = 503 if reasons else 200
    return _not_kept(response)


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Counters for Prometheus; for this machine, or for whoever has the token."""
    if not _may_read_metrics():
        return Response("forbidden\n", 403, mimetype="text/plain")
    return _not_kept(Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST))


def _not_kept(response: Response) -> Response:
    response.cache_control.no_store = True
    return response


def _reasons_against() -> list[str]:
    try:
        found = _database_revisions()
    except SQLAlchemyError:
        current_app.logger.exception("database_unreachable")
        return ["database_unreachable"]
    return [] if found == _newest_revisions() else ["migrations_not_at_head"]


def _database_revisions() -> frozenset[str]:
    with reading(engine()).connect() as connection:
        # A database before its first migration has no such table: not ready, but reachable.
        if not sa.inspect(connection).has_table("alembic_version"):
            return frozenset()
        rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        return frozenset(str(row[0]) for row in rows)


@lru_cache(maxsize=1)
def _newest_revisions() -> frozenset[str]:
    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())


def _may_read_metrics() -> bool:
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    token = settings.metrics_token.get_secret_value()
    given = request.headers.get("Authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    return _is_this_machine()


def _is_this_machine() -> bool:
    """A proxy on this machine connects from loopback as well, but says for whom it asks."""
    if any(name in request.headers for name in _FORWARDING_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _registry() -> CollectorRegistry:
    """The sums over all workers when they share a folder, else this process's own numbers."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _start_watch() -> None:
    g.request_began = time.perf_counter()


def _count_request(response: Response) -> Response:
    # Never the path itself: it would make one series an address, and may name records.
    rule = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _KNOWN_METHODS else "other"
    REQUESTS.labels(rule, method, str(response.status_code)).inc()
    began = g.get("request_began")
    if began is not None:
        SECONDS.labels(rule, method).observe(time.perf_counter() - began)
    return response
