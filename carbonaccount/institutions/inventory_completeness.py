"""Which years of an inventory are not whole yet, so that they are not compared with whole ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.institutions.footprint import Block, block_of
from carbonaccount.institutions.inventory_models import Inventory, InventoryLine
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
    marks = [(line.factor_code, line.month) for line in account.lines]
    return _unfinished(marks, account.year, today)


def unfinished_around(
    session: Session, account: YearAccount, *, institution_id: int, today: date
) -> dict[int, Unfinished]:
    """Return which are not whole of a year, the one before and the base year; one query."""
    other = {account.year - 1, account.base_year} - {account.year, None}
    rows = session.execute(
        sa.select(
            col(Inventory.year),
            col(Inventory.version),
            col(InventoryLine.factor_code),
            col(InventoryLine.month),
        )
        .outerjoin(
            InventoryLine,
            sa.and_(
                col(InventoryLine.inventory_id) == col(Inventory.id), ~col(InventoryLine.removed)
            ),
        )
        .where(col(Inventory.institution_id) == institution_id, col(Inventory.year).in_(other))
        .distinct()
    ).all()
    newest: dict[int, int] = {}
    for year, version, _code, _month in rows:
        newest[year] = max(version, newest.get(year, 0))
    marks: dict[int, list[Mark]] = {year: [] for year in newest}
    for year, version, code, month in rows:
        if version == newest[year] and code is not None:
            marks[year].append((code, month))
    found = {year: _unfinished(given, year, today) for year, given in marks.items()}
    found[account.year] = unfinished_account(account, today=today)
    return {year: item for year, item in found.items() if item is not None}


def comparable(year: int, other: int | None, unfinished: Mapping[int, Unfinished]) -> bool:
    """Return whether two years are both whole: only such are compared in percent."""
    return year not in unfinished and other not in unfinished


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
        year: _unfinished(marks.get(item.inventory_id, ()), year, today)
        for year, item in years.items()
    }
    return {year: item for year, item in found.items() if item is not None}


def _unfinished(marks: Sequence[Mark], year: int, today: date) -> Unfinished | None:
    months = _telling_months(marks)
    given = len(months - {WHOLE_YEAR})
    covers = WHOLE_YEAR in months or given == MONTHS_IN_YEAR
    # Heat alone tells no months; a year without any line is not whole.
    if (covers or (marks and not months)) and year < today.year:
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
