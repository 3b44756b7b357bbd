"""When a habit stops earning: its behaviour names the last day. Pure.

A habit is a rule without a factor: it has no grams, so its credits are a start, not a reward for
a measured reduction, and they end on a day that is published beforehand. Rules with grams have
no end.
"""

from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from behaviors.scoring import Rule, Score

OUTCOME = "habit_ended"
_EPOCH = date(1970, 1, 1).toordinal()


def is_habit(rule: Rule) -> bool:
    """Return whether a rule earns credits without grams."""
    return not rule.factor_expression.strip()


def has_ended(rule: Rule, ends_on: date | None, day: date) -> bool:
    """Return whether an act of a day comes after the last day on which the habit earns."""
    return ends_on is not None and is_habit(rule) and day > ends_on


def ended_rows(rule: Rule, ends_on: date | None, days: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which of many days come after the end; days and result of shape (records,).

    days: business days as days since 1970-01-01.
    """
    if ends_on is None or not is_habit(rule):
        return np.zeros(days.shape, dtype=np.bool_)
    ended: NDArray[np.bool_] = days > ends_on.toordinal() - _EPOCH
    return ended


def without_credits_after_end(
    result: Score, rule: Rule, *, ends_on: date | None, day: date
) -> Score:
    """Return what an act earns with the end of its habit in mind."""
    return replace(result, credits=0) if has_ended(rule, ends_on, day) else result
