"""Reads for the pages of offsets: the list of lots, and what an institution holds by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.errors import NotFound
from carbonaccount.institutions import lots, retiring
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.offset_rules import ORDER_OF_USE


@dataclass(frozen=True)
class Holdings:
    """What an institution may use on a day: certificates by number, grams by step of the order.

    expired: how many lots it holds that may not be used any more.
    """

    certificates: int
    by_rank: dict[int, int]
    retired_g: int
    expired: int

    @property
    def usable_g(self) -> int:
        """Return the grams of all steps."""
        return sum(self.by_rank.values())


def lots_of(
    session: Session, *, institution_id: int, kind: str = "", status: str = ""
) -> Sequence[OffsetLot]:
    """Return the lots of an institution, the newest first; whole ones that were split are left out.

    Filtered by kind and status, "" for all.
    """
    wanted = select(OffsetLot).where(
        col(OffsetLot.institution_id) == institution_id,
        col(OffsetLot.status) != LotStatus.SPLIT,
    )
    if kind:
        wanted = wanted.where(col(OffsetLot.kind) == kind)
    if status:
        wanted = wanted.where(col(OffsetLot.status) == status)
    return session.exec(wanted.order_by(col(OffsetLot.id).desc())).all()


def lot_at(session: Session, *, institution_id: int, public_id: str) -> OffsetLot:
    """Return a lot of an institution. Raises NotFound (unknown_lot)."""
    row = session.exec(
        select(OffsetLot).where(
            col(OffsetLot.public_id) == public_id,
            col(OffsetLot.institution_id) == institution_id,
        )
    ).first()
    if row is None:
        raise NotFound("unknown_lot")
    return row


def holdings(session: Session, *, institution_id: int, on: date) -> Holdings:
    """Return what an institution holds and may use on a day."""
    by_rank: dict[int, int] = {}
    certificates = expired = 0
    for lot in lots.held(session, institution_id=institution_id):
        if retiring.is_expired(lot, on):
            expired += 1
        elif lot.kind == LotKind.GREEN_CERTIFICATE:
            certificates += lot.serials
        else:
            rank = ORDER_OF_USE[LotKind(lot.kind)].rank
            by_rank[rank] = by_rank.get(rank, 0) + lot.amount_g
    retired = session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(col(OffsetLot.amount_g)), 0)).where(
            col(OffsetLot.institution_id) == institution_id,
            col(OffsetLot.status) == LotStatus.RETIRED,
        )
    ).scalar_one()
    return Holdings(certificates, dict(sorted(by_rank.items())), int(retired), expired)


def statement_of(session: Session, lot: OffsetLot) -> NeutralityStatement | None:
    """Return the statement that a lot was retired for, None for others."""
    if lot.purpose not in (Purpose.STATEMENT_YEAR, Purpose.POWER_LINE):
        return None
    return session.get(NeutralityStatement, lot.purpose_id)
