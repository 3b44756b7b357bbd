"""Which years of an inventory are not whole yet, so that they are not compared with whole ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from carbonaccount.institutions.footprint import Block, block_of
from carbonaccount.institutions.inventory_models import InventoryLine
from carbonaccount.institutions.inventory_results import YearAccount, YearSummary

MONTHS_IN_YEAR = 12
WHOLE_YEAR = 0
Mark = tuple[str, int]  # a factor's code and a month


@dataclass(frozen=True)
class Unfinished:
    """A year that is not whole; `months` is how many have lines, 0 when that cannot be told."""

    months: int


def unfinished_account(account: YearAccount, *, today: date) -> Unfinished | None:
    """Return what of a year is there, None of a whole one."""
    return _unfinished([(line.factor_code, line.month) for line in account.lines], account, today)


def unfinished_years(
    session: Session, years: Mapping[int, YearSummary], *, today: date
) -> dict[int, Unfinished]:
    """Return the years of an institution that are not whole; one query."""
    marks: dict[int, list[Mark]] = {}
    rows = session.exec(
        select(
            col(InventoryLine.inventory_id),
            col(InventoryLine.factor_code),
            col(InventoryLine.month),
        )
        .where(
            col(InventoryLine.inventory_id).in_([item.inventory_id for item in years.values()]),
            ~col(InventoryLine.removed),
        )
        .distinct()
    )
    for inventory_id, code, month in rows:
        marks.setdefault(inventory_id, []).append((code, month))
    found = {
        year: _unfinished(marks.get(item.inventory_id, ()), item, today)
        for year, item in years.items()
    }
    return {year: item for year, item in found.items() if item is not None}


def _unfinished(marks: Sequence[Mark], account: YearSummary, today: date) -> Unfinished | None:
    months = _telling_months(marks)
    given = len(months - {WHOLE_YEAR})
    covers = WHOLE_YEAR in months or given == MONTHS_IN_YEAR
    # Heat alone tells no months; a year without any line is not whole.
    if (covers or (marks and not months)) and account.year < today.year:
        return None
    return Unfinished(0 if covers else given)


def _telling_months(marks: Iterable[Mark]) -> set[int]:
    """Return the months of electricity, which everybody takes all year, else of the fuels.

    Nobody heats in summer: the months of heat tell nothing, nor do those of what is in no total.
    """
    months: dict[Block, set[int]] = {}
    for code, month in marks:
        months.setdefault(block_of(code), set()).add(month)
    return months.get(Block.POWER) or months.get(Block.DIRECT) or set()
