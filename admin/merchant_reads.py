"""Lists of the panel about merchants, their settlements and the disputes of holders."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from carbonaccount.accounts.models import District
from rewards.merchant_models import (
    CouponDispute,
    Merchant,
    MerchantMember,
    MerchantTill,
    Settlement,
)
from rewards.models import Coupon, CouponStatus, Reward


class MerchantRow(NamedTuple):
    """A merchant with how many people and open tills it has, and what waits for a settlement."""

    merchant: Merchant
    district: District | None
    people: int
    tills: int
    waiting: int


class SettlementListed(NamedTuple):
    """A settlement with its merchant."""

    settlement: Settlement
    merchant: Merchant


class DisputeListed(NamedTuple):
    """A dispute with the coupon, the reward and the merchant it is about."""

    dispute: CouponDispute
    coupon: Coupon
    reward: Reward
    merchant: Merchant


@dataclass(frozen=True)
class MerchantFilter:
    """What a list of merchants is narrowed to; "" for everything."""

    district: str = ""
    name: str = ""
    state: str = ""


@dataclass(frozen=True)
class SettlementFilter:
    """What a list of settlements or disputes is narrowed to; "" for everything."""

    merchant: str = ""
    status: str = ""


def _count(table: Any, *conditions: Any) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .select_from(table)
        .where(col(table.merchant_id) == col(Merchant.id), *conditions)
        .correlate(Merchant)
        .scalar_subquery()
    )


PEOPLE = _count(MerchantMember, col(MerchantMember.active))
TILLS = _count(MerchantTill, col(MerchantTill.active))
WAITING = _count(
    Coupon, col(Coupon.status) == CouponStatus.USED, col(Coupon.settlement_id).is_(None)
)


def merchant_rows(wanted: MerchantFilter) -> sa.Select[Any]:
    """Return merchants as rows of MerchantRow."""
    wide: Any = sa.select(Merchant, District, PEOPLE, TILLS, WAITING).outerjoin(
        District, col(District.code) == col(Merchant.district_code)
    )
    rows: sa.Select[Any] = wide
    if wanted.district:
        rows = rows.where(col(Merchant.district_code) == wanted.district)
    if wanted.state:
        rows = rows.where(col(Merchant.active).is_(wanted.state == "active"))
    if wanted.name:
        either = sa.or_(
            col(Merchant.name_zh).contains(wanted.name, autoescape=True),
            sa.func.lower(col(Merchant.name_en)).contains(wanted.name.lower(), autoescape=True),
        )
        rows = rows.where(either)
    return rows


def settlement_rows(wanted: SettlementFilter) -> sa.Select[Any]:
    """Return settlements as rows of SettlementListed."""
    wide: Any = sa.select(Settlement, Merchant).join(
        Merchant, col(Merchant.id) == col(Settlement.merchant_id)
    )
    rows: sa.Select[Any] = wide
    if wanted.merchant:
        rows = rows.where(col(Merchant.public_id) == wanted.merchant)
    if wanted.status:
        rows = rows.where(col(Settlement.status) == wanted.status)
    return rows


def dispute_rows(wanted: SettlementFilter) -> sa.Select[Any]:
    """Return disputes as rows of DisputeListed."""
    wide: Any = (
        sa.select(CouponDispute, Coupon, Reward, Merchant)
        .join(Coupon, col(Coupon.id) == col(CouponDispute.coupon_id))
        .join(Reward, col(Reward.id) == col(Coupon.reward_id))
        .join(Merchant, col(Merchant.id) == col(CouponDispute.merchant_id))
    )
    rows: sa.Select[Any] = wide
    if wanted.merchant:
        rows = rows.where(col(Merchant.public_id) == wanted.merchant)
    if wanted.status:
        rows = rows.where(col(CouponDispute.status) == wanted.status)
    return rows
