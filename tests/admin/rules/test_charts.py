"""The pictures: places worked out by hand, and the table that says the same."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from admin.drafting.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    curve,
    distribution,
)
from behaviors.scoring import FieldSpec, Parameter, Rule, unit_factor_nano


def linear_rule(kg_per_km: str = "0.05", *, cap_milli: int | None = 40_000) -> Rule:
    """Kilometres times a number of kilograms."""
    parameters = (Parameter("ef", Decimal(kg_per_km), "kg/km", "B", "by hand"),)
    spec = FieldSpec("km", "km", Decimal(0), Decimal(500), Decimal("0.5"), "里程", "Distance")
    return Rule(
        behavior="ride",
        version=1,
        valid_from=date(2026, 1, 1),
        valid_to=None,
        fields=(spec,),
        quantity_expression="km",
        quantity_unit="km",
        factor_expression="ef",
        parameters=parameters,
        unit_factor_nano=unit_factor_nano("ef", parameters),
        cap_milli=cap_milli,
    )


def test_the_line_lies_flat_beyond_the_cap() -> None:
    # The cap is 40 km, so the picture goes to 60 km and beyond 40 km every amount gives 2,000 g.
    picture = curve([linear_rule()], {"km": Decimal(10)})
    last = picture.amounts[-1]
    assert Decimal(60) <= last <= Decimal(64)
    for amount, (grams,) in picture.rows:
        assert grams == min(int(amount * 50), 2000)
    assert picture.lines[0].grams[-1] == 2000
    assert not picture.in_credits


def test_the_cap_stands_where_it_is_reached() -> None:
    picture = curve([linear_rule()], {"km": Decimal(10)})
    last = picture.amounts[-1]
    wanted = LEFT + 40 * (WIDTH - LEFT - RIGHT) / last
    assert picture.cap_x is not None
    assert abs(picture.cap_x - wanted) < Decimal("0.1")
    assert Decimal(40) in picture.amounts


def test_without_a_cap_the_picture_goes_to_four_times_the_amount() -> None:
    # 4 x 10 km = 40 km, 2,000 g at the end; the axis runs to 2,000 and every point is linear.
    picture = curve([linear_rule(cap_milli=None)], {"km": Decimal(10)})
    assert picture.amounts[-1] == 40
    assert picture.cap_x is None
    assert [tick.number for tick in picture.y_ticks] == [0, 500, 1000, 1500, 2000]
    first, *_rest, last = picture.lines[0].points.split()
    assert first == f"{LEFT}.0,{HEIGHT - BOTTOM}.0"
    assert last == f"{WIDTH - RIGHT}.0,{TOP}.0"


def test_two_rules_share_the_axes() -> None:
    picture = curve([linear_rule("0.025"), linear_rule("0.05")], {"km": Decimal(10)})
    assert [line.grams[-1] for line in picture.lines] == [1000, 2000]
    assert picture.y_ticks[-1].number >= 2000


def test_a_rule_of_other_amounts_is_left_out() -> None:
    other = linear_rule()
    renamed = replace(other.fields[0], name="way_km")
    other = replace(other, fields=(renamed,), quantity_expression="way_km")
    assert len(curve([linear_rule(), other], {"km": Decimal(10)}).lines) == 1


def test_a_habit_is_drawn_in_credits() -> None:
    habit = replace(
        linear_rule(cap_milli=None),
        factor_expression="",
        parameters=(),
        unit_factor_nano=0,
        credits_per_act=5,
    )
    picture = curve([habit], {"km": Decimal(10)})
    assert picture.in_credits
    assert picture.lines[0].grams[0] == 0
    assert picture.lines[0].grams[-1] == 5


@pytest.mark.parametrize("maximum", ["1", "0.01", "1000000000"])
def test_limits_of_any_size_can_be_drawn(maximum: str) -> None:
    rule = linear_rule()
    spec = replace(rule.fields[0], maximum=Decimal(maximum), step=Decimal("0.01"))
    rule = replace(rule, fields=(spec,))
    amount = min(Decimal(10), spec.maximum)
    picture = curve([rule], {"km": amount})
    assert picture.amounts[-1] <= spec.maximum
    assert len(picture.lines[0].points.split()) == len(picture.amounts)
    assert len(picture.amounts) > 1


def test_the_distribution_is_drawn_to_scale() -> None:
    rows = [
        {"from": -20, "to": -11, "people": 0},
        {"from": -10, "to": -1, "people": 50},
        {"from": 0, "to": 0, "people": 100},
        {"from": 1, "to": 10, "people": 1},
    ]
    picture = distribution(rows)
    heights = [bucket.height for bucket in picture.buckets]
    whole = HEIGHT - TOP - BOTTOM
    # The least of people is still to be seen.
    assert heights == [0, whole // 2, whole, 3]
    assert [bucket.tone for bucket in picture.buckets] == ["lose", "lose", "same", "gain"]


def test_an_empty_distribution() -> None:
    assert distribution([]).buckets == []
    (only,) = distribution([{"from": 0, "to": 0, "people": 0}]).buckets
    assert (only.height, only.tone) == (0, "same")
