"""Beneficiaries in the panel: the list, the way of a draft, gifts, and the use of grams."""

from collections.abc import Callable

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin import rule_reads
from admin.giving import reads
from admin.giving.forms import BeneficiaryForm, UseForm
from admin.giving.reads import BeneficiaryLine
from admin.life.forms import ReasonForm
from admin.listing import Column, exported, listing
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.ledger.models import Unit
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, current_staff, go_to
from carbonaccount.web.templating import language
from rewards import beneficiaries as services
from rewards import giving, giving_labels, giving_queries
from rewards.giving_models import Beneficiary, Gift

# `about`, because `kind` is the kind of file in the address of an export.
_FILTERS = ("q", "status", "about")


def title_of(row: Beneficiary) -> str:
    """Return a beneficiary's name in the page's language."""
    return row.texts[language()]["title"]


def columns() -> list[Column[BeneficiaryLine]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("title", _("名称"), lambda line: title_of(line.row)),
        Column("kind", _("种类"), lambda line: str(giving_labels.KINDS[line.row.kind])),
        Column("takes", _("收什么"), lambda line: str(giving_labels.TAKES[line.row.takes])),
        Column(
            "status",
            _("状态"),
            lambda line: str(giving_labels.BENEFICIARY_STATES[line.row.status][0]),
        ),
        Column("credits", _("已收到积分"), lambda line: line.received.credits),
        Column("pledged", _("已认捐未使用（克）"), lambda line: line.received.pledged_g),
        Column("used", _("已使用（克）"), lambda line: line.received.used_g),
        Column("until", _("截止"), lambda line: line.row.open_until.isoformat()),
        Column("public_id", _("编号"), lambda line: line.row.public_id),
    ]


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:60] for name in _FILTERS}


def _chosen(filters: dict[str, str]) -> list[BeneficiaryLine]:
    return [
        line
        for line in reads.beneficiary_lines(current_session())
        if filters["status"] in ("", line.row.status)
        and filters["about"] in ("", line.row.kind)
        and filters["q"].casefold()
        in " ".join(texts["title"] for texts in line.row.texts.values()).casefold()
    ]


@blueprint.get("/giving")
def beneficiaries() -> ResponseReturnValue:
    """List who can be given something."""
    filters = _filters()
    return render_template(
        "admin/rewards/beneficiaries.html",
        list=listing(_chosen(filters), columns(), filters=filters),
        filters=filters,
        title_of=title_of,
    )


@blueprint.get("/giving.<any(csv, xlsx):kind>")
def beneficiaries_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return exported("beneficiaries", kind, columns(), _chosen(_filters()))


@blueprint.get("/giving/<int:beneficiary_id>")
def beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Show a beneficiary, what it was given, and how grams were used."""
    return _page(beneficiary_id)


def _page(
    beneficiary_id: int,
    status: int = 200,
    *,
    form: ReasonForm | None = None,
    use_form: UseForm | None = None,
) -> ResponseReturnValue:
    session, staff = current_session(), current_staff()
    row = reads.find_beneficiary(session, beneficiary_id)
    page = render_template(
        "admin/rewards/beneficiary.html",
        row=row,
        title=title_of(row),
        received=giving_queries.received(session, [beneficiary_id])[beneficiary_id],
        uses=giving_queries.uses_of(session, beneficiary_id),
        trail=reads.trail_of(session, f"beneficiary:{beneficiary_id}"),
        form=form or ReasonForm(None),
        use_form=use_form or UseForm(None),
        staff=rule_reads.staff_names(session),
        me=staff.id if staff else None,
    )
    return page, status


@blueprint.route("/giving/new", methods=["GET", "POST"])
def new_beneficiary() -> ResponseReturnValue:
    """Draft a new beneficiary."""
    return _form_page(BeneficiaryForm(), None, services.draft)


@blueprint.route("/giving/<int:beneficiary_id>/edit", methods=["GET", "POST"])
def edit_beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Write a draft anew."""
    row, form = reads.find_beneficiary(current_session(), beneficiary_id), BeneficiaryForm()
    if request.method == "GET":
        form.fill(row, reads.institution_number(current_session(), row))
    return _form_page(form, row, services.edit, beneficiary_id=beneficiary_id)


def _form_page(
    form: BeneficiaryForm,
    row: Beneficiary | None,
    service: Callable[..., Beneficiary],
    **needs: object,
) -> ResponseReturnValue:
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        made: list[Beneficiary] = []

        def save(session: object, **more: object) -> None:
            made.append(service(session, **more))

        who = {"acting_user": current_actor(), "now": utc_now()}
        error, status = attempted(save, content=form.content(), **who, **needs)
        if error is None:
            flash(_("草稿已保存，请提交给另一位同事发布。"), "success")
            return go_to(url_for("admin.beneficiary", beneficiary_id=made[0].id))
        put_error(form, error)
    page = render_template("admin/rewards/beneficiary_form.html", form=form, row=row)
    return page, status


def _step(
    beneficiary_id: int, service: Callable[..., Beneficiary], done: str
) -> ResponseReturnValue:
    reads.find_beneficiary(current_session(), beneficiary_id)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(beneficiary_id, 422, form=form)
    error, status = attempted(
        service,
        beneficiary_id=beneficiary_id,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(done, "success")
        return go_to(url_for("admin.beneficiary", beneficiary_id=beneficiary_id))
    put_error(form, error)
    return _page(beneficiary_id, status, form=form)


@blueprint.post("/giving/<int:beneficiary_id>/submit")
def submit_beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Hand a draft to another person."""
    return _step(beneficiary_id, services.submit, _("已提交，等待另一位同事发布。"))


@blueprint.post("/giving/<int:beneficiary_id>/return")
def return_beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Give it back to its drafter."""
    return _step(beneficiary_id, services.return_to_draft, _("已退回修改。"))


@blueprint.post("/giving/<int:beneficiary_id>/publish")
def publish_beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Open it for gifts."""
    return _step(beneficiary_id, services.publish, _("已发布，居民现在可以捐赠。"))


@blueprint.post("/giving/<int:beneficiary_id>/end")
def end_beneficiary(beneficiary_id: int) -> ResponseReturnValue:
    """Take no more gifts."""
    return _step(beneficiary_id, services.end, _("已结束，不再接受捐赠。"))


@blueprint.post("/giving/<int:beneficiary_id>/use")
def use_grams(beneficiary_id: int) -> ResponseReturnValue:
    """Use pledged grams; each giver is told."""
    reads.find_beneficiary(current_session(), beneficiary_id)
    form = UseForm()
    if not form.validate_on_submit():
        return _page(beneficiary_id, 422, use_form=form)
    error, status = attempted(
        giving.use_grams,
        beneficiary_id=beneficiary_id,
        purpose=form.purpose.data or "",
        grams_at_most=form.grams_at_most(),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("已使用，每位捐赠人都会收到消息。"), "success")
        return go_to(url_for("admin.beneficiary", beneficiary_id=beneficiary_id))
    put_error(form, error)
    return _page(beneficiary_id, status, use_form=form)


def _gift_columns() -> list[Column[Gift]]:
    return [
        Column("given_at", _("时间"), lambda gift: _moment(gift.given_at)),
        Column("public_id", _("编号"), lambda gift: gift.public_id),
        Column("unit", _("单位"), lambda gift: "g" if gift.unit == Unit.G else str(_("积分"))),
        Column("amount", _("数量"), lambda gift: gift.amount),
        Column("status", _("状态"), lambda gift: str(giving_labels.GIFT_STATES[gift.status][0])),
        Column("ended_at", _("结束时间"), lambda gift: _moment(gift.ended_at)),
        Column("use", _("使用编号"), lambda gift: gift.use_id or ""),
    ]


def _moment(moment: object) -> str:
    """Return a moment as the city's clocks show it, nothing for none."""
    shown = getattr(moment, "astimezone", None)
    return shown(CITY_ZONE).isoformat(sep=" ", timespec="seconds") if shown else ""


@blueprint.get("/giving/<int:beneficiary_id>/gifts.<any(csv, xlsx):kind>")
def gifts_export(beneficiary_id: int, kind: str) -> Response:
    """Return the gifts of a beneficiary as a file, without the givers."""
    row = reads.find_beneficiary(current_session(), beneficiary_id)
    rows = reads.gifts_to(current_session(), beneficiary_id)
    return exported(f"gifts-{row.public_id}", kind, _gift_columns(), rows)


@blueprint.context_processor
def giving_words() -> dict[str, object]:
    """Give the panel the words of giving, trees and certificates."""
    return {"giving_labels": giving_labels}
