"""Reads of the catalogue: each returns what a page needs of its kind in one statement."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.guardians import Standing
from carbonaccount.audit import AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from rewards import fund
from rewards.acceptance import usable
from rewards.eligibility import why_not
from rewards.fund_models import FundBudget, FundDay, FundProgramme, Sponsor
from rewards.merchant_models import Merchant, RewardMerchant
from rewards.models import (
    Coupon,
    CouponStatus,
    LimitPeriod,
    Reward,
    RewardDay,
    RewardFavourite,
    RewardPrice,
    RewardStatus,
    RewardTaker,
    StockMovement,
)
from rewards.shelf import Item

# A person of no account, for strangers' pages: nobody has this id.
NOBODY = 0


class RewardLine(NamedTuple):
    """A reward as the panel lists it, with its programme and what was taken of it.

    usable: whether an active merchant takes its coupons, or none is needed.
    """

    reward: Reward
    programme: FundProgramme
    coupons: int
    used: int
    usable: bool


def period_start(limit_period: str, day: date) -> date:
    """Return the first day of the period that a day lies in; the first day of all for EVER."""
    return {
        LimitPeriod.DAY: day,
        LimitPeriod.MONTH: day.replace(day=1),
        LimitPeriod.YEAR: day.replace(month=1, day=1),
        LimitPeriod.EVER: date.min,
    }[LimitPeriod(limit_period)]


def credits_of(session: Session, *, account_id: int) -> int:
    """Return the credits a resident can spend: held and pending ones are not among them."""
    found = session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(col(LedgerAccount.balance)), 0)).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == Unit.CREDIT,
        )
    )
    return int(found.scalar_one())


def shelf_items(
    session: Session, *, account_id: int | None, standing: Standing | None, day: date
) -> list[Item]:
    """Return every reward that residents may take on a day, as one reader finds it.

    standing: what is known of the reader, None for strangers, whom nothing is kept from yet.
    """
    rows = session.execute(_ON_SHELF, _reader(account_id, day))
    return [_item(row, standing, day) for row in rows]


def shelf_item(
    session: Session,
    *,
    public_id: str,
    account_id: int | None,
    standing: Standing | None,
    day: date,
) -> tuple[Reward, Item]:
    """Return a reward that was ever offered, as one reader finds it. Raises NotFound."""
    row = session.execute(_ONE_ITEM, {"public_id": public_id, **_reader(account_id, day)}).first()
    if row is None:
        raise NotFound("unknown_reward", reward=public_id[:32])
    return row[0], _item(row, standing, day)


def _reader(account_id: int | None, day: date) -> dict[str, object]:
    """Return the values of `_items` for one reader on a day."""
    starts = {f"start_{period}": period_start(period, day) for period in LimitPeriod}
    return {"me": account_id or NOBODY, "day": day, "year": day.year, **starts}


def _items() -> sa.Select[*tuple[Any, ...]]:
    """Return the statement of rewards with what a reader needs of each; built once, for speed."""
    me, day = sa.bindparam("me", type_=sa.BigInteger), sa.bindparam("day", type_=sa.Date)
    starts = sa.case(
        {str(period): sa.bindparam(f"start_{period}", type_=sa.Date) for period in LimitPeriod},
        value=col(Reward.limit_period),
    )
    reward_id = col(Reward.id)
    of_year = sa.and_(
        col(FundBudget.programme_id) == col(Reward.programme_id),
        col(FundBudget.year) == sa.bindparam("year", type_=sa.Integer),
    )
    of_day = sa.and_(col(RewardDay.reward_id) == reward_id, col(RewardDay.day) == day)
    of_fund_day = sa.and_(col(FundDay.budget_id) == col(FundBudget.id), col(FundDay.day) == day)
    of_mine = sa.and_(
        col(RewardTaker.reward_id) == reward_id,
        col(RewardTaker.account_id) == me,
        col(RewardTaker.period_start) == starts,
    )
    my_favourite = sa.and_(
        col(RewardFavourite.reward_id) == reward_id, col(RewardFavourite.account_id) == me
    )
    return (
        sa.select(
            Reward,
            sa.func.coalesce(col(RewardDay.taken), 0),
            sa.func.coalesce(col(RewardTaker.taken), 0),
            col(RewardFavourite.added_at).is_not(None),
            FundBudget,
            FundProgramme,
            sa.func.coalesce(col(FundDay.coupons), 0),
            usable(),
        )
        .join(FundProgramme, col(FundProgramme.id) == col(Reward.programme_id))
        .outerjoin(FundBudget, of_year)
        .outerjoin(FundDay, of_fund_day)
        .outerjoin(RewardDay, of_day)
        .outerjoin(RewardTaker, of_mine)
        .outerjoin(RewardFavourite, my_favourite)
    )


_ON_SHELF = _items().where(
    col(Reward.status) == RewardStatus.PUBLISHED,
    col(Reward.offered_from) <= sa.bindparam("day", type_=sa.Date),
    col(Reward.offered_until) >= sa.bindparam("day", type_=sa.Date),
)
_ONE_ITEM = _items().where(
    col(Reward.public_id) == sa.bindparam("public_id"),
    sa.or_(
        col(Reward.status).in_((RewardStatus.PUBLISHED, RewardStatus.PAUSED)),
        # A draft that was thrown away has ended too, but nobody was ever offered it.
        sa.and_(col(Reward.status) == RewardStatus.ENDED, col(Reward.published_at).is_not(None)),
    ),
)


def _item(row: Sequence[Any], standing: Standing | None, day: date) -> Item:
    reward, taken_today, taken_by_me, is_favourite, budget, programme, of_fund, is_usable = row
    return Item(
        reward_id=reward.id,
        public_id=reward.public_id,
        reward_class=reward.reward_class,
        texts=reward.texts,
        picture=reward.picture,
        price_credits=reward.price_credits,
        stock_left=reward.stock_left,
        stock_per_day=reward.stock_per_day,
        taken_today=taken_today,
        limit_per_person=reward.limit_per_person,
        limit_period=reward.limit_period,
        taken_by_me=taken_by_me,
        offered_until=reward.offered_until,
        districts=reward.districts,
        minimum_age=reward.minimum_age,
        allotment=reward.allotment,
        is_favourite=bool(is_favourite),
        fund=fund.refusal_of(budget, programme, value_fen=reward.value_fen, coupons=of_fund),
        why_not=_why_not(reward, standing, day, is_usable=is_usable),
    )


def _why_not(reward: Reward, standing: Standing | None, day: date, *, is_usable: bool) -> str:
    """Return what `eligibility` would refuse with; strangers are asked nothing of themselves."""
    code = "" if standing is None else why_not(reward, standing, day)
    return code if is_usable or code == "reward_not_offered" else "reward_no_merchant"


def prices_of(session: Session, *, reward_id: int) -> list[RewardPrice]:
    """Return what a reward cost from when on, the newest first."""
    return list(
        session.exec(
            select(RewardPrice)
            .where(col(RewardPrice.reward_id) == reward_id)
            .order_by(col(RewardPrice.valid_from).desc())
        )
    )


def merchants_of(session: Session, *, reward_id: int) -> list[Merchant]:
    """Return the merchants that take the coupons of a reward, those that are open."""
    return list(
        session.exec(
            select(Merchant)
            .join(RewardMerchant, col(RewardMerchant.merchant_id) == col(Merchant.id))
            .where(col(RewardMerchant.reward_id) == reward_id, col(Merchant.active))
            .order_by(col(Merchant.name_zh))
        )
    )


def payer_of(session: Session, *, programme_id: int) -> tuple[FundProgramme, Sponsor]:
    """Return the programme that pays for a reward, and its sponsor."""
    return session.exec(
        select(FundProgramme, Sponsor)
        .join(Sponsor, col(Sponsor.id) == col(FundProgramme.sponsor_id))
        .where(col(FundProgramme.id) == programme_id)
    ).one()


def programmes(session: Session) -> list[tuple[FundProgramme, Sponsor]]:
    """Return every programme with its sponsor."""
    return list(
        session.exec(
            select(FundProgramme, Sponsor)
            .join(Sponsor, col(Sponsor.id) == col(FundProgramme.sponsor_id))
            .order_by(col(Sponsor.name_zh), col(FundProgramme.name_zh))
        )
    )


def merchants(session: Session) -> list[Merchant]:
    """Return every merchant that is open."""
    return list(
        session.exec(select(Merchant).where(col(Merchant.active)).order_by(col(Merchant.name_zh)))
    )


def find_reward(session: Session, public_id: str) -> Reward:
    """Return a reward of whatever state. Raises NotFound."""
    found = session.exec(select(Reward).where(col(Reward.public_id) == public_id)).first()
    if found is None:
        raise NotFound("unknown_reward", reward=public_id[:32])
    return found


def reward_lines(session: Session) -> list[RewardLine]:
    """Return every reward with what was taken of it: coupons that were not given back."""
    kept = col(Coupon.status).in_((CouponStatus.ISSUED, CouponStatus.USED))
    is_used = col(Coupon.status) == CouponStatus.USED
    taken = (
        sa.select(
            col(Coupon.reward_id).label("reward_id"),
            sa.func.sum(sa.case((kept, 1), else_=0)).label("coupons"),
            sa.func.sum(sa.case((is_used, 1), else_=0)).label("used"),
        )
        .group_by(col(Coupon.reward_id))
        .subquery()
    )
    rows = session.execute(
        sa.select(
            Reward,
            FundProgramme,
            sa.func.coalesce(taken.c.coupons, 0),
            sa.func.coalesce(taken.c.used, 0),
            usable(),
        )
        .join(FundProgramme, col(FundProgramme.id) == col(Reward.programme_id))
        .outerjoin(taken, taken.c.reward_id == col(Reward.id))
    )
    return [RewardLine(*row) for row in rows]


def stock_movements(session: Session, *, reward_id: int) -> list[StockMovement]:
    """Return what staff changed of a reward's stock, the newest first."""
    return list(
        session.exec(
            select(StockMovement)
            .where(col(StockMovement.reward_id) == reward_id)
            .order_by(col(StockMovement.id).desc())
        )
    )


def history_of(session: Session, *, public_id: str) -> list[AuditEntry]:
    """Return what was done to a reward by staff, the newest first."""
    return list(
        session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.subject) == f"reward:{public_id}")
            .order_by(col(AuditEntry.id).desc())
        )
    )
