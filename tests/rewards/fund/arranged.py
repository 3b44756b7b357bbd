"""A sponsor, a programme with its rule, a budget, rewards, and people with credits."""

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind, Resident
from carbonaccount.accounts.services import open_account
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from rewards.fund_models import FundBudget, FundMovement, FundProgramme, Sponsor
from rewards.merchant_models import Merchant, RewardMerchant
from rewards.models import Reward, RewardStatus, StockMovement

YUAN = 100
_numbers = itertools.count(1)


def noon(day: date) -> datetime:
    """Return noon of a day in the city, in UTC."""
    return datetime.combine(day, time(4, 0), tzinfo=UTC)


def programme(session: Session, **rule: int) -> FundProgramme:
    """Add a programme; `rule` replaces parts of the usual rule (30, 15, 2 percent, 20 a day)."""
    number = next(_numbers)
    sponsor = Sponsor(name_zh=f"出资方{number}", created_at=noon(date(2026, 1, 1)))
    session.add(sponsor)
    session.flush()
    assert sponsor.id is not None
    found = FundProgramme(
        sponsor_id=sponsor.id,
        name_zh=f"计划{number}",
        name_en=f"Programme {number}",
        created_at=noon(date(2026, 1, 1)),
        **rule,
    )
    session.add(found)
    session.flush()
    return found


def budget(session: Session, programme: FundProgramme, yuan: int, year: int = 2026) -> FundBudget:
    """Add a year's budget, with the movement that made it."""
    found = FundBudget(programme_id=programme.id or 0, year=year, budget_fen=yuan * YUAN)
    session.add(found)
    session.flush()
    session.add(
        FundMovement(
            budget_id=found.id or 0,
            change_fen=yuan * YUAN,
            reason="年度预算",
            moved_by="staff:erin",
            approved_by="staff:frank",
            moved_at=noon(date(year, 1, 1)),
        )
    )
    session.flush()
    return found


def reward(session: Session, programme: FundProgramme, **values: Any) -> Reward:
    """Add a published reward: 10 credits, one yuan, a thousand in stock, all of 2026.

    A merchant of its own takes its coupons, unless `merchant` is False.
    """
    number = next(_numbers)
    taken = bool(values.pop("merchant", True))
    stock = int(values.pop("stock", 1000))
    found = Reward(
        **{
            "public_id": f"REWARD{number}",
            "status": RewardStatus.PUBLISHED,
            "reward_class": "culture_sport",
            "texts": {
                "zh": {"title": f"游泳券{number}", "text": "", "terms": ""},
                "en": {"title": f"Swim {number}", "text": "", "terms": ""},
            },
            "price_credits": 10,
            "value_fen": YUAN,
            "programme_id": programme.id,
            "stock_left": stock,
            "offered_from": date(2026, 1, 1),
            "offered_until": date(2026, 12, 31),
            "created_at": noon(date(2026, 1, 1)),
            "published_at": noon(date(2026, 1, 1)),
            **values,
        }
    )
    session.add(found)
    session.flush()
    if taken:
        shop = merchant(session)
        session.add(RewardMerchant(reward_id=found.id or 0, merchant_id=shop.id or 0))
        session.flush()
    if stock:
        session.add(
            StockMovement(
                reward_id=found.id or 0,
                change=stock,
                reason="入库",
                moved_by="staff:erin",
                moved_at=noon(date(2026, 1, 1)),
            )
        )
        session.flush()
    return found


def merchant(session: Session) -> Merchant:
    """Add an active merchant."""
    number = next(_numbers)
    found = Merchant(
        public_id=f"SHOP{number}", name_zh=f"商户{number}", created_at=noon(date(2026, 1, 1))
    )
    session.add(found)
    session.flush()
    return found


def person(session: Session, now: datetime, **credits_by_vintage: int) -> int:
    """Open a resident's account with credits: `v2025=300` gives 300 of the year 2025."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=now)
    session.add(
        Resident(
            account_id=account.stored_id,
            phone_index=f"index-{account.stored_id}",
            phone_sealed=b"sealed",
            phone_tail="0000",
            created_at=now,
        )
    )
    session.flush()
    for name, amount in credits_by_vintage.items():
        give(session, account.stored_id, int(name.removeprefix("v")), amount)
    return account.stored_id


def give(session: Session, account_id: int, vintage: int, amount: int) -> None:
    """Book credits of a year of issue to a resident."""
    owned = ledger.owned_accounts(
        session,
        kind=LedgerKind.RESIDENT,
        owner_ids=pl.Series([account_id], dtype=pl.Int64),
        unit=Unit.CREDIT,
        vintage=vintage,
    )
    moment = noon(date(vintage, 7, 1))
    row = {
        "debit_id": ledger.issuance_account(session, unit=Unit.CREDIT, vintage=vintage),
        "credit_id": int(owned["ledger_id"][0]),
        "amount": amount,
        "unit": int(Unit.CREDIT),
        "kind": int(TransferKind.EARN),
        "cause": int(Cause.OPERATION),
        "cause_id": 1_000_000 + next(_numbers),
        "revision": 0,
        "reverses_id": None,
        "business_day": moment.date(),
        "occurred_at": moment,
    }
    ledger.post(
        session, postings=pl.DataFrame([row], schema=ledger.POSTING_SCHEMA), booked_at=moment
    )


def days(first: date, count: int) -> list[date]:
    """Return consecutive days."""
    return [first + timedelta(days=number) for number in range(count)]
