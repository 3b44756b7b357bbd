"""Rewards in the panel: the list, the draft, and the way from draft to shelf and back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin import rule_reads
from admin.drafting.forms import text_of
from admin.life.forms import ReasonForm
from admin.listing import Column, exported, listing
from admin.rewards.forms import PriceForm, RewardForm, StockForm
from admin.rewards.waiting import reward_queues
from admin.rewards.words import actor_text, reason_text
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.accounts import queries as account_queries
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, current_staff
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language
from rewards import acceptance, catalogue, labels, pictures, queries
from rewards.models import Reward, RewardStatus, StockMovement
from rewards.queries import RewardLine
from rewards.reward_content import yuan_number, yuan_text
from rewards.views.common import named

_FILTERS = ("q", "status", "class")
# What the service calls a field, and how the form calls it.
_PLACES = {"value_fen": "value_yuan"}


def title_of(reward: Reward) -> str:
    """Return a reward's title in the page's language."""
    return reward.texts[language()]["title"]


def columns() -> list[Column[RewardLine]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("title", _("名称"), lambda line: title_of(line.reward)),
        Column("class", _("类别"), lambda line: str(labels.CLASS_NAMES[line.reward.reward_class])),
        Column("status", _("状态"), lambda line: str(labels.STATUS_WORDS[line.reward.status][0])),
        Column("price", _("价格（积分）"), lambda line: line.reward.price_credits),
        Column("left", _("库存"), lambda line: line.reward.stock_left),
        Column("coupons", _("已兑"), lambda line: line.coupons),
        Column("used", _("已用"), lambda line: line.used),
        Column("value", _("每份的成本（元）"), lambda line: yuan_number(line.reward.value_fen)),
        Column("until", _("可兑到"), lambda line: line.reward.offered_until.isoformat()),
        Column("programme", _("资金项目"), lambda line: named(line.programme)),
        Column("public_id", _("编号"), lambda line: line.reward.public_id),
    ]


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:60] for name in _FILTERS}


def _chosen(filters: dict[str, str]) -> list[RewardLine]:
    return [
        line
        for line in queries.reward_lines(current_session())
        if filters["status"] in ("", line.reward.status)
        and filters["class"] in ("", line.reward.reward_class)
        and filters["q"].casefold() in _searched(line.reward)
    ]


def _searched(reward: Reward) -> str:
    titles = [texts["title"] for texts in reward.texts.values()]
    return " ".join([*titles, reward.public_id]).casefold()


@blueprint.get("/rewards")
def rewards() -> ResponseReturnValue:
    """List the rewards of every state."""
    filters = _filters()
    return render_template(
        "admin/rewards/list.html",
        list=listing(_chosen(filters), columns(), filters=filters),
        filters=filters,
    )


@blueprint.get("/rewards.<any(csv, xlsx):kind>")
def rewards_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return exported("rewards", kind, columns(), _chosen(_filters()))


@blueprint.get("/rewards/<public_id>")
def reward(public_id: str) -> ResponseReturnValue:
    """Show a reward with its stock, its prices and what was done to it."""
    return _reward_page(public_id)


def _reward_page(public_id: str, status: int = 200, **forms: ReasonForm) -> ResponseReturnValue:
    session, staff = current_session(), current_staff()
    found = queries.find_reward(session, public_id)
    assert found.id is not None
    programme, sponsor = queries.payer_of(session, programme_id=found.programme_id)
    forms = {
        "reason": ReasonForm(None),
        "price": PriceForm(None),
        "stock": StockForm(None),
        **forms,
    }
    page = render_template(
        "admin/rewards/reward.html",
        reward=found,
        forms=forms,
        problems=[form for form in forms.values() if form.errors],
        prices=queries.prices_of(session, reward_id=found.id),
        movements=queries.stock_movements(session, reward_id=found.id),
        history=queries.history_of(session, public_id=public_id),
        merchants=queries.merchants_of(session, reward_id=found.id),
        usable=acceptance.is_usable(session, found),
        districts={row.code: row for row in account_queries.districts(session)},
        programme=programme,
        sponsor=sponsor,
        staff=rule_reads.staff_names(session),
        me=staff.id if staff else None,
    )
    return page, status


@blueprint.route("/rewards/new", methods=["GET", "POST"])
def new_reward() -> ResponseReturnValue:
    """Draft a new reward."""
    form = _offering(RewardForm())
    return _reward_form(form, None, catalogue.draft_reward)


@blueprint.route("/rewards/<public_id>/edit", methods=["GET", "POST"])
def edit_reward(public_id: str) -> ResponseReturnValue:
    """Write a draft anew."""
    session = current_session()
    found = queries.find_reward(session, public_id)
    assert found.id is not None
    form = _offering(RewardForm())
    if request.method == "GET":
        taken_by = queries.merchants_of(session, reward_id=found.id)
        form.fill(found, [row.id for row in taken_by if row.id is not None])
    return _reward_form(form, found, catalogue.edit_draft, public_id=public_id)


def _offering(form: RewardForm) -> RewardForm:
    session = current_session()
    form.offer(
        programmes=queries.programmes(session),
        districts=account_queries.districts(session),
        merchants=queries.merchants(session),
    )
    return form


def _reward_form(
    form: RewardForm, found: Reward | None, service: Callable[..., Reward], **needs: object
) -> ResponseReturnValue:
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        error, status, saved = _save(form, service, needs)
        if saved is not None:
            flash(_("草稿已保存，请提交给另一位同事发布。"), "success")
            return redirect(url_for("admin.reward", public_id=saved.public_id), 303)
        if error is not None:
            put_error(form, error, **_PLACES)
    return render_template("admin/rewards/form.html", form=form, reward=found), status


def _save(
    form: RewardForm, service: Callable[..., Reward], needs: dict[str, object]
) -> tuple[DomainError | None, int, Reward | None]:
    """Write the draft and its picture in one transaction; files follow what was committed."""
    session, stored, dropped = current_session(), "", ""
    who: dict[str, Any] = {"acting_user": current_actor(), "now": utc_now()}
    try:
        saved = service(session, content=form.content(), **who, **needs)
        if form.picture.data:
            content = pictures.clean_picture(form.picture.data.read(pictures.MAX_BYTES + 1))
            stored = pictures.store_picture(content, _folder())
            dropped = catalogue.set_picture(
                session, public_id=saved.public_id, picture=stored, **who
            )
        session.commit()
    except DomainError as error:
        session.rollback()
        pictures.remove_picture(stored, _folder())
        return error, status_of(error), None
    pictures.remove_picture(dropped, _folder())
    return None, 200, saved


def _folder() -> Path:
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return pictures.picture_folder(settings.instance_path.resolve())


def _step(
    public_id: str, service: Callable[..., object], done: str, form: ReasonForm, **needs: object
) -> ResponseReturnValue:
    """Do one step with its reason and come back to the reward."""
    name = {PriceForm: "price", StockForm: "stock"}.get(type(form), "reason")
    error, status = attempted(
        service,
        public_id=public_id,
        reason=form.reason.data or "",
        acting_user=current_actor(),
        now=utc_now(),
        **needs,
    )
    if error is None:
        flash(done, "success")
        return redirect(url_for("admin.reward", public_id=public_id), 303)
    put_error(form, error)
    return _reward_page(public_id, status, **{name: form})


def _plain_step(public_id: str, service: Callable[..., object], done: str) -> ResponseReturnValue:
    queries.find_reward(current_session(), public_id)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _reward_page(public_id, 422, reason=form)
    return _step(public_id, service, done, form)


@blueprint.post("/rewards/<public_id>/submit")
def submit_reward(public_id: str) -> ResponseReturnValue:
    """Hand a draft to another person."""
    return _plain_step(public_id, catalogue.submit, _("已提交，等待另一位同事发布。"))


@blueprint.post("/rewards/<public_id>/return")
def return_reward(public_id: str) -> ResponseReturnValue:
    """Give a reward back to its drafter."""
    return _plain_step(public_id, catalogue.return_to_draft, _("已退回修改。"))


@blueprint.post("/rewards/<public_id>/publish")
def publish_reward(public_id: str) -> ResponseReturnValue:
    """Put a reward on the shelf."""
    return _plain_step(public_id, catalogue.publish, _("已发布，居民现在可以兑换。"))


@blueprint.post("/rewards/<public_id>/pause")
def pause_reward(public_id: str) -> ResponseReturnValue:
    """Take a reward from the shelf for now."""
    return _plain_step(public_id, catalogue.pause, _("已暂停，居民会看到理由。"))


@blueprint.post("/rewards/<public_id>/resume")
def resume_reward(public_id: str) -> ResponseReturnValue:
    """Put a paused reward on the shelf again."""
    return _plain_step(public_id, catalogue.resume, _("已恢复兑换。"))


@blueprint.post("/rewards/<public_id>/revise")
def revise_reward(public_id: str) -> ResponseReturnValue:
    """Make a paused reward a draft again."""
    return _plain_step(public_id, catalogue.revise, _("已撤下，现在是您的草稿。"))


@blueprint.post("/rewards/<public_id>/end")
def end_reward(public_id: str) -> ResponseReturnValue:
    """Take a reward from the shelf for good."""
    return _plain_step(public_id, catalogue.end, _("已结束，已兑的券仍然有效。"))


@blueprint.post("/rewards/<public_id>/price")
def propose_reward_price(public_id: str) -> ResponseReturnValue:
    """Propose another price."""
    queries.find_reward(current_session(), public_id)
    form = PriceForm()
    if not form.validate_on_submit():
        return _reward_page(public_id, 422, price=form)
    price = int(text_of(form.price_credits))
    done = _("已提出新价格，等待另一位同事批准。")
    return _step(public_id, catalogue.propose_price, done, form, price_credits=price)


@blueprint.post("/rewards/<public_id>/price/set")
def set_reward_price(public_id: str) -> ResponseReturnValue:
    """Put a proposed price into force."""
    return _plain_step(public_id, catalogue.set_price, _("新价格已生效。"))


@blueprint.post("/rewards/<public_id>/price/drop")
def drop_reward_price(public_id: str) -> ResponseReturnValue:
    """Withdraw or refuse a proposed price."""
    return _plain_step(public_id, catalogue.drop_price, _("新价格已撤销。"))


@blueprint.post("/rewards/<public_id>/stock")
def move_reward_stock(public_id: str) -> ResponseReturnValue:
    """Add to the stock, or take off it."""
    queries.find_reward(current_session(), public_id)
    form = StockForm()
    if not form.validate_on_submit():
        return _reward_page(public_id, 422, stock=form)
    return _step(public_id, catalogue.move_stock, _("库存已更新。"), form, change=form.number())


def _movement_columns() -> list[Column[StockMovement]]:
    return [
        Column("moved_at", _("时间"), lambda row: _moment(row.moved_at)),
        Column("change", _("变动"), lambda row: row.change),
        Column("reason", _("理由"), lambda row: row.reason),
        Column("moved_by", _("经手人"), lambda row: row.moved_by),
    ]


def _moment(moment: Any) -> str:
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


@blueprint.get("/rewards/<public_id>/stock.<any(csv, xlsx):kind>")
def reward_stock_export(public_id: str, kind: str) -> Response:
    """Return the stock movements of a reward as a file."""
    found = queries.find_reward(current_session(), public_id)
    assert found.id is not None
    rows = queries.stock_movements(current_session(), reward_id=found.id)
    return exported(f"stock-{public_id}", kind, _movement_columns(), rows)


def step_sent() -> str:
    """Return the endpoint of the step whose form was sent, so that its reason is kept."""
    return request.endpoint or "" if request.method == "POST" else ""


@blueprint.context_processor
def reward_words() -> dict[str, object]:
    """Give the pages of rewards the words for codes."""
    return {
        "actor_text": actor_text,
        "reason_text": reason_text,
        "reward_labels": labels,
        "reward_named": named,
        "reward_queues": reward_queues,
        "reward_states": RewardStatus,
        "reward_title": title_of,
        "step_sent": step_sent,
        "yuan_of": yuan_text,
    }
