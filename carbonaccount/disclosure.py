"""Which figures may be told without telling anything of groups of fewer than ten people.

A small group is withheld, and so is what sums and their other parts would tell of it: no small
group can be worked out from all that is told together, nor can what is withheld of one breakdown
when it is of fewer than ten people together (complementary suppression, as statistical offices do
it). Whoever compares what was told on two days is not met by this.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

FEWEST_PEOPLE = 10
K = TypeVar("K")
_Row = dict[K, Fraction]


class Cell(NamedTuple):
    """How many people a figure tells of, and how many records it adds up."""

    people: int
    records: int


@dataclass(frozen=True)
class Relation(Generic[K]):
    """That a figure is the sum of others; `disjoint` when nobody is in two of the parts."""

    total: K
    parts: tuple[K, ...]
    disjoint: bool = False


def withheld(cells: Mapping[K, Cell], relations: Sequence[Relation[K]]) -> set[K]:
    """Return the keys of the figures that may not be told.

    A figure without records tells that nothing was recorded and may be told. Among figures that
    could be given up for a small one, that with the fewest records is.
    """
    hidden = {key for key, cell in cells.items() if cell.records and cell.people < FEWEST_PEOPLE}
    while True:
        added = {found for item in relations if (found := _given_up(item, cells, hidden))}
        hidden |= added
        if not added:
            revealed = _revealed(cells, relations, hidden)
            if revealed is None:
                return hidden
            hidden.add(revealed)


def _given_up(relation: Relation[K], cells: Mapping[K, Cell], hidden: set[K]) -> K | None:
    """Return what must be withheld as well so that a sum does not tell of a small group."""
    parts = [key for key in relation.parts if cells[key].records]
    gone = [key for key in parts if key in hidden]
    if relation.total in hidden:
        # The difference of total and parts is that of figures that are all told.
        return _smallest(parts, cells, hidden) if not gone and parts else None
    if not gone or len(gone) == len(parts) > 1:
        return None
    enough = _people(gone, cells, disjoint=relation.disjoint) >= FEWEST_PEOPLE
    if enough and len(gone) > 1:
        return None
    found = _smallest(parts, cells, hidden)
    return relation.total if found is None else found


def _people(keys: Iterable[K], cells: Mapping[K, Cell], *, disjoint: bool) -> int:
    """Return of how many people, at the least, several figures tell together."""
    counts = [cells[key].people for key in keys]
    return sum(counts) if disjoint else max(counts)


def _smallest(keys: Iterable[K], cells: Mapping[K, Cell], hidden: set[K]) -> K | None:
    shown = [key for key in keys if key not in hidden]
    return min(shown, key=lambda key: (cells[key].records, str(key)), default=None)


def _revealed(
    cells: Mapping[K, Cell], relations: Sequence[Relation[K]], hidden: set[K]
) -> K | None:
    """Return a told figure to give up because all relations together tell a small group."""
    rows = [row for item in relations if (row := _unknown(item, cells, hidden))]
    for row in _reduced(rows):
        if not _tells(row, cells, relations):
            continue
        around = [
            key
            for item in relations
            if row.keys() & {item.total, *item.parts}
            for key in (*item.parts, item.total)
            if cells[key].records
        ]
        found = _smallest(around, cells, hidden)
        if found is not None:
            return found
    return None


def _tells(row: _Row[K], cells: Mapping[K, Cell], relations: Sequence[Relation[K]]) -> bool:
    """Return whether a known sum is that of fewer than ten people; a difference is of nobody."""
    if min(row.values()) < 0 < max(row.values()):
        return False
    disjoint = any(item.disjoint and row.keys() <= set(item.parts) for item in relations)
    return _people(row, cells, disjoint=disjoint) < FEWEST_PEOPLE


def _unknown(relation: Relation[K], cells: Mapping[K, Cell], hidden: set[K]) -> _Row[K]:
    """Return a relation's withheld figures as a row of a system of equations."""
    row: _Row[K] = {
        key: Fraction(1) for key in relation.parts if key in hidden and cells[key].records
    }
    if relation.total in hidden:
        row[relation.total] = Fraction(-1)
    return row


def _reduced(rows: Sequence[_Row[K]]) -> list[_Row[K]]:
    """Return the reduced rows (Gauss and Jordan): a row of one figure says that it is known."""
    done: list[tuple[K, _Row[K]]] = []
    for row in rows:
        left = dict(row)
        for pivot, other in done:
            _subtract(left, other, left.get(pivot, Fraction(0)))
        if not left:
            continue
        pivot, factor = next(iter(left.items()))
        left = {key: value / factor for key, value in left.items()}
        for _, other in done:
            _subtract(other, left, other.get(pivot, Fraction(0)))
        done.append((pivot, left))
    return [row for _, row in done]


def _subtract(row: _Row[K], other: Mapping[K, Fraction], factor: Fraction) -> None:
    """Take a multiple of another row from a row; what becomes nothing is left out."""
    if not factor:
        return
    for key, value in other.items():
        rest = row.get(key, Fraction(0)) - factor * value
        if rest:
            row[key] = rest
        else:
            row.pop(key, None)
