"""Scoring: from amounts to grams and credits, one record at a time and in columns."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviors.formula import FormulaError
from behaviors.scoring import (
    ActivityError,
    FieldSpec,
    Parameter,
    Rule,
    RuleError,
    Score,
    check_units,
    credits_columns,
    grams_columns,
    parse_activity,
    quantity_milli,
    quantity_milli_columns,
    score,
    unit_factor_nano,
)
from carbonaccount.errors import DomainError

NANO = 10**9


def field(name: str = "distance_km", unit: str = "km", maximum: str = "500") -> FieldSpec:
    return FieldSpec(name, unit, Decimal(0), Decimal(maximum), Decimal(1), "里程", "Distance")


def parameter(name: str, value: str, unit: str = "kg/km") -> Parameter:
    return Parameter(name, Decimal(value), unit, "B", "a source")


def bus() -> Rule:
    """52 g a kilometre, 40 km a day."""
    return Rule(
        behavior="bus_trip",
        version=1,
        valid_from=date(2026, 1, 1),
        valid_to=None,
        fields=(field(),),
        quantity_expression="distance_km",
        quantity_unit="km",
        factor_expression="ef_baseline - ef_bus",
        parameters=(parameter("ef_baseline", "0.104"), parameter("ef_bus", "0.052")),
        unit_factor_nano=52_000_000,
        cap_milli=40_000,
        double_count_group="trip",
        certifiable=True,
    )


def cup() -> Rule:
    """A habit: 10 credits a use, three uses a day."""
    return Rule(
        behavior="reusable_cup",
        version=1,
        valid_from=date(2026, 1, 1),
        valid_to=None,
        fields=(field("uses", "use", "20"),),
        quantity_expression="uses",
        quantity_unit="use",
        factor_expression="",
        parameters=(),
        unit_factor_nano=0,
        cap_milli=3_000,
        credits_per_act=10,
        counts_acts=True,
    )


@pytest.mark.parametrize(
    ("distance_km", "evidence", "used_milli", "expected"),
    [
        # 10 km x 52 g
        ("10", "A", 0, Score(10_000, 10_000, 520, 520, 520, 520, False)),
        ("10", "B", 0, Score(10_000, 10_000, 520, 520, 520, 520, False)),
        # half the credits for a photo; a quarter and no grams for a word
        ("10", "C", 0, Score(10_000, 10_000, 520, 520, 520, 260, False)),
        ("10", "D", 0, Score(10_000, 10_000, 520, 520, 0, 130, False)),
        # 0.019 km x 52 g = 0.988 g, rounded down
        ("0.019", "A", 0, Score(19, 19, 0, 0, 0, 0, False)),
        # 0.0199 km is 0.019 km
        ("0.0199", "A", 0, Score(19, 19, 0, 0, 0, 0, False)),
        # 0.75 x 52 = 39 g; half of it 19.5
        ("0.75", "C", 0, Score(750, 750, 39, 39, 39, 19, False)),
        # cap 40 km: 50 km would be 2600 g, 40 km are 2080 g
        ("50", "A", 0, Score(50_000, 40_000, 2600, 2080, 2080, 2080, True)),
        ("40", "A", 0, Score(40_000, 40_000, 2080, 2080, 2080, 2080, False)),
        # 35 km went before: 5 km are left, 260 g
        ("10", "A", 35_000, Score(10_000, 5_000, 520, 260, 260, 260, True)),
        ("10", "A", 40_000, Score(10_000, 0, 520, 0, 0, 0, True)),
        # a cap lowered during the day leaves nothing, not less than nothing
        ("10", "A", 90_000, Score(10_000, 0, 520, 0, 0, 0, True)),
    ],
)
def test_bus_trips_by_hand(
    distance_km: str, evidence: str, used_milli: int, expected: Score
) -> None:
    activity = {"distance_km": distance_km}
    assert score(bus(), activity, evidence=evidence, used_milli=used_milli) == expected


@pytest.mark.parametrize(
    ("uses", "used_milli", "credits", "capped"),
    [
        ("1", 0, 10, False),
        ("2", 0, 20, False),
        ("2.9", 0, 20, False),
        ("0.5", 0, 0, False),
        ("5", 0, 30, True),
        ("2", 2_000, 10, True),
        ("1", 3_000, 0, True),
    ],
)
def test_habits_earn_by_whole_acts_and_no_grams(
    uses: str, used_milli: int, credits: int, capped: bool
) -> None:
    result = score(cup(), {"uses": uses}, evidence="D", used_milli=used_milli)
    assert (result.credits, result.capped) == (credits, capped)
    assert (result.reduction_g, result.computed_g, result.uncapped_g) == (0, 0, 0)


def test_credits_once_a_record() -> None:
    rule = replace(bus(), credits_per_act=7, credits_per_gram=Decimal("0.1"))
    # 520 g x 0.1 = 52, and 7 for the act, however long the trip
    assert score(rule, {"distance_km": "10"}, evidence="A").credits == 59
    assert score(rule, {"distance_km": "0.001"}, evidence="A").credits == 7
    assert score(rule, {"distance_km": "10"}, evidence="A", used_milli=40_000).credits == 0


def test_which_grades_record_grams_is_the_rules_to_say() -> None:
    rule = replace(bus(), grams_for=frozenset("A"))
    assert score(rule, {"distance_km": "10"}, evidence="B").reduction_g == 0
    assert score(rule, {"distance_km": "10"}, evidence="A").reduction_g == 520


def test_unknown_evidence_is_refused() -> None:
    with pytest.raises(RuleError, match="unknown_evidence"):
        score(bus(), {"distance_km": "10"}, evidence="E")


@pytest.mark.parametrize("value", ["10", "10.0", "1e1", " 10 ", "+10", 10, 10.0, Decimal("10")])
def test_numbers_come_in_many_clothes(value: object) -> None:
    assert parse_activity(bus(), {"distance_km": value}) == {"distance_km": Decimal(10)}


def test_a_float_is_taken_as_it_prints() -> None:
    assert parse_activity(bus(), {"distance_km": 0.1}) == {"distance_km": Decimal("0.1")}


@pytest.mark.parametrize(
    ("activity", "code", "name"),
    [
        ({}, "missing_field", "distance_km"),
        ({"distance_km": None}, "missing_field", "distance_km"),
        ({"distance_km": "1", "speed": "2"}, "unknown_field", "speed"),
        ({"distance_km": "ten"}, "not_a_number", "distance_km"),
        ({"distance_km": ""}, "not_a_number", "distance_km"),
        ({"distance_km": "NaN"}, "not_a_number", "distance_km"),
        ({"distance_km": "Infinity"}, "not_a_number", "distance_km"),
        ({"distance_km": "1_0"}, "not_a_number", "distance_km"),
        ({"distance_km": "１０"}, "not_a_number", "distance_km"),
        ({"distance_km": "1,5"}, "not_a_number", "distance_km"),
        ({"distance_km": "1e999999999"}, "not_a_number", "distance_km"),
        ({"distance_km": "9" * 100_000}, "not_a_number", "distance_km"),
        ({"distance_km": True}, "not_a_number", "distance_km"),
        ({"distance_km": [1]}, "not_a_number", "distance_km"),
        ({"distance_km": {"value": 1}}, "not_a_number", "distance_km"),
        ({"distance_km": float("nan")}, "not_finite", "distance_km"),
        ({"distance_km": 1e400}, "not_finite", "distance_km"),
        ({"distance_km": Decimal("-Infinity")}, "not_finite", "distance_km"),
        ({"distance_km": Decimal("sNaN")}, "not_finite", "distance_km"),
        ({"distance_km": "1e400"}, "too_large", "distance_km"),
        ({"distance_km": Decimal("1e999999")}, "too_large", "distance_km"),
        ({"distance_km": 10**100_000}, "too_large", "distance_km"),
        ({"distance_km": "500.000000001"}, "too_large", "distance_km"),
        ({"distance_km": "-3"}, "negative", "distance_km"),
        ({"distance_km": -(10**100_000)}, "negative", "distance_km"),
        ({"distance_km": "-1e-400"}, "negative", "distance_km"),
        ({"distance_km": "0.0000000001"}, "too_many_decimals", "distance_km"),
        ({"distance_km": "1e-400"}, "too_many_decimals", "distance_km"),
        ({"distance_km": Decimal("1e-999999")}, "too_many_decimals", "distance_km"),
        ({"distance_km": "0"}, "amount_zero", "distance_km"),
        ({"distance_km": "-0"}, "amount_zero", "distance_km"),
        ({"distance_km": "0e99"}, "amount_zero", "distance_km"),
        ({"distance_km": "0.0009"}, "amount_zero", "distance_km"),
        ({7: "1"}, "unknown_field", "7"),
        ([], "not_an_object", ""),
    ],
)
def test_what_is_refused_names_the_field(activity: dict[str, object], code: str, name: str) -> None:
    with pytest.raises(ActivityError) as caught:
        score(bus(), activity, evidence="A")
    assert (caught.value.code, caught.value.field) == (code, name)
    assert caught.value.params["field"] == name
    assert isinstance(caught.value, DomainError)


@pytest.mark.parametrize(
    "value",
    [10**1_000_000, Decimal("1e-9999999"), Decimal("1e9999999"), "9" * 10**6, "1e-999", "1e999"],
    ids=["integer", "tiny", "vast", "digits", "tiny text", "vast text"],
)
def test_monstrous_numbers_are_refused_at_once(value: object) -> None:
    started = time.process_time()
    with pytest.raises(ActivityError):
        parse_activity(bus(), {"distance_km": value})
    assert time.process_time() - started < 0.05


def test_the_limits_of_a_field_are_inside() -> None:
    rule = replace(bus(), fields=(replace(field(), minimum=Decimal("0.5")),))
    assert parse_activity(rule, {"distance_km": "0.5"})
    assert parse_activity(rule, {"distance_km": "500"})
    with pytest.raises(ActivityError, match="too_small"):
        parse_activity(rule, {"distance_km": "0.499"})


def saving() -> Rule:
    """Two fields and a quantity that may be nothing; kg/kWh of the grid."""
    return replace(
        bus(),
        fields=(field("baseline_kwh", "kWh", "10000"), field("used_kwh", "kWh", "10000")),
        quantity_expression="baseline_kwh - used_kwh",
        quantity_unit="kWh",
        factor_expression="ef_grid",
        parameters=(parameter("ef_grid", "0.6191", "kg/kWh"),),
        unit_factor_nano=619_100_000,
        cap_milli=None,
    )


def test_using_more_than_before_earns_nothing() -> None:
    with pytest.raises(ActivityError, match="amount_zero"):
        score(saving(), {"baseline_kwh": "100", "used_kwh": "120"}, evidence="A")
    nano = {
        "baseline_kwh": np.array([100 * NANO, 100 * NANO]),
        "used_kwh": np.array([120 * NANO, 80 * NANO]),
    }
    assert list(quantity_milli_columns(saving(), nano)) == [0, 20_000]


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("a - b", {"a": "0.104", "b": "0.052"}, 52_000_000),
        # 0.250 / 0.174 - 0.6191 = 0.8176816091954...
        ("a / b - 0.6191", {"a": "0.250", "b": "0.174"}, 817_681_609),
        ("a", {"a": "0.0000000019"}, 1),
        ("a - a", {"a": "5"}, 0),
        ("", {}, 0),
    ],
)
def test_the_unit_factor_is_rounded_down(
    expression: str, values: dict[str, str], expected: int
) -> None:
    parameters = [parameter(name, value) for name, value in values.items()]
    assert unit_factor_nano(expression, parameters) == expected


def test_paying_for_emitting_more_is_a_mistake() -> None:
    with pytest.raises(RuleError, match="negative_factor"):
        unit_factor_nano("a - b", [parameter("a", "0.1"), parameter("b", "0.1000000001")])


CHANGES: list[tuple[str, Callable[[Rule], Rule]]] = [
    ("unit_factor_mismatch", lambda rule: replace(rule, unit_factor_nano=52_000_001)),
    ("unknown_name", lambda rule: replace(rule, quantity_expression="distance_m")),
    ("unknown_name", lambda rule: replace(rule, factor_expression="distance_km")),
    ("division_by_column", lambda rule: replace(rule, quantity_expression="1 / distance_km")),
    ("bad_period", lambda rule: replace(rule, valid_to=date(2025, 12, 31))),
    ("bad_version", lambda rule: replace(rule, version=0)),
    ("bad_cap", lambda rule: replace(rule, cap_milli=0)),
    ("no_fields", lambda rule: replace(rule, fields=())),
    ("name_used_twice", lambda rule: replace(rule, fields=(field("ef_bus"),))),
    ("bad_name", lambda rule: replace(rule, fields=(field("Distance"),))),
    ("bad_name", lambda rule: replace(rule, fields=(field("min"),))),
    ("bad_field_range", lambda rule: replace(rule, fields=(field(maximum="0"),))),
    ("bad_field_range", lambda rule: replace(rule, fields=(field(maximum="1e10"),))),
    ("bad_evidence_grades", lambda rule: replace(rule, multipliers={"A": Decimal(1)})),
    ("bad_evidence_grades", lambda rule: replace(rule, grams_for=frozenset("AE"))),
    ("negative_credits", lambda rule: replace(rule, credits_per_act=-1)),
    ("negative_credits", lambda rule: replace(rule, credits_per_gram=Decimal(-1))),
    ("amounts_too_large", lambda rule: replace(rule, credits_per_gram=Decimal(10) ** 15)),
    (
        "amounts_too_large",
        lambda rule: replace(
            rule, fields=(field(maximum="1e9"),), quantity_expression="distance_km * distance_km"
        ),
    ),
]


@pytest.mark.parametrize(("code", "change"), CHANGES)
def test_a_rule_that_does_not_fit_together_cannot_exist(
    code: str, change: Callable[[Rule], Rule]
) -> None:
    with pytest.raises((RuleError, FormulaError), match=code):
        change(bus())


def test_a_rule_survives_json() -> None:
    rule = replace(bus(), valid_to=date(2026, 12, 31), grams_for=frozenset("AB"))
    text = json.dumps(rule.to_definition(), sort_keys=True)
    assert Rule.from_definition(json.loads(text)) == rule
    assert '"valid_from": "2026-01-01"' in text
    assert '"value": "0.104"' in text
    assert hash(rule) == hash(Rule.from_definition(json.loads(text)))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("version", "1"),
        ("version", True),
        ("valid_from", "yesterday"),
        ("fields", "distance_km"),
        ("fields", [1]),
        ("credits_per_gram", 1.0),
        ("credits_per_gram", "NaN"),
        ("credits_per_gram", "one"),
        ("multipliers", None),
        ("grams_for", "ABC"),
        ("certifiable", 1),
    ],
)
def test_a_malformed_definition_names_the_part(part: str, value: object) -> None:
    with pytest.raises(RuleError, match="malformed_definition") as caught:
        Rule.from_definition(bus().to_definition() | {part: value})
    assert caught.value.params["part"] == part


def test_a_rule_holds_on_its_days() -> None:
    rule = replace(bus(), valid_to=date(2026, 1, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    assert [rule.holds_on(day) for day in days] == [False, True, True, False]


def test_units_that_give_kilograms_pass() -> None:
    check_units(bus())
    check_units(cup())
    check_units(saving())


@pytest.mark.parametrize(
    ("code", "change"),
    [
        # grams a kilometre would be a thousand times too much
        ("not_a_mass", {"parameters": (parameter("ef_baseline", "0.104", "g/km"),)}),
        ("not_a_mass", {"parameters": (parameter("ef_baseline", "0.104", "kg/kWh"),)}),
        ("not_a_mass", {"parameters": (parameter("ef_baseline", "0.104", "kg"),)}),
        ("unknown_unit", {"parameters": (parameter("ef_baseline", "0.104", "kg/blorp"),)}),
        ("unknown_unit", {"parameters": (parameter("ef_baseline", "0.104", "kg**9**9**9"),)}),
        ("unknown_unit", {"parameters": (parameter("ef_baseline", "0.104", ""),)}),
        ("quantity_unit_mismatch", {"quantity_unit": "kWh"}),
        ("quantity_unit_mismatch", {"quantity_unit": "m"}),
        ("unit_mismatch", {"factor_expression": "ef_baseline + 1"}),
        ("unit_mismatch", {"quantity_expression": "max(1, distance_km)"}),
        ("unit_mismatch", {"quantity_expression": "distance_km if distance_km > 1 else 1"}),
    ],
)
def test_units_that_do_not_fit_are_refused(code: str, change: dict[str, object]) -> None:
    base = replace(
        bus(),
        factor_expression="ef_baseline",
        parameters=(parameter("ef_baseline", "0.104"),),
        unit_factor_nano=104_000_000,
    )
    if change.get("factor_expression"):
        change = {**change, "unit_factor_nano": 1_104_000_000}
    with pytest.raises((RuleError, FormulaError), match=code):
        check_units(Rule(**{**vars_of(base), **change}))  # type: ignore[arg-type]


def vars_of(rule: Rule) -> dict[str, object]:
    return {name: getattr(rule, name) for name in Rule.__dataclass_fields__}


def test_zero_fits_any_unit() -> None:
    check_units(replace(saving(), quantity_expression="max(0, baseline_kwh - used_kwh)"))


def test_columns_by_hand() -> None:
    nano = {"distance_km": np.array([10 * NANO, 19_900_000, 0, 50 * NANO])}
    quantities = quantity_milli_columns(bus(), nano)
    assert list(quantities) == [10_000, 19, 0, 50_000]
    grams = grams_columns(bus(), np.minimum(quantities, 40_000))
    assert list(grams) == [520, 0, 0, 2080]
    grades = np.frombuffer(b"CADB", dtype=np.uint8)
    assert list(credits_columns(bus(), grams, grades, quantities)) == [260, 0, 0, 2080]
    assert [quantities.dtype.name, grams.dtype.name] == ["int64", "int64"]


def test_habits_in_columns() -> None:
    counted = np.array([1_000, 2_999, 0, 500])
    grams = grams_columns(cup(), counted)
    grades = np.frombuffer(b"DDDD", dtype=np.uint8)
    assert list(grams) == [0, 0, 0, 0]
    assert list(credits_columns(cup(), grams, grades, counted)) == [10, 20, 0, 0]


def test_empty_columns_stay_empty() -> None:
    nothing = np.array([], dtype=np.int64)
    quantities = quantity_milli_columns(bus(), {"distance_km": nothing})
    grams = grams_columns(bus(), quantities)
    grades = nothing.astype(np.uint8)
    assert credits_columns(bus(), grams, grades, quantities).shape == (0,)


def test_grams_never_overflow() -> None:
    tree = replace(
        bus(), factor_expression="10000", unit_factor_nano=10**13, fields=(field(maximum="1e7"),)
    )
    # 10^14 thousandths x 10^13 / 10^9 = 10^18: the plain product would leave 64 bits
    assert list(grams_columns(tree, np.array([10**14, -5]))) == [10**18, 0]
    with pytest.raises(OverflowError):
        grams_columns(tree, np.array([10**18]))


def test_an_unknown_evidence_code_is_refused() -> None:
    one = np.array([1])
    with pytest.raises(RuleError, match="unknown_evidence"):
        credits_columns(bus(), one, np.frombuffer(b"E", dtype=np.uint8), one)


TWO_FIELDS = (field("a", "km", "100000"), field("b", "km", "100000"))
QUANTITIES = [
    "a",
    "a + b",
    "max(0, a - b)",
    "a * b / 3",
    "a * b * k",
    "min(a, b, 7.5) * 0.333",
    "a / 7 if a > b else b - a / 9",
    "a - b",
]
shares = st.decimals(0, 3, places=3)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    constant = draw(st.decimals("0.000000001", 300, places=9))
    return Rule(
        behavior="any",
        version=1,
        valid_from=date(2026, 1, 1),
        valid_to=None,
        fields=TWO_FIELDS,
        quantity_expression=draw(st.sampled_from(QUANTITIES)),
        quantity_unit="km",
        factor_expression="k / 3",
        parameters=(Parameter("k", constant, "kg/km", "D", "drawn"),),
        unit_factor_nano=int(Fraction(constant) / 3 * NANO),
        cap_milli=draw(st.none() | st.integers(1, 10**10)),
        multipliers={grade: draw(shares) for grade in "ABCD"},
        grams_for=draw(st.frozensets(st.sampled_from("ABCD"))),
        credits_per_gram=draw(shares),
        credits_per_act=draw(st.integers(0, 50)),
        counts_acts=draw(st.booleans()),
    )


amounts = st.one_of(st.integers(0, 5 * 10**6), st.integers(0, 10**14), st.just(10**14))
batches = st.lists(
    st.tuples(amounts, amounts, st.sampled_from("ABCD"), st.integers(0, 10**10)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(rules(), batches)
def test_columns_give_what_single_records_give(
    rule: Rule, batch: list[tuple[int, int, str, int]]
) -> None:
    nano = {
        name: np.array([row[at] for row in batch], dtype=np.int64)
        for at, name in enumerate(("a", "b"))
    }
    quantities = quantity_milli_columns(rule, nano)
    used = np.array([row[3] for row in batch], dtype=np.int64)
    cap = np.iinfo(np.int64).max if rule.cap_milli is None else rule.cap_milli - used
    counted = np.maximum(0, np.minimum(quantities, cap))
    grams = grams_columns(rule, counted)
    grades = np.frombuffer("".join(row[2] for row in batch).encode(), dtype=np.uint8)
    earned = credits_columns(rule, grams, grades, counted)
    columns = list(zip(quantities, counted, grams, earned, strict=True))
    assert columns == [single_record(rule, row) for row in batch]


def single_record(rule: Rule, row: tuple[int, int, str, int]) -> tuple[int, int, int, int]:
    """Quantity, counted quantity, grams and credits by the other path; zeros when refused."""
    activity = {"a": Decimal(row[0]).scaleb(-9), "b": Decimal(row[1]).scaleb(-9)}
    try:
        result = score(rule, activity, evidence=row[2], used_milli=row[3])
    except ActivityError as error:
        if error.code != "amount_zero":
            raise
        return (0, 0, 0, 0)
    assert result.reduction_g == (result.computed_g if row[2] in rule.grams_for else 0)
    return (result.quantity_milli, result.counted_milli, result.computed_g, result.credits)


def test_quantities_of_parsed_amounts() -> None:
    assert quantity_milli(bus(), {"distance_km": Decimal("1.23456")}) == 1234
