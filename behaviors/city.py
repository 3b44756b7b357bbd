"""What the city may tell everybody: totals of groups, and nothing of groups too small."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from behaviors.total_models import CityTotal
from carbonaccount.disclosure import FEWEST_PEOPLE as FEWEST_PEOPLE

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
class Bounds:
    """Between what grams are certain: those metered or matched (A and B), and all that counted.

    The rule of the city's uncertainty. Grade C may be wrong as a whole, so the least is without
    it; grade D has no grams. That a method's factors are uncertain themselves is not in it:
    their sources do not say by how much.
    """

    least_g: int
    most_g: int

    @property
    def certified_percent(self) -> int:
        """Return the part of the grams that is certain, in percent, rounded down."""
        return 100 * self.least_g // self.most_g if self.most_g else 100


@dataclass(frozen=True)
class Summary:
    """The city's totals, as of the last adding up; None when it was never done.

    `by_year_district` has keys like "2026/370811".
    """

    as_of: datetime | None
    all: Group
    by_behavior: list[Group]
    by_district: list[Group]
    by_evidence: list[Group]
    by_month: list[Group]
    by_year: list[Group]
    by_year_district: list[Group]


_STATE = """
    SELECT (SELECT max(updated_at) FROM city_total),
           (SELECT max(id) FROM plan_indicator_value),
           (SELECT max(reported_at) FROM plan_indicator_value),
           (SELECT count(*) FROM plan_indicator_value),
           (SELECT count(*) FROM source),
           (SELECT count(*) FROM institution WHERE status = 'active'),
           (SELECT max(changed_at) FROM neutrality_plan),
           (SELECT count(*) FROM neutrality_plan),
           (SELECT max(published_at) FROM neutrality_statement),
           (SELECT max(withdrawn_at) FROM neutrality_statement)
"""
_DIMENSIONS = ("behavior", "district", "evidence", "month", "year", "year_district")


def summary(session: Session) -> Summary:
    """Return what may be told of the city; reads the rows of groups, however long its history."""
    rows = session.exec(select(CityTotal).order_by(col(CityTotal.key))).all()
    of = {
        name: [told(row) for row in rows if row.dimension == name and row.records]
        for name in ("all", *_DIMENSIONS)
    }
    whole = of["all"] or [Group("", True, None, None, None, None)]
    return Summary(
        max((row.updated_at for row in rows), default=None),
        whole[0],
        *(of[name] for name in _DIMENSIONS),
    )


def state(session: Session) -> tuple[object, ...]:
    """Return what changes whenever the city's page does; one statement on small tables.

    Names are told anew with the next adding up.
    """
    return tuple(session.connection().exec_driver_sql(_STATE).one())


def by_dimension(found: Summary) -> dict[str, list[Group]]:
    """Return all groups of a summary by the name of their dimension, the whole first."""
    return {
        "all": [found.all],
        **{name: getattr(found, f"by_{name}") for name in _DIMENSIONS},
    }


def told(row: CityTotal) -> Group:
    """Return a group as everybody may see it."""
    if row.withheld:
        return Group(row.key, True, None, None, None, None)
    return Group(row.key, False, row.records, row.people, row.reduction_g, row.credits)


def bounds(total: Group, by_evidence: Sequence[Group]) -> Bounds | None:
    """Return between what a total's grams are certain; None when that would tell too much."""
    if total.withheld or total.reduction_g is None:
        return None
    sure = [group for group in by_evidence if group.key in CERTIFIED]
    if any(group.withheld for group in sure):
        return None
    return Bounds(sum(group.reduction_g or 0 for group in sure), total.reduction_g)
