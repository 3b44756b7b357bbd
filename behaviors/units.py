"""Do the units of a rule fit: quantity times factor must be kilograms.

A record is about one person, so its kilometres are passenger-kilometres: a passenger counts as
one.  Meals, steps, sheets and the like are dimensions of their own, so that grams a sheet never
meet a number of meals.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from behaviors.definitions import RuleError
from behaviors.formula import FormulaError, parse
from behaviors.rules import Rule

_COUNTED = (
    *("step", "meal", "sheet", "order", "use", "piece"),
    *("item", "session", "lamp", "parcel", "device"),
)
# Also for whoever converts with exact fractions and so needs a registry of its own.
DEFINITIONS = (
    "passenger = []",
    "pkm = passenger * kilometer = passenger_km",
    "mu = 2000 / 3 * meter ** 2",
    "m3 = meter ** 3",
    *(f"{name} = [{name}_count]" for name in _COUNTED),
)
_SHOWN_LENGTH = 40
_WORD = "[A-Za-z][A-Za-z0-9_]{0,19}"
_PRODUCT = f"{_WORD}(?:[ *]{_WORD}){{0,3}}"
# pint works powers out: a unit such as kg**9**9**9 would never come back.
READABLE = re.compile(rf"{_PRODUCT}(?:/(?:{_WORD}|\({_PRODUCT}\)))?")

# A unit of the registry; pint's classes are built at run time and have no useful static type.
# None is the number 0, which fits any unit.
_Unit = Any


@cache
def registry() -> Any:
    """The one registry of the field's units, made at first need because loading pint is slow."""
    import pint

    units: pint.UnitRegistry[Any] = pint.UnitRegistry()
    for definition in DEFINITIONS:
        units.define(definition)
    return units


def check_units(rule: Rule) -> None:
    """Refuse a rule whose units do not work out to kilograms.

    FormulaError unit_mismatch with the position; RuleError unknown_unit, quantity_unit_mismatch,
    or not_a_mass.  A habit without a factor has only its quantity checked.
    """
    fields = {item.name: _unit(item.unit) for item in rule.fields}
    parameters = {item.name: _unit(item.unit) for item in rule.parameters}
    wanted = _unit(rule.quantity_unit)
    quantity = rule.quantity.fold(_Units(fields | parameters))
    if not _same(quantity, wanted):
        raise RuleError("quantity_unit_mismatch", found=str(quantity), wanted=rule.quantity_unit)
    if not rule.factor_expression:
        return
    factor = parse(rule.factor_expression, names=parameters.keys()).fold(_Units(parameters))
    if factor is not None and not _same(wanted * factor, _unit("kg")):
        raise RuleError("not_a_mass", found=str(wanted * factor))


def _unit(text: str) -> _Unit:
    """The unit of a text such as ``kg/(mu year)``; ``1`` is a plain share."""
    import pint

    if text != "1" and not READABLE.fullmatch(text):
        raise RuleError("unknown_unit", unit=text[:_SHOWN_LENGTH])
    try:
        return registry().Unit("" if text == "1" else text)
    except pint.UndefinedUnitError:
        raise RuleError("unknown_unit", unit=text[:_SHOWN_LENGTH]) from None


def _same(left: _Unit, right: _Unit) -> bool:
    """Whether both measure the same thing on the same scale; kWh and MWh do not."""
    if left is None or right is None:
        return True
    if left.dimensionality != right.dimensionality:
        return False
    scale = registry().Quantity(1.0, left).to(right).magnitude
    return bool(abs(scale - 1) < 1e-12)


@dataclass(frozen=True)
class _Units:
    """Units instead of numbers."""

    units: Mapping[str, _Unit]

    def number(self, value: Fraction) -> _Unit:
        return _unit("1") if value else None

    def name(self, name: str, position: int) -> _Unit:
        return self.units[name]

    def negate(self, operand: _Unit) -> _Unit:
        return operand

    def binary(self, sign: str, left: _Unit, right: _Unit, position: int) -> _Unit:
        if sign in "+-":
            return self.agreed([left, right], position)
        if left is None or right is None:
            return None
        return left * right if sign == "*" else left / right

    def extreme(self, function: str, arguments: list[_Unit], position: int) -> _Unit:
        return self.agreed(arguments, position)

    def choose(
        self,
        compares: Callable[[Any, Any], Any],
        left: _Unit,
        right: _Unit,
        branches: tuple[Callable[[], _Unit], Callable[[], _Unit]],
        position: int,
    ) -> _Unit:
        self.agreed([left, right], position)
        return self.agreed([branch() for branch in branches], position)

    def agreed(self, units: list[_Unit], position: int) -> _Unit:
        first = next((unit for unit in units if unit is not None), None)
        for other in units:
            if not _same(first, other):
                raise FormulaError("unit_mismatch", position, left=str(first), right=str(other))
        return first
