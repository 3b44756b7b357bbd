"""/healthz, /readyz and /metrics."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlmodel import Session

from behaviors.intake.door import take_items
from behaviors.models import Channel
from carbonaccount.app import create_app
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.migrate import downgrade
from tests.behaviors.api.conftest import Partner, body_of, item, source_of


def value_of(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} ([0-9.e+]+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_alive(public: FlaskClient) -> None:
    response = public.get("/healthz")
    assert (response.status_code, body_of(response)) == (200, {"status": "ok"})


def test_ready(public: FlaskClient) -> None:
    response = public.get("/readyz")
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


@pytest.mark.usefixtures("rider")
def test_every_channel_is_counted_once_it_is_committed(
    partner: Partner, client: FlaskClient, session: Session
) -> None:
    source = source_of(session, partner.code)
    series = 'carbon_intake_items_total{{channel="{}",source="bikes",status="accepted"}}'

    def counted(channel: str) -> float:
        return value_of(client.get("/metrics").text, series.format(channel))

    for number, channel in enumerate((Channel.FILE, Channel.SELF)):
        before = counted(channel)
        for end in (session.rollback, session.close, session.commit):
            take_items(
                session,
                source=source,
                channel=channel,
                items=[
                    item(
                        f"ride-{number}",
                        behavior="bus_trip" if channel is Channel.SELF else "bike_ride",
                        occurred_at=f"2026-03-0{number + 1}T08:30:00+08:00",
                        evidence="B",
                    )
                ],
                acting_user=SYSTEM,
                now=utc_now(),
            )
            assert counted(channel) == before
            end()
        assert counted(channel) == before + 1


def test_addresses_of_records_do_not_become_series(public: FlaskClient) -> None:
    public.get("/api/v1/behaviors/bus_trip")
    public.get("/some/private/address")
    text = public.get("/metrics").text
    assert 'rule="/api/v1/behaviors/<code>"' in text
    assert "private" not in text


READERS: list[tuple[str, dict[str, str], int]] = [
    ("127.0.0.1", {}, 200),
    ("::1", {}, 200),
    ("203.0.113.7", {}, 403),
    # A proxy on the same machine asks for somebody else.
    ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, 403),
    ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 403),
    ("203.0.113.7", {"Authorization": "Bearer right-token"}, 200),
    ("203.0.113.7", {"Authorization": "Bearer wrong-token"}, 403),
    ("203.0.113.7", {"Authorization": "Bearer "}, 403),
]


def test_who_may_read_the_metrics(app: Flask, settings: Settings) -> None:
    app.extensions["carbonaccount.settings"] = settings.model_copy(
        update={"metrics_token": SecretStr("right-token")}
    )
    for address, headers, status in READERS:
        response = app.test_client().get(
            "/metrics", headers=headers, environ_base={"REMOTE_ADDR": address}
        )
        assert response.status_code == status, (address, headers)


def test_without_a_token_no_bearer_helps(shared_app: Flask) -> None:
    response = shared_app.test_client().get(
        "/metrics",
        headers={"Authorization": "Bearer "},
        environ_base={"REMOTE_ADDR": "203.0.113.7"},
    )
    assert response.status_code == 403
