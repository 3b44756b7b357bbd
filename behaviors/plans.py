"""The indicators of the city's plans: what they aim at, and what the city has reported."""

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from sqlmodel import Session, col, select

from behaviors.total_models import PlanIndicatorValue
from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Invalid, NotFound, Refused

FIRST_YEAR = 2000
MOST_DECIMALS = 3
LARGEST = Decimal("1e12")
HUNDRED_PERCENT = Decimal(100)
LONGEST_SOURCE = 300
SHORTEST_REASON, LONGEST_REASON = 2, 300


class Relation(StrEnum):
    """What a target says: its figure, or something about it."""

    EXACTLY = ""
    ABOUT = "about"
    AT_LEAST = "at_least"
    BEFORE = "before"


@dataclass(frozen=True)
class Plan:
    """A plan by its document number; a superior one is that of the whole province."""

    code: str
    document: str
    name_zh: str
    name_en: str
    superior: bool = False


@dataclass(frozen=True)
class Indicator:
    """A target of a plan, or of one of several plans, with its year where that is named."""

    code: str
    plans: tuple[Plan, ...]
    name_zh: str
    name_en: str
    target: Decimal
    unit_zh: str
    unit_en: str
    percent: bool
    year: int | None
    source_zh: str
    source_en: str
    relation: Relation = Relation.EXACTLY

    @property
    def superior(self) -> bool:
        """Tell whether it is a target of the province and not of the city's own plans."""
        return all(plan.superior for plan in self.plans)


@cache
def indicators() -> tuple[Indicator, ...]:
    """Return the indicators in the order of the data file."""
    text = files("behaviors").joinpath("plans.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    plans = {item["code"]: Plan(**item) for item in found["plan"]}
    return tuple(_indicator(item, plans) for item in found["indicator"])


def _indicator(item: dict[str, Any], plans: dict[str, Plan]) -> Indicator:
    return Indicator(
        **{
            **item,
            "plans": tuple(plans[code] for code in item["plans"]),
            "target": Decimal(item["target"]),
            "year": item.get("year"),
            "relation": Relation(item.get("relation", "")),
        }
    )


def find_indicator(code: str) -> Indicator:
    """Return an indicator. Raises NotFound (unknown_indicator)."""
    for item in indicators():
        if item.code == code:
            return item
    raise NotFound("unknown_indicator", indicator=code[:64])


def reported(session: Session) -> dict[str, list[PlanIndicatorValue]]:
    """Return what was reported by indicator, the newest year first, of each year the last word."""
    rows = session.exec(select(PlanIndicatorValue).order_by(col(PlanIndicatorValue.id)))
    newest: dict[str, dict[int, PlanIndicatorValue]] = defaultdict(dict)
    for row in rows:
        newest[row.code][row.year] = row
    return {
        code: [years[year] for year in sorted(years, reverse=True)]
        for code, years in newest.items()
    }


def report_value(
    session: Session,
    *,
    code: str,
    year: int,
    value: str,
    source: str,
    acting_user: Actor,
    now: datetime,
) -> PlanIndicatorValue:
    """Write down what the city reported of an indicator; what stood before stays in the trail.

    Raises NotFound (unknown_indicator), Invalid (indicator_year, indicator_value, needed), Refused
    (staff_only).
    """
    indicator = find_indicator(code)
    if acting_user.kind != "staff" or acting_user.id is None:
        raise Refused("staff_only")
    # A year to come has no value yet, and its word would stand before that of every year gone by.
    last = business_day(now).year
    if not FIRST_YEAR <= year <= last:
        raise Invalid("indicator_year", field="year", first=FIRST_YEAR, last=last)
    amount = _amount(indicator, value, last=last)
    if not source.strip():
        raise Invalid("indicator_source", field="source")
    row = PlanIndicatorValue(
        code=code,
        year=year,
        value=amount,
        source=source.strip()[:LONGEST_SOURCE],
        reported_by=acting_user.id,
        reported_at=now,
    )
    session.add(row)
    audit.record(
        session,
        acting_user=acting_user,
        action="indicator.report",
        subject=code,
        now=now,
        reason=row.source,
        year=year,
        value=amount,
    )
    return row


def withdraw_value(
    session: Session, *, code: str, year: int, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Take back what was reported of an indicator for a year; it stays in the trail only.

    Raises NotFound (unknown_indicator, unknown_indicator_value), Invalid (indicator_reason),
    Refused (staff_only).
    """
    find_indicator(code)
    if acting_user.kind != "staff" or acting_user.id is None:
        raise Refused("staff_only")
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise Invalid(
            "indicator_reason", field="reason", least=SHORTEST_REASON, limit=LONGEST_REASON
        )
    rows = session.exec(
        select(PlanIndicatorValue)
        .where(col(PlanIndicatorValue.code) == code, col(PlanIndicatorValue.year) == year)
        .order_by(col(PlanIndicatorValue.id))
    ).all()
    if not rows:
        raise NotFound("unknown_indicator_value", year=year)
    # With the last word go those before it, which were corrected and would count again.
    for row in rows:
        session.delete(row)
    audit.record(
        session,
        acting_user=acting_user,
        action="indicator.withdraw",
        subject=code,
        now=now,
        reason=text,
        year=year,
        values=[row.value for row in rows],
        source=rows[-1].source,
    )


def _amount(indicator: Indicator, text: str, *, last: int) -> str:
    """Return a value as it is kept. Raises Invalid (indicator_value, indicator_value_year)."""
    wrong = Invalid("indicator_value", field="value", decimals=MOST_DECIMALS)
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise wrong from None
    if indicator.relation is Relation.BEFORE and amount not in range(FIRST_YEAR, last + 1):
        raise Invalid("indicator_value_year", field="value", first=FIRST_YEAR, last=last)
    most = HUNDRED_PERCENT if indicator.percent else LARGEST
    if not amount.is_finite() or not 0 <= amount <= most:
        raise wrong
    if amount != round(amount, MOST_DECIMALS):
        raise wrong
    return f"{amount.normalize():f}"
