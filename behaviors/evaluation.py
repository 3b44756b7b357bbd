"""The yearly evaluation of districts and departments, from the figures that everybody may see.

Districts stand in their official order, departments by name: a report, no ranking.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import city
from behaviors.city_institutions import Neutral, published_in, stated_years, stood_in
from carbonaccount.accounts.models import District
from carbonaccount.errors import NotFound
from carbonaccount.institutions import statement_content
from carbonaccount.institutions.models import Institution, InstitutionKind

# The departments of the plans: administrative organs and public institutions.
DEPARTMENTS = (InstitutionKind.AGENCY, InstitutionKind.PUBLIC)


@dataclass(frozen=True)
class DistrictLine:
    """A district in a year: what its residents did, and its institutions.

    `group` has no numbers when they may not be told, and is None when nothing was recorded.
    """

    name_zh: str
    name_en: str
    group: city.Group | None
    institutions: int
    published: int
    neutral: int


@dataclass(frozen=True)
class DepartmentLine:
    """A department and what its published statement of the year says, if there is one, in grams."""

    institution: Institution
    is_published: bool
    emissions_g: int | None = None
    power_reduction_g: int | None = None
    offsets_g: int | None = None
    remaining_g: int | None = None
    is_neutral: bool = False


@dataclass(frozen=True)
class Evaluation:
    """The report of a year; `years` are all that can be reported on, the newest first.

    as_of: when the residents' figures were added up, None when they never were.  whole: the city,
    with the institutions of all districts.
    """

    year: int
    years: Sequence[int]
    as_of: datetime | None
    whole: DistrictLine
    districts: Sequence[DistrictLine]
    departments: Sequence[DepartmentLine]


def years_of(session: Session, found: city.Summary) -> list[int]:
    """Return the years in which residents did something or institutions have stated, newest first.

    found: the city's figures.
    """
    told = {int(group.key) for group in found.by_year}
    return sorted(told.union(stated_years(session)), reverse=True)


def evaluation(session: Session, year: int) -> Evaluation:
    """Return the report of a year. Raises NotFound (no_city_year)."""
    found = city.summary(session)
    years = years_of(session, found)
    if year not in years:
        raise NotFound("no_city_year", year=year)
    totals = {group.key: group for group in found.by_year}
    published = published_in(session, year)
    groups = {
        group.key.partition("/")[2]: group
        for group in found.by_year_district
        if group.key.startswith(f"{year}/")
    }
    districts = _districts(session, year, groups, published)
    return Evaluation(
        year,
        years,
        found.as_of,
        _whole(totals.get(str(year)), districts),
        districts,
        _departments(session, year, published),
    )


def _whole(total: city.Group | None, districts: Sequence[DistrictLine]) -> DistrictLine:
    return DistrictLine(
        "",
        "",
        total,
        sum(line.institutions for line in districts),
        sum(line.published for line in districts),
        sum(line.neutral for line in districts),
    )


def _districts(
    session: Session, year: int, groups: dict[str, city.Group], published: Sequence[Neutral]
) -> list[DistrictLine]:
    told: Counter[str] = Counter()
    neutral: Counter[str] = Counter()
    for item in published:
        code = item.institution.district_code or ""
        told[code] += 1
        neutral[code] += item.is_neutral
    by_district = (
        select(col(Institution.district_code), sa.func.count())
        .where(stood_in(year))
        .group_by(col(Institution.district_code))
    )
    standing = Counter({code or "": count for code, count in session.exec(by_district)})
    names = [
        (item.code, item.name_zh, item.name_en)
        for item in session.exec(select(District).order_by(col(District.sort)))
    ]
    if "" in groups or standing[""]:
        names.append(("", "", ""))
    return [
        DistrictLine(zh, en, groups.get(code), standing[code], told[code], neutral[code])
        for code, zh, en in names
    ]


def _departments(session: Session, year: int, published: Sequence[Neutral]) -> list[DepartmentLine]:
    told = {item.institution.id: item for item in published}
    rows = session.exec(
        select(Institution)
        .where(stood_in(year), col(Institution.kind).in_(DEPARTMENTS))
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [_department(row, told.get(row.id)) for row in rows]


def _department(row: Institution, item: Neutral | None) -> DepartmentLine:
    if item is None:
        return DepartmentLine(row, is_published=False)
    balance = statement_content.read(item.statement.content)["balance"]
    return DepartmentLine(
        row,
        is_published=True,
        emissions_g=balance["emissions_g"],
        power_reduction_g=balance["power_reduction_g"],
        offsets_g=balance["offsets_g"],
        remaining_g=balance["remaining_g"],
        is_neutral=item.is_neutral,
    )
