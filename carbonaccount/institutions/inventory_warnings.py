"""What somebody should look at before a year is submitted: jumps, gaps, units. Pure.

A warning stops nothing: a new building or a shut one is as possible as a wrong figure. Each names
its threshold and the figures it compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonaccount.factors import FactorBook
from carbonaccount.institutions.footprint import Block, Kind, kind_of
from carbonaccount.institutions.inventory_entries import USUAL_GRID
from carbonaccount.institutions.inventory_grids import grids_used, other_grids
from carbonaccount.institutions.inventory_results import AccountLine, YearAccount
from carbonaccount.typed import comparable

# More or less than this, in percent, is a jump.
YEAR_JUMP_PERCENT = 20
SAME_MONTH_JUMP_PERCENT = 30
MONTH_JUMP_PERCENT = 60
# A thousand times as much is kWh for MWh; half of that leaves room for real change.
UNIT_SLIP = 500
# Above what any building in use takes: kWh and GJ per square metre and year.
HIGHEST_KWH_PER_M2 = Decimal(1000)
HIGHEST_HEAT_GJ_PER_M2 = Decimal(5)
MONTHS_IN_YEAR = 12
_MONTHS = range(1, MONTHS_IN_YEAR + 1)


@dataclass(frozen=True)
class Remark:
    """One thing to look at: a stable code, and the figures for its sentence.

    `params` hold `factor`, `usual` (codes), `factors`, `month`, `now`, `before`, `kg`, `would`,
    `threshold`, `months`, `place` as far as the code needs them.
    """

    code: str
    params: Mapping[str, object]


def warnings_of(
    account: YearAccount,
    last: YearAccount | None,
    *,
    floor_area_dm2: int,
    month_limit: int = MONTHS_IN_YEAR,
    book: FactorBook | None = None,
) -> list[Remark]:
    """Return what to look at in a year, given the year before if there is one.

    `month_limit` is the last month that is over: later ones are not missing. With the factor
    library, electricity of another grid is compared with the city's own.
    """
    return [
        *_floors(account.lines),
        *(_grids(account, book) if book is not None else ()),
        *_doubles(account.lines),
        *_gaps(account, last, month_limit),
        *_early(account.lines, month_limit),
        *_unit_slips(account, last),
        *_intensities(account, floor_area_dm2),
        *_month_jumps(account, last),
        *_year_jumps(account, last, month_limit),
        *_without_file(account.lines),
    ]


def _floors(lines: Sequence[AccountLine]) -> Iterator[Remark]:
    for line in lines:
        if line.floored:
            yield Remark(
                "deductions_exceed",
                {
                    "factor": line.factor_code,
                    "month": line.month,
                    "now": line.green_power + line.resupplied,
                    "before": line.amount,
                    "unit": line.activity_unit,
                },
            )


def _doubles(lines: Sequence[AccountLine]) -> Iterator[Remark]:
    """The whole year and single months of the same thing are probably the same energy twice."""
    for (factor, place), months in _months_by_place(lines).items():
        if 0 in months and len(months) > 1:
            yield Remark("year_and_months", {"factor": factor, "place": place})


def _grids(account: YearAccount, book: FactorBook) -> Iterator[Remark]:
    """Another factor than the city's own may halve the result: what that would give is said."""
    for other in other_grids(account.lines, year=account.year, book=book):
        params: dict[str, object] = {"factor": other.factor_code, "usual": USUAL_GRID}
        params |= {"now": other.counted, "unit": other.unit}
        yield Remark("other_grid", params | {"kg": other.emission_kg, "would": other.usual_kg})
    used = grids_used(account.lines)
    if len(used) > 1:
        yield Remark("several_grids", {"factors": used})


def _gaps(account: YearAccount, last: YearAccount | None, month_limit: int) -> Iterator[Remark]:
    """Heat is only missing in a month in which last year had some: nobody heats in summer.

    A month in which nobody travelled or, in the holidays, came to work is as it should be.
    """
    heated = {line.month for line in (last.lines if last else ()) if line.block is Block.HEAT}
    heat = {line.factor_code for line in account.lines if line.block is Block.HEAT}
    for (factor, place), months in _months_by_place(account.lines).items():
        wanted = {*range(1, month_limit + 1)} & (heated if factor in heat else {*_MONTHS})
        if kind_of(factor) in (Kind.TRAVEL, Kind.COMMUTING):
            continue
        missing = sorted(wanted - months)
        if missing and 0 not in months:
            yield Remark("months_missing", {"factor": factor, "place": place, "months": missing})


def _early(lines: Sequence[AccountLine], month_limit: int) -> Iterator[Remark]:
    """A month that is not over cannot be known yet."""
    for month in sorted({line.month for line in lines if line.month > month_limit}):
        yield Remark("month_not_over", {"month": month})


def _months_by_place(lines: Sequence[AccountLine]) -> dict[tuple[str, str], set[int]]:
    """Return the months of each meter, which is called as in its first line."""
    names: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], set[int]] = {}
    for line in lines:
        place = names.setdefault((line.factor_code, comparable(line.place)), line.place)
        found.setdefault((line.factor_code, place), set()).add(line.month)
    return found


def _amounts(account: YearAccount | None) -> dict[str, dict[int, Decimal]]:
    """Return what was used of each kind by month, in the factor's unit."""
    found: dict[str, dict[int, Decimal]] = {}
    for line in account.lines if account else ():
        months = found.setdefault(line.factor_code, {})
        months[line.month] = months.get(line.month, Decimal(0)) + line.amount
    return found


def _unit_slips(account: YearAccount, last: YearAccount | None) -> Iterator[Remark]:
    """What is hundreds of times as much as usual, or as little, is probably in another unit."""
    before = _amounts(last)
    for factor, months in _amounts(account).items():
        there = before.get(factor, {})
        for month, amount in sorted(months.items()):
            usual = _usual(month, there) or _usual(month, {**months, 0: Decimal(0)})
            if not usual or not amount:
                continue
            if amount >= usual * UNIT_SLIP or amount * UNIT_SLIP <= usual:
                params: dict[str, object] = {"factor": factor, "month": month, "now": amount}
                params |= {"before": usual, "threshold": UNIT_SLIP}
                yield Remark("unit_improbable", params | {"unit": _unit(account, factor)})


def _usual(month: int, months: Mapping[int, Decimal]) -> Decimal:
    """Return what a month usually takes by other figures, or a year for month 0; 0 if unknown."""
    if month == 0:
        return sum(months.values(), Decimal(0))
    return _median([amount for number, amount in months.items() if number and amount])


def _intensities(account: YearAccount, floor_area_dm2: int) -> Iterator[Remark]:
    limits = ((Block.POWER, HIGHEST_KWH_PER_M2), (Block.HEAT, HIGHEST_HEAT_GJ_PER_M2))
    for block, limit in limits:
        lines = [line for line in account.lines if line.block is block]
        used = sum((line.amount for line in lines), Decimal(0))
        if lines and floor_area_dm2 and used * 100 > limit * floor_area_dm2:
            yield Remark(
                "intensity_improbable",
                {
                    "factor": lines[0].factor_code,
                    "now": (used * 100 / floor_area_dm2).quantize(Decimal("0.1")),
                    "threshold": limit,
                    "unit": f"{lines[0].activity_unit}/m²",
                },
            )


def _month_jumps(account: YearAccount, last: YearAccount | None) -> Iterator[Remark]:
    """Against the same month of last year where there is one, else against the month before."""
    before = _amounts(last)
    for factor, months in _amounts(account).items():
        for month, amount in sorted(months.items()):
            if month == 0:
                continue
            code, limit, other = (
                "jump_last_year",
                SAME_MONTH_JUMP_PERCENT,
                before.get(factor, {}).get(month),
            )
            # Before January stands 0, which is no month but the whole year.
            if other is None and month > 1:
                code, limit, other = "jump_last_month", MONTH_JUMP_PERCENT, months.get(month - 1)
            yield from _jump(code, limit, factor, month, amount, other, _unit(account, factor))


def _year_jumps(
    account: YearAccount, last: YearAccount | None, month_limit: int
) -> Iterator[Remark]:
    if last is None or month_limit < MONTHS_IN_YEAR:
        return
    before = _amounts(last)
    now = _amounts(account)
    for factor in sorted(before.keys() | now.keys()):
        used, other = (sum(found.get(factor, {}).values(), Decimal(0)) for found in (now, before))
        unit = _unit(account, factor) or _unit(last, factor)
        if factor not in now:
            yield Remark("kind_missing", {"factor": factor, "before": other, "unit": unit})
        else:
            yield from _jump("jump_year", YEAR_JUMP_PERCENT, factor, 0, used, other, unit)


def _jump(
    code: str,
    limit: int,
    factor: str,
    month: int,
    amount: Decimal,
    other: Decimal | None,
    unit: str,
) -> Iterator[Remark]:
    if not other:
        return
    percent = (amount - other) * 100 / other
    if abs(percent) > limit:
        yield Remark(
            code,
            {
                "factor": factor,
                "month": month,
                "now": amount,
                "before": other,
                "percent": percent.quantize(Decimal(1)),
                "threshold": limit,
                "unit": unit,
            },
        )


def _without_file(lines: Sequence[AccountLine]) -> Iterator[Remark]:
    bare = [line for line in lines if not line.evidence_files]
    if bare:
        yield Remark("without_evidence", {"lines": len(bare), "of": len(lines)})


def _unit(account: YearAccount, factor: str) -> str:
    return next((x.activity_unit for x in account.lines if x.factor_code == factor), "")


def _median(amounts: Sequence[Decimal]) -> Decimal:
    ordered = sorted(amounts)
    return ordered[len(ordered) // 2] if ordered else Decimal(0)
