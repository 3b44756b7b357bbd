"""What certificates say: read from the books, the records and the plots when one is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.clock import business_day, day_start
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.ledger.models import Unit
from carbonaccount.standing import YearLine, grams_of_year
from rewards.giving import GIVEN, USED
from rewards.giving_models import Beneficiary, Gift, GiftUse, TreeAdoption, TreePlot
from rewards.models import Coupon, CouponStatus, Reward, RewardClass

YEAR, DONATION, TREE = "resident_year", "donation", "tree"
KINDS = (YEAR, DONATION, TREE)
GRAMS, CREDITS, TREE_NUMBER = "g", "credit", "tree"


@dataclass(frozen=True)
class Content:
    """What a certificate says, before it has a number.

    total and unit: the number that the check page compares: grams, credits, or the number of the
    tree in its plot.  about: the rest, plain values only.
    """

    kind: str
    cause: str
    total: int
    unit: str
    about: Mapping[str, Any]


def of_year(session: Session, *, account_id: int, year: int) -> Content:
    """Return what a resident came to in a year. Raises Conflict (nothing_in_year)."""
    lines = [line for line in grams_of_year(session, account_id, year) if line.reduction_g > 0]
    if not lines:
        raise Conflict("nothing_in_year", year=year)
    return Content(
        kind=YEAR,
        cause=f"year:{year}",
        total=sum(line.reduction_g for line in lines),
        unit=GRAMS,
        about={
            "year": year,
            "certified_g": sum(line.reduction_g for line in lines if line.certified),
            "given_g": _given_away(session, account_id, year),
            "lines": [_line(line) for line in lines],
        },
    )


def _given_away(session: Session, account_id: int, year: int) -> int:
    """Return the grams whose use by others in a year ended the holder's claim to them."""
    used_in = (day_start(date(year, 1, 1)), day_start(date(year + 1, 1, 1)))
    return int(
        session.execute(
            sa.select(sa.func.coalesce(sa.func.sum(col(Gift.amount)), 0)).where(
                col(Gift.account_id) == account_id,
                col(Gift.unit) == Unit.G,
                col(Gift.status) == USED,
                col(Gift.ended_at) >= used_in[0],
                col(Gift.ended_at) < used_in[1],
            )
        ).scalar_one()
    )


def _line(line: YearLine) -> dict[str, Any]:
    return {
        "behavior": line.behavior,
        "names": dict(line.names),
        "evidence": line.evidence,
        "certified": line.certified,
        "records": line.records,
        "g": line.reduction_g,
    }


def of_gift(session: Session, *, account_id: int, public_id: str) -> Content:
    """Return what a gift was. Raises NotFound (unknown_gift), Conflict (gift_not_used) while
    pledged grams can still be taken back.
    """
    row = session.exec(
        select(Gift, Beneficiary)
        .join(Beneficiary, col(Beneficiary.id) == col(Gift.beneficiary_id))
        .where(col(Gift.public_id) == public_id, col(Gift.account_id) == account_id)
    ).first()
    if row is None:
        raise NotFound("unknown_gift")
    gift, beneficiary = row
    if gift.status not in (GIVEN, USED):
        raise Conflict("gift_not_used")
    use = session.get(GiftUse, gift.use_id) if gift.use_id is not None else None
    return Content(
        kind=DONATION,
        cause=f"gift:{gift.id}",
        total=gift.amount,
        unit=GRAMS if gift.unit == Unit.G else CREDITS,
        about={
            "to": _titles(beneficiary.texts),
            "given_on": business_day(gift.given_at).isoformat(),
            "used_on": business_day(use.used_at).isoformat() if use else "",
            "purpose": use.purpose if use else "",
        },
    )


def of_donation_coupon(session: Session, *, account_id: int, public_id: str) -> Content:
    """Return what a donation from the rewards' catalogue was.

    Raises NotFound (unknown_gift) for coupons of other rewards, Conflict (gift_not_used).
    """
    row = session.exec(
        select(Coupon, Reward)
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .where(
            col(Coupon.public_id) == public_id,
            col(Coupon.account_id) == account_id,
            col(Reward.reward_class) == RewardClass.DONATION,
        )
    ).first()
    if row is None:
        raise NotFound("unknown_gift")
    coupon, reward = row
    if coupon.status != CouponStatus.USED or coupon.used_at is None:
        raise Conflict("gift_not_used")
    return Content(
        kind=DONATION,
        cause=f"coupon:{coupon.id}",
        total=coupon.price_credits,
        unit=CREDITS,
        about={
            "to": _titles(reward.texts),
            "given_on": business_day(coupon.used_at).isoformat(),
            "used_on": "",
            "purpose": "",
        },
    )


def _titles(texts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {language: parts["title"] for language, parts in texts.items()}


def of_tree(session: Session, *, account_id: int, public_id: str) -> Content:
    """Return what tree was adopted. Raises NotFound (unknown_tree)."""
    row = session.exec(
        select(TreeAdoption, TreePlot)
        .join(TreePlot, col(TreePlot.id) == col(TreeAdoption.plot_id))
        .where(col(TreeAdoption.public_id) == public_id, col(TreeAdoption.account_id) == account_id)
    ).first()
    if row is None:
        raise NotFound("unknown_tree")
    adoption, plot = row
    return Content(
        kind=TREE,
        cause=f"adoption:{adoption.id}",
        total=adoption.number,
        unit=TREE_NUMBER,
        about={
            "plot": {"zh": plot.name_zh, "en": plot.name_en or plot.name_zh},
            "place": plot.place,
            "species": {"zh": plot.species_zh, "latin": plot.species_latin},
            "planted_on": plot.planted_on.isoformat(),
            "adopted_on": business_day(adoption.adopted_at).isoformat(),
        },
    )
