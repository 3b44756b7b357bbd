"""A rule in words and numbers that a person with a pocket calculator can follow. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal

from behaviors.formula import parse
from behaviors.scoring import GRADES, Rule, Score, parse_activity

_ONE_WORD = re.compile(r"[\w.]+")
CERTIFIED_GRADES = frozenset("AB")


def formula(rule: Rule) -> str:
    """Return the reduction in kg as the rule writes it; of a habit, what is counted."""
    return _product(rule.quantity_expression, rule.factor_expression)


def formula_with_numbers(rule: Rule, activity: Mapping[str, object]) -> str:
    """Return the formula with the act's amounts and the parameters' values put in.

    Raises ActivityError as scoring does.
    """
    amounts = parse_activity(rule, activity)
    values = {name: plain(amount) for name, amount in amounts.items()}
    values |= {item.name: plain(item.value) for item in rule.parameters}
    return _product(rule.quantity.render(values), _rendered_factor(rule, values))


def calculation(rule: Rule, score: Score) -> str:
    """Return the last step, e.g. `floor(10.000 km * 0.052000000 kg/km * 1000) = 520 g`."""
    counted = f"{milli(score.counted_milli)} {rule.quantity_unit}"
    return (
        f"floor({counted} * {unit_factor(rule)} {factor_unit(rule)} * 1000) = {score.computed_g} g"
    )


def is_certified(rule: Rule, evidence: str) -> bool:
    """Return whether the grams count as certified: a certifiable rule and evidence A or B."""
    return rule.certifiable and evidence in CERTIFIED_GRADES & rule.grams_for


def unit_factor(rule: Rule) -> str:
    """Return kilograms a unit with its 9 decimals, e.g. `0.052000000`."""
    return f"{rule.unit_factor_nano // 10**9}.{rule.unit_factor_nano % 10**9:09d}"


def factor_unit(rule: Rule) -> str:
    """Return the unit of the unit factor, e.g. `kg/km`."""
    return f"kg/{rule.quantity_unit}"


def milli(thousandths: int) -> str:
    """Return thousandths as a number with 3 decimals, e.g. `10.000`."""
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def plain(number: Decimal) -> str:
    """Return a decimal without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def multipliers(rule: Rule) -> dict[str, str]:
    """Return the share of credits of each evidence grade."""
    return {grade: plain(rule.multipliers[grade]) for grade in GRADES}


def _rendered_factor(rule: Rule, values: Mapping[str, str]) -> str:
    if not rule.factor_expression.strip():
        return ""
    return parse(rule.factor_expression, names=rule.names).render(values)


def _product(quantity: str, factor: str) -> str:
    return f"{_bracketed(quantity)} * {_bracketed(factor)}" if factor.strip() else quantity


def _bracketed(text: str) -> str:
    return text if _ONE_WORD.fullmatch(text) else f"({text})"
