"""The demonstration's draws: announced for the examples that are given by lot."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM
from carbonaccount.clock import day_start
from carbonaccount.crypto import Vault
from rewards import draws
from rewards.models import Allotment, Reward, RewardDraw, RewardStatus

OPEN_DAYS = 14


def load(session: Session, *, now: datetime, vault: Vault) -> int:
    """Announce a draw of every published reward that is drawn and had none; returns how many.

    Loading again changes nothing. The caller commits.
    """
    drawn = select(col(RewardDraw.id)).where(col(RewardDraw.reward_id) == col(Reward.id)).exists()
    found = session.exec(
        select(Reward).where(
            col(Reward.allotment) == Allotment.DRAW,
            col(Reward.status) == RewardStatus.PUBLISHED,
            col(Reward.stock_left) > 0,
            ~drawn,
        )
    ).all()
    for reward in found:
        draws.create(
            session,
            reward_id=reward.id or 0,
            winners_wanted=reward.stock_left,
            closes_at=_closing(reward, now),
            vault=vault,
            acting_user=SYSTEM,
            now=now,
        )
    return len(found)


def _closing(reward: Reward, now: datetime) -> datetime:
    """Return when a draw of a reward closes: in two weeks, or when its last day begins."""
    return min(now + timedelta(days=OPEN_DAYS), day_start(reward.offered_until))
