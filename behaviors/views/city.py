"""What the city has come to, for everybody: totals of groups, no persons."""

from dataclasses import dataclass
from urllib.parse import quote

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import select

from behaviors import city, demo_samples
from behaviors.views import blueprint as blueprint
from behaviors.views.common import rule_book
from carbonaccount.accounts.models import District
from carbonaccount.web.database import current_session
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language

TREND_MONTHS = 12


@dataclass(frozen=True)
class Row:
    """A group as the page shows it; `share` is its part of the largest shown group, in percent."""

    name: str
    group: city.Group
    share: int


@blueprint.get("/city")
def city_page() -> ResponseReturnValue:
    """Show the city's totals by behaviour, district, evidence and month."""
    found = city.summary(current_session())
    return render_template(
        "behaviors/city.html",
        found=found,
        fewest=city.FEWEST_PEOPLE,
        sections=_sections(found),
        certified_percent=_certified_percent(found),
        sample=demo_samples.sample_source(current_session()),
    )


@blueprint.get("/city.<any(csv, xlsx):kind>")
def city_export(kind: str) -> ResponseReturnValue:
    """Give the same figures as a file, for anybody to use."""
    header = [_("分类"), _("名称"), _("记录"), _("人数"), _("减排量 (g)"), _("积分")]
    rows: list[list[Cell]] = []
    for title, lines in _sections(city.summary(current_session())):
        for line in lines:
            group = line.group
            numbers = (group.records, group.people, group.reduction_g, group.credits)
            rows.append([title, line.name, *(_("不公布") if n is None else n for n in numbers)])
    if demo_samples.sample_source(current_session()) is not None:
        rows.append([_("说明"), _("公交出行里有示例数据，不是真实记录。"), "", "", "", ""])
    return table_file(kind, name=quote("city"), header=header, rows=rows)


def _sections(found: city.Summary) -> list[tuple[str, list[Row]]]:
    book = rule_book()
    districts = {
        item.code: item.name_en if language() == "en" else item.name_zh
        for item in current_session().exec(select(District))
    }
    behaviors = {code: info.texts[language()]["name"] for code, info in book.behaviors.items()}
    grades = {
        "A": _("A 级：官方计量"),
        "B": _("B 级：合作方记录"),
        "C": _("C 级：照片经审核"),
        "D": _("D 级：自行申报"),
    }
    return [
        (_("按行为"), _rows(found.by_behavior, behaviors)),
        (_("按区县"), _rows(found.by_district, {**districts, "": _("未填写区县")})),
        (_("按证据等级"), _rows(found.by_evidence, grades, largest_first=False)),
        (_("按月"), _rows(found.by_month[-TREND_MONTHS:], {}, largest_first=False)),
    ]


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


def _certified_percent(found: city.Summary) -> int | None:
    """Return the part of the grams that stands on evidence A or B; None when it is not told."""
    if found.all.withheld or not found.all.reduction_g:
        return None
    if any(group.withheld for group in found.by_evidence):
        return None
    sure = sum(g.reduction_g or 0 for g in found.by_evidence if g.key in city.CERTIFIED)
    return round(100 * sure / found.all.reduction_g)
