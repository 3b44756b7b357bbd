"""The demonstration's rewards: a fund, what it pays for, and pictures in the class's colours.

Everything is marked as an example (示例). Published by the system, since the demonstration has
staff only where its helpers are allowed; the fund covers all of it.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day
from carbonaccount.errors import ConfigurationError
from rewards import fund
from rewards.fund_models import FundBudget, FundMovement, FundProgramme, Sponsor
from rewards.merchant_models import Merchant, MerchantTill, RewardMerchant
from rewards.models import (
    Allotment,
    LimitPeriod,
    Reward,
    RewardClass,
    RewardPrice,
    RewardStatus,
    StockMovement,
)
from rewards.reward_content import RewardContent, check_content, columns_of

SPONSOR = "示例资助方"
BUDGET_FEN = 20_000_000
_REASON = "demonstration"
_EARLIER_DAYS = 30


@dataclass(frozen=True)
class Shop:
    """A merchant of the demonstration."""

    name_zh: str
    name_en: str
    district_code: str
    address: str


@dataclass(frozen=True)
class Offer:
    """A reward of the demonstration; `shops` are places in SHOPS, `earlier` prices before."""

    content: RewardContent
    stock: int
    shops: tuple[int, ...] = ()
    earlier: tuple[int, ...] = field(default=())


SHOPS = (
    Shop("示例修车铺", "Example Bike Repair", "370811", "任城区示例路 1 号"),
    Shop("示例图书馆服务台", "Example Library Desk", "370811", "任城区示例路 2 号"),
)


def _content(
    reward_class: RewardClass,
    zh: tuple[str, str],
    en: tuple[str, str],
    *,
    price: int,
    value_fen: int,
    **more: object,
) -> RewardContent:
    """Return a content whose programme and days are filled in when it is loaded."""
    terms = {"zh": "示例项目，只作演示，不能真的使用。", "en": "An example for show, not for use."}
    texts = {
        language: {"title": title, "text": text, "terms": terms[language]}
        for language, (title, text) in (("zh", zh), ("en", en))
    }
    plain = RewardContent(
        reward_class=reward_class,
        texts=texts,
        price_credits=price,
        value_fen=value_fen,
        programme_id=0,
        offered_from=date.min,
        offered_until=date.max,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


OFFERS = (
    Offer(
        _content(
            RewardClass.PUBLIC_SERVICE,
            ("公交日票（示例）", "一天之内任意乘坐市区公交。\n把车停在家里，试一天绿色出行。"),
            ("Bus day ticket (example)", "All city buses for one day.\nLeave the car at home."),
            price=300,
            value_fen=500,
            limit_per_person=2,
            limit_period=LimitPeriod.MONTH,
        ),
        stock=500,
        shops=(1,),
        earlier=(350,),
    ),
    Offer(
        _content(
            RewardClass.CULTURE_SPORT,
            ("博物馆夜场讲解（示例）", "周五晚上的专场讲解，每场 20 人，约 90 分钟。"),
            ("Museum by night (example)", "A guided tour on Friday night, 20 people, 90 minutes."),
            price=800,
            value_fen=2000,
            stock_per_day=20,
            limit_per_person=1,
            limit_period=LimitPeriod.YEAR,
        ),
        stock=60,
        shops=(1,),
    ),
    Offer(
        _content(
            RewardClass.REPAIR_SECOND_HAND,
            ("自行车保养一次（示例）", "清洁链条、调刹车和变速、补气。\n修好旧的，就不用买新的。"),
            (
                "One bicycle service (example)",
                "Chain cleaned, brakes and gears set, tyres pumped.\nMended is better than new.",
            ),
            price=1200,
            value_fen=3000,
            limit_per_person=1,
            limit_period=LimitPeriod.MONTH,
            districts=("370811", "370871"),
        ),
        stock=8,
        shops=(0,),
    ),
    Offer(
        _content(
            RewardClass.GREEN_GOODS,
            ("旧布改做的购物袋（示例）", "社区缝纫站用回收的布做的袋子，每一只花色都不同。"),
            (
                "Shopping bag of old cloth (example)",
                "Sewn in a neighbourhood workshop; no two look the same.",
            ),
            price=450,
            value_fen=1200,
            limit_per_person=1,
        ),
        stock=120,
        shops=(1,),
    ),
    Offer(
        _content(
            RewardClass.CULTURE_SPORT,
            ("游泳馆季卡（示例）", "一个季度不限次数。数量很少，抽签决定。"),
            ("Pool pass for a season (example)", "As often as you like. Few, so drawn by lot."),
            price=2000,
            value_fen=30000,
            minimum_age=14,
            limit_per_person=1,
            allotment=Allotment.DRAW,
        ),
        stock=5,
        shops=(1,),
    ),
    Offer(
        _content(
            RewardClass.OTHER,
            ("社区菜园一垄地（示例）", "一季的菜地，带种子和工具，邻居会教您怎么种。"),
            (
                "A row in the community garden (example)",
                "For a season, with seeds and tools; neighbours show you how.",
            ),
            price=5000,
            value_fen=8000,
            limit_per_person=1,
            limit_period=LimitPeriod.YEAR,
            allotment=Allotment.QUEUE,
        ),
        stock=12,
        shops=(1,),
    ),
)


def load(session: Session, *, now: datetime) -> int:
    """Load the demonstration's rewards; returns how many were added, 0 when they are there.

    The caller commits. Raises ConfigurationError when the fund would not cover them.
    """
    if session.exec(select(Sponsor).where(col(Sponsor.name_zh) == SPONSOR)).first():
        return 0
    programme = _programme(session, now)
    shops = [_shop(session, shop, now) for shop in SHOPS]
    for offer in OFFERS:
        _offer(session, offer, programme, shops, now)
    return len(OFFERS)


def _programme(session: Session, now: datetime) -> FundProgramme:
    """Add who pays, with budgets."""
    sponsor = Sponsor(name_zh=SPONSOR, name_en="Example sponsor", created_at=now)
    session.add(sponsor)
    session.flush()
    assert sponsor.id is not None
    programme = FundProgramme(
        sponsor_id=sponsor.id,
        name_zh="绿色生活激励（示例）",
        name_en="Green living (example)",
        created_at=now,
    )
    session.add(programme)
    session.flush()
    assert programme.id is not None
    # Next year's too, so that a demonstration loaded in December does not pause in January.
    for year in (business_day(now).year, business_day(now).year + 1):
        _budget(session, programme.id, year, now)
    return programme


def _budget(session: Session, programme_id: int, year: int, now: datetime) -> None:
    budget = FundBudget(programme_id=programme_id, year=year, budget_fen=BUDGET_FEN)
    session.add(budget)
    session.flush()
    assert budget.id is not None
    session.add(
        FundMovement(
            budget_id=budget.id,
            change_fen=BUDGET_FEN,
            reason=_REASON,
            moved_by=str(SYSTEM),
            moved_at=now,
        )
    )


def _shop(session: Session, shop: Shop, now: datetime) -> Merchant:
    merchant = Merchant(
        public_id=new_public_id(),
        name_zh=shop.name_zh,
        name_en=shop.name_en,
        district_code=shop.district_code,
        address=shop.address,
        created_at=now,
    )
    session.add(merchant)
    session.flush()
    assert merchant.id is not None
    session.add(MerchantTill(merchant_id=merchant.id, name="1 号台"))
    return merchant


def _offer(
    session: Session, offer: Offer, programme: FundProgramme, shops: list[Merchant], now: datetime
) -> None:
    """Put an example on the shelf until the end of next year, with its stock and prices."""
    assert programme.id is not None
    day = business_day(now)
    since = now - timedelta(days=_EARLIER_DAYS * len(offer.earlier))
    content = replace(
        offer.content,
        programme_id=programme.id,
        offered_from=business_day(since),
        offered_until=date(day.year + 1, 12, 31),
    )
    check_content(content)
    reward = Reward(
        public_id=new_public_id(),
        status=RewardStatus.PUBLISHED,
        stock_left=offer.stock,
        created_at=since,
        published_at=since,
        **columns_of(content),
    )
    session.add(reward)
    session.flush()
    if not fund.covers(session, reward=reward, now=now):
        raise ConfigurationError("fund_does_not_cover")
    _history(session, reward, offer, shops, now)


def _history(
    session: Session, reward: Reward, offer: Offer, shops: list[Merchant], now: datetime
) -> None:
    """Write down where the stock came from, what the reward cost, and who takes its coupons."""
    assert reward.id is not None
    session.add(
        StockMovement(
            reward_id=reward.id,
            change=offer.stock,
            reason=_REASON,
            moved_by=str(SYSTEM),
            moved_at=now,
        )
    )
    prices = (*offer.earlier, reward.price_credits)
    for age, price in enumerate(reversed(prices)):
        valid_from = now - timedelta(days=age * _EARLIER_DAYS)
        session.add(
            RewardPrice(
                reward_id=reward.id,
                valid_from=valid_from,
                price_credits=price,
                set_by=str(SYSTEM),
            )
        )
    for place in offer.shops:
        merchant_id = shops[place].id
        assert merchant_id is not None
        session.add(RewardMerchant(reward_id=reward.id, merchant_id=merchant_id))
    audit.record(
        session,
        acting_user=SYSTEM,
        action="reward.publish",
        subject=f"reward:{reward.public_id}",
        now=now,
        reason=_REASON,
    )
