"""Reads about gifts, trees and certificates for pages."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.ledger.models import Unit
from rewards.beneficiaries import PUBLISHED
from rewards.giving import GIVEN, PLEDGED, USED
from rewards.giving_models import (
    Beneficiary,
    Certificate,
    Gift,
    GiftUse,
    PlotPaper,
    TreeAdoption,
    TreePlot,
)
from rewards.models import Coupon, CouponStatus, Reward, RewardClass
from rewards.plots import PHOTO


class Received(NamedTuple):
    """What a beneficiary was given: credits, grams that were used, grams that are pledged."""

    credits: int = 0
    used_g: int = 0
    pledged_g: int = 0


class GiftRow(NamedTuple):
    """A gift, to whom, and the use that ended a pledge."""

    gift: Gift
    beneficiary: Beneficiary
    use: GiftUse | None


class TreeRow(NamedTuple):
    """An adopted tree and its plot."""

    adoption: TreeAdoption
    plot: TreePlot


def open_beneficiaries(session: Session, day: date) -> list[Beneficiary]:
    """Return who may be given something on a day, the one that closes first first."""
    return list(
        session.exec(
            select(Beneficiary)
            .where(
                col(Beneficiary.status) == PUBLISHED,
                col(Beneficiary.open_from) <= day,
                col(Beneficiary.open_until) >= day,
            )
            .order_by(col(Beneficiary.open_until), col(Beneficiary.id))
        )
    )


def shown_beneficiary(session: Session, public_id: str) -> Beneficiary | None:
    """Return a beneficiary that was published, also one that takes gifts no more."""
    return session.exec(
        select(Beneficiary).where(
            col(Beneficiary.public_id) == public_id,
            col(Beneficiary.published_at).is_not(None),
            col(Beneficiary.status).in_((PUBLISHED, "ended")),
        )
    ).first()


def received(session: Session, beneficiary_ids: Sequence[int]) -> dict[int, Received]:
    """Return what beneficiaries were given; those without gifts are in it with nothing."""
    rows = session.execute(
        sa.select(
            col(Gift.beneficiary_id),
            col(Gift.unit),
            col(Gift.status),
            sa.func.sum(col(Gift.amount)),
        )
        .where(col(Gift.beneficiary_id).in_(beneficiary_ids))
        .group_by(col(Gift.beneficiary_id), col(Gift.unit), col(Gift.status))
    )
    found: dict[tuple[int, int, str], int] = {
        (beneficiary, unit, status): int(total) for beneficiary, unit, status, total in rows
    }
    return {
        number: Received(
            found.get((number, Unit.CREDIT, GIVEN), 0),
            found.get((number, Unit.G, USED), 0),
            found.get((number, Unit.G, PLEDGED), 0),
        )
        for number in beneficiary_ids
    }


def uses_of(session: Session, beneficiary_id: int) -> list[GiftUse]:
    """Return how a beneficiary used grams, the newest first."""
    return list(
        session.exec(
            select(GiftUse)
            .where(col(GiftUse.beneficiary_id) == beneficiary_id)
            .order_by(col(GiftUse.id).desc())
        )
    )


def gifts_of(session: Session, account_id: int) -> list[GiftRow]:
    """Return a person's gifts, the newest first."""
    rows = session.exec(
        select(Gift, Beneficiary, GiftUse)
        .join(Beneficiary, col(Beneficiary.id) == col(Gift.beneficiary_id))
        .outerjoin(GiftUse, col(GiftUse.id) == col(Gift.use_id))
        .where(col(Gift.account_id) == account_id)
        .order_by(col(Gift.id).desc())
    )
    return [GiftRow(gift, beneficiary, use) for gift, beneficiary, use in rows]


def beneficiaries_of_gifts(session: Session, public_ids: Collection[str]) -> dict[str, Beneficiary]:
    """Return who was given something, by the public id of the gift."""
    rows = session.exec(
        select(col(Gift.public_id), Beneficiary)
        .join(Beneficiary, col(Beneficiary.id) == col(Gift.beneficiary_id))
        .where(col(Gift.public_id).in_(public_ids))
    )
    return dict(rows.all())


def donation_coupons_of(session: Session, account_id: int) -> list[tuple[Coupon, Reward]]:
    """Return a person's donations from the rewards' catalogue, the newest first."""
    return list(
        session.exec(
            select(Coupon, Reward)
            .join(Reward, col(Reward.id) == col(Coupon.reward_id))
            .where(
                col(Coupon.account_id) == account_id,
                col(Coupon.status) == CouponStatus.USED,
                col(Reward.reward_class) == RewardClass.DONATION,
            )
            .order_by(col(Coupon.id).desc())
        )
    )


def plots_of_reward(session: Session, reward_id: int) -> list[TreePlot]:
    """Return the plots whose accepted trees a reward gives, in the order in which it does."""
    return list(
        session.exec(
            select(TreePlot)
            .where(col(TreePlot.reward_id) == reward_id, col(TreePlot.accepted) > 0)
            .order_by(col(TreePlot.planted_on), col(TreePlot.id))
        )
    )


def trees_of(session: Session, account_id: int) -> list[TreeRow]:
    """Return a person's trees, the newest first."""
    rows = session.exec(
        select(TreeAdoption, TreePlot)
        .join(TreePlot, col(TreePlot.id) == col(TreeAdoption.plot_id))
        .where(col(TreeAdoption.account_id) == account_id)
        .order_by(col(TreeAdoption.id).desc())
    )
    return [TreeRow(adoption, plot) for adoption, plot in rows]


def tree_of(session: Session, account_id: int, public_id: str) -> TreeRow | None:
    """Return one of a person's trees."""
    row = session.exec(
        select(TreeAdoption, TreePlot)
        .join(TreePlot, col(TreePlot.id) == col(TreeAdoption.plot_id))
        .where(col(TreeAdoption.account_id) == account_id, col(TreeAdoption.public_id) == public_id)
    ).first()
    return None if row is None else TreeRow(*row)


def shown_papers(session: Session, plot_id: int) -> list[PlotPaper]:
    """Return the photos of a plot and its approved reports, the newest first."""
    return list(
        session.exec(
            select(PlotPaper)
            .where(
                col(PlotPaper.plot_id) == plot_id,
                sa.or_(
                    col(PlotPaper.kind) == PHOTO,
                    col(PlotPaper.approved_at).is_not(None),
                ),
            )
            .order_by(col(PlotPaper.made_on).desc(), col(PlotPaper.id).desc())
        )
    )


def may_see_paper(session: Session, paper: PlotPaper, account_id: int) -> bool:
    """Return whether a person has adopted a tree of the plot and the paper counts."""
    if paper.kind != PHOTO and paper.approved_at is None:
        return False
    return (
        session.exec(
            select(TreeAdoption.id)
            .where(
                col(TreeAdoption.plot_id) == paper.plot_id,
                col(TreeAdoption.account_id) == account_id,
            )
            .limit(1)
        ).first()
        is not None
    )


def certificates_of(session: Session, account_id: int) -> list[Certificate]:
    """Return a person's certificates, the newest first."""
    return list(
        session.exec(
            select(Certificate)
            .where(col(Certificate.account_id) == account_id)
            .order_by(col(Certificate.id).desc())
        )
    )


def certificate_of(session: Session, account_id: int, number: str) -> Certificate | None:
    """Return one of a person's certificates."""
    return session.exec(
        select(Certificate).where(
            col(Certificate.account_id) == account_id, col(Certificate.number) == number
        )
    ).first()
