"""Pools as people read them: the staff the whole, a resident their own part, a buyer no person."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.institutions.models import Institution, InstitutionStatus
from carbonaccount.institutions.offset_models import LotStatus, OffsetLot
from carbonaccount.institutions.offset_rules import G_PER_TONNE, OWN_REGISTRY
from carbonaccount.institutions.pool_gathering import free_of_period
from carbonaccount.institutions.pool_models import Pool, PoolShare, PoolStatus, ShareStatus
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import Unit


@dataclass(frozen=True)
class PoolRow:
    """A pool with its buyer, when that is an institution, and how many people take part."""

    pool: Pool
    buyer: Institution | None
    people: int


@dataclass(frozen=True)
class Part:
    """A resident's part in a pool; used_g: how much of it has been used up for an emission."""

    share: PoolShare
    pool: Pool
    buyer: Institution | None
    used_g: int

    @property
    def value_fen(self) -> int:
        """Return what the part came to at the pool's price, rounded down."""
        return self.share.amount_g * self.pool.price_fen_per_t // G_PER_TONNE

    @property
    def can_leave(self) -> bool:
        """Return whether the person can still take everything back."""
        before = self.pool.status in (PoolStatus.OPEN, PoolStatus.CLOSED)
        return before and self.share.left_at is None


def people_of() -> Any:
    """Return the number of people who take part, as a column beside a pool."""
    return (
        sa.select(sa.func.count())
        .where(col(PoolShare.pool_id) == col(Pool.id), col(PoolShare.left_at).is_(None))
        .correlate(Pool)
        .scalar_subquery()
    )


def pool_rows(*, status: str = "", words: str = "") -> sa.Select[Any]:
    """Return the statement of pools as PoolRow; empty filters let everything through."""
    wanted: Any = sa.select(Pool, Institution, people_of()).outerjoin(
        Institution, col(Institution.id) == col(Pool.buyer_id)
    )
    if status:
        wanted = wanted.where(col(Pool.status) == status)
    if words:
        wanted = wanted.where(
            sa.or_(
                *(
                    sa.func.lower(column).contains(words.lower(), autoescape=True)
                    for column in (
                        col(Pool.title_zh),
                        col(Pool.title_en),
                        col(Pool.buyer_zh),
                        sa.func.coalesce(col(Institution.name_zh), ""),
                    )
                )
            )
        )
    found: sa.Select[Any] = wanted
    return found


def find(session: Session, public_id: str) -> PoolRow:
    """Return a pool in whatever state. Raises NotFound (unknown_pool)."""
    found = session.execute(pool_rows().where(col(Pool.public_id) == public_id)).first()
    if found is None:
        raise NotFound("unknown_pool")
    return PoolRow(*found)


def buyers(session: Session) -> list[Institution]:
    """Return the institutions that can buy, by name."""
    return list(
        session.exec(
            select(Institution)
            .where(col(Institution.status) == InstitutionStatus.ACTIVE)
            .order_by(col(Institution.name_zh), col(Institution.id))
        )
    )


def trail_of(session: Session, pool: Pool, *, limit: int = 30) -> list[AuditEntry]:
    """Return what the staff did with a pool, the newest first; who left it is not told."""
    return list(
        session.exec(
            select(AuditEntry)
            .where(
                col(AuditEntry.subject) == f"pool:{pool.public_id}",
                col(AuditEntry.action) != "pool.leave",
            )
            .order_by(col(AuditEntry.id).desc())
            .limit(limit)
        )
    )


def open_to(session: Session, *, account_id: int, today: date) -> list[PoolRow]:
    """Return the pools in which a person could take part and does not."""
    mine = sa.exists().where(
        col(PoolShare.pool_id) == col(Pool.id),
        col(PoolShare.account_id) == account_id,
        col(PoolShare.left_at).is_(None),
    )
    rows = session.execute(
        pool_rows(status=PoolStatus.OPEN)
        .where(col(Pool.joins_until) >= today, ~mine)
        .order_by(col(Pool.joins_until), col(Pool.id))
    )
    return [PoolRow(*row) for row in rows]


def could_give_g(session: Session, *, account_id: int, pool: Pool) -> int:
    """Return what a person has by now of the period that could go into a pool."""
    held = sum(
        part.amount for part in holdings.available(session, account_id=account_id, unit=Unit.G)
    )
    given = free_of_period(
        session, held={account_id: held}, first=pool.first_day, last=pool.last_day
    )
    return given.get(account_id, 0)


def parts_of(session: Session, *, account_id: int) -> list[Part]:
    """Return a person's parts in pools, the latest first."""
    rows = session.execute(
        select(PoolShare, Pool, Institution)
        .join(Pool, col(Pool.id) == col(PoolShare.pool_id))
        .outerjoin(Institution, col(Institution.id) == col(Pool.buyer_id))
        .where(col(PoolShare.account_id) == account_id)
        .order_by(col(PoolShare.id).desc())
    ).all()
    return [Part(share, pool, buyer, _used_g(session, pool, share)) for share, pool, buyer in rows]


def pooled_g(session: Session, *, account_id: int) -> int:
    """Return the grams of a person that pools have set aside or handed over."""
    wanted = select(sa.func.coalesce(sa.func.sum(col(PoolShare.amount_g)), 0)).where(
        col(PoolShare.account_id) == account_id,
        col(PoolShare.status).in_((ShareStatus.GATHERED, ShareStatus.SOLD)),
    )
    return int(session.exec(wanted).one())


def _used_g(session: Session, pool: Pool, share: PoolShare) -> int:
    """Return how many of a part's numbers are retired: with the sale, or by the buyer's lots."""
    if share.serial_first is None or share.serial_last is None:
        return 0
    if pool.buyer_id is None:
        return share.amount_g
    rows = session.exec(
        select(OffsetLot).where(
            col(OffsetLot.registry_code) == OWN_REGISTRY,
            col(OffsetLot.serial_prefix) == pool.serial_prefix,
            col(OffsetLot.status) == LotStatus.RETIRED,
            col(OffsetLot.serial_first) <= share.serial_last,
            col(OffsetLot.serial_last) >= share.serial_first,
        )
    )
    return sum(
        min(lot.serial_last, share.serial_last) - max(lot.serial_first, share.serial_first) + 1
        for lot in rows
    )


def purposes_of(session: Session, public_ids: list[str]) -> list[Pool]:
    """Return pools by their public ids, for the list of consents."""
    return list(session.exec(select(Pool).where(col(Pool.public_id).in_(public_ids))))
