"""Where the coupons of a reward are taken: a coupon that nobody takes is worth nothing.

A tree is adopted and money is given when the reward is taken; every other reward needs an active
merchant, from the moment it is handed over for publishing.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.bulk import Direct
from rewards.merchant_models import Merchant, RewardMerchant
from rewards.models import USED_AT_ONCE, Reward, RewardStatus

_ACCEPTED = (
    "SELECT 1 FROM reward_merchant r JOIN merchant m ON m.id = r.merchant_id "
    "WHERE r.reward_id = ? AND m.active"
)
_USED_AT_ONCE = tuple(str(each) for each in USED_AT_ONCE)


def accepted(reward_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the condition that an active merchant takes the coupons of a reward, for queries."""
    return (
        sa.select(sa.literal(1))
        .select_from(RewardMerchant)
        .join(Merchant, col(Merchant.id) == col(RewardMerchant.merchant_id))
        .where(col(RewardMerchant.reward_id) == reward_id, col(Merchant.active).is_(True))
        .exists()
    )


def usable() -> sa.ColumnElement[bool]:
    """Return the condition that what is taken of a reward can be used, for queries."""
    at_once = col(Reward.reward_class).in_(_USED_AT_ONCE)
    return sa.or_(at_once, accepted(col(Reward.id)))  # type: ignore[arg-type]


def is_usable(session: Session, reward: Reward) -> bool:
    """Return whether what is taken of a reward can be used now."""
    if reward.reward_class in _USED_AT_ONCE:
        return True
    return Direct(session).row(_ACCEPTED, reward.id) is not None


def usable_ids(session: Session, reward_ids: Collection[int]) -> set[int]:
    """Return those of some rewards of which what is taken can be used now."""
    wanted = select(col(Reward.id)).where(col(Reward.id).in_(reward_ids), usable())
    return {reward_id for reward_id in session.exec(wanted) if reward_id is not None}


def unusable_offers(session: Session, *, merchant_id: int | None = None) -> Sequence[Reward]:
    """Return published rewards that nobody can use now, for the panel.

    merchant_id: only those whose coupons that merchant was to take.
    """
    wanted = select(Reward).where(col(Reward.status) == RewardStatus.PUBLISHED, ~usable())
    if merchant_id is not None:
        taken_there = select(col(RewardMerchant.reward_id)).where(
            col(RewardMerchant.merchant_id) == merchant_id
        )
        wanted = wanted.where(col(Reward.id).in_(taken_there))
    return session.exec(wanted.order_by(col(Reward.id))).all()
