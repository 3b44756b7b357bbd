"""Reading a filled-in template (XLSX or CSV): what it would add, change or leave, line by line.

Nothing is written here: a `Plan` is shown to the person first. Lines are told apart by month,
factor and place, so that the same file a second time changes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carbonaccount.errors import DomainError, Invalid
from carbonaccount.factors import FactorBook
from carbonaccount.institutions.inventory_entries import (
    WHOLE_YEAR,
    Entry,
    energy_name,
    line_key,
    prepared,
)
from carbonaccount.institutions.inventory_models import Basis, InventoryEvidence, InventoryLine
from carbonaccount.institutions.inventory_tables import Row, read_table

# In either language; whoever asks for a template gets the sheet in theirs.
SHEETS = ("填报", "Data")
# By field: the Chinese name that stands in the template, and the English one, which reads as well.
COLUMNS: dict[str, tuple[str, str]] = {
    "month": ("月份", "Month"),
    "factor_code": ("能源或活动", "Energy or activity"),
    "place": ("地点或表计", "Place or meter"),
    "amount": ("数量", "Amount"),
    "unit": ("单位", "Unit"),
    "green_power": ("其中绿电", "Of it green power"),
    "resupplied": ("其中转供", "Of it re-supplied"),
    "basis": ("数据来源", "Basis"),
    "evidence": ("佐证文件", "Evidence file"),
    "note": ("备注", "Note"),
}
REQUIRED = ("month", "factor_code", "amount", "unit")
BASES: dict[str, tuple[str, str]] = {
    Basis.METERED: ("计量或账单", "meter or bill"),
    Basis.COMPUTED: ("推算", "computed"),
    Basis.ESTIMATED: ("估计", "estimated"),
}
_MONTH = re.compile(r"(\d{1,2})\s*月?", re.ASCII)
# With its year, and perhaps with the day that spreadsheets add.
_DATED = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*月|[-/.]\d{1,2})?", re.ASCII)
_YEARS = ("全年", "年度", "year", "whole year", "0")
# The example of the template, so that nobody's first inventory holds it.
EXAMPLE_MARKS = ("示例", "Example")


@dataclass(frozen=True)
class ReadLine:
    """A line of the file that can be taken: the fields it becomes."""

    line: int
    fields: dict[str, object]
    line_id: int | None = None
    before: dict[str, object] | None = None


@dataclass(frozen=True)
class RefusedLine:
    """A line of the file that cannot be taken, why, and its text as it stands there."""

    line: int
    error: DomainError
    text: str


@dataclass(frozen=True)
class Plan:
    """What a file would do to an inventory; `examples` are line numbers of the template's own."""

    added: list[ReadLine] = field(default_factory=list)
    changed: list[ReadLine] = field(default_factory=list)
    unchanged: list[ReadLine] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)

    @property
    def does_something(self) -> bool:
        """Return whether taking the file would write anything."""
        return bool(self.added or self.changed)


def plan_upload(
    content: bytes,
    name: str,
    *,
    year: int,
    book: FactorBook,
    present: Sequence[InventoryLine],
    evidence: Sequence[InventoryEvidence],
) -> Plan:
    """Return what a file would do to the lines that are there.

    Raises Invalid as `inventory_tables.read_table` does, and table_columns naming those missing.
    """
    table = read_table(content, name, sheets=SHEETS, wanted=COLUMNS["amount"])
    named = _fields_by_column(table.columns)
    missing = [" / ".join(COLUMNS[item]) for item in REQUIRED if item not in named.values()]
    if missing:
        raise Invalid("table_columns", columns=", ".join(missing))
    reader = _Reader(year, book, named, {item.name: item.id or 0 for item in evidence})
    plan = Plan()
    known = {line_key(line.month, line.factor_code, line.place): line for line in present}
    seen: dict[tuple[object, ...], int] = {}
    for row in table.rows:
        if reader.cell(row, "note") in EXAMPLE_MARKS:
            plan.examples.append(row.line)
            continue
        try:
            fields = reader.fields(row)
            key = line_key(fields["month"], fields["factor_code"], fields["place"])
            if key in seen:
                raise Invalid("line_repeats", line=seen[key])
            seen[key] = row.line
        except DomainError as error:
            text = " | ".join(cell.strip() for cell in row.cells.values() if cell.strip())
            plan.refused.append(RefusedLine(row.line, error, text[:200]))
            continue
        _sort_in(plan, row.line, fields, known.get(key))
    return plan


def _sort_in(
    plan: Plan, number: int, fields: dict[str, object], there: InventoryLine | None
) -> None:
    if there is None:
        plan.added.append(ReadLine(number, fields))
        return
    if fields["evidence_id"] is None:
        # A file without the name of an evidence file takes none away.
        fields["evidence_id"] = there.evidence_id
    before = {name: getattr(there, name) for name in fields}
    target = plan.unchanged if before == fields else plan.changed
    target.append(ReadLine(number, fields, there.stored_id, before))


def _fields_by_column(columns: Sequence[str]) -> dict[str, str]:
    names = {name.lower(): item for item, both in COLUMNS.items() for name in both}
    return {column: names[column.lower()] for column in columns if column.lower() in names}


@dataclass(frozen=True)
class _Reader:
    year: int
    book: FactorBook
    named: Mapping[str, str]
    evidence: Mapping[str, int]

    def cell(self, row: Row, item: str) -> str:
        return next((row.get(column) for column, name in self.named.items() if name == item), "")

    def fields(self, row: Row) -> dict[str, object]:
        entry = Entry(
            month=read_month(self.cell(row, "month"), year=self.year),
            factor_code=self._factor(self.cell(row, "factor_code")),
            amount=self.cell(row, "amount"),
            unit=self.cell(row, "unit"),
            green_power=self.cell(row, "green_power"),
            resupplied=self.cell(row, "resupplied"),
            place=self.cell(row, "place"),
            basis=read_basis(self.cell(row, "basis")),
            note=self.cell(row, "note"),
            evidence_id=self._evidence(self.cell(row, "evidence")),
        )
        return prepared(entry, year=self.year, book=self.book)

    def _factor(self, text: str) -> str:
        """Return the code of a factor by its code or one of its names."""
        if not text:
            raise Invalid("missing_field", field="factor_code")
        wanted = text.lower()
        for factor in self.book.versions:
            names = (factor.code, factor.name_zh, factor.name_en)
            spoken = (energy_name(factor, "zh"), energy_name(factor, "en"))
            if wanted in [name.lower() for name in (*names, *spoken)]:
                return factor.code
        raise Invalid("unknown_factor", factor=text[:64])

    def _evidence(self, text: str) -> int | None:
        if not text:
            return None
        if text not in self.evidence:
            raise Invalid("evidence_not_uploaded", name=text[:60])
        return self.evidence[text]


def read_month(text: str, *, year: int) -> int:
    """Return a month from `3`, `3月`, `2026-03` or `2026年3月`, 0 for the whole year.

    Raises Invalid (unknown_month), (month_of_other_year).
    """
    if text.lower() in _YEARS or text in (str(year), f"{year}年"):
        return WHOLE_YEAR
    dated, bare = _DATED.fullmatch(text), _MONTH.fullmatch(text)
    month = int(dated[2] if dated else bare[1] if bare else 0)
    if not 1 <= month <= 12:
        raise Invalid("unknown_month", field="month")
    if dated and int(dated[1]) != year:
        raise Invalid("month_of_other_year", year=year, found=dated[1])
    return month


def read_basis(text: str) -> str:
    """Return where an amount comes from; a meter or bill when nothing is said.

    Raises Invalid (unknown_basis).
    """
    if not text:
        return Basis.METERED
    for basis, names in BASES.items():
        if text.lower() in (basis, *names):
            return basis
    raise Invalid("unknown_basis", field="basis")
