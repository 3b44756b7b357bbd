"""The city's decisions: what a credit is worth to the budget, and which days are worked."""

from decimal import Decimal

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from admin.drafting.forms import text_of
from admin.life.forms import HolidaysForm, PolicyForm
from admin.life.holiday_lines import read_holidays, write_holidays
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from behaviors import explain, rule_queries
from behaviors.views.common import today
from carbonaccount.clock import utc_now
from carbonaccount.errors import NotFound
from carbonaccount.policy import queries, services
from carbonaccount.policy.models import CreditPolicy
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor

FIRST_YEAR, LAST_YEAR = 2000, 2100
MICRO_PER_THOUSANDTH = 1000  # a yuan a thousand credits is 1,000 millionths of a yuan a credit


@blueprint.get("/policy")
def policy() -> ResponseReturnValue:
    """Show what a credit is worth now, what it was, and what it will be."""
    form = PolicyForm()
    now_in_force = queries.policy_on(current_session(), today())
    if now_in_force is not None:
        form.yuan_per_thousand.data = yuan_per_thousand(now_in_force)
        form.valid_years.data = str(now_in_force.valid_years)
        form.yearly_budget_yuan.data = explain.plain(queries.budget_yuan(now_in_force))
    return _policy_page(form)


def yuan_per_thousand(found: CreditPolicy) -> str:
    """Return the value of a thousand credits in yuan."""
    return explain.plain(Decimal(found.value_micro_yuan) / MICRO_PER_THOUSANDTH)


def _policy_page(form: PolicyForm, status: int = 200) -> ResponseReturnValue:
    session = current_session()
    page = render_template(
        "admin/rules/policy.html",
        form=form,
        policies=queries.policies(session),
        in_force=queries.policy_on(session, today()),
        today=today(),
        yuan_per_thousand=yuan_per_thousand,
        budget_yuan=queries.budget_yuan,
    )
    return page, status


@blueprint.post("/policy")
def set_policy() -> ResponseReturnValue:
    """Decide what a credit is worth from a day on."""
    form = PolicyForm()
    if not form.validate_on_submit():
        return _policy_page(form, 422)
    value, budget = _exact(form, "yuan_per_thousand", 1000), _exact(form, "yearly_budget_yuan", 100)
    if value is None or budget is None:
        return _policy_page(form, 422)
    error, status = attempted(
        services.set_credit_policy,
        valid_from=form.valid_from.data,
        value_micro_yuan=value,
        valid_years=int(text_of(form.valid_years)),
        yearly_budget_fen=budget,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已记下新的积分政策。"), "success")
        return redirect(url_for("admin.policy"), 303)
    put_error(
        form, error, value_micro_yuan="yuan_per_thousand", yearly_budget_fen="yearly_budget_yuan"
    )
    return _policy_page(form, status)


def _exact(form: PolicyForm, name: str, parts: int) -> int | None:
    """Return an amount in its smallest parts; None after saying that its decimals are too many."""
    amount = Decimal(text_of(form[name])) * parts
    if amount != amount.to_integral_value():
        decimals = len(str(parts)) - 1
        form[name].errors = [_("最多 %(count)s 位小数。", count=decimals)]
        return None
    return int(amount)


@blueprint.route("/holidays/<int:year>/edit", methods=["GET", "POST"])
def edit_holidays(year: int) -> ResponseReturnValue:
    """Write down a year's public holidays whole, with the notice they are taken from."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NotFound("not_found")
    known, form, status = queries.holidays_of(current_session(), year), HolidaysForm(), 200
    if request.method == "GET":
        form.days.data = write_holidays(known)
        form.source.data = known[0].source if known else ""
    else:
        status = 422
        if form.validate_on_submit():
            error, status = attempted(_set_holidays, year=year, form=form)
            if error is None:
                flash(_("已记下 %(year)s 年的节假日。", year=year), "success")
                return redirect(url_for("admin.holidays", year=year), 303)
            put_error(form, error)
    page = render_template(
        "admin/rules/edit_holidays.html", year=year, form=form, is_known=bool(known)
    )
    return page, status


def _set_holidays(session: Session, *, year: int, form: HolidaysForm) -> None:
    services.set_holidays(
        session,
        year=year,
        days=read_holidays(text_of(form.days)),
        source=text_of(form.source),
        acting_user=current_actor(),
        now=utc_now(),
    )


@blueprint.get("/holidays")
def holidays() -> ResponseReturnValue:
    """Show the days that are not what their weekday says, and years that are not known yet."""
    session = current_session()
    this_year = today().year
    year = request.args.get("year", this_year, type=int)
    year = min(max(year, FIRST_YEAR), LAST_YEAR)
    calendar = queries.work_calendar(session)
    return render_template(
        "admin/rules/holidays.html",
        year=year,
        days=queries.holidays_of(session, year),
        is_known=calendar.is_published(year),
        unknown=calendar.unpublished_years(today(), today().replace(year=this_year + 1, day=1)),
        earliest=rule_queries.earliest_day(session, now=utc_now()),
    )
