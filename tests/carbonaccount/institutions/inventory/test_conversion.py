"""Units of activity data: published definitions, worked out by hand; no database."""

from decimal import Decimal
from fractions import Fraction

import pytest

from carbonaccount.errors import Invalid
from carbonaccount.institutions import conversion
from carbonaccount.institutions.conversion import convert

# Amount, unit, wanted unit, factor, result by hand. 1 Btu = 1055.056 J (ISO 31-4), 1 kWh = 3.6 MJ,
# 1 therm = 100,000 Btu, 1 ft = 0.3048 m.
EXACT = [
    ("2", "MWh", "kWh", "", "2000"),
    ("0.5", "万kWh", "kWh", "", "5000"),
    ("360", "度", "kWh", "", "360"),
    ("3.6", "GJ", "kWh", "", "1000"),
    ("1000", "kWh", "GJ", "", "3.6"),
    ("1000", "kBtu", "GJ", "", "1.055056"),
    ("2", "therm", "GJ", "", "0.211011"),  # 0.2110112, half up
    ("1.5", "t", "kg", "", "1500"),
    ("250", "公斤", "t", "", "0.25"),
    ("3", "m³", "L", "", "3000"),
    ("3", "㎥", "L", "", "3000"),
    ("2", "ＭＷｈ", "kWh", "", "2000"),
    ("5", "万㎥", "m3", "", "50000"),
    ("2", "包", "sheet", "", "1000"),
    ("1000", "ft2", "m2", "", "92.90304"),
    ("600", "人公里", "pkm", "travel.train", "600"),
    ("12", "间夜", "night", "accommodation.night", "12"),
    # With the heating value of JS/T 303-2026: 38931 MJ / 38.931 MJ/m3
    ("38.931", "GJ", "m3", "fuel.natural_gas", "1000"),
    ("73", "kg", "L", "fuel.petrol", "100"),
    ("0.86", "t", "L", "fuel.diesel", "1000"),
]


@pytest.mark.parametrize(("amount", "unit", "wanted", "factor", "result"), EXACT)
def test_conversions(amount: str, unit: str, wanted: str, factor: str, result: str) -> None:
    assert convert(amount, unit=unit, wanted=wanted, factor_code=factor).amount == Decimal(result)


def test_therms_of_gas_say_by_what_and_that_digits_were_left_out() -> None:
    found = convert("6025.23", unit="therm", wanted="m3", factor_code="fuel.natural_gas")
    by_hand = Fraction("6025.23") * Fraction("105.5056") / Fraction("38.931")
    assert abs(Fraction(found.amount) - by_hand) <= Fraction(1, 2_000_000)
    assert (found.by, found.rounded) == ("38.931 MJ/m3", True)


REFUSED = [
    ("1", "", "kWh", "", "unit_missing"),
    ("1", "1", "kWh", "", "unit_missing"),
    ("1", "m3", "kWh", "", "unit_does_not_fit"),
    ("1", "GJ", "L", "fuel.petrol", "unit_does_not_fit"),
    ("1", "GJ", "m3", "water.supply", "unit_does_not_fit"),
    ("1", "ton", "t", "", "unknown_unit"),  # 2000 pounds to some
    # Kilometres alone do not say how many went.
    ("1", "km", "pkm", "travel.train", "unit_does_not_fit"),
    ("1", "人公里", "km", "travel.car", "unit_does_not_fit"),
    ("1", "kg**9**9", "t", "", "unknown_unit"),
    ("1", "=1+1", "t", "", "unknown_unit"),
    ("1", "牛", "t", "", "unknown_unit"),
    ("1", "kg?", "t", "", "unknown_unit"),
    ("999999999999999", "MWh", "kWh", "", "amount_too_long"),
]


@pytest.mark.parametrize(("amount", "unit", "wanted", "factor", "code"), REFUSED)
def test_refusals(amount: str, unit: str, wanted: str, factor: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        convert(amount, unit=unit, wanted=wanted, factor_code=factor)
    assert refused.value.code == code


def test_amounts_as_people_write_them() -> None:
    def read(text: str) -> str:
        return conversion.read_entered(text, field="amount")

    assert read("　１，２３４．５０") == "1234.5"
    with pytest.raises(Invalid):
        read("10²")  # no digit of its own

    assert read("1,362,096.75") == "1362096.75"
    assert read(" 007.50 ") == "7.5"
    assert read("974.9998779") == "974.9998779"
    for text, code in (
        ("-1", "amount_negative"),
        ("-1,000", "amount_negative"),
        ("1,5", "not_a_number"),
        ("12 kWh", "not_a_number"),
        ("1e3", "not_a_number"),
        ("١٢", "not_a_number"),
        ("", "missing_field"),
        ("0.1234567891", "amount_too_long"),
    ):
        with pytest.raises(Invalid) as refused:
            read(text)
        assert refused.value.code == code, text


def test_every_choice_fits() -> None:
    assert "therm" in conversion.choices("m3", "fuel.natural_gas")
    assert conversion.choices("m3", "water.supply") == ("m3", "万m3", "L")
    assert conversion.choices("L", "fuel.kerosene") == ("L", "m3")


def test_only_offered_units_pass_however_they_are_written() -> None:
    for unit in ("度", "千瓦时", "kilowatt_hour", "万度", "百万千焦"):
        conversion.require_offered(unit, wanted="kWh", factor_code="grid.shandong")
    with pytest.raises(Invalid) as refused:
        conversion.require_offered("therms", wanted="kWh", factor_code="grid.shandong")
    assert refused.value.code == "unit_not_offered"
    assert refused.value.params["offered"] == "kWh, MWh, 万kWh, GJ, MJ, kBtu"
