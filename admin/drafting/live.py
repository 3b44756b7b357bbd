"""What the editor shows beside the form as one types: what is wrong, or what the rule does."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from admin.drafting.charts import Curve, curve
from admin.drafting.checks import Checked, Problem
from admin.drafting.comparison import Row, compare
from admin.drafting.forms import RuleForm, text_of
from behaviors.receipt import Arithmetic
from behaviors.scoring import GRADES, ActivityError, Rule, score
from behaviors.usual_amounts import example_amounts
from behaviors.views.public import arithmetic

EXAMPLE_EVIDENCE = "A"


@dataclass(frozen=True)
class Live:
    """The rule of the form at work, next to the one in force.

    example: an act worked out; of the rule in force only when it measures the same amounts.
    example_error: why the act cannot be worked out.  rule is None when something is wrong.
    """

    checked: Checked
    before: Rule | None
    example: Arithmetic | None = None
    example_before: Arithmetic | None = None
    example_error: ActivityError | None = None
    picture: Curve | None = None
    rows: tuple[Row, ...] = ()

    @property
    def rule(self) -> Rule | None:
        """The rule, when nothing is wrong with it."""
        return self.checked.rule

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong."""
        return self.checked.problems


def look(form: RuleForm, checked: Checked, before: Rule | None) -> Live:
    """Work out everything that the editor shows of a form that was checked."""
    rule = checked.rule
    if rule is None:
        return Live(checked, before)
    typed = {
        text_of(entry.form["name"]): text_of(entry.form.example)
        for entry in form.amounts
        if text_of(entry.form.example)
    }
    usual = example_amounts(rule)
    evidence = form.example_evidence.data if form.example_evidence.data in GRADES else "A"
    rows = tuple(compare(before, rule))
    try:
        amounts = {**{name: str(amount) for name, amount in usual.items()}, **typed}
        example = _worked(rule, amounts, evidence)
    except ActivityError as error:
        return Live(checked, before, None, None, error, picture_of(rule, before, usual), rows)
    alike = before is not None and before.field_names == rule.field_names
    example_before = _worked_or_none(before, amounts, evidence) if before and alike else None
    picture = picture_of(rule, before, example.amounts)
    return Live(checked, before, example, example_before, None, picture, rows)


def picture_of(
    rule: Rule, before: Rule | None, amounts: Mapping[str, Decimal] | None = None
) -> Curve:
    """Draw a rule next to the one in force; without amounts, around ordinary ones."""
    return curve([rule, before] if before else [rule], amounts or example_amounts(rule))


def _worked(rule: Rule, amounts: Mapping[str, object], evidence: str) -> Arithmetic:
    counted = score(rule, amounts, evidence=evidence).counted_milli
    return arithmetic(rule, amounts, evidence, counted)


def _worked_or_none(rule: Rule, amounts: Mapping[str, object], evidence: str) -> Arithmetic | None:
    """The limits of the rule in force may be narrower than those of the new one."""
    try:
        return _worked(rule, amounts, evidence)
    except ActivityError:
        return None
