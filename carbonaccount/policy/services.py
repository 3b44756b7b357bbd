"""The city's decisions: what a credit is worth and for how long, and which days are worked."""

from collections.abc import Mapping
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Invalid
from carbonaccount.policy import queries
from carbonaccount.policy.models import CreditPolicy, Holiday

MOST_VALUE_MICRO_YUAN = 1_000_000_000
MOST_BUDGET_FEN = 10**14
MOST_YEARS = 10
LONGEST_NAME = 40
LONGEST_SOURCE = 300


def set_credit_policy(
    session: Session,
    *,
    valid_from: date,
    value_micro_yuan: int,
    valid_years: int,
    yearly_budget_fen: int,
    acting_user: Actor,
    now: datetime,
) -> CreditPolicy:
    """Decide what a credit is worth from a day on; one that is not in force yet is replaced.

    Raises Invalid: policy_too_early for today or a day before, out_of_range with the field.
    """
    earliest = business_day(now)
    if valid_from <= earliest:
        raise Invalid("policy_too_early", field="valid_from", day=earliest.isoformat())
    _check_range("value_micro_yuan", value_micro_yuan, 0, MOST_VALUE_MICRO_YUAN)
    _check_range("valid_years", valid_years, 1, MOST_YEARS)
    _check_range("yearly_budget_fen", yearly_budget_fen, 0, MOST_BUDGET_FEN)
    policy = session.exec(
        select(CreditPolicy).where(col(CreditPolicy.valid_from) == valid_from).with_for_update()
    ).first()
    before = _numbers(policy) if policy else None
    policy = policy or CreditPolicy(
        valid_from=valid_from, value_micro_yuan=0, yearly_budget_fen=0, set_by="", set_at=now
    )
    policy.value_micro_yuan = value_micro_yuan
    policy.valid_years = valid_years
    policy.yearly_budget_fen = yearly_budget_fen
    policy.set_by = str(acting_user)
    policy.set_at = now
    session.add(policy)
    audit.record(
        session,
        acting_user=acting_user,
        action="policy.set",
        subject=f"credit_policy:{valid_from.isoformat()}",
        now=now,
        before=before,
        after=_numbers(policy),
    )
    return policy


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Invalid("number_out_of_range", field=field, minimum=least, maximum=most)


def _numbers(policy: CreditPolicy) -> dict[str, int]:
    return {
        "value_micro_yuan": policy.value_micro_yuan,
        "valid_years": policy.valid_years,
        "yearly_budget_fen": policy.yearly_budget_fen,
    }


def set_holidays(
    session: Session,
    *,
    year: int,
    days: Mapping[date, tuple[bool, str]],
    source: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write down a year's public holidays whole; what was there of that year is replaced.

    days: by day whether it is worked, and the holiday's name.  source: the announcement they are
    taken from. Raises Invalid: no_holidays for an empty list, holiday_other_year,
    bad_holiday_name, holiday_source.
    """
    if not 1 <= len(source.strip()) <= LONGEST_SOURCE:
        raise Invalid("holiday_source", field="source", limit=LONGEST_SOURCE)
    if not days:
        raise Invalid("no_holidays", year=year)
    for day, (_, name) in days.items():
        if day.year != year:
            raise Invalid("holiday_other_year", day=day.isoformat(), year=year)
        if not 1 <= len(name) <= LONGEST_NAME:
            raise Invalid("bad_holiday_name", day=day.isoformat(), limit=LONGEST_NAME)
    before = len(queries.holidays_of(session, year))
    first, last = date(year, 1, 1), date(year, 12, 31)
    session.exec(sa.delete(Holiday).where(col(Holiday.day).between(first, last)))
    session.add_all(
        Holiday(day=day, is_workday=worked, name_zh=name, source=source.strip())
        for day, (worked, name) in days.items()
    )
    audit.record(
        session,
        acting_user=acting_user,
        action="policy.holidays",
        subject=f"holidays:{year}",
        now=now,
        reason=source.strip(),
        before=before,
        after=len(days),
        worked=sum(worked for worked, _name in days.values()),
    )
