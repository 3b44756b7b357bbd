"""The result of a preview as JSON values, one part a version; see RulePreview.result."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from sqlmodel import Session

from behaviors.preview.examples import Picks, worked_examples
from behaviors.preview.history import History
from behaviors.preview.reading import Int64s
from behaviors.preview.tallies import Sums, Tally
from behaviors.preview.worth import Outlook, scored_slices
from behaviors.rulebook import RuleBook
from behaviors.scoring import GRADES
from carbonaccount.policy import queries as policy_queries
from carbonaccount.policy.models import CreditPolicy

BUCKETS_A_SIDE = 5
DISTRICT, EVIDENCE, MONTH = 0, 1, 2


def version_result(
    session: Session,
    outlook: Outlook,
    *,
    book: RuleBook,
    policy: CreditPolicy | None,
) -> dict[str, object]:
    """Return what a draft would have changed, as JSON values.

    Amounts are whole grams and credits, yuan and shares decimals as text.
    """
    tally, picks = Tally.of(outlook), Picks(outlook)
    for scored in scored_slices(outlook):
        tally.add(scored)
        picks.consider(scored)
    total = tally.total()
    people = int(tally.took_part.sum())
    return {
        "total": {**_row(total), "people": people, "refused": outlook.refused},
        # Records of other behaviours and days whose overlap with these would end otherwise.
        "elsewhere": dict(outlook.elsewhere._asdict()),
        "by_district": _rows(tally.by(DISTRICT), outlook.history.people.districts),
        "by_evidence": _rows(tally.by(EVIDENCE), GRADES),
        "by_month": _rows(tally.by(MONTH), tally.months),
        # No record says which institution a person belongs to. The month of birth is told for
        # offers that ask for an age, and for nothing else, so it is not used here.
        "by_institution": [],
        "by_age_band": [],
        "people": _people(tally.gained[tally.took_part]),
        "cap": {
            "people_before": int(tally.cut_before.sum()),
            "people_after": int(tally.cut_after.sum()),
            "records_before": tally.records_cut_before,
            "records_after": tally.records_cut_after,
        },
        "cost": _cost(policy, int(total.credits_before), int(total.credits_after)),
        "examples": worked_examples(session, outlook, picks.positions(), book),
    }


def period_of(history: History) -> dict[str, object]:
    """Return which days and how many records a preview looked at."""
    chosen = history.selection
    return {
        "first_day": chosen.first_day.isoformat(),
        "last_day": chosen.last_day.isoformat(),
        "days": chosen.days,
        "records": history.records,
    }


def current_policy(session: Session, today: date) -> CreditPolicy | None:
    """Return what the city has decided about credits."""
    return policy_queries.policy_on(session, today)


def _row(sums: Sums) -> dict[str, Any]:
    return {name: int(value) for name, value in zip(Sums._fields, sums, strict=True)}


def _rows(sums: Sums, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each key that has records, in the order of the keys."""
    return [
        {"key": key, **_row(Sums(*(column[number] for column in sums)))}
        for number, key in enumerate(keys)
        if sums.records[number]
    ]


def _people(gained: Int64s) -> dict[str, object]:
    """Return how many people gain and lose credits, and by how much."""
    return {
        "gain": int((gained > 0).sum()),
        "lose": int((gained < 0).sum()),
        "same": int((gained == 0).sum()),
        "distribution": list(_distribution(gained)),
    }


def _distribution(gained: Int64s) -> Iterator[dict[str, int]]:
    """Yield buckets of equal width, the same number on both sides of nobody's change."""
    most = int(np.abs(gained).max(initial=0))
    width = round_width(-(-most // BUCKETS_A_SIDE))
    for number in range(-BUCKETS_A_SIDE if most else 0, (BUCKETS_A_SIDE if most else 0) + 1):
        near, far = (abs(number) - 1) * width + 1, abs(number) * width
        low, high = (0, 0) if number == 0 else (near, far) if number > 0 else (-far, -near)
        people = int(((gained >= low) & (gained <= high)).sum())
        yield {"from": low, "to": high, "people": people}


def round_width(least: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is not below `least`."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def _cost(policy: CreditPolicy | None, before: int, after: int) -> dict[str, str | None]:
    """Return what the credits cost the budget; all None before the first policy."""
    if policy is None:
        names = ("yuan_before", "yuan_after", "budget_yuan", "share_before", "share_of_budget")
        return dict.fromkeys(names)
    budget = policy_queries.budget_yuan(policy)
    yuan = [policy_queries.cost_yuan(policy, amount) for amount in (before, after)]
    shares = [_text(cost / budget, "0.000001") if budget else None for cost in yuan]
    return {
        "yuan_before": _text(yuan[0], "0.01"),
        "yuan_after": _text(yuan[1], "0.01"),
        "budget_yuan": _text(budget, "0.01"),
        "share_before": shares[0],
        "share_of_budget": shares[1],
    }


def _text(number: Decimal, places: str) -> str:
    return f"{number.quantize(Decimal(places)):f}"
