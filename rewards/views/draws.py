"""Draws for everybody to check, one's own tickets, and one's places in queues."""

from collections.abc import Callable

from flask import Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict, InsufficientBalance, Invalid, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, resident_required
from rewards import draw_queries, draw_rules, draws, labels_fund, queueing
from rewards.models import DrawEntry, DrawStatus, QueuePlace, Reward, RewardDraw
from rewards.queries import find_reward
from rewards.views import blueprint as blueprint


@blueprint.get("/draws", endpoint="draws")
def all_draws() -> ResponseReturnValue:
    """Show the draws, and to a resident their own tickets and places."""
    session, account_id = current_session(), current_account_id()
    signed_in = account_id is not None
    return render_template(
        "rewards/draws.html",
        rows=draw_queries.latest_draws(session),
        entries=draw_queries.my_entries(session, account_id=account_id or 0) if signed_in else [],
        places=draw_queries.my_places(session, account_id=account_id or 0) if signed_in else [],
    )


@blueprint.get("/draws/<public_id>")
def draw(public_id: str) -> ResponseReturnValue:
    """Show one draw with everything that is needed to do it again."""
    session, account_id = current_session(), current_account_id()
    found = draws.find(session, public_id)
    entry = (
        None if account_id is None else draws.entry_of(session, draw=found, account_id=account_id)
    )
    return render_template(
        "rewards/draw.html",
        draw=found,
        reward=draw_queries.reward_of(session, found),
        entry=entry,
        entries=draws.entries_count(session, found),
        called=draw_queries.called(session, found),
        is_open=found.status == DrawStatus.OPEN and utc_now() < found.closes_at,
        holds=proof_holds(session, found),
    )


def proof_holds(session: Session, found: RewardDraw) -> bool | None:
    """Return whether what was published fits together now; None before the draw."""
    if found.seed is None:
        return None
    tickets = draws.tickets_of(session, found)
    return (
        draw_rules.commitment_of(found.seed) == found.commitment
        and draw_rules.entries_digest(tickets) == found.entries_sha256
    )


@blueprint.get("/draws/<public_id>/entries.txt")
def draw_entries(public_id: str) -> Response:
    """Send the tickets as they are hashed, once the draw is closed."""
    session = current_session()
    found = draws.find(session, public_id)
    if found.entries_sha256 is None:
        raise NotFound("draw_entries_later")
    text = draw_rules.entries_text(draws.tickets_of(session, found))
    return Response(text, content_type="text/plain; charset=us-ascii")


@blueprint.post("/draws/<public_id>/enter")
@resident_required
def enter_draw(public_id: str) -> ResponseReturnValue:
    """Enter a draw."""
    session = current_session()
    found = draws.find(session, public_id)

    def enter() -> None:
        draws.enter(
            session,
            draw=found,
            account_id=current_account_id() or 0,
            acting_user=current_actor(),
            now=utc_now(),
        )

    _attempt(enter, _("报名成功，下面是您的签号。"))
    return redirect(url_for("rewards.draw", public_id=public_id), 303)


def _attempt(act: Callable[[], object], done: str) -> bool:
    """Do something and commit; what was refused is rolled back and said on the next page."""
    session = current_session()
    try:
        act()
        session.commit()
    except (Conflict, Invalid, InsufficientBalance) as error:
        session.rollback()
        flash(explain(error), "error")
        return False
    flash(done, "success")
    return True


@blueprint.post("/rewards/<public_id>/queue/join")
@resident_required
def join_queue(public_id: str) -> ResponseReturnValue:
    """Stand in line for a reward; who is first and has a reward free is offered it at once."""
    session, reward = current_session(), find_reward(current_session(), public_id)
    account_id = current_account_id() or 0

    def join() -> None:
        queueing.join(
            session,
            reward_id=reward.id or 0,
            account_id=account_id,
            acting_user=current_actor(),
            now=utc_now(),
        )
        queueing.offer_next(session, reward_id=reward.id or 0, now=utc_now())

    _attempt(join, _("已排进队伍，轮到您时会发消息。"))
    return redirect(url_for("rewards.reward", public_id=public_id), 303)


@blueprint.post("/rewards/<public_id>/queue/leave")
@resident_required
def leave_queue(public_id: str) -> ResponseReturnValue:
    """Give one's place up."""
    session, reward = current_session(), find_reward(current_session(), public_id)

    def leave() -> None:
        queueing.leave(
            session,
            reward_id=reward.id or 0,
            account_id=current_account_id() or 0,
            now=utc_now(),
        )

    _attempt(leave, _("已退出队伍。"))
    return redirect(url_for("rewards.draws"), 303)


@blueprint.post("/rewards/<public_id>/queue/take")
@resident_required
def take_offer(public_id: str) -> ResponseReturnValue:
    """Take what was offered; the coupon is shown next."""
    session, reward = current_session(), find_reward(current_session(), public_id)
    taken: list[str] = []

    def take() -> None:
        coupon = queueing.take_offer(
            session,
            reward_id=reward.id or 0,
            account_id=current_account_id() or 0,
            acting_user=current_actor(),
            now=utc_now(),
        )
        taken.append(coupon.public_id)

    if _attempt(take, _("兑换成功。")):
        return redirect(url_for("rewards.coupon", public_id=taken[0]), 303)
    return redirect(url_for("rewards.reward", public_id=public_id), 303)


def draw_of(reward: Reward) -> RewardDraw | None:
    """Return the latest draw of a reward, for its page."""
    return draw_queries.open_draw_of(current_session(), reward_id=reward.id or 0)


def my_place(reward: Reward) -> QueuePlace | None:
    """Return the reader's place in a reward's queue, for its page."""
    return queueing.place_of(
        current_session(), reward_id=reward.id or 0, account_id=current_account_id() or 0
    )


def ahead(place: QueuePlace) -> int:
    """Return how many wait before a place."""
    return queueing.ahead_of(current_session(), place)


def waiting(reward: Reward) -> int:
    """Return how many wait for a reward."""
    return queueing.waiting_count(current_session(), reward_id=reward.id or 0)


def outcome_text(entry: DrawEntry) -> str:
    """Return what became of an entry, without saying why somebody was passed over."""
    return str(labels_fund.OUTCOMES.get(entry.outcome, labels_fund.PASSED_OVER))


@blueprint.context_processor
def draw_words() -> dict[str, object]:
    """Give the reward's page what its parts about draws and queues ask for."""
    return {
        "ahead_of": ahead,
        "draw_of": draw_of,
        "my_place": my_place,
        "outcome_text": outcome_text,
        "queue_hours": queueing.OFFER_HOURS,
        "waiting_for": waiting,
    }
