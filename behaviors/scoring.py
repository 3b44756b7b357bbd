"""What an act is worth: grams of CO2 avoided and credits, one record or a million at a time.

Pure: no database, no clock, no web.  Amounts are whole numbers (thousandths of the quantity's
unit, grams, credits), every rounding is downwards, and the single-record path and the column path
give the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor, lcm

import numpy as np
from numpy.typing import NDArray

from behaviors.activity import ActivityError, parse_activity
from behaviors.columns import INT64_SAFE, IntColumn
from behaviors.definitions import RuleError
from behaviors.formula import FormulaError
from behaviors.rules import GRADES, NANO, FieldSpec, Parameter, Rule, unit_factor_nano
from behaviors.units import check_units

__all__ = [
    "GRADES",
    "ActivityError",
    "FieldSpec",
    "FormulaError",
    "Parameter",
    "Rule",
    "RuleError",
    "Score",
    "check_units",
    "counted_milli",
    "credits_columns",
    "credits_for",
    "grams_columns",
    "grams_for",
    "parse_activity",
    "quantity_milli",
    "quantity_milli_columns",
    "score",
    "unit_factor_nano",
]

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """What one record earns.

    quantity_milli: the act, in thousandths of the quantity's unit.  counted_milli: what the daily
    cap left of it.  uncapped_g: grams without cap and evidence rule.  computed_g: grams of what
    counted, before the evidence rule.  reduction_g: grams that are recorded.
    """

    quantity_milli: int
    counted_milli: int
    uncapped_g: int
    computed_g: int
    reduction_g: int
    credits: int
    capped: bool


def score(
    rule: Rule, activity: Mapping[str, object], *, evidence: str, used_milli: int = 0
) -> Score:
    """Score one act.

    evidence: grade A, B, C or D.  used_milli: what the day's earlier acts have used of the cap.
    ActivityError naming the field; RuleError unknown_evidence.
    """
    _check_evidence(evidence)
    quantity = quantity_milli(rule, parse_activity(rule, activity))
    counted = counted_milli(rule, quantity, used_milli)
    computed = grams_for(rule, counted)
    return Score(
        quantity_milli=quantity,
        counted_milli=counted,
        uncapped_g=grams_for(rule, quantity),
        computed_g=computed,
        reduction_g=computed if evidence in rule.grams_for else 0,
        credits=credits_for(rule, computed, evidence, counted),
        capped=counted < quantity,
    )


def quantity_milli(rule: Rule, amounts: Mapping[str, Decimal]) -> int:
    """The quantity in thousandths, rounded down.  ActivityError amount_zero."""
    fields = {name: Fraction(amount) for name, amount in amounts.items()}
    quantity = floor(rule.quantity.evaluate(fields | rule.constants) * 1000)
    if quantity <= 0:
        raise ActivityError("amount_zero", rule.fields[0].name)
    return quantity


def counted_milli(rule: Rule, quantity: int, used_milli: int) -> int:
    """What the daily cap leaves of a quantity, never below 0."""
    if rule.cap_milli is None:
        return quantity
    return max(0, min(quantity, rule.cap_milli - used_milli))


def grams_for(rule: Rule, counted: int) -> int:
    """Grams of a counted quantity in thousandths, rounded down, never below 0."""
    return max(0, counted) * rule.unit_factor_nano // NANO


def credits_for(rule: Rule, computed_g: int, evidence: str, counted: int) -> int:
    """Credits of the grams, plus those of the act when anything of it counted."""
    share = Fraction(rule.credits_per_gram) * Fraction(rule.multipliers[evidence])
    return floor(computed_g * share) + rule.credits_per_act * _acts(rule, counted)


def _acts(rule: Rule, counted: int) -> int:
    return counted // 1000 if rule.counts_acts else int(counted > 0)


def _check_evidence(evidence: str) -> None:
    if evidence not in GRADES:
        raise RuleError("unknown_evidence", evidence=evidence)


def quantity_milli_columns(rule: Rule, nano: Mapping[str, Int64Array]) -> Int64Array:
    """Quantities of many records, in thousandths, rounded down, never below 0.

    nano: for every field of the rule an int64 array of shape (records,) with the value times
    10^9; limits are the caller's to check, and 0 is the caller's to refuse.
    """
    columns = {name: IntColumn.of(nano[name], NANO) for name in rule.field_names}
    quantity = rule.quantity.columns(columns, rule.constants)
    return quantity.floor_times(1000).at_least_zero().int64()


def grams_columns(rule: Rule, counted: Int64Array) -> Int64Array:
    """Grams of many counted quantities in thousandths, rounded down, never below 0."""
    positive = np.maximum(counted, 0)
    high, low = divmod(rule.unit_factor_nano, NANO)
    # Split so that whole kilograms never meet the 10^9: the product would leave 64 bits early.
    largest = int(positive.max(initial=0))
    if largest * max(high, low) + largest > INT64_SAFE:
        return (positive.astype(object) * rule.unit_factor_nano // NANO).astype(np.int64)
    grams: Int64Array = positive * high + positive * low // NANO
    return grams


def credits_columns(
    rule: Rule, computed_g: Int64Array, evidence_codes: NDArray[np.uint8], counted: Int64Array
) -> Int64Array:
    """Credits of many records.

    computed_g: grams before the evidence rule, 0 or more.  evidence_codes: ord("A") to ord("D").
    counted: what the cap left, in thousandths.  All of shape (records,).
    RuleError unknown_evidence when a code is none of these.
    """
    table, denominator = _share_table(rule)
    shares = table[evidence_codes]
    if shares.size and shares.min() < 0:
        raise RuleError("unknown_evidence", evidence=chr(int(evidence_codes[shares.argmin()])))
    largest = int(computed_g.max(initial=0)) * int(max(table))
    if max(largest, denominator) > INT64_SAFE:
        from_grams: Int64Array = (computed_g.astype(object) * shares // denominator).astype(
            np.int64
        )
    else:
        from_grams = computed_g * shares.astype(np.int64, copy=False) // denominator
    credited: Int64Array = from_grams + rule.credits_per_act * _acts_columns(rule, counted)
    return credited


def _share_table(rule: Rule) -> tuple[NDArray[np.object_] | Int64Array, int]:
    """Numerators of credits a gram by evidence code, over one denominator; -1 for no grade."""
    shares = {
        grade: Fraction(rule.credits_per_gram) * Fraction(share)
        for grade, share in rule.multipliers.items()
    }
    denominator = lcm(*(share.denominator for share in shares.values()))
    numerators = {ord(grade): int(share * denominator) for grade, share in shares.items()}
    dtype = np.int64 if max(numerators.values()) <= INT64_SAFE else object
    table = [numerators.get(code, -1) for code in range(256)]
    return np.array(table, dtype=dtype), denominator


def _acts_columns(rule: Rule, counted: Int64Array) -> Int64Array:
    if rule.counts_acts:
        return np.maximum(counted, 0) // 1000
    return (counted > 0).astype(np.int64)
