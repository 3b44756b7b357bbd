"""/healthz, /readyz and /metrics."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from carbonaccount.app import create_app
from carbonaccount.config import Settings
from carbonaccount.migrate import downgrade
from tests.behaviors.api.conftest import Partner, body_of, item

ROOT = Path(__file__).resolve().parents[3]


def value_of(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} ([0-9.e+]+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_alive(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert (response.status_code, body_of(response)) == (200, {"status": "ok"})


def test_ready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, body_of(response)) == (200, {"status": "ok", "reasons": []})


def test_not_ready_before_the_newest_migration(client: FlaskClient, database_url: str) -> None:
    downgrade("-1", url=database_url)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert body_of(response)["reasons"] == ["migrations_not_at_head"]
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_not_ready_without_the_database(settings: Settings) -> None:
    elsewhere = settings.model_copy(
        update={"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/nothing"}
    )
    client = create_app(elsewhere).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert body_of(response)["reasons"] == ["database_unreachable"]


@pytest.mark.usefixtures("rider")
def test_requests_and_items_are_counted(partner: Partner, client: FlaskClient) -> None:
    requests = 'carbon_requests_total{method="POST",rule="/api/v1/activities",status="200"}'
    seconds = 'carbon_request_seconds_count{method="POST",rule="/api/v1/activities"}'
    accepted = 'carbon_intake_items_total{channel="api",source="bikes",status="accepted"}'
    refused = 'carbon_intake_items_total{channel="api",source="bikes",status="rejected"}'
    before = client.get("/metrics").text
    partner.send(item("ride-1"), item("odd", activity={}))
    after = client.get("/metrics").text
    for series in (requests, seconds, accepted, refused):
        assert value_of(after, series) == value_of(before, series) + 1, series


def test_addresses_of_records_do_not_become_series(client: FlaskClient) -> None:
    client.get("/api/v1/behaviors/bus_trip")
    client.get("/some/private/address")
    text = client.get("/metrics").text
    assert 'rule="/api/v1/behaviors/<code>"' in text
    assert "private" not in text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.7", {}, 403),
        # A proxy on the same machine asks for somebody else.
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, 403),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 403),
        ("203.0.113.7", {"Authorization": "Bearer right-token"}, 200),
        ("203.0.113.7", {"Authorization": "Bearer wrong-token"}, 403),
        ("203.0.113.7", {"Authorization": "Bearer "}, 403),
    ],
)
def test_who_may_read_the_metrics(
    settings: Settings, address: str, headers: dict[str, str], status: int
) -> None:
    with_token = settings.model_copy(update={"metrics_token": SecretStr("right-token")})
    app = create_app(with_token)
    response = app.test_client().get(
        "/metrics", headers=headers, environ_base={"REMOTE_ADDR": address}
    )
    app.extensions["carbonaccount.engine"].dispose()
    assert response.status_code == status


def test_without_a_token_no_bearer_helps(app: Flask) -> None:
    response = app.test_client().get(
        "/metrics",
        headers={"Authorization": "Bearer "},
        environ_base={"REMOTE_ADDR": "203.0.113.7"},
    )
    assert response.status_code == 403


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_metrics_are_the_sum_over_all_workers(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PROFILE": "demo",
        "DATABASE_URL": settings.database_url,
        "INSTANCE_PATH": str(settings.instance_path),
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        site = f"http://127.0.0.1:{port}"
        wait_for(site)
        # One connection each, so that both workers get their share.
        for _ in range(30):
            httpx.get(f"{site}/api/v1/behaviors/bus_trip", trust_env=False)
        text = httpx.get(f"{site}/metrics", trust_env=False).text
    finally:
        server.terminate()
        server.wait(timeout=30)
    series = 'carbon_requests_total{method="GET",rule="/api/v1/behaviors/<code>",status="200"}'
    assert value_of(text, series) == 30
    assert list(tmp_path.glob("carbonaccount-metrics-*")) == []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(site: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if httpx.get(f"{site}/healthz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail("the server did not start")
