"""Who may take a reward: one pure function, and the reading of what it asks.

What is scarce (stock, days, persons, fund, credits) is not asked here: that is guarded by the
statements that take it.
"""

from datetime import date, datetime

from sqlmodel import Session, col, select

from carbonaccount.accounts.guardians import (
    Standing,
    age,
    guardian_of,
    needs_guardian,
    standing_of,
)
from carbonaccount.accounts.models import Resident
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from rewards.acceptance import is_usable
from rewards.models import Reward, RewardStatus


def offered_on(reward: Reward, day: date) -> bool:
    """Return whether residents may take a reward on a day, both ends of its days included."""
    published = reward.status == RewardStatus.PUBLISHED
    return published and reward.offered_from <= day <= reward.offered_until


def why_not(reward: Reward, standing: Standing, day: date) -> str:
    """Return the code of what keeps a resident from a reward on a day, "" for nothing.

    reward_not_offered, reward_not_in_district, reward_age_unknown, guardian_needed or
    reward_too_young. Somebody told to be under 14 needs a guardian for any reward.
    """
    if not offered_on(reward, day):
        return "reward_not_offered"
    if reward.districts and standing.district_code not in reward.districts:
        return "reward_not_in_district"
    return _why_not_by_age(reward.minimum_age, standing, day)


def _why_not_by_age(minimum_age: int, standing: Standing, day: date) -> str:
    if standing.born_month is None:
        return "reward_age_unknown" if minimum_age else ""
    if age(standing.born_month, day) < minimum_age:
        return "reward_too_young"
    if needs_guardian(standing.born_month, day) and not standing.has_guardian:
        return "guardian_needed"
    return ""


def eligibility(session: Session, *, account_id: int, reward: Reward, now: datetime) -> None:
    """Raise unless a resident may take a reward now.

    Raises Conflict `reward_not_offered` and `reward_no_merchant` (no active merchant takes its
    coupons), Invalid with the other codes of `why_not`, with the reward's `minimum_age`.
    """
    code = why_not(reward, standing_of(session, account_id=account_id), business_day(now))
    if code == "reward_not_offered":
        raise Conflict(code)
    if not is_usable(session, reward):
        raise Conflict("reward_no_merchant")
    if code:
        raise Invalid(code, minimum_age=reward.minimum_age)


def check_guardian(session: Session, *, account_id: int, now: datetime) -> None:
    """Raise Invalid `guardian_needed` for who told to be under 14 and whom nobody answers for.

    As with rewards that have no age limit, who did not tell a month of birth is not asked.
    """
    told = select(col(Resident.born_month)).where(col(Resident.account_id) == account_id)
    is_child = needs_guardian(session.exec(told).first(), business_day(now))
    if is_child and guardian_of(session, child_id=account_id) is None:
        raise Invalid("guardian_needed")
