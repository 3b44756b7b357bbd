"""Closing, selling and calling off a pool: for a whole city in one transaction each.

Closing sets the grams aside (RESIDENT to HOLD); selling gives them numbers and moves them to the
buyer's book with a lot, or, for a buyer outside, to where grams end. Batches lock balances in the
order of their ids, as every batch does.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import bulk
from carbonaccount.accounts.models import Consent
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.certified import certified_between, committed_g
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict
from carbonaccount.institutions import lots
from carbonaccount.institutions.models import Institution, InstitutionStatus
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.institutions.pool_models import Pool, PoolShare, PoolStatus, ShareStatus
from carbonaccount.institutions.pools import (
    OFFICERS,
    checked_reason,
    end_news,
    locked,
    note,
    require_second,
)
from carbonaccount.institutions.serial_numbers import Serials
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.messages.services import Outgoing, send_many

# With fewer people a pool would tell too much about each of them.
LEAST_PEOPLE: Final = 10
WHOLE: Final = 1000
GATHERED_MESSAGE: Final = "pool_gathered"
NOTHING_MESSAGE: Final = "pool_nothing"
SOLD_MESSAGE: Final = "pool_sold"
CALLED_OFF_MESSAGE: Final = "pool_called_off"
_EVER = (date(1970, 1, 1), date(9999, 12, 31))
_SHARES = {"share_id": pl.Int64, "account_id": pl.Int64, "amount_g": pl.Int64}


def close(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Pool:
    """Set aside what those who take part have; they can still leave until the sale.

    Raises Conflict (pool_state, pool_own_draft, pool_period_runs; pool_too_small with `least`).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    pool = locked(session, public_id, PoolStatus.OPEN)
    require_second(pool, staff_id)
    if pool.last_day >= business_day(now):
        raise Conflict("pool_period_runs")
    shares = _shares(session, pool, ShareStatus.JOINED)
    shares = _with_amounts(session, pool, shares)
    taken, empty = (shares.filter(pl.col("amount_g") > 0), shares.filter(pl.col("amount_g") == 0))
    _require_enough(taken)
    _set_aside(session, taken, now)
    _mark(session, taken, "status = 'gathered', amount_g = ?", ["amount_g"])
    _mark(session, empty, "status = 'nothing'", [])
    pool.status, pool.closed_at = PoolStatus.CLOSED.value, now
    pool.amount_g, pool.people = int(taken["amount_g"].sum()), taken.height
    session.flush()
    end_news(session, pool, now)
    _tell(session, GATHERED_MESSAGE, pool, taken, now)
    _tell(session, NOTHING_MESSAGE, pool, empty, now)
    note(session, "close", pool, acting_user, now)
    return pool


def _shares(session: Session, pool: Pool, status: ShareStatus) -> pl.DataFrame:
    """Return the parts of a pool in the order in which people came; shape (n, 3)."""
    rows = session.execute(
        select(col(PoolShare.id), col(PoolShare.account_id), col(PoolShare.amount_g))
        .where(col(PoolShare.pool_id) == pool.stored_id, col(PoolShare.status) == status)
        .order_by(col(PoolShare.id))
    ).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=_SHARES, orient="row")


def _with_amounts(session: Session, pool: Pool, shares: pl.DataFrame) -> pl.DataFrame:
    """Return the parts with what each gives: the period's certified grams that are still free."""
    accounts = ledger.resident_accounts(
        session, owner_ids=shares["account_id"], unit=Unit.G, vintage=0
    )
    # Locked, so that what is free now is still free when it is set aside.
    held = ledger.locked_balances(session, ledger_ids=accounts["ledger_id"])
    found = accounts.join(held, on="ledger_id").select("owner_id", "ledger_id", "balance")
    free = free_of_period(
        session,
        held=dict(found.select("owner_id", "balance").iter_rows()),
        first=pool.first_day,
        last=pool.last_day,
    )
    amounts = pl.DataFrame(
        {"account_id": list(free), "amount_g": list(free.values())},
        schema={"account_id": pl.Int64, "amount_g": pl.Int64},
    )
    return (
        shares.drop("amount_g")
        .join(amounts, on="account_id", how="left", maintain_order="left")
        .with_columns(pl.col("amount_g").fill_null(0))
    )


def free_of_period(
    session: Session, *, held: Mapping[int, int], first: date, last: date
) -> dict[int, int]:
    """Return the certified grams of a period that people could put into a pool, by account.

    held: what each account holds. What institutions own of a source, and what went into other
    pools of the same days, is not theirs to give; nor is more than all that is certified and was
    let go to nobody. Accounts without any are left out.
    """
    accounts = sorted(held)
    period = certified_between(session, account_ids=accounts, first=first, last=last)
    taken = _owned_by_institutions(session, accounts, first, last)
    pooled = _pooled_of_days(session, accounts, first, last)
    ever = certified_between(session, account_ids=accounts, first=_EVER[0], last=_EVER[1])
    committed = committed_g(session, account_ids=accounts)
    found = {
        account: min(
            held[account],
            grams - taken.get(account, 0) - pooled.get(account, 0),
            ever.get(account, 0) - committed.get(account, 0),
        )
        for account, grams in period.items()
    }
    return {account: grams for account, grams in found.items() if grams > 0}


def _owned_by_institutions(
    session: Session, accounts: list[int], first: date, last: date
) -> dict[int, int]:
    """Return what institutions' shares of sources come to in a period, rounded up, by account."""
    rows = bulk.select_matching(
        session,
        select=(
            "SELECT a.account_id, a.source_id, a.permille FROM {keys} JOIN attribution a "
            "ON a.account_id = k.account_id AND a.first_day <= :last "
            "AND (a.last_day IS NULL OR a.last_day >= :first)"
        ),
        keys={"account_id": ("bigint", pl.Series(accounts, dtype=pl.Int64))},
        schema={"account_id": pl.Int64, "source_id": pl.Int64, "permille": pl.Int64},
        parameters=_days(session, first, last),
    )
    owned: dict[int, int] = {}
    shared = rows.group_by("account_id", "source_id").agg(pl.col("permille").sum())
    for (source_id,), some in shared.sort("account_id").group_by("source_id", maintain_order=True):
        grams = certified_between(
            session,
            account_ids=some["account_id"].to_list(),
            source_id=int(str(source_id)),
            first=first,
            last=last,
        )
        for account, permille in some.select("account_id", "permille").iter_rows():
            share = -(-grams.get(account, 0) * min(permille, WHOLE) // WHOLE)
            owned[account] = owned.get(account, 0) + share
    return owned


def _pooled_of_days(
    session: Session, accounts: list[int], first: date, last: date
) -> dict[int, int]:
    """Return what went into pools whose period meets these days, by account."""
    rows = bulk.select_matching(
        session,
        select=(
            "SELECT s.account_id, s.amount_g FROM {keys} JOIN pool_share s "
            "ON s.account_id = k.account_id AND s.status IN ('gathered', 'sold') "
            "JOIN pool p ON p.id = s.pool_id AND p.first_day <= :last AND p.last_day >= :first"
        ),
        keys={"account_id": ("bigint", pl.Series(accounts, dtype=pl.Int64))},
        schema={"account_id": pl.Int64, "grams": pl.Int64},
        parameters=_days(session, first, last),
    )
    return dict(rows.group_by("account_id").agg(pl.col("grams").sum()).iter_rows())


def _days(session: Session, first: date, last: date) -> dict[str, Any]:
    days = {"first": first, "last": last}
    return {name: day.isoformat() for name, day in days.items()} if is_sqlite(session) else days


def _require_enough(shares: pl.DataFrame) -> None:
    if shares.height < LEAST_PEOPLE:
        raise Conflict("pool_too_small", least=LEAST_PEOPLE)


def _set_aside(session: Session, shares: pl.DataFrame, now: datetime) -> None:
    _move(
        session,
        shares,
        source=_books(session, shares, LedgerKind.RESIDENT),
        target=_books(session, shares, LedgerKind.HOLD),
        kind=TransferKind.HOLD,
        now=now,
    )


def _books(session: Session, shares: pl.DataFrame, kind: LedgerKind) -> pl.Series:
    """Return the ledger accounts of a kind of those who take part, in the order of the parts."""
    found = ledger.owned_accounts(
        session, kind=kind, owner_ids=shares["account_id"], unit=Unit.G, vintage=0
    )
    owners = found.rename({"owner_id": "account_id"})
    return shares.join(owners, on="account_id", how="left", maintain_order="left")["ledger_id"]


def _move(
    session: Session,
    shares: pl.DataFrame,
    *,
    source: pl.Series,
    target: pl.Series | int,
    kind: TransferKind,
    now: datetime,
) -> None:
    """Book one transfer a part."""
    postings = shares.select(
        debit_id=source,
        credit_id=pl.lit(target, pl.Int64) if isinstance(target, int) else target,
        amount="amount_g",
        unit=pl.lit(int(Unit.G), pl.Int16),
        kind=pl.lit(int(kind), pl.Int16),
        cause=pl.lit(int(Cause.POOL_SHARE), pl.Int16),
        cause_id="share_id",
        revision=pl.lit(0, pl.Int16),
        reverses_id=pl.lit(None, pl.Int64),
        business_day=pl.lit(business_day(now)),
        occurred_at=pl.lit(now).cast(pl.Datetime("us", "UTC")),
    )
    ledger.post(session, postings=postings, booked_at=now)


def _mark(session: Session, shares: pl.DataFrame, values: str, columns: list[str]) -> None:
    """Write what became of parts; `values` names columns of ours with question marks."""
    bulk.run_many(
        session,
        f"UPDATE pool_share SET {values} WHERE id = ?",  # noqa: S608 - our own words
        shares.select(*columns, "share_id").rows(),
    )


def sell(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Pool:
    """Hand the gathered grams to the buyer: each gets its number, the whole a lot, nobody leaves.

    A buyer outside the platform gets numbers of grams that are retired with the sale. Raises
    Conflict (pool_state, pool_own_draft, pool_buyer_closed; pool_too_small with `least`).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    pool = locked(session, public_id, PoolStatus.CLOSED)
    require_second(pool, staff_id)
    _require_buyer(session, pool)
    shares = _shares(session, pool, ShareStatus.GATHERED)
    _require_enough(shares)
    shares = shares.with_columns(serial_last=pl.col("amount_g").cum_sum()).with_columns(
        serial_first=pl.col("serial_last") - pl.col("amount_g") + 1
    )
    pool.amount_g, pool.people = int(shares["amount_g"].sum()), shares.height
    lot_id = _hand_over(session, pool, shares, acting_user, now)
    _mark(
        session,
        shares,
        "status = 'sold', serial_first = ?, serial_last = ?",
        ["serial_first", "serial_last"],
    )
    pool.status, pool.ended_at, pool.ended_by = PoolStatus.SOLD.value, now, staff_id
    pool.lot_id = lot_id
    session.flush()
    _end_consents(session, pool, now)
    _tell(session, SOLD_MESSAGE, pool, shares, now)
    note(session, "sell", pool, acting_user, now)
    return pool


def _require_buyer(session: Session, pool: Pool) -> None:
    if pool.buyer_id is None:
        return
    if session.get_one(Institution, pool.buyer_id).status != InstitutionStatus.ACTIVE:
        raise Conflict("pool_buyer_closed")


def _hand_over(
    session: Session, pool: Pool, shares: pl.DataFrame, acting_user: Actor, now: datetime
) -> int | None:
    """Move the grams out of what is set aside, to the buyer's book or to their end.

    Returns the id of the buyer's lot, None for a buyer outside.
    """
    held = _books(session, shares, LedgerKind.HOLD)
    if pool.buyer_id is None:
        end = ledger.ending_account(session, kind=LedgerKind.RETIRED, unit=Unit.G, vintage=0)
        _move(session, shares, source=held, target=end, kind=TransferKind.RETIRE, now=now)
        return None
    lot = _lot(session, pool, pool.buyer_id, acting_user, now)
    book = lots.book_of(session, institution_id=pool.buyer_id)
    _move(session, shares, source=held, target=book, kind=TransferKind.GIVE, now=now)
    return lot.stored_id


def _lot(
    session: Session, pool: Pool, buyer_id: int, acting_user: Actor, now: datetime
) -> OffsetLot:
    serials = Serials(pool.serial_prefix, 1, pool.amount_g, pool.serial_width)
    return lots.add(
        session,
        institution_id=buyer_id,
        new=lots.NewLot(
            kind=LotKind.POOL,
            vintage=pool.first_day.year,
            title=pool.title_zh,
            amount_g=pool.amount_g,
            serials=serials,
            origin=f"pool:{pool.public_id}",
        ),
        grams_from=None,
        acting_user=acting_user,
        now=now,
    )


def call_off(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Pool:
    """Give a pool up before its sale; what was set aside goes back, and everybody is told why.

    Raises Invalid (pool_reason), Conflict (pool_state).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    text = checked_reason(reason)
    pool = locked(session, public_id, PoolStatus.DRAFT, PoolStatus.OPEN, PoolStatus.CLOSED)
    gathered = _shares(session, pool, ShareStatus.GATHERED)
    others = [_shares(session, pool, item) for item in (ShareStatus.JOINED, ShareStatus.NOTHING)]
    if not gathered.is_empty():
        _move(
            session,
            gathered,
            source=_books(session, gathered, LedgerKind.HOLD),
            target=_books(session, gathered, LedgerKind.RESIDENT),
            kind=TransferKind.RELEASE,
            now=now,
        )
    everybody = pl.concat([gathered, *others])
    pool.status, pool.ended_at, pool.ended_by = PoolStatus.CALLED_OFF.value, now, staff_id
    pool.end_reason = text
    session.flush()
    _end_consents(session, pool, now)
    session.connection().execute(
        PoolShare.__table__.update()  # type: ignore[attr-defined]
        .where(col(PoolShare.pool_id) == pool.stored_id, col(PoolShare.left_at).is_(None))
        .values(status=ShareStatus.RETURNED.value, left_at=now)
    )
    end_news(session, pool, now)
    _tell(session, CALLED_OFF_MESSAGE, pool, everybody, now)
    note(session, "call_off", pool, acting_user, now, reason=text)
    return pool


def _end_consents(session: Session, pool: Pool, now: datetime) -> None:
    """End the consents of all who take part: with the pool's end nothing is left to withdraw."""
    theirs = select(col(PoolShare.consent_id)).where(
        col(PoolShare.pool_id) == pool.stored_id, col(PoolShare.left_at).is_(None)
    )
    session.connection().execute(
        sa.update(Consent)
        .where(col(Consent.id).in_(theirs), col(Consent.withdrawn_at).is_(None))
        .values(withdrawn_at=now)
    )


def _tell(session: Session, kind: str, pool: Pool, shares: pl.DataFrame, now: datetime) -> None:
    """Send those who take part what became of their part; nobody learns of anybody else's."""
    told = {"pool": pool.public_id, "title_zh": pool.title_zh, "title_en": pool.title_en}
    outgoing = [
        Outgoing(account, pool.public_id, {**told, "amount_g": grams})
        for account, grams in shares.select("account_id", "amount_g").iter_rows()
    ]
    send_many(session, kind=kind, outgoing=outgoing, now=now)
