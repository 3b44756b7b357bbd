"""Scoring of a batch: which rule holds for each row, its quantity, and a fingerprint of it all."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from behaviors import scoring
from behaviors.intake.candidates import FIELD_PREFIX, mark
from behaviors.rulebook import PublishedRule, RuleBook

Int64s = NDArray[np.int64]

NANO = 10**9
# Up to nine digits before and after the point: more would not fit 64 bits at nine decimals.
_DECIMAL = r"^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?$"
_LONG_DECIMAL = r"^[+-]?[0-9]{1,9}\.[0-9]{10,}$"
_LARGE_DECIMAL = r"^[+-]?[0-9]{10,}(\.[0-9]*)?$"
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class RuleGroup:
    """The rows of a batch that one rule version scores; `rows` are positions in the frame."""

    entry: PublishedRule
    rows: Int64s


def choose_rules(frame: pl.DataFrame, book: RuleBook) -> pl.DataFrame:
    """Add `behavior_id` and `rule_version_id` by the business day of each act.

    Rows without a rule for their day get the code no_rule.
    """
    days = frame["business_day"].to_physical().to_numpy()
    chosen = np.zeros(frame.height, dtype=np.int64)
    behavior_ids = np.zeros(frame.height, dtype=np.int64)
    codes = frame["behavior"]
    for code in codes.unique().drop_nulls().to_list():
        info = book.behaviors.get(code)
        if info is None:
            continue
        mine = (codes == code).fill_null(value=False).to_numpy()
        behavior_ids[mine] = info.id
        # Later versions override earlier ones, in the order the book gives them.
        for entry in book.entries(code):
            first, last = _day_number(entry.valid_from), _day_number(entry.last_day)
            chosen[mine & (days >= first) & (days <= last)] = entry.id
    frame = frame.with_columns(
        pl.Series("behavior_id", behavior_ids), pl.Series("rule_version_id", chosen)
    )
    return mark(frame, "no_rule", pl.col("rule_version_id") == 0)


def _day_number(day: date | None) -> int:
    return np.iinfo(np.int32).max if day is None else day.toordinal() - _EPOCH


def rule_groups(frame: pl.DataFrame, book: RuleBook) -> Iterator[RuleGroup]:
    """Yield the rows without an error, grouped by the rule version that scores them."""
    fine = frame["code"].is_null().to_numpy()
    versions = frame["rule_version_id"].to_numpy()
    for rule_version_id in np.unique(versions[fine]):
        rows = np.flatnonzero(fine & (versions == rule_version_id))
        yield RuleGroup(book.entry_by_id(int(rule_version_id)), rows)


def measure(frame: pl.DataFrame, book: RuleBook) -> pl.DataFrame:
    """Read the measured fields, check them against the rule, and add what they come to.

    Adds `quantity_milli`, `activity` (canonical JSON text) and `amounts_hash` (int64). Rows get
    the codes missing_field, not_a_number, too_many_decimals, out_of_range or amount_zero, with
    the field in `detail`.
    """
    for group in list(rule_groups(frame, book)):
        for spec in group.entry.rule.fields:
            frame = _check_field(frame, group, spec)
    quantity = np.zeros(frame.height, dtype=np.int64)
    hashes = np.zeros(frame.height, dtype=np.uint64)
    texts = pl.Series("activity", [], dtype=pl.String).extend_constant(None, frame.height)
    for group in list(rule_groups(frame, book)):
        part = frame[group.rows]
        nano = {name: _nano(part[FIELD_PREFIX + name]) for name in group.entry.rule.field_names}
        quantity[group.rows] = scoring.quantity_milli_columns(group.entry.rule, nano)
        for name in sorted(nano):
            hashes[group.rows] = mix(hashes[group.rows], nano[name])
        texts = texts.scatter(group.rows, _canonical(nano))
    frame = frame.with_columns(
        pl.Series("quantity_milli", quantity), pl.Series("amounts_hash", hashes), texts
    )
    return mark(frame, "amount_zero", pl.col("quantity_milli") == 0)


def _check_field(frame: pl.DataFrame, group: RuleGroup, spec: scoring.FieldSpec) -> pl.DataFrame:
    name = FIELD_PREFIX + spec.name
    if name not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    of_rule = pl.col("rule_version_id") == group.entry.id
    text = pl.col(name)
    number = pl.when(text.str.contains(_DECIMAL)).then(text).str.to_decimal(scale=9)
    for code, condition in (
        ("missing_field", text.is_null() | (text == "")),
        ("too_many_decimals", text.str.contains(_LONG_DECIMAL)),
        ("out_of_range", text.str.contains(_LARGE_DECIMAL)),
        ("not_a_number", ~text.str.contains(_DECIMAL)),
        ("out_of_range", (number < spec.minimum) | (number > spec.maximum)),
    ):
        frame = mark(frame, code, of_rule & condition, spec.name)
    return frame


def _nano(texts: pl.Series) -> Int64s:
    """Return decimal texts times 10^9; exact, because they have at most nine decimals."""
    values: Int64s = texts.str.to_decimal(scale=9).to_physical().cast(pl.Int64).to_numpy()
    return values


def _canonical(nano: dict[str, Int64s]) -> pl.Series:
    """Return the fields as JSON text, names in order, each value a decimal text without padding."""
    frame = pl.DataFrame(nano)
    parts: list[pl.Expr] = []
    for position, name in enumerate(sorted(nano)):
        value = pl.col(name)
        fraction = (value % NANO).cast(pl.String).str.pad_start(9, "0").str.strip_chars_end("0")
        parts += [
            pl.lit(f'{"," if position else "{"}"{name}":"'),
            (value // NANO).cast(pl.String),
            pl.when(value % NANO != 0).then(pl.lit(".") + fraction).otherwise(pl.lit("")),
            pl.lit('"'),
        ]
    return frame.select(pl.concat_str([*parts, pl.lit("}")])).to_series()


def mix(state: NDArray[np.uint64], values: NDArray[Any]) -> NDArray[np.uint64]:
    """Fold a column of 64-bit values into a running hash (the splitmix64 finaliser).

    Written out here because a fingerprint is stored for years: no library promises that its
    hash stays the same.
    """
    with np.errstate(over="ignore"):
        mixed = state + values.astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def fingerprint(frame: pl.DataFrame) -> pl.Series:
    """Return a signed 64-bit fingerprint of everything a sender said about each act."""
    state = frame["amounts_hash"].to_numpy()
    evidence = frame["evidence"].cast(pl.Enum(["A", "B", "C", "D"]), strict=False)
    for values in (
        frame["subject_id"].fill_null(0).to_numpy(),
        frame["behavior_id"].to_numpy(),
        frame["occurred_at"].to_physical().fill_null(0).to_numpy(),
        frame["ended_at"].to_physical().fill_null(-1).to_numpy(),
        evidence.to_physical().fill_null(9).cast(pl.Int64).to_numpy(),
        frame["device_key"].to_numpy(),
    ):
        state = mix(state, values)
    return pl.Series("fingerprint", state.view(np.int64))


def device_keys(devices: pl.Series) -> pl.Series:
    """Return a 64-bit key of each device name, 0 where none was given."""
    names = devices.unique().drop_nulls().to_list()
    keys = [
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        for name in names
    ]
    return (
        devices.replace_strict(
            pl.Series(names, dtype=pl.String),
            pl.Series(keys, dtype=pl.Int64),
            default=0,
            return_dtype=pl.Int64,
        )
        .fill_null(0)
        .alias("device_key")
    )
