"""Error propagation, worked out by hand in the comments, and against a published calculation."""

import pytest

from carbonaccount.institutions.inventory_models import Inventory, InventoryLine
from carbonaccount.institutions.inventory_results import YearAccount, account_of
from carbonaccount.institutions.neutrality import balance
from carbonaccount.institutions.statement_uncertainty import (
    Stated,
    combine,
    content_of,
    percent_text,
)
from carbonaccount.institutions.uncertainty import Coverage, Interval, Part, combined
from tests.carbonaccount.institutions.offsets.arranging import NOW

# The school's year: petrol 3 % and 4 %, power 6 % and 8 %, heat 5 % and 12 %; certificates take
# 3,205 kg off the power.
PETROL = Part("fuel.petrol", 2_179_000, 0, 300, 400)
POWER = Part("grid.shandong", 5_128_000, 3_205_000, 600, 800)
HEAT = Part("heat.purchased", 11_000_000, 0, 500, 1200)


def interval(part: Part, *others: Part) -> Interval:
    """Return the interval of the emissions."""
    found = combined([part, *others]).emissions
    assert found is not None
    return found


def test_one_factor() -> None:
    # sqrt(3^2 + 4^2) = 5 % of 1,000 kg are 50 kg.
    one = interval(Part("fuel.petrol", 1_000_000, 0, 300, 400))
    assert (one.half_g, one.permille, one.lower_g, one.upper_g) == (50_000, 50, 950_000, 1_050_000)


def test_a_year_by_hand() -> None:
    # Petrol sqrt(9 + 16) = 5 %: 108.95 kg. Power sqrt(36 + 64) = 10 %: 512.8 kg. Heat
    # sqrt(25 + 144) = 13 %: 1,430 kg. 11,870.1025 + 262,963.84 + 2,044,900 = 2,319,733.9425,
    # whose root is 1,523.067281 kg: up to the gram 1,523.068 kg, and 8.3196 % of 18,307 kg.
    found = combined([PETROL, POWER, HEAT])
    assert found.coverage is Coverage.WHOLE
    assert found.emissions == Interval(18_307_000, 1_523_068, 84)
    assert (found.emissions.lower_g, found.emissions.upper_g) == (16_783_932, 19_830_068)
    # After the certificates 1,923 kg of power are left: the meter's 6 % of 5,128 kg stay (307.68
    # kg), the factor's 8 % are of 1,923 kg (153.84 kg). 11,870.1025 + 94,666.9824 + 23,666.7456
    # + 2,044,900 = 2,175,103.8305, root 1,474.823322 kg, 9.7657 % of 15,102 kg.
    assert found.to_offset == Interval(15_102_000, 1_474_824, 98)
    assert found.to_offset.upper_g == 16_576_824


# Fuel use and emissions from non-road machinery in Denmark from 1985-2004, Danish Ministry of
# the Environment 2006, annex 6 (the same equations, as tier 1 of the Good Practice Guidance):
# amount, activity %, factor % by category. The annex prints activity in whole percents; its
# combined column gives the rest: 27.839^2 - 25^2 = 150 -> 12.25, 30.414^2 - 25^2 = 300 -> 17.32,
# 32.404^2 - 25^2 = 425 -> 20.62.
ACTIVITY = (1225, 1500, 1732, 2062, 1732, 2062)
FUEL_TJ = (13_750, 237, 11_339, 1_123, 4_078, 1_406)
NOX_T = (11_837, 135, 9_899, 845, 317, 1_040)


@pytest.mark.parametrize(
    ("amounts", "factor", "percent"), [(FUEL_TJ, 500, 8.954), (NOX_T, 2500, 18.634)]
)
def test_a_published_calculation(amounts: tuple[int, ...], factor: int, percent: float) -> None:
    found = interval(
        *(
            Part(f"category {number}", amount * 1_000_000, 0, activity, factor)
            for number, (amount, activity) in enumerate(zip(amounts, ACTIVITY, strict=True))
        )
    )
    assert found.half_g / found.amount_g * 100 == pytest.approx(percent, abs=0.001)


def test_what_is_missing_leaves_no_interval() -> None:
    bare = Part("heat.purchased", 11_000_000, 0, 500, None)
    found = combined([PETROL, POWER, bare])
    assert (found.emissions, found.to_offset) == (None, None)
    # (2,179 + 5,128) / 18,307 = 39.913 %, rounded down.
    assert (found.coverage, found.covered_permille) == (Coverage.PARTLY, 399)
    none = combined([bare])
    assert (none.coverage, none.covered_permille) == (Coverage.NOT_STATED, 0)
    # A ten-thousandth that is missing is not rounded away: 99.99 % is not everything.
    nearly = combined([Part("a", 9_999, 0, 1, 1), Part("b", 1)])
    assert (nearly.coverage, nearly.covered_permille) == (Coverage.PARTLY, 999)


def test_nothing_emitted_and_everything_covered() -> None:
    nothing = combined([Part("fuel.petrol", 0, 0, 300, 400)])
    assert (nothing.coverage, nothing.parts, nothing.emissions) == (Coverage.NOTHING, (), None)
    assert combined([]).coverage is Coverage.NOTHING
    # What emits nothing needs no percentages and adds none.
    assert interval(PETROL, Part("fuel.diesel", 0)).half_g == 108_950
    # Certificates cover all power: nothing is left, but the meter's 6 % of 100 kg may be.
    left = combined([Part("grid.shandong", 100_000, 100_000, 600, 800)]).to_offset
    assert left == Interval(0, 6_000, None)
    assert (left.lower_g, left.upper_g) == (0, 6_000)


def test_bounds_and_rounding() -> None:
    # 100 % and 100 %: sqrt(2) x 1,000 g = 1,414.21 g, up to 1,415 g and 141.5 %; never below 0.
    widest = interval(Part("a", 1_000, 0, 10_000, 10_000))
    assert (widest.half_g, widest.permille, widest.lower_g) == (1_415, 1_415, 0)
    # 0.01 % of 3 g is more than nothing, and is not printed as nothing.
    least = interval(Part("a", 3, 0, 1, 1))
    assert (least.half_g, least.permille) == (1, 1)
    # sqrt(1^2 + 0.0001^2) = 1.000000005 g is more than 1 g by next to nothing, and up all the same.
    assert interval(Part("a", 1, 0, 10_000, 1)).half_g == 2
    assert [percent_text(value) for value in (1, 250, 10_000, None)] == [
        "0.01",
        "2.50",
        "100.00",
        "",
    ]


def year(*lines: tuple[int, str, str, str, str]) -> YearAccount:
    """Return the account of lines: month, factor, value, amount, green power."""
    units = {"fuel": "kgCO2/L", "grid": "kgCO2/kWh", "heat": "kgCO2/GJ", "water": "kgCO2e/m3"}
    rows = [
        InventoryLine(
            id=number,
            inventory_id=1,
            month=month,
            factor_code=code,
            factor_version=2 if value == "0.6191" else 1,
            factor_value=value,
            factor_unit=units[code.split(".")[0]],
            entered_unit="",
            entered_amount=amount,
            amount=amount,
            green_power=green,
            basis="metered",
            changed_at=NOW,
        )
        for number, (month, code, value, amount, green) in enumerate(lines, start=1)
    ]
    return account_of(
        Inventory(id=1, institution_id=1, year=2025, created_at=NOW), [(row, "") for row in rows]
    )


def test_lines_of_one_factor_are_one_quantity() -> None:
    # Twelve months of one meter, 100 kWh x 0.5 = 50 kg each: 5 % of 600 kg are 30 kg. Were they
    # independent, it would be 30 / sqrt(12) = 8.66 kg.
    months = year(*((month, "grid.shandong", "0.5", "100", "0") for month in range(1, 13)))
    given = {"grid.shandong": Stated(300, "1", 400, "2")}
    found = combine(months, balance(months, certificates_kwh=0, offsets_g=0), given)
    assert found.emissions == Interval(600_000, 30_000, 50)


def test_floored_power_and_what_is_optional_stay_out() -> None:
    # 120 of 100 kWh are green: the line counts as 0. Water is in no total. Two versions of the
    # grid's factor are one factor: 100 x 0.6410 + 100 x 0.6191 = 126.01 kg.
    account = year(
        (1, "grid.national", "0.5", "100", "120"),
        (1, "grid.shandong", "0.6410", "100", "0"),
        (2, "grid.shandong", "0.6191", "100", "0"),
        (1, "water.supply", "0.168", "10", "0"),
    )
    given = {"grid.shandong": Stated(300, "1", 400, "2")}
    balanced = balance(account, certificates_kwh=150, offsets_g=0)
    found = combine(account, balanced, given)
    # 5 % of 126.01 kg are 6.3005 kg, up to 6,301 g.
    assert found.emissions == Interval(126_010, 6_301, 50)
    # Certificates cover 100 kWh at 0.6191 first, then 50 at 0.6410: 61.91 + 32.05 = 93.96 kg.
    # 3 % of 126.01 = 3.7803 kg, 4 % of 32.05 = 1.282 kg: sqrt(14.29067 + 1.64352) = 3.99176 kg.
    assert found.to_offset == Interval(32_050, 3_992, 125)
    said = content_of(found, given)
    assert [part["factor"] for part in said["parts"]] == ["grid.shandong"]
    assert said["parts"][0]["activity_percent"] == "3.00"
    assert said["emissions"]["upper_g"] == 132_311
