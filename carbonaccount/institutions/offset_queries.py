"""Reads for the pages of offsets: the list of lots, and what an institution holds by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from carbonaccount.errors import NotFound
from carbonaccount.institutions import lots, retiring
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.offset_rules import ORDER_OF_USE


@dataclass(frozen=True)
class Holdings:
    """What an institution may use on a day: certificates by number, grams by step of the order.

    expired: how many lots it holds that may not be used any more; later: how many are of years
    after the one that was asked for.
    """

    certificates: int
    by_rank: dict[int, int]
    retired_g: int
    expired: int
    later: int = 0

    @property
    def usable_g(self) -> int:
        """Return the grams of all steps."""
        return sum(self.by_rank.values())


@dataclass(frozen=True)
class LotFilter:
    """What a list of an institution's lots is narrowed to; "" for everything."""

    kind: str = ""
    status: str = ""


def lots_of(
    session: Session,
    *,
    institution_id: int,
    chosen: LotFilter = LotFilter(),
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[OffsetLot]:
    """Return lots of an institution, the newest first; those that were split are left out."""
    wanted = _lots(institution_id, chosen).order_by(col(OffsetLot.id).desc())
    return session.exec(wanted.limit(limit).offset(offset)).all()


def lot_count(session: Session, *, institution_id: int, chosen: LotFilter) -> int:
    """Return how many lots the list has."""
    lots_found = _lots(institution_id, chosen).subquery()
    return int(session.execute(sa.select(sa.func.count()).select_from(lots_found)).scalar_one())


def _lots(institution_id: int, chosen: LotFilter) -> SelectOfScalar[OffsetLot]:
    wanted = select(OffsetLot).where(
        col(OffsetLot.institution_id) == institution_id,
        col(OffsetLot.status) != LotStatus.SPLIT,
    )
    if chosen.kind:
        wanted = wanted.where(col(OffsetLot.kind) == chosen.kind)
    if chosen.status:
        wanted = wanted.where(col(OffsetLot.status) == chosen.status)
    return wanted


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


def holdings(
    session: Session, *, institution_id: int, on: date, for_year: int | None = None
) -> Holdings:
    """Return what an institution holds and may use on a day, for a year if one is named."""
    by_rank: dict[int, int] = {}
    certificates = expired = later = 0
    for lot in lots.held(session, institution_id=institution_id):
        if retiring.is_expired(lot, on):
            expired += 1
        elif for_year is not None and lot.vintage > for_year:
            later += 1
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
    return Holdings(certificates, dict(sorted(by_rank.items())), int(retired), expired, later)


def statement_of(session: Session, lot: OffsetLot) -> NeutralityStatement | None:
    """Return the statement that a lot was retired for, None for others."""
    if lot.purpose not in (Purpose.STATEMENT_YEAR, Purpose.POWER_LINE):
        return None
    return session.get(NeutralityStatement, lot.purpose_id)
