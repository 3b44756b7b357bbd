"""What is wrong with a rule as it stands in the form, as completely as it can be told at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from admin.drafting.forms import RuleForm, read_decimal, text_of
from behaviors.definitions import RuleError
from behaviors.formula import Expression, FormulaError, parse
from behaviors.scoring import Parameter, Rule, check_units, unit_factor_nano

QUANTITY, FACTOR, WHOLE = "quantity_expression", "factor_expression", ""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a rule. part: the form's field, empty for the rule as a whole.

    position: where in the formula, counted in characters from 0.
    """

    part: str
    code: str
    params: Mapping[str, object] = field(default_factory=dict)
    position: int | None = None


@dataclass(frozen=True)
class Checked:
    """A form that was looked at: the rule when nothing is wrong, and else what is."""

    rule: Rule | None
    problems: tuple[Problem, ...]


def check(form: RuleForm, *, behavior: str, version: int, numbers_hold: bool) -> Checked:
    """Look at a form's formulas, numbers and units.

    numbers_hold: whether every single field was found fine; without that no rule can be made,
    but what is wrong with the formulas is told all the same.
    """
    problems = [*_formula_problems(form)]
    if problems or not numbers_hold:
        return Checked(None, tuple(problems))
    try:
        rule = read_rule(form, behavior=behavior, version=version)
    except (FormulaError, RuleError, ValueError) as error:
        return Checked(None, (_problem_of(error, WHOLE),))
    try:
        check_units(rule)
    except (FormulaError, RuleError) as error:
        return Checked(None, (_problem_of(error, _part_of_units(rule, error)),))
    return Checked(rule, ())


def read_rule(form: RuleForm, *, behavior: str, version: int) -> Rule:
    """Make the rule of a form whose fields hold; raises RuleError or FormulaError."""
    parameters = tuple(entry.form.parameter() for entry in form.parameters)
    factor = text_of(form.factor_expression)
    cap = read_decimal(text_of(form.cap))
    return Rule(
        behavior=behavior,
        version=version,
        valid_from=date.fromisoformat(text_of(form.valid_from)),
        valid_to=None,
        fields=tuple(entry.form.spec() for entry in form.amounts),
        quantity_expression=text_of(form.quantity_expression),
        quantity_unit=text_of(form.quantity_unit),
        factor_expression=factor,
        parameters=parameters,
        unit_factor_nano=unit_factor_nano(factor, parameters),
        cap_milli=None if cap is None else _thousandths(cap),
        double_count_group=form.double_count_group.data or None,
        multipliers={grade: Decimal(text_of(f)) for grade, f in form.multipliers.items()},
        grams_for=frozenset(form.grams_for.data or ()),
        credits_per_gram=Decimal(text_of(form.credits_per_gram)),
        credits_per_act=int(text_of(form.credits_per_act)),
        counts_acts=form.counts_acts.data,
        certifiable=form.certifiable.data,
    )


def _thousandths(cap: Decimal) -> int:
    milli = cap * 1000
    if milli != milli.to_integral_value():
        raise RuleError("cap_decimals")
    return int(milli)


def _formula_problems(form: RuleForm) -> Iterator[Problem]:
    parameters = {text_of(entry.form.name) for entry in form.parameters}
    amounts = {text_of(entry.form.name) for entry in form.amounts}
    values = _values(form)
    for part, names in ((QUANTITY, amounts | parameters), (FACTOR, parameters)):
        text = text_of(form[part])
        if not text:
            continue
        try:
            expression = parse(text, names=names)
            if part == FACTOR:
                _work_out(expression, values)
        except (FormulaError, RuleError) as error:
            yield _problem_of(error, part)


def _work_out(expression: Expression, values: Mapping[str, Decimal]) -> None:
    """Find a division by a parameter that is 0 as soon as the numbers are there."""
    if expression.names <= values.keys():
        unit_factor_nano(
            expression.text, [Parameter(name, value, "1", "", "") for name, value in values.items()]
        )


def _values(form: RuleForm) -> dict[str, Decimal]:
    found = {
        text_of(entry.form.name): read_decimal(text_of(entry.form.value))
        for entry in form.parameters
    }
    return {name: value for name, value in found.items() if name and value is not None}


def _problem_of(error: FormulaError | RuleError | ValueError, part: str) -> Problem:
    if isinstance(error, FormulaError):
        return Problem(part or QUANTITY, error.code, error.params, error.position)
    if isinstance(error, RuleError):
        return Problem(part, error.code, error.params)
    return Problem("valid_from", "not_a_date", {"field": "valid_from"})


def _part_of_units(rule: Rule, error: FormulaError | RuleError) -> str:
    """Say which formula the units are wrong in: the quantity alone is looked at again."""
    if error.code == "unknown_unit":
        return WHOLE
    try:
        check_units(replace(rule, factor_expression="", unit_factor_nano=0))
    except (FormulaError, RuleError):
        return QUANTITY
    return FACTOR
