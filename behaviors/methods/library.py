"""The shapes of the packaged methodologies and what must hold between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType

from behaviors.definitions import RuleError
from behaviors.rules import GRADES, FieldSpec

CATEGORIES = ("衣", "食", "住", "行", "用", "办公", "自然", "数字金融")
LANGUAGES = ("zh", "en")
# Credits without grams are a start; an administrator may set another day for each habit.
HABITS_END_ON = date(2027, 12, 31)
GROUP_KINDS = ("interval", "vehicle_day", "same_amount")


class LibraryError(RuleError):
    """The packaged methodologies contradict themselves; params name the place."""


@dataclass(frozen=True)
class EmissionFactor:
    """One version of a factor.  unit as published, such as ``kgCO2/kWh``.

    valid_from None: also serves all earlier days.  valid_to None: the newest.  Versions count
    from 1 in the order of their validity.  source is in English, source_zh in Chinese.
    """

    code: str
    version: int
    name_zh: str
    name_en: str
    value: Decimal
    unit: str
    gas: str
    valid_from: date | None
    valid_to: date | None
    data_year: int | None
    grade: str
    source: str
    source_zh: str


@dataclass(frozen=True)
class DoubleCountGroup:
    """Behaviours that may be about the same act.

    kind: interval (overlapping times of one person), vehicle_day (one vehicle and day) or
    same_amount (the same amount of one person and day).
    """

    code: str
    kind: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class ParameterSource:
    """A number of a factor expression: a value of its own, or an emission factor's code."""

    name: str
    unit: str
    value: Decimal | None
    factor: str | None
    grade: str
    source: str


@dataclass(frozen=True)
class Texts:
    """What people read in one language."""

    counts: str
    excludes: str
    baseline: str
    not_combined: str


@dataclass(frozen=True)
class Behavior:
    """One kind of act.  Empty expressions: nothing is computed.

    evidence: the grades its records may carry.  self_report_evidence: the grade of a resident's
    own log without a photo, or C when only a photo will do.
    daily_cap: in the quantity's unit, a person and day.
    """

    code: str
    family: str
    sort: int
    name_zh: str
    name_en: str
    category: str
    enabled: bool
    self_report: bool
    self_report_evidence: str
    evidence: tuple[str, ...]
    certifiable: bool
    fields: tuple[FieldSpec, ...]
    quantity_expression: str
    quantity_unit: str
    factor_expression: str
    parameters: tuple[ParameterSource, ...]
    daily_cap: Decimal | None
    double_count_group: str | None
    multipliers: Mapping[str, Decimal] = field(hash=False)
    grams_for: frozenset[str]
    credits_per_gram: Decimal
    credits_per_act: int
    counts_acts: bool
    texts: Mapping[str, Texts] = field(hash=False)
    grade: str
    source: str

    @property
    def has_rule(self) -> bool:
        """Whether anything can be computed; a behaviour without a formula ships switched off."""
        return bool(self.quantity_expression)

    @property
    def habit_ends_on(self) -> date | None:
        """The last day on which a habit earns credits; None for what has grams or no rule."""
        return HABITS_END_ON if self.has_rule and not self.factor_expression else None


@dataclass(frozen=True)
class Library:
    """Everything that ships: behaviours in the order to show, factors by code then validity."""

    behaviors: tuple[Behavior, ...]
    emission_factors: tuple[EmissionFactor, ...]
    double_count_groups: tuple[DoubleCountGroup, ...]

    def __post_init__(self) -> None:
        _check_unique("behavior", [item.code for item in self.behaviors])
        _check_unique("double_count_group", [item.code for item in self.double_count_groups])
        for group in self.double_count_groups:
            _require(group.kind in GROUP_KINDS, "bad_kind", group.code)
        for versions in self.factor_versions.values():
            _check_periods(versions)
        for behavior in self.behaviors:
            _check_behavior(self, behavior)

    @property
    def factor_versions(self) -> Mapping[str, tuple[EmissionFactor, ...]]:
        """The versions of each factor, oldest first."""
        versions: dict[str, tuple[EmissionFactor, ...]] = {}
        for factor in self.emission_factors:
            versions[factor.code] = (*versions.get(factor.code, ()), factor)
        return MappingProxyType(versions)

    def behavior(self, code: str) -> Behavior:
        """The behaviour of that code.  LibraryError unknown_behavior."""
        for behavior in self.behaviors:
            if behavior.code == code:
                return behavior
        raise LibraryError("unknown_behavior", behavior=code)

    def factor_on(self, code: str, day: date) -> EmissionFactor:
        """The version that holds on a day; the oldest also serves earlier days.

        LibraryError unknown_factor.
        """
        versions = self.factor_versions.get(code, ())
        _require(bool(versions), "unknown_factor", code)
        later = [item for item in versions if item.valid_from and item.valid_from <= day]
        return later[-1] if later else versions[0]


def _require(holds: bool, code: str, at: str, **params: object) -> None:
    if not holds:
        raise LibraryError(code, at=at, **params)


def _check_unique(kind: str, codes: list[str]) -> None:
    for code in codes:
        _require(codes.count(code) == 1, f"{kind}_twice", code)


def _check_periods(versions: tuple[EmissionFactor, ...]) -> None:
    """Days without a value, or with two, would make the score depend on chance."""
    for earlier, later in pairwise(versions):
        follows = (
            earlier.valid_to is not None
            and later.valid_from == earlier.valid_to + timedelta(days=1)
            and (earlier.valid_from is None or earlier.valid_from <= earlier.valid_to)
        )
        _require(follows, "factor_periods", earlier.code)
        _require(earlier.unit == later.unit, "factor_units", earlier.code)
    _require(versions[-1].valid_to is None, "factor_ended", versions[-1].code)


def _check_behavior(library: Library, behavior: Behavior) -> None:
    code = behavior.code
    _require(behavior.category in CATEGORIES, "bad_category", code)
    _require(set(behavior.texts) == set(LANGUAGES), "bad_texts", code)
    _require(bool(behavior.fields), "no_fields", code)
    _require(bool(behavior.source), "no_source", code)
    _check_evidence(behavior)
    groups = {group.code for group in library.double_count_groups}
    _require(behavior.double_count_group in groups | {None}, "unknown_group", code)
    _require(behavior.has_rule or not behavior.enabled, "enabled_without_rule", code)
    _require(behavior.has_rule or not behavior.factor_expression, "factor_alone", code)
    for parameter in behavior.parameters:
        _check_parameter(library, behavior, parameter)


def _check_evidence(behavior: Behavior) -> None:
    allowed = set(behavior.evidence)
    _require(bool(allowed) and allowed <= set(GRADES), "bad_evidence", behavior.code)
    if behavior.self_report:
        fits = behavior.self_report_evidence in allowed & {"C", "D"}
        _require(behavior.enabled and fits, "bad_self_report", behavior.code)


def _check_parameter(library: Library, behavior: Behavior, parameter: ParameterSource) -> None:
    at = f"{behavior.code}.{parameter.name}"
    if parameter.factor is None:
        _require(bool(parameter.grade and parameter.source), "no_source", at)
        return
    versions = library.factor_versions.get(parameter.factor, ())
    _require(bool(versions), "unknown_factor", at, factor=parameter.factor)
    _require(plain_unit(versions[0].unit) == parameter.unit, "factor_units", at)


def plain_unit(published: str) -> str:
    """The unit as scoring reads it: the gas is told apart from the unit of mass."""
    return published.replace("kgCO2e", "kg").replace("kgCO2", "kg")
