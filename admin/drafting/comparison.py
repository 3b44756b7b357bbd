"""Two versions of a rule side by side, every part of them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from behaviors import explain
from behaviors.scoring import FieldSpec, Parameter, Rule


@dataclass(frozen=True)
class Row:
    """One part of a rule in both versions; None where a version does not have it.

    kind: rule, amount or parameter; name: which.
    """

    kind: str
    name: str
    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        """Whether the versions differ here."""
        return self.before != self.after


def compare(before: Rule | None, after: Rule) -> list[Row]:
    """Return every part of both rules, in the order in which a person reads a rule."""
    rows = [*_rows("amount", _amounts(before), _amounts(after))]
    rows += _rows("parameter", _parameters(before), _parameters(after))
    rows += _rows("rule", _parts(before), _parts(after))
    return rows


def _rows(kind: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Row]:
    for name in dict.fromkeys([*before, *after]):
        yield Row(kind, name, before.get(name), after.get(name))


def _amounts(rule: Rule | None) -> dict[str, str]:
    return {} if rule is None else {item.name: _amount(item) for item in rule.fields}


def _amount(item: FieldSpec) -> str:
    low, high, step = (explain.plain(n) for n in (item.minimum, item.maximum, item.step))
    return f"{low}–{high} {item.unit} · {step} · {item.label_zh} · {item.label_en}"


def _parameters(rule: Rule | None) -> dict[str, str]:
    return {} if rule is None else {item.name: _parameter(item) for item in rule.parameters}


def _parameter(item: Parameter) -> str:
    factor = f" · {item.factor}" if item.factor else ""
    return f"{explain.plain(item.value)} {item.unit} · {item.grade} · {item.source}{factor}"


def _parts(rule: Rule | None) -> dict[str, str]:
    if rule is None:
        return {}
    cap = "" if rule.cap_milli is None else f"{explain.milli(rule.cap_milli)} {rule.quantity_unit}"
    shares = [f"{grade} {share}" for grade, share in explain.multipliers(rule).items()]
    return {
        "quantity": f"{rule.quantity_expression} ({rule.quantity_unit})",
        "factor": rule.factor_expression,
        "unit_factor": f"{explain.unit_factor(rule)} {explain.factor_unit(rule)}",
        "cap": cap,
        "group": rule.double_count_group or "",
        "multipliers": ", ".join(shares),
        "grams_for": ", ".join(sorted(rule.grams_for)),
        "credits_per_gram": explain.plain(rule.credits_per_gram),
        "credits_per_act": str(rule.credits_per_act),
        "counts_acts": "✓" if rule.counts_acts else "",
        "certifiable": "✓" if rule.certifiable else "",
    }
