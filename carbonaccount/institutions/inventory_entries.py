"""What is entered for one line, checked and converted; pure but for the factor book it is given."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from carbonaccount.errors import DomainError, Invalid
from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions import conversion, footprint
from carbonaccount.institutions.footprint import Block, Kind, kind_of
from carbonaccount.institutions.inventory_models import Basis
from carbonaccount.typed import comparable

WHOLE_YEAR = 0
# The city's electricity comes from this grid; events and the residents' methods name it as well.
USUAL_GRID = "grid.shandong"
MONTHS = range(1, 13)
LONGEST_PLACE = 60
LONGEST_NOTE = 200
_FACTOR_WORDS = (
    *("平均二氧化碳排放因子", "二氧化碳排放因子"),
    *("Average CO2 factor of ", "CO2 factor of "),
)
# Of a line, what a correction or an import may change; the rest follows from it.
FIELDS = (
    *("month", "factor_code", "factor_version", "factor_value", "factor_unit", "place"),
    *("entered_unit", "entered_amount", "entered_green_power", "entered_resupplied"),
    *("amount", "green_power", "resupplied", "basis", "evidence_id", "note"),
)


@dataclass(frozen=True)
class Entry:
    """A line as a person or a file gives it; amounts are text in `unit`."""

    month: int
    factor_code: str
    amount: str
    unit: str
    green_power: str = ""
    resupplied: str = ""
    place: str = ""
    basis: str = Basis.METERED
    note: str = ""
    evidence_id: int | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells lines of a year apart: month, factor, and place or meter."""
        return line_key(self.month, self.factor_code, self.place)


def line_key(month: object, factor_code: object, place: object) -> tuple[object, ...]:
    """Return what tells lines of a year apart; a meter `A` is the meter `a`, full-width too."""
    return month, factor_code, comparable(str(place))


def factor_day(year: int, month: int) -> date:
    """Return the day whose factor holds for a month: its first; of a whole year, January's."""
    return date(year, month or 1, 1)


def prepared(entry: Entry, *, year: int, book: FactorBook) -> dict[str, object]:
    """Return the fields of a line: what was entered, the same in the factor's unit, the factor.

    Raises Invalid naming the field that is wrong: unknown_month, unknown_factor,
    factor_not_for_inventory, unknown_basis, text_too_long, green_power_not_here,
    resupplied_not_here, unit_not_offered, and what reading and converting amounts raises.
    """
    if entry.month != WHOLE_YEAR and entry.month not in MONTHS:
        raise Invalid("unknown_month", field="month")
    if entry.basis not in set(Basis):
        raise Invalid("unknown_basis", field="basis")
    factor = _factor(entry, year, book)
    wanted = footprint.activity_unit(factor.unit)
    entered = {
        "amount": conversion.read_entered(entry.amount, field="amount"),
        "green_power": conversion.read_entered(entry.green_power or "0", field="green_power"),
        "resupplied": conversion.read_entered(entry.resupplied or "0", field="resupplied"),
    }
    conversion.require_offered(entry.unit, wanted=wanted, factor_code=factor.code)
    converted = {
        name: conversion.convert(
            text, unit=entry.unit, wanted=wanted, factor_code=factor.code
        ).amount
        for name, text in entered.items()
    }
    _check_deductions(factor, converted)
    return {
        "month": entry.month,
        "factor_code": factor.code,
        "factor_version": factor.version,
        "factor_value": f"{factor.value:f}",
        "factor_unit": factor.unit,
        "place": _text(entry.place, "place", LONGEST_PLACE),
        "entered_unit": entry.unit.strip(),
        **{f"entered_{name}": text for name, text in entered.items()},
        **{name: f"{amount:f}" for name, amount in converted.items()},
        "basis": str(entry.basis),
        "evidence_id": entry.evidence_id,
        "note": _text(entry.note, "note", LONGEST_NOTE),
    }


def _factor(entry: Entry, year: int, book: FactorBook) -> FactorVersion:
    try:
        footprint.block_of(entry.factor_code)
        return book.on(entry.factor_code, factor_day(year, entry.month))
    except DomainError as error:
        raise Invalid(error.code, **{**error.params, "field": "factor_code"}) from None


def _check_deductions(factor: FactorVersion, converted: dict[str, Decimal]) -> None:
    """Let the arithmetic itself refuse what does not belong, with the line's field."""
    line = footprint.Line(
        footprint.Factor(factor.code, factor.value, footprint.activity_unit(factor.unit)),
        amount=converted["amount"],
        green_power=converted["green_power"],
        resupplied=converted["resupplied"],
    )
    try:
        footprint.account([line])
    except Invalid as error:
        field = str(error.params.get("field", "")).rpartition(".")[2]
        raise Invalid(error.code, **{**error.params, "field": field}) from None


def _text(text: str, field: str, limit: int) -> str:
    plain = " ".join(text.split())
    if len(plain) > limit:
        raise Invalid("text_too_long", field=field, limit=limit)
    return plain


def energy_name(factor: FactorVersion, language: str) -> str:
    """Return what a factor is of, as people call it: the electricity, not its factor."""
    name = factor.name_en if language == "en" else factor.name_zh
    for ending in _FACTOR_WORDS:
        name = name.replace(ending, "")
    return name[:1].upper() + name[1:]


def usable_factors(book: FactorBook, day: date) -> list[tuple[Block, FactorVersion]]:
    """Return the factors in force that an inventory can use, in the order of the account.

    Of several for electricity the city's own stands first: it is the one that people take.
    """
    found = []
    for factor in book.all_on(day):
        try:
            found.append((footprint.block_of(factor.code), factor))
        except Invalid:
            continue
    order = [*Block, *Kind]
    return sorted(
        found,
        key=lambda item: (
            order.index(item[0]),
            order.index(kind_of(item[1].code) or item[0]),
            item[1].code != USUAL_GRID,
        ),
    )
