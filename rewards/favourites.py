"""Rewards that residents keep an eye on, and what they are told about them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict
from carbonaccount.job_items import one_by_one
from carbonaccount.messages.services import Outgoing, send_many
from rewards.models import Reward, RewardFavourite, RewardStatus, StockMovement

BACK, CHEAPER, ENDS_SOON = "reward_back", "reward_cheaper", "reward_ends_soon"
TOLD_DAYS_BEFORE = 7
# Nobody looks through more, and a list without an end would be a way to fill the table.
MOST_FAVOURITES = 200


def add_favourite(session: Session, *, account_id: int, reward_id: int, now: datetime) -> None:
    """Keep an eye on a reward; again changes nothing. Raises Conflict favourites_full."""
    kept = sa.select(sa.func.count()).where(col(RewardFavourite.account_id) == account_id)
    if session.execute(kept).scalar_one() >= MOST_FAVOURITES:
        raise Conflict("favourites_full", limit=MOST_FAVOURITES)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    values = {"account_id": account_id, "reward_id": reward_id, "added_at": now}
    session.exec(insert(RewardFavourite).values(values).on_conflict_do_nothing())


def remove_favourite(session: Session, *, account_id: int, reward_id: int) -> None:
    """Keep an eye on it no longer; again changes nothing."""
    session.exec(
        sa.delete(RewardFavourite).where(
            col(RewardFavourite.account_id) == account_id,
            col(RewardFavourite.reward_id) == reward_id,
        )
    )


def tell_back(session: Session, *, reward: Reward, movement: StockMovement, now: datetime) -> int:
    """Tell that a reward that was out is there again; returns how many were told."""
    cause = f"stock:{movement.id}"
    return _tell(session, reward, BACK, cause, {"left": reward.stock_left}, now)


def tell_cheaper(session: Session, *, reward: Reward, before: int, now: datetime) -> int:
    """Tell that a reward costs less than before; returns how many were told."""
    cause = f"price:{reward.id}:{now.isoformat()}"
    params = {"before": before, "price": reward.price_credits}
    return _tell(session, reward, CHEAPER, cause, params, now)


def tell_ends_soon(session: Session, *, day: date, now: datetime) -> int:
    """Tell of rewards that can be taken for at most a week more; each last day is told once."""
    ending = session.exec(
        select(Reward).where(
            col(Reward.status) == RewardStatus.PUBLISHED,
            col(Reward.offered_until).between(day, day + timedelta(days=TOLD_DAYS_BEFORE)),
            col(Reward.stock_left) > 0,
        )
    ).all()

    def tell(reward: Reward) -> int:
        last = reward.offered_until.isoformat()
        cause = f"ends:{reward.id}:{last}"
        return _tell(session, reward, ENDS_SOON, cause, {"last_day": last}, now)

    return sum(one_by_one(session, ending, tell, key=lambda reward: f"reward:{reward.id}"))


def _tell(
    session: Session,
    reward: Reward,
    kind: str,
    cause: str,
    params: Mapping[str, object],
    now: datetime,
) -> int:
    titles = {f"title_{language}": texts["title"] for language, texts in reward.texts.items()}
    told = {"reward": reward.public_id, **titles, **params}
    accounts = session.exec(
        select(col(RewardFavourite.account_id)).where(col(RewardFavourite.reward_id) == reward.id)
    ).all()
    return send_many(
        session, kind=kind, outgoing=[Outgoing(each, cause, told) for each in accounts], now=now
    )
