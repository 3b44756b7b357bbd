"""GET /api/v1/behaviors: the methods are public, complete and may be kept by caches."""

from flask.testing import FlaskClient

from tests.behaviors.api.conftest import body_of

BEHAVIORS = "/api/v1/behaviors"
TWELVE = {
    "bus_trip",
    "metro_trip",
    "bike_ride",
    "ebike_ride",
    "walking",
    "nev_driving",
    "ev_charging",
    "waste_sorting",
    "recycle_clothes",
    "rooftop_pv",
    "clean_plate",
    "reusable_cup",
}


def test_every_behavior_is_listed_with_its_method(public: FlaskClient) -> None:
    response = public.get(BEHAVIORS)
    assert response.status_code == 200
    listed = {behavior["code"]: behavior for behavior in body_of(response)["behaviors"]}
    assert set(listed) >= TWELVE
    for behavior in listed.values():
        assert behavior["name"]["zh"]
        assert behavior["name"]["en"].isascii()
        for version in behavior["versions"]:
            assert version["fields"]
            assert all(item["source"] and item["grade"] for item in version["parameters"])


def test_one_behavior_shows_what_its_grams_rest_on(public: FlaskClient) -> None:
    method = body_of(public.get(f"{BEHAVIORS}/bus_trip"))
    version = method["versions"][-1]
    assert version["formula"] == "distance_km * (ef_baseline - ef_bus)"
    assert version["unit_factor"] == "0.052000000"
    assert version["unit_factor_unit"] == "kg/pkm"
    assert version["daily_cap"] == "40.000"
    assert version["double_count_group"] == "trip"
    assert version["multipliers"] == {"A": "1", "B": "1", "C": "0.5", "D": "0.25"}
    assert version["grams_for"] == ["A", "B", "C"]
    assert version["credits_per_gram"] == "1"
    assert version["certifiable"] is True
    assert [field["name"] for field in version["fields"]] == ["distance_km"]
    assert version["fields"][0]["unit"] == "km"
    assert method["current_version"] == version["version"]


def test_a_factor_that_changed_gives_two_versions(public: FlaskClient) -> None:
    versions = body_of(public.get(f"{BEHAVIORS}/rooftop_pv"))["versions"]
    found = [(v["unit_factor"], v["valid_from"], v["valid_to"]) for v in versions]
    assert [factor for factor, _, _ in found] == ["0.641000000", "0.619100000"]
    assert found[0][2] == "2025-12-31"
    assert found[1][1:] == ("2026-01-01", None)


def test_an_unknown_behavior_is_not_found(public: FlaskClient) -> None:
    response = public.get(f"{BEHAVIORS}/flying", headers={"Accept-Language": "en"})
    assert response.status_code == 404
    assert body_of(response)["code"] == "unknown_behavior"
    assert "flying" in body_of(response)["detail"]


def test_a_code_that_cannot_be_one_is_refused(public: FlaskClient) -> None:
    assert public.get(f"{BEHAVIORS}/{'x' * 65}").status_code == 422


def test_caches_may_keep_it_and_ask_again(public: FlaskClient) -> None:
    for address in (BEHAVIORS, f"{BEHAVIORS}/bus_trip"):
        first = public.get(address)
        assert first.cache_control.public
        assert first.cache_control.max_age
        assert "Set-Cookie" not in first.headers
        again = public.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
