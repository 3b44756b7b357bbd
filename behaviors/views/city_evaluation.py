"""The yearly evaluation of districts and departments: a page, a workbook and a paper."""

from datetime import timedelta

from flask import Response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from behaviors import city, demo_samples
from behaviors.evaluation import DepartmentLine, DistrictLine, Evaluation, evaluation
from behaviors.views import blueprint as blueprint
from behaviors.views.common import localized
from carbonaccount import papers
from carbonaccount.accounts.limits import Limit
from carbonaccount.institutions.labels import kind_label
from carbonaccount.web.database import current_session
from carbonaccount.web.limits import count_or_refuse, this_address
from carbonaccount.web.tables import Cell, table_file

# Setting a paper takes a second of the machine.
PAPERS_PER_ADDRESS = Limit("evaluation_pdf", 30, timedelta(hours=1))


@blueprint.get("/city/evaluation/<int:year>")
def evaluation_page(year: int) -> ResponseReturnValue:
    """Show the report of a year."""
    report = evaluation(current_session(), year)
    return render_template("behaviors/evaluation.html", report=report, **_words())


@blueprint.get("/city/evaluation/<int:year>.pdf")
def evaluation_pdf(year: int) -> Response:
    """Give the report as a paper."""
    count_or_refuse((PAPERS_PER_ADDRESS, this_address()))
    page = render_template(
        "behaviors/evaluation_pdf.html", report=evaluation(current_session(), year), **_words()
    )
    headers = {"Content-Disposition": f'inline; filename="evaluation-{year}.pdf"'}
    return Response(papers.pdf(page), content_type="application/pdf", headers=headers)


@blueprint.get("/city/evaluation/<int:year>.<any(csv, xlsx):kind>")
def evaluation_file(year: int, kind: str) -> Response:
    """Give the figures of the report as a table: districts first, then departments."""
    return table_file(
        kind,
        name=f"evaluation-{year}",
        header=[
            _("分类"),
            _("名称"),
            _("机构类别"),
            _("参与人数"),
            _("记录"),
            _("减排量 (g)"),
            _("入驻机构"),
            _("已公布声明"),
            _("已碳中和"),
            _("排放量 (g)"),
            _("绿电减少 (g)"),
            _("抵消量 (g)"),
            _("剩余 (g)"),
        ],
        rows=_lines(evaluation(current_session(), year)),
    )


def _lines(report: Evaluation) -> list[list[Cell]]:
    lines = [_district(line, _("区县"), district_name(line)) for line in report.districts]
    lines.insert(0, _district(report.whole, _("全市"), ""))
    return [*lines, *(_department(line) for line in report.departments)]


def _district(line: DistrictLine, kind: str, name: str) -> list[Cell]:
    counts: list[Cell] = [line.institutions, line.published, line.neutral]
    return [kind, name, "", *_amounts(line.group), *counts, "", "", "", ""]


def _amounts(group: city.Group | None) -> list[Cell]:
    if group is None:
        return [0, 0, 0]
    numbers = (group.people, group.records, group.reduction_g)
    return [_("不公布") if number is None else number for number in numbers]


def _department(line: DepartmentLine) -> list[Cell]:
    kept = (line.emissions_g, line.power_reduction_g, line.offsets_g, line.remaining_g)
    return [
        _("部门"),
        department_name(line),
        kind_label(line.institution.kind),
        *("", "", ""),
        *("", int(line.is_published), int(line.is_neutral)),
        *(_("未公布") if number is None else number for number in kept),
    ]


def district_name(line: DistrictLine) -> str:
    """Return a district's name in the page's language."""
    return localized(line.name_zh, line.name_en) or _("未填写区县")


def department_name(line: DepartmentLine) -> str:
    """Return a department's name in the page's language, Chinese where it has no other."""
    row = line.institution
    return localized(row.name_zh, row.name_en or row.name_zh)


def _words() -> dict[str, object]:
    return {
        "department_name": department_name,
        "district_name": district_name,
        "fewest": city.FEWEST_PEOPLE,
        "kind_label": kind_label,
        "sample": demo_samples.sample_source(current_session()),
    }
