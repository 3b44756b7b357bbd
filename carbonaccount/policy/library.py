"""The decisions every installation starts with; what an administrator decided is left alone."""

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.policy.models import CreditPolicy, Holiday

# One yuan a thousand credits; a budget of a million yuan a year.
FIRST_DAY = date(2026, 1, 1)
FIRST_VALUE_MICRO_YUAN = 1_000
FIRST_BUDGET_FEN = 100_000_000
SET_BY = "library"


def load_policy(session: Session, *, now: datetime) -> dict[str, int]:
    """Add the first credit policy and the known holidays; returns how many of each were added.

    A policy is added to a database without any, a year's holidays to one without any day of
    that year. The caller commits.
    """
    return {
        "credit_policies": _load_credit_policy(session, now),
        "holidays": _load_holidays(session),
    }


def _load_credit_policy(session: Session, now: datetime) -> int:
    if session.exec(select(col(CreditPolicy.id)).limit(1)).first() is not None:
        return 0
    session.add(
        CreditPolicy(
            valid_from=FIRST_DAY,
            value_micro_yuan=FIRST_VALUE_MICRO_YUAN,
            valid_years=1,
            yearly_budget_fen=FIRST_BUDGET_FEN,
            set_by=SET_BY,
            set_at=now,
        )
    )
    return 1


def _load_holidays(session: Session) -> int:
    known_years = {day.year for day in session.exec(select(col(Holiday.day))).all()}
    missing = [day for day in shipped_holidays() if day.day.year not in known_years]
    session.add_all(missing)
    return len(missing)


def shipped_holidays() -> Iterator[Holiday]:
    """Yield each day of the shipped holidays and each weekend day worked for them."""
    text = files(__package__).joinpath("holidays.toml").read_text(encoding="utf-8")
    for year in tomllib.loads(text)["year"]:
        for holiday in year["holiday"]:
            yield from _days(holiday, year["source"])


def _days(holiday: dict[str, Any], source: str) -> Iterator[Holiday]:
    first, last, name = holiday["first"], holiday["last"], holiday["name_zh"]
    for offset in range((last - first).days + 1):
        yield Holiday(
            day=first + timedelta(days=offset), is_workday=False, name_zh=name, source=source
        )
    for day in holiday["worked"]:
        yield Holiday(day=day, is_workday=True, name_zh=name, source=source)
