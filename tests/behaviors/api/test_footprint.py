"""POST /api/v1/footprint: values worked out by hand from JS/T 303-2026 and the factors."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.behaviors.api.conftest import body_of


def ask(client: FlaskClient, *lines: dict[str, Any], on: str = "2026-03-01") -> TestResponse:
    return client.post("/api/v1/footprint", json={"on": on, "lines": list(lines)})


def test_the_example_of_the_contract(client: FlaskClient) -> None:
    answer = ask(
        client,
        {"factor": "fuel.petrol", "amount": "1000"},
        {
            "factor": "grid.shandong",
            "amount": "10000",
            "green_power": "2000",
            "resupplied": "0",
        },
        {"factor": "heat.purchased", "amount": "100"},
    )
    assert answer.status_code == 200, answer.text
    body = body_of(answer)
    # 1000 L x 2.179; (10000 - 2000) kWh x 0.6191; 100 GJ x 110
    assert body["direct_kg"] == "2179.000"
    assert body["power_kg"] == "4952.800"
    assert body["heat_kg"] == "11000.000"
    assert body["total_kg"] == "18131.800"
    assert [line["emission_kg"] for line in body["lines"]] == ["2179.000", "4952.800", "11000.000"]
    assert body["lines"][1]["counted"] == "8000"
    assert body["lines"][1]["unit"] == "kWh"
    assert answer.headers["Cache-Control"] == "no-store"


LINES: list[tuple[dict[str, Any], str, str]] = [
    # The factor of the day: 2022 data before 2026, 2023 data from then on.
    ({"factor": "grid.shandong", "amount": "10"}, "2025-12-31", "6.410"),
    ({"factor": "grid.shandong", "amount": "10"}, "2026-01-01", "6.191"),
    # (10 - 3 - 2) x 0.6191 = 3.0955, half up to the gram: 3.096
    (
        {"factor": "grid.shandong", "amount": "10", "green_power": "3", "resupplied": "2"},
        "2026-03-01",
        "3.096",
    ),
    # 12.5 GJ - 2.5 GJ = 10 GJ x 110
    (
        {"factor": "heat.purchased", "amount": "12.5", "resupplied": "2.5"},
        "2026-03-01",
        "1100.000",
    ),
    ({"factor": "fuel.bituminous_coal", "amount": "0.001"}, "2026-03-01", "2.174"),
    ({"factor": "fuel.diesel", "amount": 3}, "2026-03-01", "8.154"),
    ({"factor": "fuel.diesel", "amount": 0}, "2026-03-01", "0.000"),
]


def test_lines(client: FlaskClient) -> None:
    for line, on, kg in LINES:
        body = body_of(ask(client, line, on=on))
        assert body["lines"][0]["emission_kg"] == kg, line
        assert body["total_kg"] == kg
        assert body["lines"][0]["floored"] is False


def test_amounts_in_other_units(client: FlaskClient) -> None:
    line = {"factor": "grid.shandong", "amount": "10", "green_power": "2", "unit": "MWh"}
    body = body_of(ask(client, line))
    # (10,000 - 2,000) kWh x 0.6191
    assert body["power_kg"] == "4952.800"
    assert (body["lines"][0]["amount"], body["lines"][0]["unit"]) == ("10000", "kWh")
    # 38.931 GJ of gas are 1,000 m3 by the heating value of the factor's own table.
    gas = {"factor": "fuel.natural_gas", "amount": "38.931", "unit": "GJ"}
    assert body_of(ask(client, gas))["direct_kg"] == "2184.000"


def test_more_green_power_than_was_bought_is_nothing_and_says_so(client: FlaskClient) -> None:
    line = {"factor": "grid.shandong", "amount": "100", "green_power": "150"}
    body = body_of(ask(client, line, {"factor": "fuel.petrol", "amount": "1"}))
    assert body["power_kg"] == "0.000"
    assert body["lines"][0]["floored"] is True
    # What is over does not make other lines smaller.
    assert body["total_kg"] == "2.179"


def test_water_travel_and_commuting_stay_out_of_the_total(client: FlaskClient) -> None:
    lines = (
        {"factor": "water.supply", "amount": "1000"},  # x 0.168
        {"factor": "travel.train", "amount": "1000", "unit": "人公里"},  # x 0.03546
        {"factor": "accommodation.night", "amount": "2"},  # x 53.5
        {"factor": "commuting.car", "amount": "100", "unit": "公里"},  # x 0.250
        {"factor": "commuting.nev", "amount": "1000"},  # x 0.174 x 0.6191, the grid of 2026
    )
    body = body_of(ask(client, *lines, {"factor": "fuel.petrol", "amount": "1"}, on="2026-03-01"))
    told = [line["emission_kg"] for line in body["lines"]]
    assert told == ["168.000", "35.460", "107.000", "25.000", "107.723", "2.179"]
    assert {line["block"] for line in body["lines"][:-1]} == {"optional"}
    assert (body["optional_kg"], body["total_kg"]) == ("443.183", "2.179")
    # The year before has the grid of that year: 1,000 km x 0.174 kWh x 0.6410
    before = body_of(ask(client, lines[-1], on="2025-12-31"))
    assert before["optional_kg"] == "111.534"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"factor": "fuel.petrol", "amount": "-1"}, "amount", "amount_negative"),
    ({"factor": "fuel.petrol", "amount": "ten"}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": "10 L"}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": "NaN"}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": "1e400"}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": True}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": None}, "amount", "not_a_number"),
    ({"factor": "fuel.petrol", "amount": "0.1234567"}, "amount", "amount_too_long"),
    ({"factor": "fuel.petrol", "amount": "9" * 16}, "amount", "amount_too_long"),
    ({"factor": "fuel.petrol"}, "amount", "missing_field"),
    ({"factor": "fuel.unicorn", "amount": "1"}, "factor", "unknown_factor"),
    ({"factor": "sink.forest_shandong", "amount": "1"}, "factor", "factor_not_for_inventory"),
    (
        {"factor": "fuel.petrol", "amount": "1", "green_power": "1"},
        "green_power",
        "green_power_not_here",
    ),
    (
        {"factor": "fuel.petrol", "amount": "1", "resupplied": "1"},
        "resupplied",
        "resupplied_not_here",
    ),
    (
        {"factor": "grid.shandong", "amount": "1", "green_power": "-1"},
        "green_power",
        "amount_negative",
    ),
    ({"factor": "fuel.petrol", "amount": "1", "green": "1"}, "green", "unknown_field"),
    # A unit that says nothing, one of another kind, and one that nobody knows.
    ({"factor": "fuel.petrol", "amount": "1", "unit": ""}, "unit", "unit_missing"),
    ({"factor": "fuel.petrol", "amount": "1", "unit": None}, "unit", "unit_missing"),
    ({"factor": "fuel.petrol", "amount": "1", "unit": "1"}, "unit", "unit_missing"),
    ({"factor": "fuel.petrol", "amount": "1", "unit": "kWh"}, "unit", "unit_does_not_fit"),
    ({"factor": "fuel.petrol", "amount": "1", "unit": "barrels?"}, "unit", "unknown_unit"),
    ({"factor": "fuel.petrol", "amount": "-1", "unit": "L"}, "amount", "amount_negative"),
    # A kilometre of a car is none of a person.
    ({"factor": "travel.car", "amount": "1", "unit": "pkm"}, "unit", "unit_does_not_fit"),
]


def test_refusals_name_the_field(client: FlaskClient) -> None:
    for line, field, code in REFUSED:
        answer = ask(client, {"factor": "fuel.diesel", "amount": "1"}, line)
        assert answer.status_code == 422, answer.text
        told = [(error["field"], error["code"]) for error in body_of(answer)["errors"]]
        assert told == [(f"lines.1.{field}", code)], line


def test_no_lines_and_too_many(client: FlaskClient) -> None:
    empty = ask(client)
    told = [(error["field"], error["code"]) for error in body_of(empty)["errors"]]
    assert (empty.status_code, told) == (422, [("lines", "no_lines")])
    # Of two amounts nobody knows which was meant.
    twice = '{"lines": [{"factor": "fuel.diesel", "amount": "1", "amount": "2"}]}'
    answer = client.post("/api/v1/footprint", data=twice, content_type="application/json")
    assert (answer.status_code, body_of(answer)["code"]) == (400, "repeated_name")
    assert "amount" in body_of(answer)["detail"]
    many = [{"factor": "fuel.diesel", "amount": "1"}] * 201
    assert ask(client, *many).status_code == 422
