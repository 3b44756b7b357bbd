"""What a correction changed: two versions of a year's lines side by side. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from carbonaccount.institutions.inventory_results import AccountLine

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_COMPARED = (
    *("month", "factor_code", "factor_version", "factor_value", "place", "entered_amount"),
    *("entered_unit", "amount", "green_power", "resupplied", "grade", "evidence_files"),
)


@dataclass(frozen=True)
class Difference:
    """A line that is not the same in both versions; None where it is missing."""

    what: str
    before: AccountLine | None
    after: AccountLine | None


def differences(before: Sequence[AccountLine], after: Sequence[AccountLine]) -> list[Difference]:
    """Return what changed from one version to the next, in the order of the newer one."""
    old = {line.line_id: line for line in before}
    new = {line.line_id: line for line in after}
    found = []
    for line_id, line in new.items():
        there = old.get(line_id)
        if there is None:
            found.append(Difference(ADDED, None, line))
        elif _compared(there) != _compared(line):
            found.append(Difference(CHANGED, there, line))
    gone = [line for line_id, line in old.items() if line_id not in new]
    return found + [Difference(REMOVED, line, None) for line in gone]


def _compared(line: AccountLine) -> tuple[object, ...]:
    return (*(getattr(line, name) for name in _COMPARED), line.row.note)
