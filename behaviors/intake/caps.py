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
    positions in `excluded`, count nothing and use nothing up. Rows are served in their order:
    what comes first in a batch is counted first.
    """
    caps = np.full(frame.height, -1, dtype=np.int64)
    quantity = np.zeros(frame.height, dtype=np.int64)
    measured = frame["quantity_milli"].to_numpy()
    for group in rule_groups(frame, book):
        quantity[group.rows] = measured[group.rows]
        if group.entry.rule.cap_milli is not None:
            caps[group.rows] = group.entry.rule.cap_milli
    quantity[excluded] = 0
    used = standing.group_by(_KEYS).agg(pl.col("counted_milli").sum().alias("used"))
    before = (
        frame.select(*_KEYS, pl.Series("quantity", quantity))
        .join(used, on=_KEYS, how="left", maintain_order="left")
        .select(
            pl.col("used").fill_null(0)
            + (pl.col("quantity").cum_sum() - pl.col("quantity")).over(_KEYS)
        )
        .to_series()
        .to_numpy()
    )
    left = np.where(caps < 0, quantity, np.maximum(caps - before, 0))
    return np.minimum(quantity, left)
