"""Coupons for those who were drawn, in the order of their lots, as far as fund and stock go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, DomainError, InsufficientBalance, Invalid
from carbonaccount.job_items import one_by_one
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import Unit
from carbonaccount.messages.services import send
from rewards import draws, redeeming
from rewards.models import DrawEntry, DrawStatus, RewardDraw

WON, NOT_DRAWN = "won", "not_drawn"
# What stopped a round is only that it was a round: the next one goes on.
MORE: Final = "more"
WON_MESSAGE: Final = "draw_won"
PASSED_MESSAGE: Final = "draw_passed"
NOT_DRAWN_MESSAGE: Final = "draw_not_drawn"
# What lies with the person: the next in line is drawn. Everything else lies with the fund, the
# stock or the reward, and whoever was drawn keeps the place until it is over.
PASSES_OVER: Final = frozenset(
    {
        "insufficient_balance",
        "person_limit_reached",
        "reward_not_in_district",
        "reward_age_unknown",
        "reward_too_young",
        "guardian_needed",
    }
)
# How many purses are locked before the first coupon, beside those of the winners wanted.
SPARE: Final = 20


class Awarded(NamedTuple):
    """What came of a round: coupons given, and the code of what stopped it, "" for nothing."""

    given: int
    stopped_by: str


def award(session: Session, *, draw: RewardDraw, acting_user: Actor, now: datetime) -> Awarded:
    """Give coupons of a drawn draw to those whose turn it is; can be called again and again.

    Stops with the code of a refusal that does not lie with the person (fund_slowed,
    day_stock_empty, ...), or with MORE when more people have to be passed over than were
    locked; the next round goes on. When enough have won, the others are told. Does not commit.
    """
    return award_all(session, found=[draw], acting_user=acting_user, now=now)


def award_waiting(session: Session, *, acting_user: Actor, now: datetime) -> int:
    """Go on with every draw that still owes coupons; returns how many were given.

    One that fails stops no other.
    """
    found = session.exec(
        select(RewardDraw)
        .where(col(RewardDraw.status) == DrawStatus.DRAWN, _has_open_entries())
        .order_by(col(RewardDraw.id))
    ).all()
    turns = _locked_turns(session, found)
    rounds = one_by_one(
        session,
        turns,
        lambda item: _award(session, *item, acting_user, now),
        key=lambda item: f"reward_draw:{item[0].public_id}",
    )
    return sum(item.given for item in rounds)


def _has_open_entries() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        col(DrawEntry.draw_id) == col(RewardDraw.id), col(DrawEntry.outcome) == ""
    )


def award_all(
    session: Session, *, found: Sequence[RewardDraw], acting_user: Actor, now: datetime
) -> Awarded:
    """Award several draws in one transaction."""
    turns = _locked_turns(session, found)
    rounds = [_award(session, draw, turn, acting_user, now) for draw, turn in turns]
    stops = [item.stopped_by for item in rounds if item.stopped_by]
    return Awarded(sum(item.given for item in rounds), stops[0] if stops else "")


def _locked_turns(
    session: Session, found: Sequence[RewardDraw]
) -> list[tuple[RewardDraw, list[DrawEntry]]]:
    """Return whose turn it is in each draw, with the purses of all of them locked.

    All purses before the first stock and budget: the order of locks of every redemption, so that
    nobody who redeems meanwhile waits in a circle with this.
    """
    turns = [(draw, _next_in_turn(session, draw)) for draw in found]
    for account_id in sorted({entry.account_id for _draw, turn in turns for entry in turn}):
        holdings.purses(session, account_id=account_id, unit=Unit.CREDIT)
    return turns


def _next_in_turn(session: Session, draw: RewardDraw) -> list[DrawEntry]:
    if draw.status != DrawStatus.DRAWN:
        raise Conflict("draw_not_in_state", status=draw.status)
    # Two rounds at once would give the same people coupons; the second waits here.
    session.exec(select(RewardDraw).where(col(RewardDraw.id) == draw.id).with_for_update()).one()
    statement = (
        select(DrawEntry)
        .where(col(DrawEntry.draw_id) == draw.id, col(DrawEntry.outcome) == "")
        .order_by(col(DrawEntry.rank))
        .limit(draw.winners_wanted + SPARE)
        .execution_options(populate_existing=True)
    )
    return list(session.exec(statement))


def _award(
    session: Session,
    draw: RewardDraw,
    turn: Sequence[DrawEntry],
    acting_user: Actor,
    now: datetime,
) -> Awarded:
    wanted = draw.winners_wanted - _won(session, draw)
    given = 0
    for entry in turn:
        if given == wanted:
            break
        refused = _give(session, draw, entry, acting_user, now)
        if refused and refused not in PASSES_OVER:
            return Awarded(given, refused)
        given += not refused
    if given < wanted and anybody_left(session, draw):
        return Awarded(given, MORE)
    _tell_the_others(session, draw, now)
    return Awarded(given, "")


def _won(session: Session, draw: RewardDraw) -> int:
    return session.exec(
        select(func.count()).where(col(DrawEntry.draw_id) == draw.id, col(DrawEntry.outcome) == WON)
    ).one()


def anybody_left(session: Session, draw: RewardDraw) -> bool:
    """Return whether entries are open: of those who may still be drawn."""
    statement = select(col(DrawEntry.account_id)).where(
        col(DrawEntry.draw_id) == draw.id, col(DrawEntry.outcome) == ""
    )
    return session.exec(statement).first() is not None


def _give(
    session: Session, draw: RewardDraw, entry: DrawEntry, acting_user: Actor, now: datetime
) -> str:
    """Give one coupon; returns the code of the refusal, "" when it was given."""
    savepoint = session.begin_nested()
    try:
        coupon = redeeming.redeem(
            session,
            account_id=entry.account_id,
            reward_id=draw.reward_id,
            request_key=f"draw:{draw.public_id}",
            acting_user=acting_user,
            now=now,
            via="draw",
        )
    except (Conflict, Invalid, InsufficientBalance) as refusal:
        savepoint.rollback()
        return _passed(session, draw, entry, refusal, now)
    savepoint.commit()
    entry.outcome, entry.coupon_id = WON, coupon.stored_id
    session.add(entry)
    session.flush()
    params = {**draws.message_params(session, draw), "coupon": coupon.public_id}
    _send(session, WON_MESSAGE, draw, entry, params, now)
    return ""


def _passed(
    session: Session, draw: RewardDraw, entry: DrawEntry, refusal: DomainError, now: datetime
) -> str:
    if refusal.code in PASSES_OVER:
        entry.outcome = refusal.code
        session.add(entry)
        session.flush()
        params = {**draws.message_params(session, draw), "code": refusal.code}
        _send(session, PASSED_MESSAGE, draw, entry, params, now)
    return refusal.code


def _send(
    session: Session,
    kind: str,
    draw: RewardDraw,
    entry: DrawEntry,
    params: dict[str, object],
    now: datetime,
) -> None:
    send(
        session,
        account_id=entry.account_id,
        kind=kind,
        cause=draw.public_id,
        params=params,
        now=now,
    )


def _tell_the_others(session: Session, draw: RewardDraw, now: datetime) -> None:
    session.exec(
        sa.update(DrawEntry)
        .where(col(DrawEntry.draw_id) == draw.id, col(DrawEntry.outcome) == "")
        .values(outcome=NOT_DRAWN)
        .execution_options(synchronize_session="fetch")
    )
    where = col(DrawEntry.outcome) == NOT_DRAWN
    draws.tell(session, draw=draw, kind=NOT_DRAWN_MESSAGE, where=where, now=now)
