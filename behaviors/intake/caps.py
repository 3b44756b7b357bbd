"""Daily caps: how much of each quantity still counts, given what that day counted already."""

import numpy as np
import polars as pl

from behaviors.intake.scoring_columns import Int64s, rule_groups
from behaviors.rulebook import RuleBook

_KEYS = ["account_id", "behavior_id", "business_day"]


def counted_milli(
    frame: pl.DataFrame, standing: pl.DataFrame, book: RuleBook, excluded: Int64s
) -> Int64s:
    """Return what counts of each row's quantity, in thousandths; shape (rows,), int64.

    `standing` are the booked records that keep counting. Rows with an error, and those at the
    positions in `excluded`, count nothing and use nothing up. What is booked counts first; of
    one batch the earlier act, of one moment the smaller event id. So the order in which a
    sender lists its items does not matter, and the same order can be found again in the books.
    """
    caps = np.full(frame.height, -1, dtype=np.int64)
    quantity = np.zeros(frame.height, dtype=np.int64)
    measured = frame["quantity_milli"].to_numpy()
    for group in rule_groups(frame, book):
        quantity[group.rows] = measured[group.rows]
        if group.entry.rule.cap_milli is not None:
            caps[group.rows] = group.entry.rule.cap_milli
    quantity[excluded] = 0
    before = _used(frame, standing) + _earlier_in_batch(frame, quantity)
    left = np.where(caps < 0, quantity, np.maximum(caps - before, 0))
    return np.minimum(quantity, left)


def _used(frame: pl.DataFrame, standing: pl.DataFrame) -> Int64s:
    """Return what each row's person, behaviour and day counted in the books."""
    if standing.is_empty():
        return np.zeros(frame.height, dtype=np.int64)
    used = standing.group_by(_KEYS).agg(pl.col("counted_milli").sum())
    return (
        frame.select(_KEYS)
        .join(used, on=_KEYS, how="left", maintain_order="left")["counted_milli"]
        .fill_null(0)
        .to_numpy()
    )


def _earlier_in_batch(frame: pl.DataFrame, quantity: Int64s) -> Int64s:
    """Return the sum of earlier rows' quantities of the same person, behaviour and day."""
    groups = [
        frame["business_day"].to_physical().fill_null(0).to_numpy(),
        frame["behavior_id"].to_numpy(),
        frame["account_id"].fill_null(0).to_numpy(),
    ]
    event_order = frame["event_id"].rank("ordinal").fill_null(0).to_numpy()
    moments = frame["occurred_at"].to_physical().fill_null(0).to_numpy()
    order = np.lexsort([event_order, moments, *groups])
    total = np.cumsum(quantity[order]) - quantity[order]
    begins = np.zeros(frame.height, dtype=bool)
    begins[:1] = True
    for key in groups:
        begins[1:] |= key[order][1:] != key[order][:-1]
    # Each group counts from where it begins.
    base = total[begins][np.cumsum(begins) - 1]
    earlier = np.empty(frame.height, dtype=np.int64)
    earlier[order] = total - base
    return earlier
