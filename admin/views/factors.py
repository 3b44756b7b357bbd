"""Emission factors: the list, the versions of one, and the way of a new version."""

from collections.abc import Callable

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from admin import rule_reads
from admin.drafting.forms import text_of
from admin.life.forms import DiscardForm, FactorForm, NewFactorForm, ReasonForm
from admin.listing import Column, exported, listing
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from behaviors import factor_services, rule_queries
from behaviors.factor_services import ApprovedFactor, FactorContent
from behaviors.models import EmissionFactor
from behaviors.views.common import localized, rule_book, today
from carbonaccount.clock import utc_now
from carbonaccount.errors import NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, current_staff


def factor_name(factor: EmissionFactor) -> str:
    """Return a factor's name in the page's language."""
    return localized(factor.name_zh, factor.name_en)


def factor_source(factor: EmissionFactor) -> str:
    """Return where a factor comes from in the page's language, in the other if there is but one."""
    return localized(factor.source_zh or factor.source, factor.source or factor.source_zh)


def factor_states() -> dict[str, tuple[str, str]]:
    """Return the words and the tone of each state of a factor."""
    return {
        "draft": (_("草稿"), "plain"),
        "in_review": (_("待批准"), "wait"),
        "active": (_("已发布"), "good"),
        "withdrawn": (_("已撤回"), "bad"),
        "discarded": (_("已放弃"), "plain"),
    }


def columns() -> list[Column[EmissionFactor]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("code", _("代码"), lambda factor: factor.code),
        Column("name", _("名称"), factor_name),
        Column("version", _("版本"), lambda factor: factor.version),
        Column("value", _("数值"), lambda factor: factor.value),
        Column("unit", _("单位"), lambda factor: factor.unit),
        Column("gas", _("气体"), lambda factor: factor.gas),
        Column("valid_from", _("从哪天起"), lambda factor: _text(factor.valid_from)),
        Column("valid_to", _("至"), lambda factor: _text(factor.valid_to)),
        Column("data_year", _("数据年份"), lambda factor: _text(factor.data_year)),
        Column("grade", _("可信度"), lambda factor: factor.grade),
        Column("status", _("状态"), lambda factor: factor_states()[factor.status][0]),
        Column("source", _("来源"), factor_source),
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:60] for name in ("q", "status")}


def _chosen(filters: dict[str, str]) -> list[EmissionFactor]:
    return [
        factor
        for factor in rule_reads.all_factors(current_session())
        if filters["q"].lower() in f"{factor.code} {factor.name_zh} {factor.name_en}".lower()
        and filters["status"] in ("", factor.status)
    ]


@blueprint.get("/factors")
def factors() -> ResponseReturnValue:
    """List every version of every factor."""
    filters = _filters()
    return render_template(
        "admin/rules/factors.html",
        list=listing(_chosen(filters), columns(), filters=filters),
        filters=filters,
        states=factor_states(),
        factor_name=factor_name,
    )


@blueprint.get("/factors.<any(csv, xlsx):kind>")
def factors_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return exported("factors", kind, columns(), _chosen(_filters()))


@blueprint.get("/factors/<code>")
def factor(code: str) -> ResponseReturnValue:
    """Show a factor's versions and which rules use it."""
    return _factor_page(code, ReasonForm())


def _factor_page(code: str, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    session, book = current_session(), rule_book()
    versions = rule_queries.factor_versions(session, code)
    if not versions:
        raise NotFound("unknown_factor", factor=code[:64])
    staff = current_staff()
    page = render_template(
        "admin/rules/factor.html",
        code=code,
        versions=versions,
        used_by=factor_services.rules_using(book, code, today()),
        drafts=_drafts_with(code),
        book=book,
        staff=rule_reads.staff_names(session),
        states=factor_states(),
        factor_name=factor_name,
        factor_source=factor_source,
        me=staff.id if staff else None,
        form=form,
    )
    return page, status


def _drafts_with(code: str) -> list[rule_reads.Work]:
    """Return the unpublished versions of rules that take a number from a factor."""
    return [
        work
        for work in rule_reads.work_in(current_session(), rule_queries.UNPUBLISHED)
        if any(item.factor == code for item in rule_queries.rule_of(work.row).parameters)
    ]


@blueprint.route("/factors/new", methods=["GET", "POST"])
def new_factor() -> ResponseReturnValue:
    """Draft a new version of a factor, or the first of a new one."""
    code = request.args.get("code", "")
    versions = rule_queries.factor_versions(current_session(), code) if code else []
    known = [item for item in versions if item.status != factor_services.DISCARDED]
    if code and not known:
        raise NotFound("unknown_factor", factor=code[:64])
    form = FactorForm() if known else NewFactorForm()
    if request.method == "GET" and known:
        _fill(form, known[0], with_day=False)
    chosen = code or (text_of(form.code) if request.method == "POST" else "")
    return _factor_form(
        form, known[0] if known else None, factor_services.draft_factor, code=chosen
    )


@blueprint.route("/factors/<int:factor_id>/edit", methods=["GET", "POST"])
def edit_factor(factor_id: int) -> ResponseReturnValue:
    """Write a draft of a factor anew."""
    found = rule_queries.find_factor(current_session(), factor_id)
    form = FactorForm()
    if request.method == "GET":
        _fill(form, found, with_day=True)
    return _factor_form(form, found, factor_services.edit_factor, factor_id=factor_id)


def _fill(form: FactorForm, factor: EmissionFactor, *, with_day: bool) -> None:
    for name in ("name_zh", "name_en", "value", "gas", "grade", "source", "source_zh"):
        form[name].data = getattr(factor, name)
    form.data_year.data = _text(factor.data_year)
    form.valid_from.data = factor.valid_from if with_day else None


def _factor_form(
    form: FactorForm,
    known: EmissionFactor | None,
    service: Callable[..., object],
    **needs: object,
) -> ResponseReturnValue:
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        error, status = attempted(
            service,
            content=_content(form, known),
            acting_user=current_actor(),
            now=utc_now(),
            **needs,
        )
        if error is None:
            flash(_("因子草稿已保存，请提交给另一位同事批准。"), "success")
            code = known.code if known else str(needs["code"])
            return redirect(url_for("admin.factor", code=code), 303)
        put_error(form, error)
    page = render_template(
        "admin/rules/factor_form.html", form=form, known=known, factor_name=factor_name
    )
    return page, status


def _content(form: FactorForm, known: EmissionFactor | None) -> FactorContent:
    """Return what was typed; the unit of a factor stays the same through its versions."""
    year = text_of(form.data_year)
    return FactorContent(
        name_zh=text_of(form.name_zh),
        name_en=text_of(form.name_en),
        value=text_of(form.value),
        unit=known.unit if known else text_of(form["unit"]),
        gas=text_of(form.gas),
        valid_from=form.valid_from.data,
        data_year=int(year) if year else None,
        grade=form.grade.data,
        source=text_of(form.source),
        source_zh=text_of(form.source_zh),
    )


@blueprint.post("/factors/<int:factor_id>/submit")
def submit_factor(factor_id: int) -> ResponseReturnValue:
    """Hand a draft to another person."""
    return _step(factor_id, factor_services.submit_factor, _("已提交，等待另一位同事批准。"))


@blueprint.post("/factors/<int:factor_id>/discard")
def discard_factor(factor_id: int) -> ResponseReturnValue:
    """Give a draft of a factor up for good."""
    done = _("草稿已放弃，记录仍可查看。")
    return _step(factor_id, factor_services.discard_factor, done, DiscardForm())


@blueprint.post("/factors/<int:factor_id>/return")
def return_factor(factor_id: int) -> ResponseReturnValue:
    """Give a factor back to its drafter."""
    return _step(factor_id, factor_services.return_factor, _("已退回修改。"))


@blueprint.post("/factors/<int:factor_id>/approve")
def approve_factor(factor_id: int) -> ResponseReturnValue:
    """Publish a factor version; every rule that uses it gets a draft."""
    made: list[ApprovedFactor] = []

    def approve(session: object, **needs: object) -> None:
        made.append(factor_services.approve_factor(session, **needs))  # type: ignore[arg-type]

    def done() -> str:
        count = len(made[0].drafts)
        return str(
            ngettext(
                "因子已批准，为 %(num)s 条用到它的规则起草了新版本。",
                "因子已批准，为 %(num)s 条用到它的规则起草了新版本。",
                count,
            )
        )

    return _step(factor_id, approve, done)


def _step(
    factor_id: int,
    service: Callable[..., object],
    done: str | Callable[[], str],
    form: ReasonForm | None = None,
) -> ResponseReturnValue:
    found = rule_queries.find_factor(current_session(), factor_id)
    form, code = form or ReasonForm(), found.code
    if not form.validate_on_submit():
        return _factor_page(code, form, 422)
    error, status = attempted(
        service,
        factor_id=factor_id,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(done if isinstance(done, str) else done(), "success")
        return redirect(url_for("admin.factor", code=code), 303)
    put_error(form, error)
    return _factor_page(code, form, status)
