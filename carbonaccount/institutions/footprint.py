"""What an institution's energy comes to, after JS/T 303-2026: pure, exact decimals.

direct  = sum of fuel x factor
power   = (purchased - green power - re-supplied) x factor, never below 0
heat    = (purchased - re-supplied) x factor, never below 0
total   = direct + power + heat

Water, paper, business travel and commuting are not part of the standard's boundary: they are told
apart, by kind, and stay out of the total. Each line is rounded half up to the gram, and the sums
are sums of lines, so that anybody who adds up what is printed finds the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

from carbonaccount.errors import Invalid

# Enough for 15 digits times 12 digits without rounding before the last step.
_EXACT = Context(prec=60)
_GRAM = Decimal("0.001")
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
DECIMALS, DIGITS = 6, 15


class Block(StrEnum):
    """Which part of the account a line belongs to."""

    DIRECT = "direct"
    POWER = "power"
    HEAT = "heat"
    OPTIONAL = "optional"


class Kind(StrEnum):
    """What an optional line is about; each has a sum of its own."""

    WATER = "water"
    PAPER = "paper"
    TRAVEL = "travel"
    COMMUTING = "commuting"


# By what a factor's code begins with. Nights in hotels are part of travelling.
_KINDS = {
    "water": Kind.WATER,
    "paper": Kind.PAPER,
    "travel": Kind.TRAVEL,
    "accommodation": Kind.TRAVEL,
    "commuting": Kind.COMMUTING,
}
_BLOCKS = {
    "fuel": Block.DIRECT,
    "grid": Block.POWER,
    "heat": Block.HEAT,
    **dict.fromkeys(_KINDS, Block.OPTIONAL),
}


@dataclass(frozen=True)
class Factor:
    """A version of an emission factor: `value` kg CO2 (or CO2e) per `activity_unit`."""

    code: str
    value: Decimal
    activity_unit: str


@dataclass(frozen=True)
class Line:
    """Activity data of one kind of energy, in the factor's activity unit."""

    factor: Factor
    amount: Decimal
    green_power: Decimal = Decimal(0)
    resupplied: Decimal = Decimal(0)


@dataclass(frozen=True)
class LineResult:
    """What a line comes to. `floored`: more was deducted than purchased, so it counts as 0."""

    line: Line
    block: Block
    counted: Decimal
    emission_kg: Decimal
    floored: bool


@dataclass(frozen=True)
class Footprint:
    """The account: kilograms with three decimals, a result a line in the order given."""

    direct_kg: Decimal
    power_kg: Decimal
    heat_kg: Decimal
    optional_kg: Decimal
    lines: tuple[LineResult, ...]

    @property
    def total_kg(self) -> Decimal:
        """Direct, power and heat; what is optional stays out."""
        return self.direct_kg + self.power_kg + self.heat_kg


def block_of(code: str) -> Block:
    """Return the block of a factor by its code. Raises Invalid (factor_not_for_inventory)."""
    block = _BLOCKS.get(code.split(".", 1)[0])
    if block is None:
        raise Invalid("factor_not_for_inventory", factor=code[:64])
    return block


def kind_of(code: str) -> Kind | None:
    """Return what an optional factor is about, by its code; None of all other factors."""
    return _KINDS.get(code.split(".", 1)[0])


def activity_unit(unit: str) -> str:
    """Return the unit of activity data of a factor's unit, e.g. kWh for kgCO2/kWh."""
    return unit.partition("/")[2].strip("()")


def read_amount(value: object, *, field: str) -> Decimal:
    """Return activity data as an exact decimal, 0 or more.

    Raises Invalid naming the field: amount_negative, too_many_decimals, not_a_number.
    """
    text = str(value) if isinstance(value, (str, int, Decimal)) else ""
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise Invalid("not_a_number", field=field)
    if text.startswith("-"):
        raise Invalid("amount_negative", field=field)
    if not _AMOUNT.fullmatch(text):
        raise Invalid("amount_too_long", field=field, digits=DIGITS, limit=DECIMALS)
    return Decimal(text)


def account(lines: Sequence[Line]) -> Footprint:
    """Return what the lines come to.

    Raises Invalid with the field of the line: factor_not_for_inventory, green_power_not_here,
    resupplied_not_here.
    """
    results = tuple(_line(line, number) for number, line in enumerate(lines))
    sums = {
        block: sum((r.emission_kg for r in results if r.block is block), Decimal("0.000"))
        for block in Block
    }
    return Footprint(
        direct_kg=sums[Block.DIRECT],
        power_kg=sums[Block.POWER],
        heat_kg=sums[Block.HEAT],
        optional_kg=sums[Block.OPTIONAL],
        lines=results,
    )


def _line(line: Line, number: int) -> LineResult:
    block = block_of(line.factor.code)
    if line.green_power and block is not Block.POWER:
        raise Invalid("green_power_not_here", field=f"lines.{number}.green_power")
    if line.resupplied and block not in (Block.POWER, Block.HEAT):
        raise Invalid("resupplied_not_here", field=f"lines.{number}.resupplied")
    net = _EXACT.subtract(_EXACT.subtract(line.amount, line.green_power), line.resupplied)
    counted = max(net, Decimal(0))
    emission = _EXACT.multiply(counted, line.factor.value)
    return LineResult(
        line=line,
        block=block,
        counted=counted,
        emission_kg=emission.quantize(_GRAM, rounding=ROUND_HALF_UP, context=_EXACT),
        floored=net < 0,
    )
