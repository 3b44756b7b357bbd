"""What changed from one version of a rule to the next, for the public page of a method. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from behaviors import explain
from behaviors.rulebook import PublishedRule
from behaviors.scoring import Parameter, Rule


@dataclass(frozen=True)
class Change:
    """One part of a rule that differs; empty text where a version does not have the part.

    `part` is quantity, factor, unit_factor, cap, group, multipliers, credits_per_gram,
    credits_per_act, or the name of a parameter.
    """

    part: str
    before: str
    after: str
    is_parameter: bool = False


def history(entries: list[PublishedRule]) -> list[tuple[PublishedRule, list[Change]]]:
    """Return a behaviour's versions, the newest first, each with what it changed."""
    pairs = []
    for position, entry in enumerate(entries):
        before = entries[position - 1].rule if position else None
        pairs.append((entry, list(changes(before, entry.rule)) if before else []))
    return pairs[::-1]


def changes(before: Rule, after: Rule) -> Iterator[Change]:
    """Yield each part that differs between two versions."""
    old, new = _parts(before), _parts(after)
    for part, text in new.items():
        if old[part] != text:
            yield Change(part, old[part], text)
    old, new = _parameters(before), _parameters(after)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name, ""), new.get(name, ""), is_parameter=True)


def _parts(rule: Rule) -> dict[str, str]:
    cap = "" if rule.cap_milli is None else f"{explain.milli(rule.cap_milli)} {rule.quantity_unit}"
    shares = [f"{grade} {share}" for grade, share in explain.multipliers(rule).items()]
    return {
        "quantity": rule.quantity_expression,
        "factor": rule.factor_expression,
        "unit_factor": f"{explain.unit_factor(rule)} {explain.factor_unit(rule)}",
        "cap": cap,
        "group": rule.double_count_group or "",
        "multipliers": ", ".join(shares),
        "credits_per_gram": explain.plain(rule.credits_per_gram),
        "credits_per_act": str(rule.credits_per_act),
    }


def _parameters(rule: Rule) -> dict[str, str]:
    return {item.name: _with_unit(item) for item in rule.parameters}


def _with_unit(item: Parameter) -> str:
    """A plain share has the unit 1, which nobody writes."""
    value = explain.plain(item.value)
    return value if item.unit == "1" else f"{value} {item.unit}"
