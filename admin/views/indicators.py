"""The plans' indicators in the panel: what the city reported, and reporting a value."""

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin.drafting.forms import text_of
from admin.life.forms import IndicatorForm
from admin.listing import Column, exported
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from behaviors import labels, plans
from behaviors.total_models import PlanIndicatorValue
from behaviors.views.common import localized
from carbonaccount.clock import utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor

Line = tuple[plans.Indicator, PlanIndicatorValue | None]


@blueprint.get("/indicators")
def indicators() -> ResponseReturnValue:
    """List the plans' indicators with the value that was reported last."""
    known = plans.reported(current_session())
    rows = [(item, next(iter(known.get(item.code, [])), None)) for item in plans.indicators()]
    return render_template("admin/indicators.html", rows=rows, target_text=labels.target_text)


@blueprint.get("/indicators.<any(csv, xlsx):kind>")
def indicators_export(kind: str) -> Response:
    """Give the indicators with every reported value as a file."""
    known = plans.reported(current_session())
    rows: list[Line] = [
        (item, value) for item in plans.indicators() for value in known.get(item.code) or (None,)
    ]
    return exported("indicators", kind, _columns(), rows)


def _columns() -> list[Column[Line]]:
    return [
        Column("code", _("代码"), lambda row: row[0].code),
        Column("name", _("指标"), lambda row: indicator_name(row[0])),
        Column("documents", _("方案"), lambda row: " ".join(p.document for p in row[0].plans)),
        Column("superior", _("上位方案"), lambda row: _("是") if row[0].superior else _("否")),
        Column("target", _("目标"), lambda row: f"{row[0].target:f}"),
        Column("target_said", _("目标的表述"), lambda row: labels.target_text(row[0])),
        Column("unit", _("单位"), lambda row: localized(row[0].unit_zh, row[0].unit_en)),
        Column("target_year", _("目标年"), lambda row: row[0].year or ""),
        Column("year", _("哪一年的数值"), lambda row: row[1].year if row[1] else ""),
        Column("value", _("数值"), lambda row: row[1].value if row[1] else _("未报告")),
        Column("source", _("公布在哪里"), lambda row: row[1].source if row[1] else ""),
    ]


def indicator_name(item: plans.Indicator) -> str:
    """Return an indicator's name in the page's language."""
    return localized(item.name_zh, item.name_en)


@blueprint.get("/indicators/<code>")
def indicator(code: str) -> ResponseReturnValue:
    """Show what was reported of an indicator."""
    return _page(plans.find_indicator(code), IndicatorForm())


@blueprint.post("/indicators/<code>")
def report_indicator(code: str) -> ResponseReturnValue:
    """Write down what the city reported of an indicator for a year."""
    item, form = plans.find_indicator(code), IndicatorForm()
    if not form.validate_on_submit():
        return _page(item, form, 422)
    error, status = attempted(
        plans.report_value,
        code=code,
        year=int(text_of(form.year)),
        value=text_of(form.value),
        source=text_of(form.source),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已记下，公开页面已更新。"), "success")
        return redirect(url_for("admin.indicator", code=code), 303)
    put_error(form, error)
    return _page(item, form, status)


@blueprint.post("/indicators/<code>/<int:year>/withdraw")
def withdraw_indicator(code: str, year: int) -> ResponseReturnValue:
    """Take back what was reported of an indicator for a year, with a reason."""
    item = plans.find_indicator(code)
    error, status = attempted(
        plans.withdraw_value,
        code=code,
        year=year,
        reason=request.form.get("reason", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已撤回，公开页面已更新。"), "success")
        return redirect(url_for("admin.indicator", code=code), 303)
    return _page(item, IndicatorForm(formdata=None), status, explain(error))


def _page(
    item: plans.Indicator, form: IndicatorForm, status: int = 200, error: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "admin/indicator.html",
        item=item,
        target_text=labels.target_text,
        form=form,
        values=plans.reported(current_session()).get(item.code, []),
        error=error,
    )
    return page, status
