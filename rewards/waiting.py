"""How much of each kind waits for somebody in the panel: one statement for all of it."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from rewards import disputes, settling
from rewards.acceptance import usable
from rewards.beneficiaries import IN_REVIEW
from rewards.fund_models import FundProposal
from rewards.giving_models import Beneficiary, PlotPaper
from rewards.merchant_models import CouponDispute, Settlement
from rewards.models import Reward, RewardStatus
from rewards.plots import PHOTO


class Waiting(NamedTuple):
    """Counts of what waits.

    unusable: published rewards whose coupons no active merchant takes.
    """

    disputes: int
    settlements: int
    rewards: int
    prices: int
    budgets: int
    beneficiaries: int
    plot_papers: int
    unusable: int


def waiting(session: Session) -> Waiting:
    """Count what waits for a decision or a second person."""
    counts = (
        _count(CouponDispute, col(CouponDispute.status) == disputes.OPEN),
        _count(Settlement, col(Settlement.status) == settling.IN_REVIEW),
        _count(Reward, col(Reward.status) == RewardStatus.IN_REVIEW),
        _count(Reward, col(Reward.proposed_price).is_not(None)),
        _count(FundProposal, col(FundProposal.status) == "open"),
        _count(Beneficiary, col(Beneficiary.status) == IN_REVIEW),
        _count(PlotPaper, col(PlotPaper.approved_at).is_(None), col(PlotPaper.kind) != PHOTO),
        _count(Reward, col(Reward.status) == RewardStatus.PUBLISHED, ~usable()),
    )
    return Waiting(*map(int, session.execute(sa.select(*counts)).one()))


def _count(table: type[SQLModel], *conditions: Any) -> sa.ScalarSelect[int]:
    """Return a count as a value of its own, apart from what else the statement asks."""
    counted = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return counted.correlate(None).scalar_subquery()
