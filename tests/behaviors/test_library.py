"""The packaged methodologies: complete, consistent, and worth what a pocket calculator says."""

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from behaviors.methods import (
    Behavior,
    EmissionFactor,
    Library,
    LibraryError,
    expand_rules,
    load_library,
)
from behaviors.scoring import Rule, RuleError, score

IN_2025 = date(2025, 6, 1)
IN_2026 = date(2026, 3, 1)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="module")
def rules(library: Library) -> list[Rule]:
    return expand_rules(library)


def rule_on(rules: list[Rule], code: str, day: date) -> Rule:
    (rule,) = [rule for rule in rules if rule.behavior == code and rule.holds_on(day)]
    return rule


# behaviour, day, activity, grams; each worked out by hand beside it.
WORKED: list[tuple[str, date, dict[str, str], int]] = [
    # 0.104 - 0.052 = 0.052 kg a kilometre
    ("bus_trip", IN_2026, {"distance_km": "10"}, 520),
    ("bus_trip", IN_2026, {"distance_km": "7.35"}, 382),  # 382.2
    # 0.104 - 0.032 = 0.072
    ("metro_trip", IN_2026, {"distance_km": "10"}, 720),
    ("metro_trip", IN_2026, {"distance_km": "12.345"}, 888),  # 888.84
    ("bike_ride", IN_2026, {"distance_km": "10"}, 487),
    ("bike_ride", IN_2026, {"distance_km": "1.234"}, 60),  # 1.234 x 48.7 = 60.0958
    ("ebike_ride", IN_2026, {"distance_km": "10"}, 618),
    ("ebike_ride", IN_2026, {"distance_km": "2.5"}, 154),  # 154.5
    ("walking", IN_2026, {"steps": "20000"}, 296),  # capped at 14800 x 0.02
    ("walking", IN_2026, {"steps": "14799"}, 295),  # 295.98
    ("walking", IN_2026, {"steps": "49"}, 0),  # 0.98
    ("no_drive_day", IN_2026, {"days": "1"}, 8170),
    ("no_drive_day", IN_2026, {"days": "0.5"}, 4085),
    # 0.250 - 0.174 x 0.6191 = 0.250 - 0.1077234 = 0.1422766
    ("nev_driving", IN_2026, {"distance_km": "100"}, 14227),  # 14227.66
    # 0.250 - 0.174 x 0.6410 = 0.250 - 0.111534 = 0.138466
    ("nev_driving", IN_2025, {"distance_km": "100"}, 13846),  # 13846.6
    # 0.250 / 0.174 = 1.4367816091..., - 0.6191 = 0.817681609
    ("ev_charging", IN_2026, {"energy_kwh": "10"}, 8176),  # 8176.81609
    # 1.4367816091... - 0.6410 = 0.795781609
    ("ev_charging", IN_2025, {"energy_kwh": "10"}, 7957),  # 7957.81609
    ("rooftop_pv", IN_2026, {"energy_kwh": "10"}, 6191),
    ("rooftop_pv", IN_2025, {"energy_kwh": "10"}, 6410),
    ("green_power", IN_2026, {"energy_kwh": "1000"}, 619_100),
    ("green_power", IN_2025, {"energy_kwh": "1000"}, 641_000),
    # 120 - 100 = 20 kWh
    ("power_saving", IN_2026, {"baseline_kwh": "120", "used_kwh": "100"}, 12_382),
    ("power_saving", IN_2025, {"baseline_kwh": "120", "used_kwh": "100"}, 12_820),
    ("water_saving", IN_2026, {"baseline_m3": "10", "used_m3": "7"}, 504),  # 3 x 168
    ("water_saving", IN_2026, {"baseline_m3": "5.5", "used_m3": "3.25"}, 378),  # 2.25 x 168
    # (230.17 - 130.12) / 1000 = 0.10005
    ("waste_sorting", IN_2026, {"weight_kg": "10"}, 1000),  # 1000.5
    ("waste_sorting", IN_2026, {"weight_kg": "2"}, 200),  # 200.1
    ("recycle_clothes", IN_2026, {"weight_kg": "2.5"}, 9000),
    ("recycle_clothes", IN_2026, {"weight_kg": "1.111"}, 3999),  # 3999.6
    ("recycle_paper", IN_2026, {"weight_kg": "3"}, 660),
    ("recycle_paper", IN_2026, {"weight_kg": "60"}, 11_000),  # capped at 50
    ("recycle_cardboard", IN_2026, {"weight_kg": "3"}, 2100),
    ("recycle_cardboard", IN_2026, {"weight_kg": "0.75"}, 525),
    ("recycle_pet", IN_2026, {"weight_kg": "3"}, 960),
    ("recycle_pet", IN_2026, {"weight_kg": "0.4"}, 128),
    ("recycle_glass", IN_2026, {"weight_kg": "3"}, 930),
    ("recycle_glass", IN_2026, {"weight_kg": "2.5"}, 775),
    ("recycle_aluminium", IN_2026, {"weight_kg": "1"}, 8120),
    ("recycle_aluminium", IN_2026, {"weight_kg": "0.015"}, 121),  # one can, 121.8
    ("recycle_steel", IN_2026, {"weight_kg": "3"}, 5400),
    ("recycle_steel", IN_2026, {"weight_kg": "0.5"}, 900),
    ("recycle_carton", IN_2026, {"weight_kg": "3"}, 1650),
    ("recycle_carton", IN_2026, {"weight_kg": "0.33"}, 181),  # 181.5
    ("clean_plate", IN_2026, {"meals": "1"}, 190),
    ("clean_plate", IN_2026, {"meals": "4"}, 570),  # capped at 3
    ("no_cutlery", IN_2026, {"orders": "1"}, 20),
    ("no_cutlery", IN_2026, {"orders": "2"}, 40),
    ("paperless", IN_2026, {"sheets": "100"}, 707),
    ("paperless", IN_2026, {"sheets": "7"}, 49),  # 49.49
    ("tree_planting", IN_2026, {"area_mu": "2", "years": "3"}, 1_458_000),  # 6 x 243 kg
    ("tree_planting", IN_2026, {"area_mu": "0.5", "years": "1"}, 121_500),
    # switched off, yet its formula is there: 50 x 1 x 0.5 kg
    ("second_hand", IN_2026, {"production_kg": "50", "items": "1"}, 25_000),
    ("second_hand", IN_2026, {"production_kg": "12.5", "items": "3"}, 18_750),
]


@pytest.mark.parametrize(("code", "day", "activity", "grams"), WORKED)
def test_worked_examples(
    rules: list[Rule], code: str, day: date, activity: dict[str, str], grams: int
) -> None:
    result = score(rule_on(rules, code, day), activity, evidence="A")
    assert (result.reduction_g, result.credits) == (grams, grams)


def test_every_behaviour_with_grams_has_two_worked_examples(library: Library) -> None:
    examples = Counter(code for code, *_ in WORKED)
    with_grams = {item.code for item in library.behaviors if item.factor_expression}
    assert set(examples) == with_grams
    assert min(examples.values()) >= 2


HABITS = {
    "reusable_cup": ("uses", 3),
    "own_bag": ("uses", 3),
    "e_invoice": ("pieces", 10),
    "low_carbon_learning": ("sessions", 1),
    "green_product": ("items", 3),
    "reusable_packaging": ("parcels", 5),
    "water_saving_device": ("devices", 1),
}


@pytest.mark.parametrize(("code", "field", "cap"), [(c, *rest) for c, rest in HABITS.items()])
def test_habits_earn_ten_credits_an_act_up_to_the_cap(
    rules: list[Rule], code: str, field: str, cap: int
) -> None:
    rule = rule_on(rules, code, IN_2026)
    once = score(rule, {field: 1}, evidence="D")
    assert (once.reduction_g, once.computed_g, once.credits) == (0, 0, 10)
    assert score(rule, {field: cap + 1}, evidence="D").credits == 10 * cap


WITH_GRAMS = {code for code, *_ in WORKED} - {"second_hand"}
SWITCHED_OFF = {
    "carpool",
    "second_hand",
    "energy_label_appliance",
    "led_lighting",
    "heat_pump",
    "clean_heating",
}


def test_what_ships_and_what_is_switched_off(library: Library) -> None:
    enabled = {item.code for item in library.behaviors if item.enabled}
    assert enabled == WITH_GRAMS | set(HABITS)
    assert {item.code for item in library.behaviors} - enabled == SWITCHED_OFF
    assert len(library.behaviors) == 38


def test_every_behaviour_can_be_read_in_both_languages(library: Library) -> None:
    for behavior in library.behaviors:
        assert behavior.name_zh
        assert behavior.name_en
        for texts in behavior.texts.values():
            assert all([texts.counts, texts.excludes, texts.baseline, texts.not_combined])
        for item in behavior.fields:
            assert item.label_zh
            assert item.label_en
    for factor in library.emission_factors:
        # Everything but a bare number or name of a document is told in Chinese, too.
        assert re.search("[一-鿿]", factor.source_zh), factor.code
        assert factor.source


def test_every_number_names_its_source_and_grade(rules: list[Rule]) -> None:
    for rule in rules:
        for parameter in rule.parameters:
            assert parameter.source, (rule.behavior, parameter.name)
            assert parameter.grade, (rule.behavior, parameter.name)


def test_a_number_without_a_trace_is_never_switched_on(library: Library) -> None:
    for behavior in library.behaviors:
        if behavior.enabled:
            assert "none" not in {item.grade for item in behavior.parameters}, behavior.code


def test_a_parameter_tells_which_factor_it_is(rules: list[Rule]) -> None:
    (old,) = rule_on(rules, "rooftop_pv", IN_2025).parameters
    (new,) = rule_on(rules, "rooftop_pv", IN_2026).parameters
    assert (old.factor, old.value, new.factor, new.value) == (
        "grid.shandong",
        Decimal("0.6410"),
        "grid.shandong",
        Decimal("0.6191"),
    )
    assert "2025 no. 47" in new.source
    assert new.grade == "B"


GRID_BEHAVIORS = {"nev_driving", "ev_charging", "rooftop_pv", "green_power", "power_saving"}


def test_a_rule_has_a_version_for_each_period_of_its_factors(rules: list[Rule]) -> None:
    versions = Counter(rule.behavior for rule in rules)
    assert {code for code, count in versions.items() if count == 2} == GRID_BEHAVIORS
    assert set(versions.values()) == {1, 2}
    for code in GRID_BEHAVIORS:
        periods = [(r.version, r.valid_from, r.valid_to) for r in rules if r.behavior == code]
        assert periods == [
            (1, date(2010, 1, 1), date(2025, 12, 31)),
            (2, date(2026, 1, 1), None),
        ]


def test_the_unit_factors_that_people_are_shown(rules: list[Rule]) -> None:
    shown = {
        (rule.behavior, rule.version): rule.unit_factor_nano
        for rule in rules
        if rule.behavior in {"bus_trip", "walking", "nev_driving", "ev_charging"}
    }
    assert shown == {
        ("bus_trip", 1): 52_000_000,
        ("walking", 1): 20_000,
        ("nev_driving", 1): 138_466_000,
        ("nev_driving", 2): 142_276_600,
        ("ev_charging", 1): 795_781_609,
        ("ev_charging", 2): 817_681_609,
    }


def test_every_rule_survives_its_definition(rules: list[Rule]) -> None:
    assert [Rule.from_definition(rule.to_definition()) for rule in rules] == rules


def test_double_count_groups(library: Library) -> None:
    kinds = {group.code: group.kind for group in library.double_count_groups}
    assert kinds == {
        "trip": "interval",
        "nev": "vehicle_day",
        "waste": "same_amount",
        "renewable": "same_amount",
    }
    members = Counter(item.double_count_group for item in library.behaviors)
    assert (members["trip"], members["nev"], members["waste"], members["renewable"]) == (7, 2, 9, 2)


def test_walking_is_never_certified(rules: list[Rule]) -> None:
    assert not rule_on(rules, "walking", IN_2026).certifiable
    assert rule_on(rules, "bus_trip", IN_2026).certifiable


def test_self_reports(library: Library) -> None:
    bus, cans = library.behavior("bus_trip"), library.behavior("recycle_aluminium")
    assert (bus.self_report, bus.self_report_evidence) == (True, "D")
    assert (cans.self_report, cans.self_report_evidence) == (True, "C")
    # Without a daily cap a mere word could earn any amount.
    for behavior in library.behaviors:
        assert behavior.daily_cap is not None or not behavior.self_report, behavior.code


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        ("grid.shandong", "0.6191", "kgCO2/kWh"),
        ("grid.national", "0.5306", "kgCO2/kWh"),
        ("grid.national_residual", "0.6096", "kgCO2/kWh"),
        ("grid.national_fossil", "0.8273", "kgCO2/kWh"),
        ("fuel.petrol", "2.179", "kgCO2/L"),
        ("fuel.diesel", "2.718", "kgCO2/L"),
        ("fuel.natural_gas", "2.184", "kgCO2/m3"),
        ("fuel.lpg", "3.166", "kgCO2/kg"),
        ("fuel.bituminous_coal", "2174", "kgCO2/t"),
        ("fuel.anthracite", "2429", "kgCO2/t"),
        ("fuel.kerosene", "2.539", "kgCO2/L"),
        ("fuel.fuel_oil", "2.978", "kgCO2/L"),
        ("heat.purchased", "110", "kgCO2/GJ"),
        ("water.supply", "0.168", "kgCO2e/m3"),
        ("paper.a4", "0.00707", "kgCO2e/sheet"),
        ("sink.forest_shandong", "243", "kgCO2/(mu year)"),
        ("travel.train", "0.03546", "kgCO2e/pkm"),
        ("travel.plane", "0.14253", "kgCO2e/pkm"),
        ("travel.bus", "0.052", "kgCO2/pkm"),
        ("travel.metro", "0.032", "kgCO2/pkm"),
        ("travel.car", "0.250", "kgCO2/km"),
        ("travel.nev", "0.1077234", "kgCO2/km"),  # 0.174 x 0.6191
        ("travel.bike", "0.0087", "kgCO2/pkm"),
        ("travel.walk", "0", "kgCO2/pkm"),
        ("commuting.bus", "0.052", "kgCO2/pkm"),
        ("commuting.metro", "0.032", "kgCO2/pkm"),
        ("commuting.car", "0.250", "kgCO2/km"),
        ("commuting.nev", "0.1077234", "kgCO2/km"),
        ("commuting.bike", "0.0087", "kgCO2/pkm"),
        ("commuting.walk", "0", "kgCO2/pkm"),
        ("accommodation.night", "53.5", "kgCO2e/night"),
        ("catering.meal", "2.04", "kgCO2e/meal"),
        # Per tonne in the table they are read from: 269.50416, 3172.49932, 3824.09335, 1288.50358
        ("material.wood", "0.26950416", "kgCO2e/kg"),
        ("material.plastic", "3.17249932", "kgCO2e/kg"),
        ("material.metal", "3.82409335", "kgCO2e/kg"),
        ("material.paper", "1.28850358", "kgCO2e/kg"),
        ("waste.incineration", "0.304", "kgCO2/kg"),
        ("waste.landfill", "0.5205327", "kgCO2e/kg"),  # 520.5327 a tonne
    ],
)
def test_emission_factors_in_2026(library: Library, code: str, value: str, unit: str) -> None:
    factor = library.factor_on(code, IN_2026)
    assert (factor.value, factor.unit) == (Decimal(value), unit)
    assert factor.source
    assert factor.name_zh
    assert factor.name_en


def test_the_oldest_factor_also_serves_earlier_days(library: Library) -> None:
    days = [date(2012, 5, 5), date(2025, 12, 31), date(2026, 1, 1), date(2030, 1, 1)]
    values = [library.factor_on("grid.shandong", day).value for day in days]
    assert values == [Decimal(text) for text in ("0.6410", "0.6410", "0.6191", "0.6191")]
    # What a car takes follows the grid: 0.174 kWh x 0.6410, x 0.6191
    for code in ("travel.nev", "commuting.nev"):
        found = [library.factor_on(code, day) for day in days]
        assert [item.value for item in found] == [
            Decimal("0.174") * library.factor_on("grid.shandong", day).value for day in days
        ]
        assert [item.valid_to for item in found[1:3]] == [date(2025, 12, 31), None]
    # held from 2026 only
    assert library.factor_on("grid.national", days[0]).value == Decimal("0.5306")
    assert [factor.version for factor in library.factor_versions["grid.shandong"]] == [1, 2]
    with pytest.raises(LibraryError, match="unknown_factor"):
        library.factor_on("grid.mars", IN_2026)


def test_a_value_of_another_country_says_so(library: Library) -> None:
    foreign = ("UK Government", "ADEME")
    found = [f for f in library.emission_factors if f.source.startswith(foreign)]
    assert len(found) == 9
    for factor in found:
        assert factor.grade == "C", factor.code
        assert "none for China was found" in factor.source or "a value for China" in factor.source


def with_behavior(library: Library, code: str, /, **changes: object) -> Library:
    """The library with one behaviour changed; making it checks it."""
    changed: list[Behavior] = [
        replace(item, **changes) if item.code == code else item  # type: ignore[arg-type]
        for item in library.behaviors
    ]
    return replace(library, behaviors=tuple(changed))


@pytest.mark.parametrize(
    ("problem", "changes"),
    [
        ("bad_category", {"category": "飞"}),
        ("unknown_group", {"double_count_group": "trips"}),
        ("bad_evidence", {"evidence": ("A", "X")}),
        ("bad_evidence", {"evidence": ()}),
        ("bad_self_report", {"evidence": ("A", "B")}),
        ("bad_self_report", {"enabled": False}),
        ("no_source", {"source": ""}),
        ("no_fields", {"fields": ()}),
        ("bad_texts", {"texts": {}}),
        ("enabled_without_rule", {"quantity_expression": ""}),
        ("behavior_twice", {"code": "metro_trip"}),
    ],
)
def test_a_behaviour_that_contradicts_itself_is_refused(
    library: Library, problem: str, changes: dict[str, object]
) -> None:
    with pytest.raises(LibraryError, match=problem):
        with_behavior(library, "bus_trip", **changes)


def test_a_parameter_must_point_at_a_factor_of_its_unit(library: Library) -> None:
    (pointer,) = library.behavior("rooftop_pv").parameters
    for problem, wrong in [
        ("unknown_factor", replace(pointer, factor="grid.mars")),
        ("factor_units", replace(pointer, factor="fuel.petrol")),
    ]:
        with pytest.raises(LibraryError, match=problem):
            with_behavior(library, "rooftop_pv", parameters=(wrong,))


def with_factors(library: Library, *versions: EmissionFactor) -> Library:
    others = [item for item in library.emission_factors if item.code != "grid.shandong"]
    return replace(library, emission_factors=(*others, *versions))


def test_days_without_a_value_or_with_two_are_refused(library: Library) -> None:
    old, new = library.factor_versions["grid.shandong"]
    for wrong in [
        (replace(old, valid_to=date(2025, 12, 30)), new),
        (replace(old, valid_to=date(2026, 1, 1)), new),
        (replace(old, valid_to=None), new),
    ]:
        with pytest.raises(LibraryError, match="factor_periods"):
            with_factors(library, *wrong)
    with pytest.raises(LibraryError, match="factor_ended"):
        with_factors(library, old, replace(new, valid_to=date(2026, 12, 31)))


def test_a_new_factor_makes_a_new_version(library: Library) -> None:
    old, new = library.factor_versions["grid.shandong"]
    closed = replace(new, valid_to=date(2026, 12, 31))
    next_one = replace(
        new, version=3, value=Decimal("0.6"), valid_from=date(2027, 1, 1), valid_to=None
    )
    versions = expand_rules(with_factors(library, old, closed, next_one))
    latest = rule_on(versions, "rooftop_pv", date(2027, 1, 1))
    assert (latest.version, latest.unit_factor_nano) == (3, 600_000_000)


def test_a_formula_that_pays_for_emitting_more_is_refused(library: Library) -> None:
    wrong = with_behavior(library, "bus_trip", factor_expression="ef_bus - ef_baseline")
    with pytest.raises(RuleError, match="negative_factor"):
        expand_rules(wrong)
