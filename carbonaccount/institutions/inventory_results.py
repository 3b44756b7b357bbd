"""What a year's inventory of an institution comes to, for pages, offsets and statements.

Every sum comes from `footprint.account`, the same code that answers POST /api/v1/footprint, over
the amounts and factor values that the lines keep: a later factor changes nothing of an old year.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.institutions import footprint
from carbonaccount.institutions.footprint import Block, Kind, kind_of
from carbonaccount.institutions.inventory_models import (
    Basis,
    Inventory,
    InventoryBaseYear,
    InventoryEvidence,
    InventoryLine,
    InventoryStatus,
)

GRAM = Decimal("0.001")
_EXACT = Context(prec=60)
# Evidence grades of activity data by where it comes from, with a file and without.
_GRADES = {
    Basis.METERED: ("A", "B"),
    Basis.COMPUTED: ("C", "C"),
    Basis.ESTIMATED: ("D", "D"),
}


@dataclass(frozen=True)
class AccountLine:
    """A line of an inventory and what it comes to.

    `line_id` stays the same through corrections. `month` 0 is the whole year. `counted` is what
    the factor is multiplied with, in `activity_unit`; `floored` says that more was deducted than
    purchased, so that it counts as 0. `grade`: A metered or billed with its file, B without,
    C computed, D estimated.
    """

    line_id: int
    month: int
    place: str
    block: Block
    factor_code: str
    factor_version: int
    factor_value: Decimal
    factor_unit: str
    entered_amount: str
    entered_unit: str
    amount: Decimal
    green_power: Decimal
    resupplied: Decimal
    activity_unit: str
    counted: Decimal
    emission_kg: Decimal
    floored: bool
    grade: str
    evidence_files: tuple[str, ...]
    row: InventoryLine = field(repr=False, compare=False)


@dataclass(frozen=True)
class PowerLine:
    """The purchased electricity of one factor version in a year, in kWh, and its emission.

    `green_kwh` and `resupplied_kwh` are deducted already; the emission is never below 0.
    """

    factor_code: str
    factor_version: int
    factor_value: Decimal
    purchased_kwh: Decimal
    green_kwh: Decimal
    resupplied_kwh: Decimal
    emission_kg: Decimal


@dataclass(frozen=True)
class YearSummary:
    """What a year comes to: kilograms with three decimals.

    `optional_kg` (water, paper, travel, commuting) is told apart and in no total. `per_m2_kg` and
    `per_head_kg` are None without floor area or head count of the year, `last_year_total_kg` and
    `base_year_total_kg` None without such a year.
    """

    inventory_id: int
    year: int
    version: int
    status: str
    direct_kg: Decimal
    power_kg: Decimal
    heat_kg: Decimal
    optional_kg: Decimal
    total_kg: Decimal
    per_m2_kg: Decimal | None
    per_head_kg: Decimal | None
    last_year_total_kg: Decimal | None
    base_year: int | None
    base_year_total_kg: Decimal | None


@dataclass(frozen=True)
class YearAccount(YearSummary):
    """The account of a year, with all its lines."""

    power_lines: tuple[PowerLine, ...]
    lines: tuple[AccountLine, ...]

    @property
    def floored(self) -> tuple[AccountLine, ...]:
        """The lines whose deductions exceed what was purchased."""
        return tuple(line for line in self.lines if line.floored)

    @property
    def optional_parts(self) -> dict[Kind, Decimal]:
        """Return the parts of `optional_kg` that are there, in the order of `Kind`."""
        sums: dict[Kind, Decimal] = {}
        for line in self.lines:
            kind = kind_of(line.factor_code)
            if kind is not None:
                sums[kind] = sums.get(kind, Decimal(0)) + line.emission_kg
        return {kind: sums[kind] for kind in Kind if kind in sums}


def year_account(
    session: Session, *, institution_id: int, year: int, locked_only: bool = False
) -> YearAccount | None:
    """Return the account of the newest version of a year, None when there is none.

    With `locked_only` that of the newest locked version: an open correction does not count yet.
    """
    rows = _newest(session, institution_id, locked_only)
    row = rows.get(year)
    if row is None:
        return None
    base = base_year(session, institution_id=institution_id, years=list(rows))
    others = {at: rows[at] for at in (year - 1, base) if at in rows and at != year}
    lines = lines_of(session, inventory_ids=[row.stored_id])
    account = account_of(row, lines.get(row.stored_id, ()))
    compared = {**_summaries(session, others, base), year: account}
    return replace(account, **_compared(year, compared, base))


def latest_account(
    session: Session, *, institution_id: int, locked_only: bool = False
) -> YearAccount | None:
    """Return the account of the latest year there is, None before the first."""
    year = max(_newest(session, institution_id, locked_only), default=None)
    if year is None:
        return None
    return year_account(session, institution_id=institution_id, year=year, locked_only=locked_only)


def summaries_of(
    session: Session, *, institution_id: int, locked_only: bool = False
) -> dict[int, YearSummary]:
    """Return what all years of an institution come to, the earliest first.

    Locked years keep their sums, so that only lines of years at work are read.
    """
    rows = _newest(session, institution_id, locked_only)
    base = base_year(session, institution_id=institution_id, years=list(rows))
    return _summaries(session, rows, base)


def _newest(session: Session, institution_id: int, locked_only: bool) -> dict[int, Inventory]:
    """Return the newest version of each year, the earliest year first."""
    query = select(Inventory).where(col(Inventory.institution_id) == institution_id)
    if locked_only:
        query = query.where(col(Inventory.status) == InventoryStatus.LOCKED)
    newest: dict[int, Inventory] = {}
    for row in session.exec(query.order_by(col(Inventory.year), col(Inventory.version))):
        newest[row.year] = row
    return newest


def _summaries(
    session: Session, rows: Mapping[int, Inventory], base: int | None
) -> dict[int, YearSummary]:
    unsummed = [row.stored_id for row in rows.values() if row.sums is None]
    lines = lines_of(session, inventory_ids=unsummed)
    bare = {
        year: _summary(row, row.sums or sums_of(lines.get(row.stored_id, ())))
        for year, row in rows.items()
    }
    return {year: replace(found, **_compared(year, bare, base)) for year, found in bare.items()}


def sums_of(lines: Sequence[tuple[InventoryLine, str]]) -> dict[str, str]:
    """Return what lines come to by block, as a locked version keeps it."""
    result = footprint.account([_counted_line(line) for line, _name in lines])
    return {
        "direct_kg": f"{result.direct_kg:f}",
        "power_kg": f"{result.power_kg:f}",
        "heat_kg": f"{result.heat_kg:f}",
        "optional_kg": f"{result.optional_kg:f}",
    }


def _summary(row: Inventory, sums: Mapping[str, str]) -> YearSummary:
    amounts = {name: Decimal(kg) for name, kg in sums.items()}
    total = amounts["direct_kg"] + amounts["power_kg"] + amounts["heat_kg"]
    return YearSummary(
        inventory_id=row.stored_id,
        year=row.year,
        version=row.version,
        status=row.status,
        total_kg=total,
        per_m2_kg=_each(total * 100, row.floor_area_dm2),
        per_head_kg=_each(total, row.head_count),
        last_year_total_kg=None,
        base_year=None,
        base_year_total_kg=None,
        **amounts,
    )


def lines_of(
    session: Session, *, inventory_ids: Sequence[int]
) -> dict[int, list[tuple[InventoryLine, str]]]:
    """Return the lines in force of inventories with the names of their evidence files."""
    found: dict[int, list[tuple[InventoryLine, str]]] = {}
    if not inventory_ids:
        return found
    rows = session.exec(
        select(InventoryLine, InventoryEvidence)
        .outerjoin(InventoryEvidence, col(InventoryEvidence.id) == col(InventoryLine.evidence_id))
        .where(col(InventoryLine.inventory_id).in_(inventory_ids), ~col(InventoryLine.removed))
        .order_by(
            col(InventoryLine.factor_code),
            col(InventoryLine.place),
            col(InventoryLine.month),
            col(InventoryLine.id),
        )
    )
    for line, evidence in rows:
        name = evidence.name if evidence is not None else ""
        found.setdefault(line.inventory_id, []).append((line, name))
    return found


def base_year(session: Session, *, institution_id: int, years: Sequence[int]) -> int | None:
    """Return the base year that was set, else the earliest year there is."""
    chosen = session.get(InventoryBaseYear, institution_id)
    if chosen is not None:
        return chosen.year
    return min(years, default=None)


def account_of(inventory: Inventory, lines: Sequence[tuple[InventoryLine, str]]) -> YearAccount:
    """Return the account of one version from its lines, not yet compared with other years."""
    result = footprint.account([_counted_line(line) for line, _name in lines])
    shown = tuple(
        _account_line(line, name, item)
        for (line, name), item in zip(lines, result.lines, strict=True)
    )
    return YearAccount(
        inventory_id=inventory.stored_id,
        year=inventory.year,
        version=inventory.version,
        status=inventory.status,
        direct_kg=result.direct_kg,
        power_kg=result.power_kg,
        heat_kg=result.heat_kg,
        optional_kg=result.optional_kg,
        total_kg=result.total_kg,
        power_lines=_power_lines(shown),
        lines=shown,
        per_m2_kg=_each(result.total_kg * 100, inventory.floor_area_dm2),
        per_head_kg=_each(result.total_kg, inventory.head_count),
        last_year_total_kg=None,
        base_year=None,
        base_year_total_kg=None,
    )


def _counted_line(line: InventoryLine) -> footprint.Line:
    return footprint.Line(
        factor=footprint.Factor(
            line.factor_code,
            Decimal(line.factor_value),
            footprint.activity_unit(line.factor_unit),
        ),
        amount=Decimal(line.amount),
        green_power=Decimal(line.green_power),
        resupplied=Decimal(line.resupplied),
    )


def _account_line(line: InventoryLine, name: str, item: footprint.LineResult) -> AccountLine:
    return AccountLine(
        line_id=line.origin_id or line.stored_id,
        month=line.month,
        place=line.place,
        block=item.block,
        factor_code=line.factor_code,
        factor_version=line.factor_version,
        factor_value=item.line.factor.value,
        factor_unit=line.factor_unit,
        entered_amount=line.entered_amount,
        entered_unit=line.entered_unit,
        amount=item.line.amount,
        green_power=item.line.green_power,
        resupplied=item.line.resupplied,
        activity_unit=item.line.factor.activity_unit,
        counted=item.counted,
        emission_kg=item.emission_kg,
        floored=item.floored,
        grade=grade(line.basis, has_file=bool(name)),
        evidence_files=(name,) if name else (),
        row=line,
    )


def grade(basis: str, *, has_file: bool) -> str:
    """Return the evidence grade of activity data, A to D."""
    with_file, without = _GRADES[Basis(basis)]
    return with_file if has_file else without


def _power_lines(lines: Sequence[AccountLine]) -> tuple[PowerLine, ...]:
    """Gather the electricity by factor version; each line was floored on its own."""
    kinds: dict[tuple[str, int], list[AccountLine]] = {}
    for line in lines:
        if line.block is Block.POWER:
            kinds.setdefault((line.factor_code, line.factor_version), []).append(line)
    return tuple(
        PowerLine(
            factor_code=code,
            factor_version=version,
            factor_value=found[0].factor_value,
            purchased_kwh=_sum(line.amount for line in found),
            green_kwh=_sum(line.green_power for line in found),
            resupplied_kwh=_sum(line.resupplied for line in found),
            emission_kg=_sum(line.emission_kg for line in found),
        )
        for (code, version), found in sorted(kinds.items())
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _each(amount: Decimal, count: int) -> Decimal | None:
    if not count:
        return None
    return _EXACT.divide(amount, Decimal(count)).quantize(
        GRAM, rounding=ROUND_HALF_UP, context=_EXACT
    )


def _compared(year: int, years: Mapping[int, YearSummary], base: int | None) -> dict[str, Any]:
    last = years.get(year - 1)
    base_summary = years.get(base) if base is not None else None
    return {
        "last_year_total_kg": last.total_kg if last else None,
        "base_year": base,
        "base_year_total_kg": base_summary.total_kg if base_summary else None,
    }
