"""What the city may tell everybody: totals of groups, and nothing of groups too small."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from behaviors.total_models import CityTotal

# Of fewer people nothing is told (reference: open-data practice of k-anonymity).
FEWEST_PEOPLE = 10
CERTIFIED = ("A", "B")


@dataclass(frozen=True)
class Group:
    """A group of one dimension; withheld ones have no numbers."""

    key: str
    withheld: bool
    records: int | None
    people: int | None
    reduction_g: int | None
    credits: int | None


@dataclass(frozen=True)
class Summary:
    """The city's totals, as of the last adding up; None when it was never done."""

    as_of: datetime | None
    all: Group
    by_behavior: list[Group]
    by_district: list[Group]
    by_evidence: list[Group]
    by_month: list[Group]


def summary(session: Session) -> Summary:
    """Return what may be told of the city; reads a few dozen rows, however long its history."""
    rows = session.exec(select(CityTotal).order_by(col(CityTotal.key))).all()
    of = {
        name: [row for row in rows if row.dimension == name and row.records]
        for name in ("all", "behavior", "district", "evidence", "month")
    }
    whole = withhold(of["all"]) or [Group("", True, None, None, None, None)]
    return Summary(
        as_of=max((row.updated_at for row in rows), default=None),
        all=whole[0],
        by_behavior=withhold(of["behavior"]),
        by_district=withhold(of["district"]),
        by_evidence=withhold(of["evidence"]),
        by_month=[_open(row) for row in of["month"] if row.people >= FEWEST_PEOPLE],
    )


def withhold(rows: Sequence[CityTotal]) -> list[Group]:
    """Return the groups of a dimension, those of too few people without numbers.

    If just one were withheld, the difference to the total would tell it: then the group with the
    fewest records among the others is withheld as well.
    """
    hidden = {row.key for row in rows if row.people < FEWEST_PEOPLE}
    shown = [row for row in rows if row.key not in hidden]
    if len(hidden) == 1 and shown:
        hidden.add(min(shown, key=lambda row: (row.records, row.key)).key)
    return [
        Group(row.key, True, None, None, None, None) if row.key in hidden else _open(row)
        for row in rows
    ]


def _open(row: CityTotal) -> Group:
    return Group(row.key, False, row.records, row.people, row.reduction_g, row.credits)
