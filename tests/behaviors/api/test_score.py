"""POST /api/v1/score: values worked out by hand from the published factors."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session, col, select
from werkzeug.test import TestResponse

from behaviors.models import Behavior
from tests.behaviors.api.conftest import body_of

SCORE = "/api/v1/score"


def ask(client: FlaskClient, **content: Any) -> TestResponse:
    return client.post(SCORE, json=content)


def ask_raw(client: FlaskClient, body: str) -> TestResponse:
    return client.post(SCORE, data=body, content_type="application/json")


@pytest.mark.parametrize(
    ("behavior", "activity", "day", "grams"),
    [
        # 10 km x (0.104 - 0.052) kg/km = 0.520 kg
        ("bus_trip", {"distance_km": "10"}, "2026-03-01", 520),
        # 10 km x (0.104 - 0.032) kg/km = 0.720 kg
        ("metro_trip", {"distance_km": "10"}, "2026-03-01", 720),
        # 10 km x 0.0487 kg/km = 0.487 kg
        ("bike_ride", {"distance_km": "10"}, "2026-03-01", 487),
        # 10 kWh x 0.6191 kg/kWh (2023 data, from 2026) and x 0.6410 (2022 data, until 2025)
        ("rooftop_pv", {"energy_kwh": "10"}, "2026-03-01", 6191),
        ("rooftop_pv", {"energy_kwh": "10"}, "2025-12-31", 6410),
        ("rooftop_pv", {"energy_kwh": "10"}, "2026-01-01", 6191),
        # 0.250 - 0.174 x 0.6191 = 0.1422766 kg/km; 100 km = 14.22766 kg, rounded down
        ("nev_driving", {"distance_km": "100"}, "2026-03-01", 14_227),
        # 0.250 / 0.174 - 0.6191 = 0.817681609... kg/kWh; 10 kWh = 8.17681... kg, rounded down
        ("ev_charging", {"energy_kwh": "10"}, "2026-03-01", 8176),
        # 14,800 steps are a day's cap: 14,800 x 0.00002 kg = 0.296 kg
        ("walking", {"steps": "14800"}, "2026-03-01", 296),
        ("walking", {"steps": "30000"}, "2026-03-01", 296),
        # One gram less than a whole one is nothing: 0.019 km x 0.052 = 0.988 g
        ("bus_trip", {"distance_km": "0.019"}, "2026-03-01", 0),
    ],
)
def test_grams(
    public: FlaskClient, behavior: str, activity: dict[str, str], day: str, grams: int
) -> None:
    response = ask(public, behavior=behavior, activity=activity, occurred_on=day)
    assert response.status_code == 200, response.text
    assert body_of(response)["reduction_g"] == grams
    assert body_of(response)["credits"] == grams


def test_the_answer_can_be_followed(public: FlaskClient) -> None:
    answer = body_of(
        ask(
            public,
            behavior="bus_trip",
            activity={"distance_km": "10"},
            occurred_on="2026-03-01",
            evidence="A",
        )
    )
    assert answer["unit_factor"] == "0.052000000"
    assert answer["quantity"] == "10.000"
    assert answer["counted_quantity"] == "10.000"
    assert answer["capped"] is False
    assert answer["formula"] == "distance_km * (ef_baseline - ef_bus)"
    assert answer["formula_with_numbers"] == "10 * (0.104 - 0.052)"
    assert answer["calculation"] == "floor(10.000 pkm * 0.052000000 kg/pkm * 1000) = 520 g"
    assert answer["rule"]["version"] == 1
    assert set(answer["rule"]) >= {"version", "valid_from", "valid_to"}
    values = {item["name"]: item["value"] for item in answer["parameters"]}
    assert values == {"ef_baseline": "0.104", "ef_bus": "0.052"}
    assert all(item["unit"] and item["grade"] and item["source"] for item in answer["parameters"])
    assert answer["multiplier"] == "1"
    assert answer["certified"] is True


@pytest.mark.parametrize(
    ("evidence", "grams", "credits", "certified"),
    [
        ("A", 520, 520, True),
        ("B", 520, 520, True),
        ("C", 520, 260, False),
        ("D", 0, 130, False),
    ],
)
def test_evidence_decides_credits_and_certification(
    public: FlaskClient, evidence: str, grams: int, credits: int, certified: bool
) -> None:
    answer = body_of(
        ask(
            public,
            behavior="bus_trip",
            activity={"distance_km": 10},
            occurred_on="2026-03-01",
            evidence=evidence,
        )
    )
    assert (answer["reduction_g"], answer["credits"], answer["certified"]) == (
        grams,
        credits,
        certified,
    )


def test_only_the_quantity_alone_meets_the_cap(public: FlaskClient) -> None:
    # The cap of bus trips is 40 km a person and day: 40 x 0.052 = 2.080 kg.
    for _ in range(3):
        answer = body_of(ask(public, behavior="bus_trip", activity={"distance_km": "30"}))
        assert (answer["reduction_g"], answer["capped"]) == (1560, False)
    answer = body_of(ask(public, behavior="bus_trip", activity={"distance_km": "45"}))
    assert answer["capped"] is True
    assert answer["quantity"] == "45.000"
    assert answer["counted_quantity"] == "40.000"
    assert answer["reduction_g"] == 2080


@pytest.mark.parametrize("value", ['"-3"', "-3", '"ten"', '"NaN"', "NaN", "1e400", '"1e400"'])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_bad_numbers_name_their_field(public: FlaskClient, value: str, language: str) -> None:
    response = public.post(
        SCORE,
        data=f'{{"behavior": "bus_trip", "activity": {{"distance_km": {value}}}}}',
        content_type="application/json",
        headers={"Accept-Language": language},
    )
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert [fault["field"] for fault in body_of(response)["errors"]] == ["distance_km"]
    assert body_of(response)["detail"].isascii() is (language == "en")


@pytest.mark.parametrize(
    ("content", "status", "fields"),
    [
        ({"behavior": "bus_trip", "activity": {}}, 422, ["distance_km"]),
        ({"behavior": "bus_trip", "activity": {"distance_km": None}}, 422, ["distance_km"]),
        ({"behavior": "bus_trip", "activity": {"distance_km": True}}, 422, ["distance_km"]),
        ({"behavior": "bus_trip", "activity": {"distance_km": "0"}}, 422, ["distance_km"]),
        ({"behavior": "bus_trip", "activity": {"distance_km": []}}, 422, ["distance_km"]),
        ({"behavior": "bus_trip", "activity": {"km": "1", "distance_km": "1"}}, 422, ["km"]),
        ({"behavior": "bus_trip", "activity": "10"}, 422, ["activity"]),
        ({"behavior": "bus_trip"}, 422, ["activity"]),
        ({"activity": {"distance_km": "1"}}, 422, ["behavior"]),
        ({}, 422, ["behavior", "activity"]),
        (
            {"behavior": "bus_trip", "activity": {"distance_km": "1"}, "evidence": "E"},
            422,
            ["evidence"],
        ),
        (
            {"behavior": "bus_trip", "activity": {"distance_km": "1"}, "occurred_on": "2026-02-30"},
            422,
            ["occurred_on"],
        ),
        (
            {"behavior": "bus_trip", "activity": {"distance_km": "1"}, "occurred_on": 0},
            422,
            ["occurred_on"],
        ),
        (
            {"behavior": "bus_trip", "activity": {"distance_km": "1"}, "occurred_on": "0001-01-01"},
            422,
            ["occurred_on"],
        ),
        ({"behavior": "bus_trip", "activity": {"distance_km": "1"}, "when": 1}, 422, ["when"]),
        ({"behavior": "flying", "activity": {"distance_km": "1"}}, 404, None),
    ],
)
def test_refusals(
    public: FlaskClient, content: dict[str, Any], status: int, fields: list[str] | None
) -> None:
    response = ask(public, **content)
    assert response.status_code == status, response.text
    assert body_of(response)["status"] == status
    if fields is not None:
        assert [fault["field"] for fault in body_of(response)["errors"]] == fields


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"behavior": "bus_trip"', 400),
        ("[" * 5000 + "]" * 5000, 400),
        ("[]", 422),
        ("null", 422),
        ('"text"', 422),
        ('{"behavior": "\\ud800", "activity": {}}', 422),
        ('{"behavior": "bus_trip", "activity": {"\\ud800": 1}}', 422),
        ('{"behavior": "bus_trip", "activity": {"distance_km": "\\ud800"}}', 422),
        ('{"behavior": "bus_trip", "activity": {"distance_km": ' + "9" * 6000 + "}}", 422),
        ('{"behavior": "bus_trip", "activity": {"distance_km": 1e-400}}', 422),
        ('{"behavior": "bus_trip", "activity": {"distance_km": Infinity}}', 422),
        (" " * 70_000, 413),
    ],
)
def test_odd_bodies(public: FlaskClient, body: str, status: int) -> None:
    response = ask_raw(public, body)
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"


def test_a_number_keeps_all_its_digits(public: FlaskClient) -> None:
    def ask_for(literal: str) -> TestResponse:
        content = f'{{"behavior": "bus_trip", "activity": {{"distance_km": {literal}}}}}'
        return ask_raw(public, content)

    found = body_of(ask_for("12.345678912"))
    assert found["formula_with_numbers"].startswith("12.345678912 *")
    # A binary float would be exactly 1 and be taken.
    assert body_of(ask_for("1.00000000000000000001"))["code"] == "too_many_decimals"


def test_another_content_type_is_refused(public: FlaskClient) -> None:
    response = public.post(SCORE, data={"behavior": "bus_trip"})
    assert response.status_code == 415
    assert body_of(response)["code"] == "content_type"


def test_gzip_is_understood(public: FlaskClient) -> None:
    body = gzip.compress(b'{"behavior": "bus_trip", "activity": {"distance_km": "10"}}')
    response = public.post(
        SCORE,
        data=body,
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert body_of(response)["reduction_g"] == 520


def test_a_behavior_that_is_switched_off_is_a_conflict(
    client: FlaskClient, session: Session
) -> None:
    behavior = session.exec(select(Behavior).where(col(Behavior.code) == "bus_trip")).one()
    behavior.enabled = False
    session.add(behavior)
    session.commit()
    response = ask(client, behavior="bus_trip", activity={"distance_km": "10"})
    assert (response.status_code, body_of(response)["code"]) == (409, "behavior_off")


def test_today_is_the_day_in_the_city(shared_app: Flask) -> None:
    with time_machine.travel("2025-12-31T15:59:59Z", tick=False):
        before = ask(shared_app.test_client(), behavior="rooftop_pv", activity={"energy_kwh": "10"})
    with time_machine.travel("2025-12-31T16:00:00Z", tick=False):
        after = ask(shared_app.test_client(), behavior="rooftop_pv", activity={"energy_kwh": "10"})
    assert (body_of(before)["occurred_on"], body_of(before)["reduction_g"]) == ("2025-12-31", 6410)
    assert (body_of(after)["occurred_on"], body_of(after)["reduction_g"]) == ("2026-01-01", 6191)


def test_nothing_is_stored(client: FlaskClient, counts: Callable[[], dict[str, int]]) -> None:
    before = counts()
    ask(client, behavior="bus_trip", activity={"distance_km": "10"})
    assert counts() == before
