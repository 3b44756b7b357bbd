"""Amounts as people have them, in the unit of the factor: exact fractions, pint's units.

Energy of a fuel that is counted by volume or mass is converted with the values that table A.1 of
JS/T 303-2026 was made with (they reproduce its factors): natural gas 38.931 MJ/m3, petrol 0.73
and diesel 0.86 kg/L. A heating value on another basis (gross, as in therms) is not lowered, which
can only make the emission larger. Btu is 1055.056 J (ISO 31-4), so a therm is 105.5056 MJ.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from carbonaccount.errors import Invalid
from carbonaccount.institutions.footprint import DECIMALS, DIGITS
from carbonaccount.typed import half_width

_DEFINITIONS = (
    "m3 = meter ** 3",
    "ft2 = foot ** 2",
    "m2 = meter ** 2",
    "sheet = [sheet_count]",
    "ream = 500 * sheet",
    "passenger = [passenger_count]",
    "pkm = passenger * kilometer",
    "night = [night_count]",
    "ten_thousand_kWh = 10000 * kilowatt_hour",
    "ten_thousand_m3 = 10000 * meter ** 3",
)
# What people write; pint's own `ton` is 2000 pounds, which nobody here means.
_WRITTEN = {
    "度": "kWh",
    "千瓦时": "kWh",
    "兆瓦时": "MWh",
    "万度": "ten_thousand_kWh",
    "万千瓦时": "ten_thousand_kWh",
    "万kWh": "ten_thousand_kWh",
    "立方米": "m3",
    "方": "m3",
    "m³": "m3",
    "Nm3": "m3",
    "Nm³": "m3",
    "万立方米": "ten_thousand_m3",
    "万m³": "ten_thousand_m3",
    "万m3": "ten_thousand_m3",
    "吨": "t",
    "千克": "kg",
    "公斤": "kg",
    "升": "L",
    "吉焦": "GJ",
    "兆焦": "MJ",
    "百万千焦": "GJ",
    "张": "sheet",
    "页": "sheet",
    "包": "ream",
    "therms": "therm",
    "公里": "km",
    "人公里": "pkm",
    "人·公里": "pkm",
    "间夜": "night",
    "㎡": "m2",
    "m²": "m2",
    "平方米": "m2",
    "ft²": "ft2",
}
# Units that a person may choose by the unit of the factor, the usual one first.
CHOICES: dict[str, tuple[str, ...]] = {
    "kWh": ("kWh", "MWh", "万kWh", "GJ", "MJ", "kBtu"),
    "GJ": ("GJ", "MJ", "kWh", "MWh", "kBtu", "therm"),
    "m3": ("m3", "万m3", "L", "GJ", "MJ", "kWh", "therm", "kBtu"),
    "L": ("L", "m3", "kg", "t"),
    "kg": ("kg", "t"),
    "t": ("t", "kg"),
    "sheet": ("张", "包"),
    "pkm": ("人公里", "pkm"),
    "km": ("公里", "km"),
    "night": ("间夜", "night"),
}
UNITS = tuple(dict.fromkeys(unit for units in CHOICES.values() for unit in units))
# What a cubic metre or litre of a fuel holds, from the reference named above.
_MEASURES: dict[str, tuple[str, Fraction]] = {
    "fuel.natural_gas": ("MJ/m3", Fraction("38.931")),
    "fuel.petrol": ("kg/L", Fraction("0.73")),
    "fuel.diesel": ("kg/L", Fraction("0.86")),
}
_UNIT = re.compile(r"[^\W\d_]\w{0,19}")
_ENTERED = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", re.ASCII)
ENTERED_DECIMALS = 9
_STEP = Decimal(1).scaleb(-DECIMALS)
_EXACT = Context(prec=60)
# A unit of the registry; pint's classes are built at run time and have no useful static type.
_Unit = Any


@dataclass(frozen=True)
class Converted:
    """An amount in the factor's unit, 6 decimals at most, rounded half up when it has more.

    `by` tells what of the fuel was used to get there, e.g. `38.931 MJ/m3`; empty when the units
    measure the same thing. `rounded` says that decimals were left out.
    """

    amount: Decimal
    by: str
    rounded: bool


@cache
def _registry() -> Any:
    """The one registry, in exact fractions; loading pint is slow."""
    import pint

    units: pint.UnitRegistry[Fraction] = pint.UnitRegistry(non_int_type=Fraction)
    for definition in _DEFINITIONS:
        units.define(definition)
    return units


def read_entered(text: str, *, field: str) -> str:
    """Return an amount as entered, without thousands separators and needless zeros.

    It is 0 or more and has up to 9 decimals.

    Raises Invalid naming the field: missing_field, not_a_number, amount_negative,
    amount_too_long.
    """
    plain = half_width(text).strip()
    if not plain:
        raise Invalid("missing_field", field=field)
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise Invalid("not_a_number", field=field)
    if plain.startswith("-"):
        raise Invalid("amount_negative", field=field)
    if not _ENTERED.fullmatch(plain):
        raise Invalid("amount_too_long", field=field, digits=DIGITS, limit=ENTERED_DECIMALS)
    return decimal_plain(Decimal(plain))


def convert(
    entered: str, *, unit: str, wanted: str, factor_code: str = "", field: str = "unit"
) -> Converted:
    """Return an entered amount in another unit.

    Raises Invalid naming the field: unit_missing, unknown_unit, unit_does_not_fit,
    amount_too_long.
    """
    ratio, by = ratio_of(unit=unit, wanted=wanted, factor_code=factor_code, field=field)
    exact = Fraction(entered) * ratio
    amount = decimal_of(exact)
    if amount >= Decimal(10) ** DIGITS:
        raise Invalid("amount_too_long", field=field, digits=DIGITS, limit=DECIMALS)
    return Converted(amount=amount, by=by, rounded=Fraction(amount) != exact)


def ratio_of(
    *, unit: str, wanted: str, factor_code: str = "", field: str = "unit"
) -> tuple[Fraction, str]:
    """Return by what an amount is multiplied, and what of the fuel that uses.

    Raises Invalid as `convert` does.
    """
    if not unit.strip() or unit.strip() == "1":
        raise Invalid("unit_missing", field=field)
    given, target = _unit(unit, field), _unit(wanted, field)
    if given.dimensionality == target.dimensionality:
        return _scale(given, target), ""
    name, value = _MEASURES.get(factor_code, ("", Fraction(0)))
    if name:
        per, of = (_unit(part, field) for part in name.split("/"))
        if (
            given.dimensionality == per.dimensionality
            and target.dimensionality == of.dimensionality
        ):
            return _scale(given, per) / value * _scale(of, target), f"{_plain(value)} {name}"
    raise Invalid("unit_does_not_fit", field=field, unit=unit.strip()[:20], wanted=wanted)


def require_offered(unit: str, *, wanted: str, factor_code: str, field: str = "unit") -> None:
    """Let only units pass that are offered for a factor, however they are written.

    Raises Invalid naming the field: unit_missing, unknown_unit, unit_not_offered with those
    that are. A therm of electricity can be converted, but nobody is billed so: it is a mistake.
    """
    if not unit.strip() or unit.strip() == "1":
        raise Invalid("unit_missing", field=field)
    given, offered = _unit(unit, field), choices(wanted, factor_code)
    if given not in [_unit(name, field) for name in offered]:
        raise Invalid(
            "unit_not_offered", field=field, unit=unit.strip()[:20], offered=", ".join(offered)
        )


def choices(wanted: str, factor_code: str) -> tuple[str, ...]:
    """Return the units in which an amount of a factor may be entered, the usual one first."""
    fitting = []
    for unit in CHOICES.get(wanted, (wanted,)):
        try:
            ratio_of(unit=unit, wanted=wanted, factor_code=factor_code)
        except Invalid:
            continue
        fitting.append(unit)
    return tuple(fitting)


def decimal_of(value: Fraction) -> Decimal:
    """Return a fraction as a decimal with at most 6 decimals, rounded half up."""
    exact = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    rounded = exact.quantize(_STEP, rounding=ROUND_HALF_UP, context=_EXACT)
    return Decimal(decimal_plain(rounded))


def decimal_plain(value: Decimal) -> str:
    """Return a decimal without exponent and without zeros at its end."""
    return _trimmed(f"{value:f}")


def _scale(given: _Unit, target: _Unit) -> Fraction:
    registry = _registry()
    return Fraction(registry.Quantity(Fraction(1), given).to(target).magnitude)


def _unit(text: str, field: str) -> _Unit:
    import pint

    written = text.strip()
    folded = unicodedata.normalize("NFKC", written)  # ㎥ and full-width letters
    name = _WRITTEN.get(folded, folded)
    if not _UNIT.fullmatch(name) or name == "ton":
        raise Invalid("unknown_unit", field=field, unit=written[:20])
    try:
        return _registry().Unit(name)
    except (pint.PintError, ValueError, TypeError, AttributeError):
        raise Invalid("unknown_unit", field=field, unit=written[:20]) from None


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: Fraction) -> str:
    return decimal_plain(decimal_of(value))
