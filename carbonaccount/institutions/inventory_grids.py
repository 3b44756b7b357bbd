"""Purchased electricity that was counted with another factor than the city's own grid's. Pure.

Another factor is not wrong in itself, but which one is chosen changes the result: whoever looks at
an inventory or reads a statement is told what the usual one would give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonaccount.errors import NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import conversion, footprint
from carbonaccount.institutions.footprint import Block
from carbonaccount.institutions.inventory_entries import USUAL_GRID, factor_day
from carbonaccount.institutions.inventory_results import AccountLine


@dataclass(frozen=True)
class OtherGrid:
    """The electricity of one such factor: `counted` in `unit`, its emission, and the usual one."""

    factor_code: str
    counted: Decimal
    unit: str
    emission_kg: Decimal
    usual_kg: Decimal


def other_grids(lines: Sequence[AccountLine], *, year: int, book: FactorBook) -> list[OtherGrid]:
    """Return what was counted with other factors of electricity, by code.

    Each line is compared with the usual factor's version of its month, and rounded as the account
    rounds. Nothing is compared where the library has no usual factor.
    """
    found: dict[str, OtherGrid] = {}
    for line in lines:
        usual = _usual_kg(line, year, book)
        if usual is None:
            continue
        before = found.get(line.factor_code)
        found[line.factor_code] = OtherGrid(
            line.factor_code,
            line.counted + (before.counted if before else 0),
            line.activity_unit,
            line.emission_kg + (before.emission_kg if before else 0),
            usual + (before.usual_kg if before else 0),
        )
    return [found[code] for code in sorted(found)]


def _usual_kg(line: AccountLine, year: int, book: FactorBook) -> Decimal | None:
    """Return what a line would come to with the usual factor; None where nothing differs."""
    if line.block is not Block.POWER or line.factor_code == USUAL_GRID or not line.counted:
        return None
    try:
        factor = book.on(USUAL_GRID, factor_day(year, line.month))
    except NotFound:
        return None
    unit = footprint.activity_unit(factor.unit)
    amount = line.counted
    if line.activity_unit != unit:
        amount = conversion.convert(
            f"{amount:f}", unit=line.activity_unit, wanted=unit, factor_code=factor.code
        ).amount
    usual = footprint.Factor(factor.code, factor.value, unit)
    return footprint.account([footprint.Line(usual, amount)]).power_kg


def grids_used(lines: Sequence[AccountLine]) -> list[str]:
    """Return the codes of the factors that electricity was counted with."""
    return sorted({line.factor_code for line in lines if line.block is Block.POWER})
