"""The city's open data: tables that anybody may use, with a dictionary of their columns.

What may not be told is empty in every table, as it is on the pages: all come from the same rows.
"""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from sqlmodel import Session, col, select

from behaviors import city, demo_samples, plans
from behaviors.rulebook import RuleBook
from carbonaccount.accounts.models import District
from carbonaccount.errors import NotFound
from carbonaccount.institutions.neutrality_states import NeutralityState, public_lines

Value = str | int | bool | None
Rows = Iterator[tuple[Value, ...]]
LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"


class Column(NamedTuple):
    """A column: its name in the files, its type, its unit where it has one, what it means."""

    name: str
    type: str
    unit: str
    zh: str
    en: str


@dataclass(frozen=True)
class Table:
    """A table: its name in addresses, what it is, its columns and where its rows come from."""

    name: str
    title_zh: str
    title_en: str
    columns: tuple[Column, ...]
    read: Callable[[Session], Rows]

    def rows(self, session: Session) -> list[tuple[Value, ...]]:
        """Return the rows, each with a value a column."""
        return list(self.read(session))


def _city_totals(session: Session) -> Rows:
    found = city.summary(session)
    if found.as_of is None:
        return
    names = _names(session)
    sample = demo_samples.sample_source(session)
    samples = sample.code if sample else ""
    as_of = found.as_of.isoformat(timespec="seconds")
    for dimension, groups in city.by_dimension(found).items():
        for group in groups:
            zh, en = names.get((dimension, group.key), ("", ""))
            yield (
                dimension,
                group.key,
                zh,
                en,
                group.withheld,
                group.people,
                group.records,
                group.reduction_g,
                group.credits,
                as_of,
                samples,
            )


def _names(session: Session) -> dict[tuple[str, str], tuple[str, str]]:
    book = RuleBook.load(session)
    names = {
        ("behavior", code): (book.name(code, "zh"), book.name(code, "en"))
        for code in book.behaviors
    }
    for item in session.exec(select(District).order_by(col(District.sort))):
        names["district", item.code] = (item.name_zh, item.name_en)
    return names


def _plan_indicators(session: Session) -> Rows:
    known = plans.reported(session)
    for item in plans.indicators():
        for value in known.get(item.code) or (None,):
            yield (
                item.code,
                " ".join(plan.document for plan in item.plans),
                item.name_zh,
                item.name_en,
                "superior" if item.superior else "own",
                f"{item.target:f}",
                str(item.relation),
                item.unit_zh,
                item.unit_en,
                item.year,
                item.source_zh,
                item.source_en,
                value.year if value else None,
                value.value if value else None,
                value.source if value else None,
            )


def _neutrality(session: Session) -> Rows:
    for line in public_lines(session):
        row, statement = line.institution, line.statement
        if statement is None:
            continue
        moment = statement.published_at
        yield (
            statement.public_id,
            row.name_zh,
            row.name_en,
            row.kind,
            row.district_code,
            statement.year,
            line.state is NeutralityState.NEUTRAL,
            moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else None,
        )


_ROWS: dict[str, Callable[[Session], Rows]] = {
    "city_totals": _city_totals,
    "plan_indicators": _plan_indicators,
    "neutrality_statements": _neutrality,
}


@cache
def tables() -> tuple[Table, ...]:
    """Return the tables with their columns, as the data dictionary lists them."""
    text = files("behaviors").joinpath("open_data.toml").read_text(encoding="utf-8")
    return tuple(
        Table(
            item["name"],
            item["title_zh"],
            item["title_en"],
            tuple(Column(**column) for column in item["column"]),
            _ROWS[item["name"]],
        )
        for item in tomllib.loads(text)["table"]
    )


def find_table(name: str) -> Table:
    """Return a table. Raises NotFound (unknown_open_data)."""
    for table in tables():
        if table.name == name:
            return table
    raise NotFound("unknown_open_data", name=name[:64])


def as_objects(table: Table, rows: Sequence[tuple[Value, ...]]) -> list[dict[str, Value]]:
    """Return rows as JSON objects by the names of the columns."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in rows]
