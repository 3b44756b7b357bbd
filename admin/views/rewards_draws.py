"""Draws and queues in the panel: announce, close, draw, call off; who waits and who is offered."""

from collections.abc import Callable
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col, select

from admin.drafting.forms import text_of
from admin.life.forms import ReasonForm
from admin.listing import Column, exported
from admin.rewards.fund.forms import DrawForm
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.audit import Actor
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language
from rewards import draw_awards, draw_queries, draws, labels_fund, queueing
from rewards.draw_queries import DrawRow
from rewards.models import Allotment, QueuePlace, Reward, RewardDraw, RewardStatus
from rewards.queries import find_reward
from rewards.views.draws import outcome_text, proof_holds

_MOST_PLACES = 200
# A round that has to pass over more people than were locked goes on in a transaction of its own.
_MOST_ROUNDS = 1000


def _title(reward: Reward) -> str:
    return reward.texts.get(language(), {}).get("title") or reward.texts["zh"]["title"]


@blueprint.get("/draws", endpoint="draws")
def all_draws() -> ResponseReturnValue:
    """List the draws, the latest first, and the queues."""
    session = current_session()
    return render_template(
        "admin/rewards/draws.html",
        rows=draw_queries.latest_draws(session),
        queues=draw_queries.queues(session),
        title_of=_title,
    )


@blueprint.get("/draws.<any(csv, xlsx):kind>")
def draws_export(kind: str) -> Response:
    """Return the draws as a file."""
    columns: list[Column[DrawRow]] = [
        Column("id", _("编号"), lambda row: row.draw.public_id),
        Column("reward", _("兑换项目"), lambda row: _title(row.reward)),
        Column("state", _("状态"), lambda row: str(labels_fund.DRAW_STATES[row.draw.status][0])),
        Column("winners", _("名额"), lambda row: row.draw.winners_wanted),
        Column("entries", _("报名人数"), lambda row: row.entries),
        Column("closes", _("报名截止"), lambda row: _moment(row.draw.closes_at)),
        Column("commitment", _("承诺"), lambda row: row.draw.commitment),
        Column("entries_sha256", _("名单指纹"), lambda row: row.draw.entries_sha256 or ""),
        Column("seed", _("种子"), lambda row: row.draw.seed or ""),
    ]
    return exported("draws", kind, columns, draw_queries.latest_draws(current_session()))


def _moment(moment: Any) -> str:
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


@blueprint.route("/draws/new", methods=["GET", "POST"])
def new_draw() -> ResponseReturnValue:
    """Announce a draw; its commitment is public from this moment."""
    form, status = DrawForm(), 200
    form.reward_id.choices = [(row.id, _title(row)) for row in _drawable(current_session())]
    if request.method == "POST":
        status = 422
        if form.validate():
            made: list[RewardDraw] = []

            def create(session: Session, **needs: Any) -> None:
                made.append(draws.create(session, **needs))

            error, status = attempted(
                create,
                reward_id=form.reward_id.data,
                winners_wanted=int(text_of(form.winners_wanted)),
                closes_at=form.moment(),
                vault=vault(),
                acting_user=current_actor(),
                now=utc_now(),
            )
            if error is None:
                flash(_("抽签已公布，承诺也已公布。"), "success")
                return redirect(url_for("admin.draw", public_id=made[0].public_id), 303)
            put_error(form, error)
    return render_template("admin/rewards/draw_new.html", form=form), status


def _drawable(session: Session) -> list[Reward]:
    statement = select(Reward).where(
        col(Reward.allotment) == Allotment.DRAW, col(Reward.status) == RewardStatus.PUBLISHED
    )
    return list(session.exec(statement.order_by(col(Reward.id))))


@blueprint.get("/draws/<public_id>")
def draw(public_id: str) -> ResponseReturnValue:
    """Show a draw and what can be done with it now."""
    return _draw_page(public_id)


def _draw_page(
    public_id: str, status: int = 200, form: ReasonForm | None = None, error: str = ""
) -> ResponseReturnValue:
    session = current_session()
    found = draws.find(session, public_id)
    page = render_template(
        "admin/rewards/draw.html",
        draw=found,
        reward=draw_queries.reward_of(session, found),
        title_of=_title,
        entries=draws.entries_count(session, found),
        called=draw_queries.called(session, found),
        waiting=draw_awards.anybody_left(session, found),
        holds=proof_holds(session, found),
        is_over=utc_now() >= found.closes_at,
        form=form or ReasonForm(None),
        error=error,
    )
    return page, status


def _step(
    public_id: str, service: Callable[..., Any], done: str, form: ReasonForm | None, **needs: Any
) -> ResponseReturnValue:
    """Do one thing to a draw; a refusal is said on its page."""
    found = draws.find(current_session(), public_id)
    error, status = attempted(
        service, draw=found, acting_user=current_actor(), now=utc_now(), **needs
    )
    if error is None:
        flash(done, "success")
        return redirect(url_for("admin.draw", public_id=public_id), 303)
    if form is not None:
        put_error(form, error)
        return _draw_page(public_id, status, form)
    return _draw_page(public_id, status, error=explain(error))


@blueprint.post("/draws/<public_id>/close")
def close_draw(public_id: str) -> ResponseReturnValue:
    """Close a draw whose time is over."""
    return _step(public_id, draws.close, _("报名已截止，名单指纹已公布。"), None)


@blueprint.post("/draws/<public_id>/draw")
def draw_lots(public_id: str) -> ResponseReturnValue:
    """Publish the seed and the order of all tickets."""
    return _step(public_id, draws.draw_lots, _("已开奖，种子已公布。"), None, vault=vault())


@blueprint.post("/draws/<public_id>/call-off")
def call_off_draw(public_id: str) -> ResponseReturnValue:
    """Call a draw off, with the reason that everybody reads."""
    form = ReasonForm()
    if not form.validate():
        draws.find(current_session(), public_id)
        return _draw_page(public_id, 422, form)
    needs = {"reason": text_of(form.reason)}
    return _step(public_id, draws.call_off, _("抽签已取消，报名的人都会收到消息。"), form, **needs)


@blueprint.post("/draws/<public_id>/award")
def award_draw(public_id: str) -> ResponseReturnValue:
    """Give coupons to those whose turn it is, as far as fund and stock go."""
    given, stopped_by = _award(public_id, current_actor())
    flash(_("已发 %(count)s 张券。", count=given), "success")
    if stopped_by:
        flash(_("还有人在等：%(why)s", why=explain(DomainError(stopped_by))), "error")
    return redirect(url_for("admin.draw", public_id=public_id), 303)


def _award(public_id: str, actor: Actor) -> tuple[int, str]:
    """Go on round by round, each kept when it is done; returns how many and what stopped it."""
    session, given = current_session(), 0
    for _round in range(_MOST_ROUNDS):
        found = draws.find(session, public_id)
        try:
            done = draw_awards.award(session, draw=found, acting_user=actor, now=utc_now())
        except DomainError:
            session.rollback()
            raise
        session.commit()
        given += done.given
        if done.stopped_by != draw_awards.MORE:
            return given, done.stopped_by
    return given, ""


@blueprint.get("/queues/<public_id>")
def queue(public_id: str) -> ResponseReturnValue:
    """Show who waits for a reward and to whom it is offered."""
    return _queue_page(public_id)


def _queue_page(
    public_id: str, status: int = 200, form: ReasonForm | None = None
) -> ResponseReturnValue:
    session = current_session()
    reward = find_reward(session, public_id)
    page = render_template(
        "admin/rewards/queue.html",
        reward=reward,
        title=_title(reward),
        places=draw_queries.places(session, reward_id=reward.id or 0, limit=_MOST_PLACES),
        form=form or ReasonForm(None),
        hours=queueing.OFFER_HOURS,
    )
    return page, status


@blueprint.get("/queues/<public_id>.<any(csv, xlsx):kind>")
def queue_export(public_id: str, kind: str) -> Response:
    """Return a reward's queue as a file."""
    session = current_session()
    reward = find_reward(session, public_id)
    columns: list[Column[QueuePlace]] = [
        Column("id", _("位置编号"), lambda row: row.id or 0),
        Column("state", _("状态"), lambda row: str(labels_fund.QUEUE_STATES[row.status][0])),
        Column("joined", _("排队时间"), lambda row: _moment(row.joined_at)),
        Column(
            "until",
            _("保留到"),
            lambda row: _moment(row.offer_ends_at) if row.offer_ends_at else "",
        ),
    ]
    rows = draw_queries.places(session, reward_id=reward.id or 0, limit=1_000_000)
    return exported(f"queue-{public_id}", kind, columns, rows)


@blueprint.post("/queues/<public_id>/offer")
def offer_queue(public_id: str) -> ResponseReturnValue:
    """End offers whose time is over and offer what is free to the next."""
    session = current_session()
    reward = find_reward(session, public_id)
    done = queueing.offer_next(session, reward_id=reward.id or 0, now=utc_now())
    session.commit()
    flash(_("让出 %(ended)s 个，新通知 %(offered)s 人。", **done._asdict()), "success")
    return redirect(url_for("admin.queue", public_id=public_id), 303)


@blueprint.post("/queues/places/<int:place_id>/skip")
def skip_place(place_id: int) -> ResponseReturnValue:
    """Take somebody out of a queue, with the reason."""
    session, form = current_session(), ReasonForm()
    place = queueing.find_place(session, place_id)
    public_id = queueing.reward_of(session, place).public_id
    if not form.validate():
        return _queue_page(public_id, 422, form)
    try:
        queueing.skip(
            session,
            place_id=place_id,
            reason=text_of(form.reason),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        put_error(form, error)
        return _queue_page(public_id, status_of(error), form)
    flash(_("已移出队伍，让给下一位。"), "success")
    return redirect(url_for("admin.queue", public_id=public_id), 303)


@blueprint.context_processor
def draw_panel_words() -> dict[str, object]:
    """Give the panel's pages the words of draws."""
    return {"draw_outcome": outcome_text}
