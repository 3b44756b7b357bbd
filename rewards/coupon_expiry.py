"""Coupons that nobody used in time: set-based, for a whole city in one run.

Stages in the one order of this room: coupons, purses, rewards, fund.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import bulk
from carbonaccount.clock import business_day
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.messages.services import Outgoing, send_many
from rewards import fund
from rewards.acceptance import usable_ids
from rewards.models import Coupon, CouponStatus, Reward

# A holder is reminded this long before the last day.
REMINDED_BEFORE = timedelta(days=3)


def expire_due(session: Session, *, day: date, now: datetime) -> int:
    """End the coupons whose last day is before `day`; returns how many there were.

    The credits go back to the holders, or end where the reward says so and a merchant would have
    taken the coupon; the stock and the fund's
    money are free again either way, since nothing was handed over. The person's place under the
    limit stays taken. What ended before is left alone, so the run may be repeated. Does not
    commit.
    """
    coupons = _end(session, day, now)
    if not coupons:
        return 0
    rewards = _rewards(session, {coupon.reward_id for coupon in coupons})
    refunding = _refunding(session, rewards)
    _post(session, coupons, refunding, now)
    _free_stock(session, coupons)
    for coupon in coupons:
        fund.release_value(session, coupon=coupon, now=now)
    for refunded, kind in ((True, "coupon_expired_refunded"), (False, "coupon_expired")):
        chosen = [c for c in coupons if (c.reward_id in refunding) == refunded]
        send_many(session, kind=kind, outgoing=_told(chosen, rewards), now=now)
    return len(coupons)


def _end(session: Session, day: date, now: datetime) -> list[Coupon]:
    """Mark what is over; a coupon that a till uses at this moment is the till's."""
    ended = session.connection().execute(
        sa.update(Coupon.__table__)  # type: ignore[attr-defined]
        .where(col(Coupon.status) == CouponStatus.ISSUED, col(Coupon.expires_on) < day)
        .values(status=CouponStatus.EXPIRED.value, ended_at=now)
        .returning(col(Coupon.id))
    )
    found: list[Coupon] = []
    ids = sorted(row.id for row in ended)
    for start in range(0, len(ids), 1000):
        wanted = select(Coupon).where(col(Coupon.id).in_(ids[start : start + 1000]))
        found += session.exec(
            wanted.order_by(col(Coupon.id)).execution_options(populate_existing=True)
        )
    return found


def _rewards(session: Session, ids: set[int]) -> dict[int, Reward]:
    rows = session.exec(select(Reward).where(col(Reward.id).in_(ids)))
    return {reward.id or 0: reward for reward in rows}


def _refunding(session: Session, rewards: dict[int, Reward]) -> set[int]:
    """Return the rewards that give credits back when a coupon ends unused.

    Nobody loses credits for a coupon that no active merchant takes, whatever its reward says.
    """
    usable = usable_ids(session, rewards)
    return {
        reward_id
        for reward_id, reward in rewards.items()
        if reward.refund_when_expired or reward_id not in usable
    }


def _post(session: Session, coupons: Sequence[Coupon], refunding: set[int], now: datetime) -> None:
    """Move what was held back to where it came from, or to where the vintage's credits end."""
    refunded = [c.stored_id for c in coupons if c.reward_id in refunding]
    held = _held(session, [coupon.stored_id for coupon in coupons])
    ends = {
        vintage: ledger.ending_account(
            session, kind=LedgerKind.EXPIRED, unit=Unit.CREDIT, vintage=vintage
        )
        for vintage in held["vintage"].unique().sort().to_list()
    }
    goes_back = pl.col("cause_id").is_in(refunded)
    postings = held.select(
        pl.col("credit_id").alias("debit_id"),
        pl.when(goes_back)
        .then(pl.col("debit_id"))
        .otherwise(pl.col("vintage").replace_strict(ends, return_dtype=pl.Int64))
        .alias("credit_id"),
        pl.col("amount"),
        pl.lit(int(Unit.CREDIT), pl.Int16).alias("unit"),
        pl.when(goes_back)
        .then(int(TransferKind.RELEASE))
        .otherwise(int(TransferKind.EXPIRE))
        .cast(pl.Int16)
        .alias("kind"),
        pl.lit(int(Cause.COUPON), pl.Int16).alias("cause"),
        pl.col("cause_id"),
        pl.col("revision"),
        pl.lit(None, pl.Int64).alias("reverses_id"),
        pl.lit(business_day(now)).alias("business_day"),
        pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
    )
    ledger.post(session, postings=postings, booked_at=now)


def _held(session: Session, coupon_ids: list[int]) -> pl.DataFrame:
    """Return the transfers that set the credits of coupons aside, with their vintage."""
    return bulk.select_matching(
        session,
        select=(
            "SELECT t.cause_id, t.revision, t.debit_id, t.credit_id, t.amount, a.vintage "
            "FROM {keys} JOIN transfer t ON t.cause_id = k.coupon_id "
            "JOIN ledger_account a ON a.id = t.debit_id "
            "WHERE t.cause = :cause AND t.kind = :kind"
        ),
        keys={"coupon_id": ("bigint", pl.Series(coupon_ids, dtype=pl.Int64))},
        schema={
            "cause_id": pl.Int64,
            "revision": pl.Int16,
            "debit_id": pl.Int64,
            "credit_id": pl.Int64,
            "amount": pl.Int64,
            "vintage": pl.Int16,
        },
        parameters={"cause": int(Cause.COUPON), "kind": int(TransferKind.HOLD)},
    )


def _free_stock(session: Session, coupons: Sequence[Coupon]) -> None:
    for reward_id, count in sorted(Counter(coupon.reward_id for coupon in coupons).items()):
        session.connection().execute(
            sa.update(Reward.__table__)  # type: ignore[attr-defined]
            .where(col(Reward.id) == reward_id)
            .values(stock_left=col(Reward.stock_left) + count)
        )


def remind_ending(session: Session, *, day: date, now: datetime) -> int:
    """Tell holders of coupons that end soon, each once; returns how many were told."""
    found = session.exec(
        select(Coupon).where(
            col(Coupon.status) == CouponStatus.ISSUED,
            col(Coupon.expires_on).between(day, day + REMINDED_BEFORE),
        )
    ).all()
    # Whoever took a coupon that lasts as short as this knows.
    lasting = [c for c in found if c.expires_on - c.issued_day > REMINDED_BEFORE]
    rewards = _rewards(session, {coupon.reward_id for coupon in lasting})
    return send_many(session, kind="coupon_ending", outgoing=_told(lasting, rewards), now=now)


def _told(coupons: Sequence[Coupon], rewards: dict[int, Reward]) -> list[Outgoing]:
    return [
        Outgoing(c.account_id, str(c.id), params_of(c, rewards[c.reward_id].texts)) for c in coupons
    ]


def params_of(coupon: Coupon, texts: dict[str, dict[str, str]]) -> dict[str, object]:
    """Return what messages about a coupon say of it: its address, its reward and its price."""
    title_zh = texts.get("zh", {}).get("title", "")
    return {
        "coupon": coupon.public_id,
        "title_zh": title_zh,
        "title_en": texts.get("en", {}).get("title") or title_zh,
        "credits": coupon.price_credits,
        "expires_on": coupon.expires_on.isoformat(),
    }
