"""What the city has come to, for everybody: totals of groups, no persons."""

from dataclasses import dataclass
from urllib.parse import quote

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlmodel import col, select

from behaviors import city, city_institutions, demo_samples, plans
from behaviors.total_models import PlanIndicatorValue
from behaviors.views import blueprint as blueprint
from behaviors.views.common import localized, rule_book
from carbonaccount.accounts.models import District
from carbonaccount.web import kept
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import person
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language

TREND_MONTHS = 24
# More names than this are a list of their own.
INSTITUTIONS_SHOWN = 24
_GRAMS_IN_TONNE = 1_000_000


@dataclass(frozen=True)
class Row:
    """A group as the page shows it; `share` is its part of the largest shown group, in percent."""

    name: str
    group: city.Group
    share: int

    @property
    def tonnes(self) -> str:
        """Return its grams in tonnes for the picture, empty when they are not told."""
        grams = self.group.reduction_g
        return "" if grams is None else f"{grams / _GRAMS_IN_TONNE:.6f}"


@dataclass(frozen=True)
class IndicatorLine:
    """A target of the plans as the page shows it, and the newest value the city reported."""

    indicator: plans.Indicator
    newest: PlanIndicatorValue | None


@blueprint.get("/city")
def city_page() -> ResponseReturnValue:
    """Show the city's totals, its institutions and where it stands on the plans' indicators.

    Who is not signed in gets the page that was drawn for others, with a token of their own.
    """
    state = city.state(current_session())
    if person() is not None:
        return _page(state)
    return kept.page(("city page",), state, lambda: _page(state))


def _page(state: object) -> str:
    body = Markup(kept.part(("city",), state, _drawn))  # noqa: S704 - our own template
    return render_template("behaviors/city.html", body=body)


def _drawn() -> str:
    found = city.summary(current_session())
    standing = city_institutions.standing(current_session())
    return render_template(
        "behaviors/_city.html",
        found=found,
        fewest=city.FEWEST_PEOPLE,
        by_behavior=_by_behavior(found),
        by_district=_by_district(found),
        by_evidence=_by_evidence(found),
        trend=_rows(every_month(found.by_month), {}, largest_first=False),
        bounds=city.bounds(found.all, found.by_evidence),
        institutions=standing,
        institutions_shown=INSTITUTIONS_SHOWN,
        indicators=indicator_lines(),
        evaluation_year=_newest_year(found, standing),
        sample=demo_samples.sample_source(current_session()),
    )


def every_month(groups: list[city.Group]) -> list[city.Group]:
    """Return the months of the last two years from the first to the last known, none left out.

    A month of which nothing is known has no records; one that is withheld stays withheld.
    """
    if not groups:
        return []
    known = {_month_number(group.key): group for group in groups}
    last = max(known)
    first = min(number for number in known if number > last - TREND_MONTHS)
    return [
        known.get(number) or city.Group(_month_key(number), False, 0, 0, 0, 0)
        for number in range(first, last + 1)
    ]


def _month_number(key: str) -> int:
    """Return the months since the year 0 of a month such as 2026-03."""
    year, month = key.split("-")
    return int(year) * 12 + int(month) - 1


def _month_key(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _newest_year(found: city.Summary, standing: city_institutions.Standing) -> int | None:
    """Return the newest year that there is an evaluation of, from what the page has read anyway."""
    stated = {line.statement.year for line in standing.lines if line.statement is not None}
    return max({int(group.key) for group in found.by_year} | stated, default=None)


def indicator_lines() -> list[IndicatorLine]:
    """Return the plans' indicators with what was reported of them at last."""
    known = plans.reported(current_session())
    return [
        IndicatorLine(item, next(iter(known.get(item.code, [])), None))
        for item in plans.indicators()
    ]


@blueprint.get("/city.<any(csv, xlsx):kind>")
def city_export(kind: str) -> ResponseReturnValue:
    """Give the same figures as a file, for anybody to use."""
    header = [_("分类"), _("名称"), _("记录"), _("人数"), _("减排量 (g)"), _("积分")]
    rows: list[list[Cell]] = []
    found = city.summary(current_session())
    sections = {
        _("按行为"): _by_behavior(found),
        _("按区县"): _by_district(found),
        _("按证据等级"): _by_evidence(found),
        _("按月"): _rows(found.by_month, {}, largest_first=False),
    }
    for title, lines in sections.items():
        for line in lines:
            group = line.group
            numbers = (group.records, group.people, group.reduction_g, group.credits)
            rows.append([title, line.name, *(_("不公布") if n is None else n for n in numbers)])
    if demo_samples.sample_source(current_session()) is not None:
        rows.append([_("说明"), _("公交出行里有示例数据，不是真实记录。"), "", "", "", ""])
    return table_file(kind, name=quote("city"), header=header, rows=rows)


def district_names() -> dict[str, str]:
    """Return the names of the districts in the page's language, in their official order."""
    rows = current_session().exec(select(District).order_by(col(District.sort)))
    names = {item.code: localized(item.name_zh, item.name_en) for item in rows}
    return {**names, "": _("未填写区县")}


def grade_names() -> dict[str, str]:
    """Return what the evidence grades are called."""
    return {
        "A": _("A 级：官方计量"),
        "B": _("B 级：合作方记录"),
        "C": _("C 级：照片经审核"),
        "D": _("D 级：自行申报"),
    }


def _by_behavior(found: city.Summary) -> list[Row]:
    infos = rule_book().behaviors
    names = {code: info.texts[language()]["name"] for code, info in infos.items()}
    return _rows(found.by_behavior, names)


def _by_district(found: city.Summary) -> list[Row]:
    """Return the districts in their official order: the page ranks nobody."""
    names = district_names()
    places = {code: place for place, code in enumerate(names)}
    rows = _rows(found.by_district, names, largest_first=False)
    return sorted(rows, key=lambda row: places.get(row.group.key, len(places)))


def _by_evidence(found: city.Summary) -> list[Row]:
    return _rows(found.by_evidence, grade_names(), largest_first=False)


def _rows(
    groups: list[city.Group], names: dict[str, str], *, largest_first: bool = True
) -> list[Row]:
    most = max((group.reduction_g or 0 for group in groups), default=0)
    rows = [
        Row(
            names.get(group.key, group.key),
            group,
            round(100 * (group.reduction_g or 0) / most) if most else 0,
        )
        for group in groups
    ]
    if largest_first:
        rows.sort(key=lambda row: (row.group.withheld, -(row.group.reduction_g or 0)))
    return rows
