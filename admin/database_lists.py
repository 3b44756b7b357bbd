"""Lists of the panel that are too long for memory: sorted, paged and counted by the database.

The page and the files come from the same statement, so what a person sees counted is what the
file holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import Response, request
from sqlmodel import Session

from admin.listing import PAGE_ROWS, Column, Listing
from carbonaccount.web.tables import table_file

R = TypeVar("R")


@dataclass(frozen=True)
class SortedColumn(Column[R]):
    """A column with what the database sorts it by; without that it is shown unsorted."""

    order: sa.SQLColumnExpression[Any] | None = None


def database_listing(
    session: Session,
    wanted: sa.Select[Any],
    columns: Sequence[SortedColumn[R]],
    *,
    as_row: Callable[..., R],
    tie: sa.SQLColumnExpression[Any],
    default: str,
    filters: Mapping[str, str],
) -> Listing[R]:
    """Return the page of a statement's rows that the address asks for.

    as_row: makes a row of the statement's columns.  tie: unique, so that equal rows keep their
    order from page to page.  default: the column sorted by unless the address names one, with a
    minus in front for the last first.
    """
    counted = sa.select(sa.func.count()).select_from(wanted.order_by(None).subquery())
    total = int(session.execute(counted).scalar_one())
    pages = max(1, -(-total // PAGE_ROWS))
    page = min(pages, max(1, request.args.get("page", 1, type=int)))
    key, descending = _order(columns, default)
    rows = session.execute(
        _sorted(wanted, columns, tie, default).offset((page - 1) * PAGE_ROWS).limit(PAGE_ROWS)
    )
    shown = [as_row(*row) for row in rows]
    return Listing(columns, shown, total, page, pages, key, descending, filters)


def database_file(
    session: Session,
    wanted: sa.Select[Any],
    columns: Sequence[SortedColumn[R]],
    *,
    as_row: Callable[..., R],
    tie: sa.SQLColumnExpression[Any],
    default: str,
    name: str,
    kind: str,
) -> Response:
    """Return all rows of a statement as a file, `kind` csv or xlsx, in the order of the page."""
    rows = session.execute(_sorted(wanted, columns, tie, default))
    return table_file(
        kind,
        name=name,
        header=[column.label for column in columns],
        rows=([column.value(row) for column in columns] for row in (as_row(*r) for r in rows)),
    )


def _order(columns: Sequence[SortedColumn[R]], default: str) -> tuple[str, bool]:
    known = {column.key for column in columns if column.order is not None}
    asked = request.args.get("sort", "")
    order = asked if asked.removeprefix("-") in known else default
    return order.removeprefix("-"), order.startswith("-")


def _sorted(
    wanted: sa.Select[Any], columns: Sequence[SortedColumn[R]], tie: Any, default: str
) -> sa.Select[Any]:
    key, descending = _order(columns, default)
    order = next(column.order for column in columns if column.key == key)
    assert order is not None, "only columns with an order are sorted by"
    ways = (order.desc(), tie.desc()) if descending else (order.asc(), tie.asc())
    return wanted.order_by(*ways)
