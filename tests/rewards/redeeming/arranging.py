"""A fund, a reward, a merchant and people with credits, and looks into what became of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from carbonaccount.accounts.models import Account, AccountKind, Resident
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import (
    Cause,
    LedgerAccount,
    LedgerKind,
    TransferKind,
    Unit,
)
from carbonaccount.ledger.services import Posting
from carbonaccount.ledger.verify import verify_everything
from rewards import invariants, redeeming  # noqa: F401 - what verify asks registers itself
from rewards.fund_models import FundBudget, FundProgramme, Sponsor
from rewards.merchant_models import Merchant, MerchantTill, RewardMerchant
from rewards.models import (
    Coupon,
    Reward,
    RewardClass,
    RewardStatus,
    StockMovement,
)

# 18:00 in the city.
NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
DAY = date(2026, 3, 10)
PRICE = 100
VALUE_FEN = 500


@dataclass(frozen=True)
class Shop:
    """A reward that a merchant's till takes, and the budget that pays."""

    reward_id: int
    merchant_id: int
    till_id: int
    budget_id: int
    reward_public_id: str


def open_shop(
    session: Session,
    *,
    stock: int = 1000,
    budget_fen: int = 100_000_000,
    since: datetime = NOW,
    **changes: Any,
) -> Shop:
    """Open everything that a coupon needs; `changes` are columns of the reward."""
    today = business_day(since)
    number = session.exec(select(func.count()).select_from(Reward)).one() + 1
    sponsor = Sponsor(name_zh=f"出资方{number}", created_at=NOW)
    merchant = Merchant(public_id=f"shop{number}", name_zh="修车铺", created_at=NOW)
    session.add_all([sponsor, merchant])
    session.flush()
    programme = FundProgramme(sponsor_id=sponsor.id or 0, name_zh="项目", created_at=NOW)
    till = MerchantTill(merchant_id=merchant.id or 0, name="一号")
    session.add_all([programme, till])
    session.flush()
    budget = FundBudget(programme_id=programme.id or 0, year=today.year, budget_fen=budget_fen)
    reward = Reward(
        **{
            "public_id": f"reward{number}",
            "status": RewardStatus.PUBLISHED.value,
            "reward_class": RewardClass.REPAIR_SECOND_HAND.value,
            "texts": {"zh": {"title": "修车一次"}, "en": {"title": "One bicycle repair"}},
            "price_credits": PRICE,
            "value_fen": VALUE_FEN,
            "programme_id": programme.id or 0,
            "stock_left": stock,
            "offered_from": today - timedelta(days=30),
            "offered_until": today + timedelta(days=600),
            "created_at": NOW,
            **changes,
        }
    )
    session.add_all([budget, reward])
    session.flush()
    session.add(RewardMerchant(reward_id=reward.id or 0, merchant_id=merchant.id or 0))
    if stock:
        session.add(
            StockMovement(
                reward_id=reward.id or 0, change=stock, reason="x", moved_by="x", moved_at=NOW
            )
        )
    session.flush()
    return Shop(reward.id or 0, merchant.id or 0, till.id or 0, budget.id or 0, reward.public_id)


def open_people(
    session: Session, count: int, credits: int = 1000, vintage: int = 2026
) -> list[int]:
    """Open residents who hold some credits each; returns their accounts."""
    people = []
    for _ in range(count):
        account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
        add_resident(session, account)
        people.append(account.stored_id)
    if credits:
        for account_id in people:
            earn(session, account_id, credits, vintage)
    session.flush()
    return people


def add_resident(session: Session, account: Account) -> None:
    """Add the personal half of an account."""
    session.add(
        Resident(
            account_id=account.stored_id,
            phone_index=f"index-{account.id}",
            phone_sealed=b"sealed",
            phone_tail="0000",
            created_at=NOW,
        )
    )


def earn(session: Session, account_id: int, credits: int, vintage: int = 2026) -> None:
    """Give a resident credits of a year, as an operation that nobody asks about."""
    issuance = ledger.issuance_account(session, unit=Unit.CREDIT, vintage=vintage)
    purse = ledger.owned_account(
        session, owner_id=account_id, kind=LedgerKind.RESIDENT, unit=Unit.CREDIT, vintage=vintage
    )
    posting = Posting(
        debit_id=issuance,
        credit_id=purse,
        amount=credits,
        unit=Unit.CREDIT,
        kind=TransferKind.EARN,
        cause=Cause.OPERATION,
        cause_id=account_id * 10_000 + vintage,
        revision=0,
        business_day=DAY,
        occurred_at=NOW,
    )
    ledger.post_few(session, postings=[posting], computed=frozenset([issuance]), booked_at=NOW)


def redeem(
    session: Session, shop: Shop, account_id: int, key: str = "key", **changes: Any
) -> Coupon:
    """Take the shop's reward."""
    given: dict[str, Any] = {
        "account_id": account_id,
        "reward_id": shop.reward_id,
        "request_key": key,
        "acting_user": SYSTEM,
        "now": NOW,
        **changes,
    }
    return redeeming.redeem(session, **given)


def use(session: Session, shop: Shop, coupon: Coupon, used_by: int, **changes: Any) -> Coupon:
    """Use a coupon at the shop's till."""
    given: dict[str, Any] = {
        "coupon_id": coupon.stored_id,
        "merchant_id": shop.merchant_id,
        "till_id": shop.till_id,
        "used_by": used_by,
        "acting_user": SYSTEM,
        "now": NOW,
        **changes,
    }
    return redeeming.use(session, **given)


def balances(session: Session, account_id: int) -> dict[str, int]:
    """Return what a person can spend and what is set aside for them, in credits."""
    rows = session.execute(
        sa.select(col(LedgerAccount.kind), func.sum(col(LedgerAccount.balance)))
        .where(col(LedgerAccount.owner_id) == account_id, col(LedgerAccount.unit) == Unit.CREDIT)
        .group_by(col(LedgerAccount.kind))
    ).all()
    found = {int(kind): int(total) for kind, total in rows}
    return {
        "free": found.get(LedgerKind.RESIDENT, 0),
        "held": found.get(LedgerKind.HOLD, 0),
    }


def stock_left(session: Session, shop: Shop) -> int:
    """Return what the database says is left."""
    return session.exec(
        select(col(Reward.stock_left)).where(col(Reward.id) == shop.reward_id)
    ).one()


def fund_of(session: Session, shop: Shop) -> tuple[int, int]:
    """Return what is committed and what is spent of the shop's budget, in fen."""
    return session.exec(
        select(col(FundBudget.committed_fen), col(FundBudget.spent_fen)).where(
            col(FundBudget.id) == shop.budget_id
        )
    ).one()


def broken(session: Session) -> dict[str, int]:
    """Return the invariants of all rooms that do not hold; empty is good."""
    return {code: count for code, _, count in verify_everything(session) if count}
