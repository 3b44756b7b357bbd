"""Queues for scarce rewards: who comes first is offered first, for two days, then the next.

What is offered is not given to others meanwhile: there are never more offers than there is stock.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.job_items import one_by_one
from carbonaccount.messages.services import send
from rewards import fund, redeeming
from rewards.draws import titles
from rewards.eligibility import eligibility, offered_on
from rewards.fund_models import FundProgramme
from rewards.models import Allotment, Coupon, QueuePlace, Reward, RewardStatus

OFFER_HOURS: Final = 48
WAITING, OFFERED, TAKEN, PASSED, LEFT = "waiting", "offered", "taken", "passed", "left"
STANDING: Final = (WAITING, OFFERED)
OFFERED_MESSAGE: Final = "queue_offered"
PASSED_MESSAGE: Final = "queue_passed"


class Done(NamedTuple):
    """What a run did: offers that nobody took, and new ones."""

    ended: int
    offered: int


def _reward(session: Session, reward_id: int, *, lock: bool = False) -> Reward:
    statement = (
        select(Reward).where(col(Reward.id) == reward_id).execution_options(populate_existing=True)
    )
    found = session.exec(statement.with_for_update() if lock else statement).first()
    if found is None:
        raise NotFound("unknown_reward")
    return found


def join(
    session: Session, *, reward_id: int, account_id: int, acting_user: Actor, now: datetime
) -> QueuePlace:
    """Put a resident at the end of a queue; who stands in it keeps the place.

    Raises NotFound (unknown_reward), Conflict (queue_not_for_reward), and what `eligibility`
    raises. Does not commit.
    """
    reward = _reward(session, reward_id)
    if reward.allotment != Allotment.QUEUE:
        raise Conflict("queue_not_for_reward")
    eligibility(session, account_id=account_id, reward=reward, now=now)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    values = {"reward_id": reward_id, "account_id": account_id, "status": WAITING}
    session.connection().execute(
        insert(QueuePlace.__table__)  # type: ignore[attr-defined]
        .values(**values, joined_at=now)
        .on_conflict_do_nothing()
    )
    place = place_of(session, reward_id=reward_id, account_id=account_id)
    assert place is not None
    return place


def place_of(session: Session, *, reward_id: int, account_id: int) -> QueuePlace | None:
    """Return the place in which a resident waits or to which is offered."""
    return session.exec(
        select(QueuePlace)
        .where(
            col(QueuePlace.reward_id) == reward_id,
            col(QueuePlace.account_id) == account_id,
            col(QueuePlace.status).in_(STANDING),
        )
        .execution_options(populate_existing=True)
    ).first()


def ahead_of(session: Session, place: QueuePlace) -> int:
    """Return how many wait before a place."""
    return session.exec(
        select(func.count()).where(
            col(QueuePlace.reward_id) == place.reward_id,
            col(QueuePlace.status) == WAITING,
            col(QueuePlace.id) < place.id,
        )
    ).one()


def waiting_count(session: Session, *, reward_id: int) -> int:
    """Return how many wait for a reward."""
    return _count(session, reward_id, WAITING)


def _count(session: Session, reward_id: int, status: str) -> int:
    return session.exec(
        select(func.count()).where(
            col(QueuePlace.reward_id) == reward_id, col(QueuePlace.status) == status
        )
    ).one()


def leave(session: Session, *, reward_id: int, account_id: int, now: datetime) -> None:
    """Give a place up; what was offered goes to the next. Raises Conflict (queue_not_in)."""
    # The reward before the place, as everywhere.
    _reward(session, reward_id, lock=True)
    left = session.exec(
        sa.update(QueuePlace)
        .where(
            col(QueuePlace.reward_id) == reward_id,
            col(QueuePlace.account_id) == account_id,
            col(QueuePlace.status).in_(STANDING),
        )
        .values(status=LEFT)
        .execution_options(synchronize_session=False)
    )
    if left.rowcount != 1:
        raise Conflict("queue_not_in")
    offer_next(session, reward_id=reward_id, now=now)


def take_offer(
    session: Session, *, reward_id: int, account_id: int, acting_user: Actor, now: datetime
) -> Coupon:
    """Take what was offered; the coupon is given as any other.

    Raises Conflict (queue_no_offer, queue_offer_over) and what `redeeming.redeem` raises.
    """
    place = place_of(session, reward_id=reward_id, account_id=account_id)
    if place is None or place.status != OFFERED:
        raise Conflict("queue_no_offer")
    coupon = redeeming.redeem(
        session,
        account_id=account_id,
        reward_id=reward_id,
        request_key=f"queue:{place.id}",
        acting_user=acting_user,
        now=now,
        via="queue",
    )
    taken = session.exec(
        sa.update(QueuePlace)
        .where(
            col(QueuePlace.id) == place.id,
            col(QueuePlace.status) == OFFERED,
            col(QueuePlace.offer_ends_at) > now,
        )
        .values(status=TAKEN, coupon_id=coupon.stored_id)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:
        raise Conflict("queue_offer_over")
    return coupon


def offer_next(session: Session, *, reward_id: int, now: datetime) -> Done:
    """End the offers of a reward whose time is over, and offer what is free to the next in line.

    Nothing is offered while the reward is not offered to anybody, or its budget is paused.
    """
    reward = _reward(session, reward_id, lock=True)
    ended = _end_offers(session, reward, now)
    if not offered_on(reward, business_day(now)) or _fund_is_paused(session, reward, now):
        return Done(ended, 0)
    free = reward.stock_left - _count(session, reward_id, OFFERED)
    places = session.exec(
        select(QueuePlace)
        .where(col(QueuePlace.reward_id) == reward_id, col(QueuePlace.status) == WAITING)
        .order_by(col(QueuePlace.id))
        .limit(max(0, free))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for place in places:
        _offer(session, reward, place, now)
    return Done(ended, len(places))


def _end_offers(session: Session, reward: Reward, now: datetime) -> int:
    over = session.exec(
        select(QueuePlace)
        .where(
            col(QueuePlace.reward_id) == reward.id,
            col(QueuePlace.status) == OFFERED,
            col(QueuePlace.offer_ends_at) <= now,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for place in over:
        place.status = PASSED
        session.add(place)
        _tell(session, reward, place, PASSED_MESSAGE, now)
    session.flush()
    return len(over)


def _fund_is_paused(session: Session, reward: Reward, now: datetime) -> bool:
    programme = session.get(FundProgramme, reward.programme_id)
    year = business_day(now).year
    budget = fund.budget_of(session, programme_id=reward.programme_id, year=year)
    if programme is None or budget is None:
        return True
    return fund.state_of(budget, programme) == fund.PAUSED


def _offer(session: Session, reward: Reward, place: QueuePlace, now: datetime) -> None:
    place.status, place.offered_at = OFFERED, now
    place.offer_ends_at = now + timedelta(hours=OFFER_HOURS)
    session.add(place)
    session.flush()
    _tell(session, reward, place, OFFERED_MESSAGE, now)


def _tell(session: Session, reward: Reward, place: QueuePlace, kind: str, now: datetime) -> None:
    ends_at = place.offer_ends_at
    send(
        session,
        account_id=place.account_id,
        kind=kind,
        cause=str(place.id),
        params={
            "reward": reward.public_id,
            "ends_at": ends_at.isoformat() if ends_at else "",
            **titles(reward),
        },
        now=now,
    )


def offer_everywhere(session: Session, *, now: datetime) -> Done:
    """Run `offer_next` for every reward that has a queue, in the order of their ids.

    One that fails stops no other.
    """
    queued = session.exec(
        select(col(Reward.id))
        .where(
            col(Reward.allotment) == Allotment.QUEUE,
            col(Reward.status).in_((RewardStatus.PUBLISHED, RewardStatus.PAUSED)),
        )
        .order_by(col(Reward.id))
    ).all()
    done = one_by_one(
        session,
        queued,
        lambda reward_id: offer_next(session, reward_id=reward_id or 0, now=now),
        key=lambda reward_id: f"reward:{reward_id}",
    )
    return Done(sum(item.ended for item in done), sum(item.offered for item in done))


def find_place(session: Session, place_id: int) -> QueuePlace:
    """Return a place of any queue. Raises NotFound (unknown_place)."""
    place = session.get(QueuePlace, place_id)
    if place is None:
        raise NotFound("unknown_place")
    return place


def reward_of(session: Session, place: QueuePlace) -> Reward:
    """Return what a place is in line for."""
    return _reward(session, place.reward_id)


def skip(
    session: Session, *, place_id: int, reason: str, acting_user: Actor, now: datetime
) -> QueuePlace:
    """Take somebody out of the queue as an operator, with the reason in the audit trail.

    Raises NotFound (unknown_place), Conflict (queue_not_in).
    """
    place = find_place(session, place_id)
    reward = _reward(session, place.reward_id, lock=True)
    session.refresh(place, with_for_update=True)
    if place.status not in STANDING:
        raise Conflict("queue_not_in")
    place.status = PASSED
    session.add(place)
    session.flush()
    audit.record(
        session,
        acting_user=acting_user,
        action="queue.skipped",
        subject=f"queue_place:{place_id}",
        now=now,
        reason=reason.strip()[:500],
    )
    _tell(session, reward, place, PASSED_MESSAGE, now)
    offer_next(session, reward_id=place.reward_id, now=now)
    return place
