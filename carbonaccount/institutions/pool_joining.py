"""Residents in pools: taking part with a consent of its own, leaving at once until the sale."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import polars as pl
from sqlmodel import Session, col, select

from carbonaccount import audit, bulk, signals
from carbonaccount.accounts.services import WEB_CHANNEL, give_consent, withdraw_consent
from carbonaccount.audit import Actor
from carbonaccount.certified import tells_committed
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.pool_models import Pool, PoolShare, PoolStatus, ShareStatus
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit

CONSENT_VERSION: Final = "pool-1"
_PURPOSE: Final = "pool:"


def consent_purpose(public_id: str) -> str:
    """Return the purpose of the consent that a part in a pool stands on."""
    return f"{_PURPOSE}{public_id}"


def join(
    session: Session,
    *,
    account_id: int,
    public_id: str,
    statement: str,
    acting_user: Actor,
    now: datetime,
) -> PoolShare:
    """Take part in an open pool; `statement` is the text that the person agreed to.

    Nothing moves before the pool is closed. Taking part twice is the same part. Raises NotFound
    (unknown_pool), Conflict (pool_not_open), Invalid (consent_needed).
    """
    pool = _shared(session, public_id)
    if pool.status == PoolStatus.DRAFT:
        raise NotFound("unknown_pool")
    known = share_in_force(session, pool_id=pool.stored_id, account_id=account_id)
    if known is not None:
        return known
    if pool.status != PoolStatus.OPEN or pool.joins_until < business_day(now):
        raise Conflict("pool_not_open")
    if not statement.strip():
        raise Invalid("consent_needed", field="agree")
    consent = give_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(public_id),
        version=CONSENT_VERSION,
        text=statement,
        channel=WEB_CHANNEL,
        acting_user=acting_user,
        now=now,
    )
    share = PoolShare(
        pool_id=pool.stored_id,
        account_id=account_id,
        consent_id=consent.id or 0,
        joined_at=now,
    )
    session.add(share)
    session.flush()
    return share


def _shared(session: Session, public_id: str) -> Pool:
    """Return a pool that the staff cannot move on before the end of the transaction."""
    pool = session.exec(
        select(Pool)
        .where(col(Pool.public_id) == public_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).first()
    if pool is None:
        raise NotFound("unknown_pool")
    return pool


def share_in_force(session: Session, *, pool_id: int, account_id: int) -> PoolShare | None:
    """Return a person's part in a pool, locked, unless they have left it."""
    return session.exec(
        select(PoolShare)
        .where(
            col(PoolShare.pool_id) == pool_id,
            col(PoolShare.account_id) == account_id,
            col(PoolShare.left_at).is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def leave(
    session: Session, *, account_id: int, public_id: str, acting_user: Actor, now: datetime
) -> None:
    """Leave a pool before its sale; what was set aside comes back at once.

    Raises NotFound (unknown_pool; pool_not_in for who takes no part), Conflict (pool_sold).
    """
    pool = _shared(session, public_id)
    share = share_in_force(session, pool_id=pool.stored_id, account_id=account_id)
    if share is None:
        raise NotFound("pool_not_in")
    if pool.status == PoolStatus.SOLD:
        raise Conflict("pool_sold")
    # Ending the consent is leaving; see `leave_without_consent`.
    withdraw_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(public_id),
        acting_user=acting_user,
        now=now,
    )


@signals.on_consent_withdrawn
def leave_without_consent(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """Take a person out of the pools whose consent has ended, by whatever way.

    What was sold stays sold: nothing can be called back from a buyer.
    """
    ended = {item.removeprefix(_PURPOSE) for item in purposes if item.startswith(_PURPOSE)}
    for public_id in sorted(ended):
        pool = _shared(session, public_id)
        share = share_in_force(session, pool_id=pool.stored_id, account_id=account_id)
        if share is not None and pool.status in (PoolStatus.OPEN, PoolStatus.CLOSED):
            _take_out(session, pool, share, now)


def _take_out(session: Session, pool: Pool, share: PoolShare, now: datetime) -> None:
    if share.status == ShareStatus.GATHERED:
        _release(session, share, now)
    share.status, share.left_at = ShareStatus.LEFT.value, now
    session.flush()
    audit.record(
        session,
        acting_user=audit.SYSTEM,
        action="pool.leave",
        subject=f"pool:{pool.public_id}",
        now=now,
        amount_g=share.amount_g,
    )


def _release(session: Session, share: PoolShare, now: datetime) -> None:
    held, own = (
        ledger.owned_account(session, owner_id=share.account_id, kind=kind, unit=Unit.G, vintage=0)
        for kind in (LedgerKind.HOLD, LedgerKind.RESIDENT)
    )
    posting = ledger.Posting(
        debit_id=held,
        credit_id=own,
        amount=share.amount_g,
        unit=Unit.G,
        kind=TransferKind.RELEASE,
        cause=Cause.POOL_SHARE,
        cause_id=share.stored_id,
        revision=0,
        business_day=business_day(now),
        occurred_at=now,
    )
    ledger.post_few(session, postings=[posting], computed=frozenset(), booked_at=now)


@tells_committed
def pooled_g(session: Session, account_ids: Collection[int]) -> Mapping[int, int]:
    """Return the certified grams of accounts that pools hold or have sold."""
    rows = bulk.select_matching(
        session,
        select=(
            "SELECT s.account_id, s.amount_g FROM {keys} JOIN pool_share s "
            "ON s.account_id = k.account_id AND s.status IN ('gathered', 'sold')"
        ),
        keys={"account_id": ("bigint", pl.Series(sorted(account_ids), dtype=pl.Int64))},
        schema={"account_id": pl.Int64, "grams": pl.Int64},
    )
    return dict(rows.group_by("account_id").agg(pl.col("grams").sum()).iter_rows())
