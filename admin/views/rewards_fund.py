"""The reward fund in the panel: what is left, by which rule it is given, and who moves money."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col, select

from admin.drafting.forms import text_of
from admin.life.forms import ReasonForm
from admin.listing import Column, exported
from admin.rewards.fund.forms import BudgetForm, FundRuleForm, ProgrammeForm, SponsorForm
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor
from rewards import fund, fund_reports, fund_services, labels_fund
from rewards.fund_chart import chart
from rewards.fund_models import FundMovement, Sponsor
from rewards.fund_reports import DaySpent, Standing, VintageLiability
from rewards.fund_services import rule_of
from rewards.reward_content import yuan_number
from rewards.views.fund import bar_width, yuan_text


def _today() -> date:
    return business_day(utc_now())


def _year() -> int:
    return min(max(request.args.get("year", _today().year, type=int), 2000), 2100)


@blueprint.get("/fund", endpoint="fund")
def fund_overview() -> ResponseReturnValue:
    """Show every budget of a year, what waits for a second person, and what is outstanding."""
    session, year = current_session(), _year()
    found = fund_reports.standings(session, year=year, today=_today())
    owed = fund_reports.liability(session, today=_today())
    return render_template(
        "admin/rewards/fund.html",
        year=year,
        years=sorted({*fund_reports.years(session), _today().year}, reverse=True),
        standings=found,
        whole=fund_reports.whole(found),
        warnings=[item for item in found if item.state != fund.FINE],
        proposals=fund_reports.open_proposals(session),
        owners=fund_reports.programme_of_budget(session),
        liability=owed,
        owed_credits=sum(item.outstanding for item in owed),
        owed_yuan=sum((item.yuan for item in owed), start=Decimal(0)),
    )


def _standing_columns() -> list[Column[Standing]]:
    return [
        Column("sponsor", _("出资方"), lambda row: row.sponsor.name_zh),
        Column("programme", _("计划"), lambda row: row.programme.name_zh),
        Column("year", _("年度"), lambda row: row.budget.year),
        Column("budget", _("预算（元）"), lambda row: yuan_number(row.budget.budget_fen)),
        Column("committed", _("已发未用（元）"), lambda row: yuan_number(row.budget.committed_fen)),
        Column("spent", _("已用（元）"), lambda row: yuan_number(row.budget.spent_fen)),
        Column("free", _("可用（元）"), lambda row: yuan_number(row.free_fen)),
        Column("percent", _("剩余（%）"), lambda row: row.free_pct),
        Column("state", _("状态"), lambda row: str(labels_fund.FUND_STATES[row.state][0])),
        Column("ends", _("预计发到"), lambda row: _forecast_text(row, "ends_on")),
        Column("earliest", _("最早"), lambda row: _forecast_text(row, "earliest")),
        Column("latest", _("最晚"), lambda row: _forecast_text(row, "latest")),
    ]


def _forecast_text(row: Standing, name: str) -> str:
    day = getattr(row.forecast, name, None)
    return day.isoformat() if day else ""


@blueprint.get("/fund.<any(csv, xlsx):kind>")
def fund_export(kind: str) -> Response:
    """Return the budgets of a year as a file."""
    found = fund_reports.standings(current_session(), year=_year(), today=_today())
    return exported(f"fund-{_year()}", kind, _standing_columns(), found)


@blueprint.get("/fund/liability.<any(csv, xlsx):kind>")
def fund_liability_export(kind: str) -> Response:
    """Return what is outstanding by vintage as a file."""
    columns: list[Column[VintageLiability]] = [
        Column("vintage", _("发放年份"), lambda row: row.vintage),
        Column("held", _("居民持有（积分）"), lambda row: row.held),
        Column("set_aside", _("已换成券（积分）"), lambda row: row.set_aside),
        Column("given", _("已捐出（积分）"), lambda row: row.given),
        Column("outstanding", _("合计（积分）"), lambda row: row.outstanding),
        Column("last_day", _("可用到"), lambda row: str(row.last_day or "")),
        Column("yuan", _("折合（元）"), lambda row: f"{row.yuan:f}"),
    ]
    found = fund_reports.liability(current_session(), today=_today())
    return exported(f"liability-{_today().isoformat()}", kind, columns, found)


@blueprint.route("/fund/sponsors", methods=["GET", "POST"])
def sponsors() -> ResponseReturnValue:
    """List who pays, and add another."""
    form, status = SponsorForm(), 200
    if request.method == "POST":
        status = 422
        if form.validate():
            error, status = attempted(
                fund_services.add_sponsor,
                name_zh=text_of(form.name_zh),
                name_en=text_of(form.name_en),
                acting_user=current_actor(),
                now=utc_now(),
            )
            if error is None:
                flash(_("已添加出资方。"), "success")
                return redirect(url_for("admin.sponsors"), 303)
            put_error(form, error)
    page = render_template("admin/rewards/sponsors.html", form=form, sponsors=_sponsors())
    return page, status


def _sponsors() -> list[Sponsor]:
    return list(current_session().exec(select(Sponsor).order_by(col(Sponsor.id))))


@blueprint.route("/fund/programmes/new", methods=["GET", "POST"])
def new_programme() -> ResponseReturnValue:
    """Add a programme of a sponsor with its rule."""
    form, status = ProgrammeForm(), 200
    form.sponsor_id.choices = [(row.id, row.name_zh) for row in _sponsors()]
    if request.method == "POST":
        status = 422
        if form.validate():
            error, status = attempted(
                fund_services.add_programme,
                sponsor_id=form.sponsor_id.data,
                name_zh=text_of(form.name_zh),
                name_en=text_of(form.name_en),
                rule=form.rule(),
                acting_user=current_actor(),
                now=utc_now(),
            )
            if error is None:
                flash(_("已添加资金项目。下一步提出它的年度预算。"), "success")
                return redirect(url_for("admin.fund"), 303)
            put_error(form, error)
    return render_template("admin/rewards/programme_new.html", form=form), status


@blueprint.get("/fund/programmes/<int:programme_id>")
def programme(programme_id: int) -> ResponseReturnValue:
    """Show a programme: its budgets, its last four weeks, its rule, and what was moved."""
    return _programme_page(programme_id)


def _programme_page(programme_id: int, status: int = 200, **forms: Any) -> ResponseReturnValue:
    session = current_session()
    found = fund_services.find_programme(session, programme_id)
    rule_form = forms.get("rule") or FundRuleForm(None)
    if "rule" not in forms:
        rule_form.show(found)
    budget_form = forms.get("budget") or BudgetForm(None)
    if "budget" not in forms:
        budget_form.year.data = str(_today().year)
    days = fund_reports.days_by_programme(session, today=_today()).get(programme_id, [])
    history = fund_reports.budgets_of(session, programme_id=programme_id, today=_today())
    page = render_template(
        "admin/rewards/programme.html",
        programme=found,
        sponsor=session.get(Sponsor, found.sponsor_id),
        rule=rule_of(found),
        rule_form=rule_form,
        budget_form=budget_form,
        reason_form=forms.get("reason") or ReasonForm(None),
        history=history,
        days=days,
        chart=chart(days),
        movements=fund_reports.movements_of_programme(session, programme_id=programme_id),
        proposals=fund_reports.proposals_of(session, programme_id=programme_id),
        promised=fund.promised_fen(session, programme_id=programme_id),
        me=str(current_actor()),
    )
    return page, status


def _step(
    shown: int, name: str, form: Any, service: Callable[..., Any], done: str, **needs: Any
) -> ResponseReturnValue:
    """Do one thing to a programme and come back to its page; a refusal is said at its form."""
    error, status = attempted(service, acting_user=current_actor(), now=utc_now(), **needs)
    if error is None:
        flash(done, "success")
        return redirect(url_for("admin.programme", programme_id=shown), 303)
    put_error(form, error, decision="reason")
    return _programme_page(shown, status, **{name: form})


@blueprint.post("/fund/programmes/<int:programme_id>/rule")
def change_fund_rule(programme_id: int) -> ResponseReturnValue:
    """Change the public rule from now on."""
    form = FundRuleForm()
    if not form.validate():
        return _programme_page(programme_id, 422, rule=form)
    return _step(
        programme_id,
        "rule",
        form,
        fund_services.change_rule,
        _("规则已改，从现在起适用。"),
        programme_id=programme_id,
        rule=form.rule(),
    )


@blueprint.post("/fund/programmes/<int:programme_id>/budgets")
def propose_budget(programme_id: int) -> ResponseReturnValue:
    """Propose to move a year's budget."""
    form = BudgetForm()
    if not form.validate():
        return _programme_page(programme_id, 422, budget=form)
    return _step(
        programme_id,
        "budget",
        form,
        fund_services.propose_change,
        _("已提出，等另一位同事审批。"),
        programme_id=programme_id,
        year=int(text_of(form.year)),
        change_fen=form.change_fen(),
        reason=text_of(form.reason),
    )


def _programme_id_of(proposal_id: int) -> int:
    return fund_reports.programme_of_proposal(current_session(), proposal_id=proposal_id)


@blueprint.post("/fund/proposals/<int:proposal_id>/approve")
def approve_budget(proposal_id: int) -> ResponseReturnValue:
    """Move a budget as another person proposed."""
    return _step(
        _programme_id_of(proposal_id),
        "reason",
        ReasonForm(None),
        fund_services.approve,
        _("已批准，预算已变动。"),
        proposal_id=proposal_id,
    )


@blueprint.post("/fund/proposals/<int:proposal_id>/refuse")
def refuse_budget(proposal_id: int) -> ResponseReturnValue:
    """Refuse what another person proposed, with the reason."""
    form, programme_id = ReasonForm(), _programme_id_of(proposal_id)
    if not form.validate():
        return _programme_page(programme_id, 422, reason=form)
    return _step(
        programme_id,
        "reason",
        form,
        fund_services.refuse,
        _("已驳回。"),
        proposal_id=proposal_id,
        decision=text_of(form.reason),
    )


@blueprint.post("/fund/proposals/<int:proposal_id>/withdraw")
def withdraw_budget(proposal_id: int) -> ResponseReturnValue:
    """Take back what one proposed."""
    return _step(
        _programme_id_of(proposal_id),
        "reason",
        ReasonForm(None),
        fund_services.withdraw,
        _("已撤回。"),
        proposal_id=proposal_id,
    )


@blueprint.get("/fund/programmes/<int:programme_id>/days.<any(csv, xlsx):kind>")
def fund_days_export(programme_id: int, kind: str) -> Response:
    """Return the last four weeks of a programme as a file."""
    session = current_session()
    fund_services.find_programme(session, programme_id)
    days = fund_reports.days_by_programme(session, today=_today()).get(programme_id, [])
    columns: list[Column[DaySpent]] = [
        Column("day", _("日期"), lambda row: row.day.isoformat()),
        Column("coupons", _("券"), lambda row: row.coupons),
        Column("value", _("价值（元）"), lambda row: yuan_number(row.committed_fen)),
    ]
    return exported(f"fund-days-{programme_id}", kind, columns, days)


@blueprint.get("/fund/programmes/<int:programme_id>/movements.<any(csv, xlsx):kind>")
def fund_movements_export(programme_id: int, kind: str) -> Response:
    """Return every change of a programme's budgets as a file."""
    session = current_session()
    fund_services.find_programme(session, programme_id)
    columns: list[Column[tuple[int, FundMovement]]] = [
        Column("at", _("时间"), lambda row: _moment(row[1])),
        Column("year", _("年度"), lambda row: row[0]),
        Column("change", _("变动（元）"), lambda row: yuan_number(row[1].change_fen)),
        Column("reason", _("理由"), lambda row: row[1].reason),
        Column("moved_by", _("提出人"), lambda row: row[1].moved_by),
        Column("approved_by", _("批准人"), lambda row: row[1].approved_by),
    ]
    found = fund_reports.movements_of_programme(session, programme_id=programme_id)
    return exported(f"fund-movements-{programme_id}", kind, columns, found)


def _moment(row: FundMovement) -> str:
    return str(row.moved_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def fund_warnings() -> list[Standing]:
    """Return this year's budgets that are warned, slowed or paused, for the panel's first page."""
    found = fund_reports.standings(current_session(), year=_today().year, today=_today())
    return [item for item in found if item.state != fund.FINE]


@blueprint.context_processor
def fund_panel_words() -> dict[str, object]:
    """Give the panel's pages the words for states and money of the fund, and what to warn of."""
    return {
        "fund_warnings": fund_warnings,
        "fund_labels": labels_fund,
        "fund_yuan": yuan_text,
        "fund_bar": bar_width,
    }
