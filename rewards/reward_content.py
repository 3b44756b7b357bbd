"""What a reward is made of before it is offered, and what it must be: pure, no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from carbonaccount.errors import Invalid
from rewards.models import Allotment, LimitPeriod, RewardClass

LANGUAGES = ("zh", "en")
# The longest of each part of a reward's texts; terms may be empty, the others not.
TEXT_LIMITS: Mapping[str, int] = {"title": 60, "text": 2000, "terms": 2000}
OPTIONAL_TEXTS = frozenset({"terms"})
HIGHEST_PRICE = 10_000_000
HIGHEST_VALUE_FEN = 10_000_000
MOST_A_DAY = 1_000_000
MOST_A_PERSON = 1_000
LONGEST_COUPON_DAYS = 366
HIGHEST_AGE = 99
LONGEST_REASON = 500

Texts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class RewardContent:
    """What the drafter of a reward decides.

    price_credits: what a resident pays.  value_fen: what one costs the fund.  stock_per_day,
    limit_per_person: None for no limit.  offered_from, offered_until: both included.  districts:
    codes, empty for the whole city.  merchant_ids: who takes its coupons.
    """

    reward_class: str
    texts: Texts
    price_credits: int
    value_fen: int
    programme_id: int
    offered_from: date
    offered_until: date
    stock_per_day: int | None = None
    limit_per_person: int | None = None
    limit_period: str = LimitPeriod.EVER
    coupon_days: int = 30
    refund_when_expired: bool = True
    districts: tuple[str, ...] = ()
    minimum_age: int = 0
    allotment: str = Allotment.FIRST_COME
    merchant_ids: tuple[int, ...] = ()


def check_content(content: RewardContent) -> None:
    """Raise Invalid unless a reward may be like this; `field` names what is wrong.

    reward_text (limit), reward_number (lowest, highest), reward_choice, reward_days.
    """
    _check_texts(content.texts)
    for field, lowest, highest in (
        ("price_credits", 1, HIGHEST_PRICE),
        ("value_fen", 0, HIGHEST_VALUE_FEN),
        ("stock_per_day", 1, MOST_A_DAY),
        ("limit_per_person", 1, MOST_A_PERSON),
        ("coupon_days", 1, LONGEST_COUPON_DAYS),
        ("minimum_age", 0, HIGHEST_AGE),
    ):
        check_number(getattr(content, field), field=field, lowest=lowest, highest=highest)
    _check_choice(content.reward_class, RewardClass, "reward_class")
    _check_choice(content.limit_period, LimitPeriod, "limit_period")
    _check_choice(content.allotment, Allotment, "allotment")
    if content.offered_until < content.offered_from:
        raise Invalid("reward_days", field="offered_until")


def _check_texts(texts: Texts) -> None:
    for language in LANGUAGES:
        for part, limit in TEXT_LIMITS.items():
            length = len(texts.get(language, {}).get(part, "").strip())
            if length > limit or (length == 0 and part not in OPTIONAL_TEXTS):
                raise Invalid("reward_text", field=f"{part}_{language}", limit=limit)


def check_number(number: int | None, *, field: str, lowest: int, highest: int) -> None:
    """Raise Invalid `reward_number` unless a number lies in its range; None is no limit."""
    if number is not None and not lowest <= number <= highest:
        raise Invalid("reward_number", field=field, lowest=lowest, highest=highest)


def _check_choice(
    value: str, allowed: type[RewardClass | LimitPeriod | Allotment], field: str
) -> None:
    if value not in list(allowed):
        raise Invalid("reward_choice", field=field)


def yuan_text(fen: int) -> str:
    """Return an amount of fen in yuan, with two decimals."""
    return f"{fen // 100:,}.{fen % 100:02}"


def yuan_number(fen: int) -> Decimal:
    """Return an amount of fen in yuan as a number with two decimals, for lists and files."""
    return Decimal(fen).scaleb(-2)


def columns_of(content: RewardContent) -> dict[str, Any]:
    """Return the reward's columns that the content fills, texts without blanks around them."""
    texts = {
        language: {part: content.texts[language].get(part, "").strip() for part in TEXT_LIMITS}
        for language in LANGUAGES
    }
    names = (
        *("reward_class", "price_credits", "value_fen", "programme_id"),
        *("offered_from", "offered_until", "stock_per_day", "limit_per_person", "limit_period"),
        *("coupon_days", "refund_when_expired", "minimum_age", "allotment"),
    )
    plain = {name: getattr(content, name) for name in names}
    return {**plain, "texts": texts, "districts": sorted(content.districts)}
