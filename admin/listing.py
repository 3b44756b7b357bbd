"""Lists of the panel that fit in memory: filter, sort, page, and the same rows as a file.

What a person sees counted is what the file holds: both come from the same filtered rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import Response, request, url_for

from carbonaccount.web.tables import Cell, table_file

R = TypeVar("R")
PAGE_ROWS = 20


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column: its name in the address, its label, and the value that is sorted and exported."""

    key: str
    label: str
    value: Callable[[R], Cell]


@dataclass(frozen=True)
class Listing(Generic[R]):
    """One page of a list, and what led to it."""

    columns: Sequence[Column[R]]
    rows: Sequence[R]
    total: int
    page: int
    pages: int
    sort: str
    descending: bool
    filters: Mapping[str, str]

    def address(self, **changes: object) -> str:
        """Return the address of this list with some of its choices changed."""
        order = f"-{self.sort}" if self.descending else self.sort
        chosen = {**self.filters, "sort": order, **(request.view_args or {}), **changes}
        kept = {name: value for name, value in chosen.items() if value not in ("", None)}
        return url_for(request.endpoint or "", **kept)

    def sorted_by(self, column: Column[R]) -> str:
        """Return the address of this list sorted by a column, turned round when it already is."""
        turned = column.key == self.sort and not self.descending
        return self.address(sort=f"-{column.key}" if turned else column.key, page=1)

    def direction(self, column: Column[R]) -> str:
        """Return what screen readers say of a column's head."""
        if column.key != self.sort:
            return "none"
        return "descending" if self.descending else "ascending"


def listing(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    *,
    filters: Mapping[str, str],
    default: str = "",
) -> Listing[R]:
    """Sort rows as the address asks and take the page it asks for; nonsense falls to the first.

    default: the column sorted by unless the address names one, with a minus for the last first.
    """
    order = request.args.get("sort", default)
    known = {column.key: column for column in columns}
    key = order.lstrip("-") if order.lstrip("-") in known else columns[0].key
    descending = order.startswith("-")
    ordered = sorted(rows, key=lambda row: sort_key(known[key].value(row)), reverse=descending)
    pages = max(1, -(-len(ordered) // PAGE_ROWS))
    page = min(pages, max(1, request.args.get("page", 1, type=int)))
    shown = ordered[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    return Listing(columns, shown, len(ordered), page, pages, key, descending, filters)


def sort_key(value: Cell) -> tuple[bool, Any]:
    """Return a key by which numbers and texts of one column can be sorted together."""
    return (isinstance(value, str), value)


def exported(name: str, kind: str, columns: Sequence[Column[R]], rows: Iterable[R]) -> Response:
    """Return rows as a CSV or XLSX file."""
    lines = ([column.value(row) for column in columns] for row in rows)
    header = [column.label for column in columns]
    return table_file(kind, name=name, header=header, rows=lines)
