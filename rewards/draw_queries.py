"""Reading draws and queues for pages."""

from typing import NamedTuple

from sqlmodel import Session, col, func, select

from rewards.draw_awards import NOT_DRAWN
from rewards.models import DrawEntry, DrawStatus, QueuePlace, Reward, RewardDraw
from rewards.queueing import OFFERED, STANDING, WAITING, ahead_of

LATEST = 50


class DrawRow(NamedTuple):
    """A draw with what is drawn and how many entered."""

    draw: RewardDraw
    reward: Reward
    entries: int


class MyEntry(NamedTuple):
    """A resident's entry with its draw."""

    entry: DrawEntry
    draw: RewardDraw
    reward: Reward


class MyPlace(NamedTuple):
    """A resident's place in a queue and how many wait before it."""

    place: QueuePlace
    reward: Reward
    ahead: int


class Queue(NamedTuple):
    """A reward's queue: how many wait and how many are offered."""

    reward: Reward
    waiting: int
    offered: int


def latest_draws(session: Session, *, limit: int = LATEST) -> list[DrawRow]:
    """Return the draws, the latest first."""
    counts = (
        select(col(DrawEntry.draw_id), func.count().label("entries"))
        .group_by(col(DrawEntry.draw_id))
        .subquery()
    )
    rows = session.exec(
        select(RewardDraw, Reward, func.coalesce(counts.c.entries, 0))
        .join(Reward, col(Reward.id) == col(RewardDraw.reward_id))
        .outerjoin(counts, counts.c.draw_id == col(RewardDraw.id))
        .order_by(col(RewardDraw.id).desc())
        .limit(limit)
    )
    return [DrawRow(draw, reward, int(entries)) for draw, reward, entries in rows]


def reward_of(session: Session, draw: RewardDraw) -> Reward:
    """Return what is drawn."""
    return session.exec(select(Reward).where(col(Reward.id) == draw.reward_id)).one()


def open_draw_of(session: Session, *, reward_id: int) -> RewardDraw | None:
    """Return the draw of a reward that is not finished, or else its latest."""
    return session.exec(
        select(RewardDraw)
        .where(col(RewardDraw.reward_id) == reward_id)
        .order_by(col(RewardDraw.id).desc())
        .limit(1)
    ).first()


def called(session: Session, draw: RewardDraw) -> list[DrawEntry]:
    """Return the entries whose turn came, by rank: the winners and who was passed over."""
    if draw.status != DrawStatus.DRAWN:
        return []
    done = (col(DrawEntry.outcome) != "") & (col(DrawEntry.outcome) != NOT_DRAWN)
    statement = (
        select(DrawEntry)
        .where(
            col(DrawEntry.draw_id) == draw.id,
            done | (col(DrawEntry.rank) <= draw.winners_wanted),
        )
        .order_by(col(DrawEntry.rank))
    )
    return list(session.exec(statement))


def my_entries(session: Session, *, account_id: int) -> list[MyEntry]:
    """Return a resident's entries, the latest first."""
    rows = session.exec(
        select(DrawEntry, RewardDraw, Reward)
        .join(RewardDraw, col(RewardDraw.id) == col(DrawEntry.draw_id))
        .join(Reward, col(Reward.id) == col(RewardDraw.reward_id))
        .where(col(DrawEntry.account_id) == account_id)
        .order_by(col(RewardDraw.id).desc())
        .limit(LATEST)
    )
    return [MyEntry(*row) for row in rows]


def my_places(session: Session, *, account_id: int) -> list[MyPlace]:
    """Return the queues in which a resident stands, the first joined first."""
    rows = session.exec(
        select(QueuePlace, Reward)
        .join(Reward, col(Reward.id) == col(QueuePlace.reward_id))
        .where(col(QueuePlace.account_id) == account_id, col(QueuePlace.status).in_(STANDING))
        .order_by(col(QueuePlace.id))
    ).all()
    return [MyPlace(place, reward, ahead_of(session, place)) for place, reward in rows]


def queues(session: Session) -> list[Queue]:
    """Return every reward somebody stands in line for, and every one given by a queue."""
    waiting = func.count(col(QueuePlace.id)).filter(col(QueuePlace.status) == WAITING)
    offered = func.count(col(QueuePlace.id)).filter(col(QueuePlace.status) == OFFERED)
    rows = session.exec(
        select(Reward, waiting, offered)
        .outerjoin(QueuePlace, col(QueuePlace.reward_id) == col(Reward.id))
        .where((col(Reward.allotment) == "queue") | col(QueuePlace.id).is_not(None))
        .group_by(col(Reward.id))
        .order_by(col(Reward.id))
    )
    return [Queue(reward, int(a), int(b)) for reward, a, b in rows]


def places(session: Session, *, reward_id: int, limit: int) -> list[QueuePlace]:
    """Return who waits or is offered, in their order."""
    statement = (
        select(QueuePlace)
        .where(col(QueuePlace.reward_id) == reward_id, col(QueuePlace.status).in_(STANDING))
        .order_by(col(QueuePlace.id))
        .limit(limit)
    )
    return list(session.exec(statement))
