"""What a settlement comes to: always counted from its coupons, never carried along."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from rewards.merchant_models import Settlement, SettlementDeduction
from rewards.models import Coupon

# A sample to check by hand: a twentieth, at least five, everything when there are fewer.
LEAST_CHECKED = 5
ONE_IN = 20


class Totals(NamedTuple):
    """How many coupons, their credits, and what they are worth in fen."""

    coupons: int
    credits: int
    value_fen: int


def totals_of(session: Session, *, settlement_id: int) -> Totals:
    """Return what the coupons of a settlement come to."""
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(col(Coupon.price_credits)), 0),
            sa.func.coalesce(sa.func.sum(col(Coupon.value_fen)), 0),
        ).where(col(Coupon.settlement_id) == settlement_id)
    ).one()
    return Totals(*map(int, row))


def count_again(session: Session, *, settlement: Settlement) -> Totals:
    """Write what the coupons of a settlement come to, and deduct what still is to be deducted.

    The caller holds the merchant's lock.
    """
    found = totals_of(session, settlement_id=settlement.id or 0)
    settlement.coupons, settlement.credits = found.coupons, found.credits
    # Zero first: the two are checked against each other when the row is written.
    settlement.deducted_fen, settlement.value_fen = 0, found.value_fen
    settlement.deducted_fen = _deduct(session, settlement)
    session.add(settlement)
    session.flush()
    return found


def _deduct(session: Session, settlement: Settlement) -> int:
    """Take up deductions, the oldest first, as long as something is owed; return their sum."""
    session.execute(
        sa.update(SettlementDeduction)
        .where(col(SettlementDeduction.settlement_id) == settlement.id)
        .values(settlement_id=None)
    )
    waiting = session.execute(
        sa.select(col(SettlementDeduction.dispute_id), col(SettlementDeduction.value_fen))
        .where(
            col(SettlementDeduction.merchant_id) == settlement.merchant_id,
            col(SettlementDeduction.settlement_id).is_(None),
        )
        .order_by(col(SettlementDeduction.dispute_id))
    )
    taken, left = [], settlement.value_fen
    for dispute_id, value_fen in waiting:
        if value_fen > left:
            break
        taken.append(dispute_id)
        left -= value_fen
    session.execute(
        sa.update(SettlementDeduction)
        .where(col(SettlementDeduction.dispute_id).in_(taken))
        .values(settlement_id=settlement.id)
    )
    return settlement.value_fen - left


def drawn(public_ids: Iterable[str], *, settlement_public_id: str) -> list[str]:
    """Return which coupons are checked by hand: the lowest by SHA-256 of settlement:coupon.

    Nobody chooses them, and anybody who knows the two ids finds the same ones.
    """
    ids = list(public_ids)
    wanted = min(len(ids), max(LEAST_CHECKED, -(-len(ids) // ONE_IN)))
    return sorted(ids, key=lambda each: _rank(settlement_public_id, each))[:wanted]


def _rank(settlement: str, coupon: str) -> str:
    return hashlib.sha256(f"{settlement}:{coupon}".encode()).hexdigest()
