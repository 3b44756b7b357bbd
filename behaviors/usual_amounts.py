"""Amounts that people usually mean: one press away in the form, and in worked examples. Pure."""

from decimal import Decimal

from behaviors.scoring import FieldSpec, Rule

# By unit; units that are not here get multiples of the field's step.
_QUICK = {
    "km": ("1", "3", "5", "10"),
    "kWh": ("5", "10", "20", "40"),
    "kg": ("0.5", "1", "2", "5"),
    "step": ("3000", "6000", "8000", "10000"),
    "meal": ("1", "2", "3"),
    "use": ("1", "2", "3"),
}
_QUICK_STEPS = (1, 2, 5, 10)
_EXAMPLES = {"km": "10", "kWh": "10", "kg": "1", "step": "10000", "meal": "1", "use": "1"}


def quick_amounts(item: FieldSpec) -> list[Decimal]:
    """Return amounts that are one press away, inside the field's limits."""
    usual = _QUICK.get(item.unit)
    amounts = [Decimal(text) for text in usual] if usual else [item.step * n for n in _QUICK_STEPS]
    return [amount for amount in amounts if item.minimum <= amount <= item.maximum]


def first_amount(item: FieldSpec) -> Decimal:
    """Return what a field holds at first: the least of the quick amounts."""
    return next(iter(quick_amounts(item)), item.maximum)


def example_amounts(rule: Rule) -> dict[str, Decimal]:
    """Return an amount for each field for a worked example, inside the fields' limits.

    A second field gets half, a third a third: where a rule takes one from the other, something
    is left.
    """
    return {
        item.name: _inside(item, Decimal(_EXAMPLES.get(item.unit, "10")) / position)
        for position, item in enumerate(rule.fields, start=1)
    }


def _inside(item: FieldSpec, amount: Decimal) -> Decimal:
    return min(item.maximum, max(item.minimum, amount.to_integral_value()))
