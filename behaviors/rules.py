"""What a scoring rule is: a published, never edited version of how one behaviour is counted."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import floor
from types import MappingProxyType

import numpy as np

from behaviors import definitions as read
from behaviors.columns import INT64_SAFE, IntColumn
from behaviors.definitions import RuleError
from behaviors.formula import Expression, parse

NANO = 10**9
MAX_FIELD_VALUE = 10**9
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED_NAMES = frozenset({"min", "max", "if", "else", "and", "or", "not", "in", "is"})
GRADES = ("A", "B", "C", "D")
DEFAULT_MULTIPLIERS = {
    "A": Decimal("1"),
    "B": Decimal("1"),
    "C": Decimal("0.5"),
    "D": Decimal("0.25"),
}
DEFAULT_GRAMS_FOR = frozenset("ABC")


@dataclass(frozen=True)
class FieldSpec:
    """One measured amount of an act.

    The unit is part of the name (`distance_km`).  minimum and maximum limit one record; step is
    the width of one press of the plus button and is not a rule.
    """

    name: str
    unit: str
    minimum: Decimal
    maximum: Decimal
    step: Decimal
    label_zh: str
    label_en: str


@dataclass(frozen=True)
class Parameter:
    """A number of the factor expression, with where it comes from.

    grade: confidence of the source (A read in the document ... D derived, none).
    factor: code of the emission factor it was taken from, if it was.
    """

    name: str
    value: Decimal
    unit: str
    grade: str
    source: str
    factor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One version of the rule of one behaviour.

    unit_factor_nano: kg per unit of quantity times 10^9, rounded down; 0 for habits.
    cap_milli: what counts at most a person and day, in thousandths of the quantity's unit.
    multipliers: credits of each evidence grade as a share.  grams_for: grades that record grams.
    credits_per_act: given once a record, or once a whole unit of quantity when counts_acts.
    RuleError or FormulaError when the parts do not fit together.
    """

    behavior: str
    version: int
    valid_from: date
    valid_to: date | None
    fields: tuple[FieldSpec, ...]
    quantity_expression: str
    quantity_unit: str
    factor_expression: str
    parameters: tuple[Parameter, ...]
    unit_factor_nano: int
    cap_milli: int | None = None
    double_count_group: str | None = None
    multipliers: Mapping[str, Decimal] = field(
        default_factory=lambda: DEFAULT_MULTIPLIERS, hash=False
    )
    grams_for: frozenset[str] = DEFAULT_GRAMS_FOR
    credits_per_gram: Decimal = Decimal(1)
    credits_per_act: int = 0
    counts_acts: bool = False
    certifiable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", MappingProxyType(dict(self.multipliers)))
        _check_rule(self)

    @cached_property
    def quantity(self) -> Expression:
        """The quantity expression, read."""
        return parse(self.quantity_expression, names=self.names)

    @property
    def names(self) -> frozenset[str]:
        """What expressions may use: fields and parameters."""
        return frozenset(self.field_names) | {item.name for item in self.parameters}

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.fields)

    @cached_property
    def constants(self) -> dict[str, Fraction]:
        """The parameters' exact values by name."""
        return {item.name: Fraction(item.value) for item in self.parameters}

    def holds_on(self, day: date) -> bool:
        """Whether an act of that business day is scored by this version."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def to_definition(self) -> dict[str, object]:
        """The rule as JSON values: decimals and dates as strings, sets as sorted lists."""
        definition = {item.name: getattr(self, item.name) for item in fields(self)}
        return definition | {
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to and self.valid_to.isoformat(),
            "fields": [_as_json(item) for item in self.fields],
            "parameters": [_as_json(item) for item in self.parameters],
            "multipliers": {grade: str(share) for grade, share in self.multipliers.items()},
            "grams_for": sorted(self.grams_for),
            "credits_per_gram": str(self.credits_per_gram),
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, object]) -> "Rule":
        """Read what to_definition wrote.  RuleError malformed_definition naming the part."""
        multipliers = read.mapping_of(definition, "multipliers")
        return cls(
            behavior=read.text_of(definition, "behavior"),
            version=read.whole_of(definition, "version"),
            valid_from=read.day_of(definition, "valid_from"),
            valid_to=read.optional_day_of(definition, "valid_to"),
            fields=tuple(map(field_of, read.mappings_of(definition, "fields"))),
            quantity_expression=read.text_of(definition, "quantity_expression"),
            quantity_unit=read.text_of(definition, "quantity_unit"),
            factor_expression=read.text_of(definition, "factor_expression"),
            parameters=tuple(map(parameter_of, read.mappings_of(definition, "parameters"))),
            unit_factor_nano=read.whole_of(definition, "unit_factor_nano"),
            cap_milli=read.optional_whole_of(definition, "cap_milli"),
            double_count_group=read.optional_text_of(definition, "double_count_group"),
            multipliers={grade: read.decimal_of(multipliers, grade) for grade in multipliers},
            grams_for=frozenset(read.texts_of(definition, "grams_for")),
            credits_per_gram=read.decimal_of(definition, "credits_per_gram"),
            credits_per_act=read.whole_of(definition, "credits_per_act"),
            counts_acts=read.truth_of(definition, "counts_acts"),
            certifiable=read.truth_of(definition, "certifiable"),
        )


def unit_factor_nano(factor_expression: str, parameters: Iterable[Parameter]) -> int:
    """Kilograms a unit times 10^9, rounded down; an empty expression is a habit and gives 0.

    RuleError negative_factor: a rule that pays for emitting more is a mistake.
    """
    if not factor_expression.strip():
        return 0
    values = {item.name: Fraction(item.value) for item in parameters}
    factor = parse(factor_expression, names=values.keys()).evaluate(values)
    if factor < 0:
        raise RuleError("negative_factor", expression=factor_expression)
    return floor(factor * NANO)


def _as_json(item: FieldSpec | Parameter) -> dict[str, object]:
    values = {part.name: getattr(item, part.name) for part in fields(item)}
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }


def field_of(definition: Mapping[str, object]) -> FieldSpec:
    return FieldSpec(
        name=read.text_of(definition, "name"),
        unit=read.text_of(definition, "unit"),
        minimum=read.decimal_of(definition, "minimum"),
        maximum=read.decimal_of(definition, "maximum"),
        step=read.decimal_of(definition, "step"),
        label_zh=read.text_of(definition, "label_zh"),
        label_en=read.text_of(definition, "label_en"),
    )


def parameter_of(definition: Mapping[str, object]) -> Parameter:
    return Parameter(
        name=read.text_of(definition, "name"),
        value=read.decimal_of(definition, "value"),
        unit=read.text_of(definition, "unit"),
        grade=read.text_of(definition, "grade"),
        source=read.text_of(definition, "source"),
        factor=read.optional_text_of(definition, "factor"),
    )


def _check_rule(rule: Rule) -> None:
    _check_names(rule)
    for item in rule.fields:
        _check_field(rule, item)
    _check_credits(rule)
    if rule.version < 1:
        raise _error(rule, "bad_version")
    if rule.valid_to is not None and rule.valid_to < rule.valid_from:
        raise _error(rule, "bad_period")
    if rule.cap_milli is not None and rule.cap_milli <= 0:
        raise _error(rule, "bad_cap")
    if rule.unit_factor_nano != unit_factor_nano(rule.factor_expression, rule.parameters):
        raise _error(rule, "unit_factor_mismatch")
    _check_size(rule)


def _error(rule: Rule, code: str, **params: object) -> RuleError:
    return RuleError(code, behavior=rule.behavior, version=rule.version, **params)


def _check_names(rule: Rule) -> None:
    names = [*rule.field_names, *(item.name for item in rule.parameters)]
    if not rule.fields:
        raise _error(rule, "no_fields")
    if len(set(names)) != len(names):
        raise _error(rule, "name_used_twice")
    for name in names:
        if not NAME.fullmatch(name) or name in RESERVED_NAMES:
            raise _error(rule, "bad_name", name=name)


def _check_field(rule: Rule, item: FieldSpec) -> None:
    """Limits must make sense and fit, as billionths, into 64 bits."""
    if not 0 <= item.minimum < item.maximum <= MAX_FIELD_VALUE or item.step <= 0:
        raise _error(rule, "bad_field_range", field=item.name)
    if any((Fraction(limit) * NANO).denominator != 1 for limit in (item.minimum, item.maximum)):
        raise _error(rule, "bad_field_range", field=item.name)


def _check_credits(rule: Rule) -> None:
    if set(rule.multipliers) != set(GRADES) or not rule.grams_for <= set(GRADES):
        raise _error(rule, "bad_evidence_grades")
    if min(rule.multipliers.values()) < 0 or rule.credits_per_gram < 0:
        raise _error(rule, "negative_credits")
    if rule.credits_per_act < 0:
        raise _error(rule, "negative_credits")


def _check_size(rule: Rule) -> None:
    """No record inside the fields' limits may give amounts beyond 64 bits."""
    largest = _largest_quantity(rule)
    grams = largest * rule.unit_factor_nano / 10**6
    share = Fraction(rule.credits_per_gram) * Fraction(max(rule.multipliers.values()))
    earned = grams * share + largest * rule.credits_per_act
    if max(largest * 1000, grams, earned) > INT64_SAFE:
        raise _error(rule, "amounts_too_large")


def _largest_quantity(rule: Rule) -> Fraction:
    """A bound of the quantity, from the fields' maxima by interval arithmetic."""
    limits = {item.name: int(item.maximum * NANO) for item in rule.fields}
    columns = {
        name: IntColumn(np.array([limit], dtype=object), NANO, limit)
        for name, limit in limits.items()
    }
    quantity = rule.quantity.columns(columns, rule.constants)
    return Fraction(quantity.bound, quantity.denominator)
