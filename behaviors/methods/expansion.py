"""Makes rule versions out of behaviours: one a period in which no emission factor changes."""

from collections.abc import Iterable
from datetime import date, timedelta

from behaviors.methods.library import Behavior, Library, LibraryError, ParameterSource
from behaviors.rules import Parameter, Rule, unit_factor_nano

# Before any act that the platform may be told of; the oldest factor serves from here on.
FIRST_DAY = date(2010, 1, 1)


def expand_rules(library: Library) -> list[Rule]:
    """All rule versions, behaviour by behaviour, oldest first.

    Behaviours that are switched off but have a formula are included, so that an operator can
    switch them on; behaviours without a formula have none.
    """
    return [
        rule
        for behavior in library.behaviors
        if behavior.has_rule
        for rule in _versions(library, behavior)
    ]


def _versions(library: Library, behavior: Behavior) -> Iterable[Rule]:
    starts = sorted({FIRST_DAY, *_changes(library, behavior)})
    ends = [start - timedelta(days=1) for start in starts[1:]]
    for number, (start, end) in enumerate(zip(starts, [*ends, None], strict=True), start=1):
        yield _rule(library, behavior, number, start, end)


def _changes(library: Library, behavior: Behavior) -> Iterable[date]:
    """Days on which a factor of the behaviour takes a new value."""
    for parameter in behavior.parameters:
        if parameter.factor is not None:
            for factor in library.factor_versions[parameter.factor][1:]:
                if factor.valid_from is not None and factor.valid_from > FIRST_DAY:
                    yield factor.valid_from


def _rule(
    library: Library, behavior: Behavior, version: int, start: date, end: date | None
) -> Rule:
    parameters = tuple(_parameter(library, item, start) for item in behavior.parameters)
    return Rule(
        behavior=behavior.code,
        version=version,
        valid_from=start,
        valid_to=end,
        fields=behavior.fields,
        quantity_expression=behavior.quantity_expression,
        quantity_unit=behavior.quantity_unit,
        factor_expression=behavior.factor_expression,
        parameters=parameters,
        unit_factor_nano=unit_factor_nano(behavior.factor_expression, parameters),
        cap_milli=_cap_milli(behavior),
        double_count_group=behavior.double_count_group,
        multipliers=behavior.multipliers,
        grams_for=behavior.grams_for,
        credits_per_gram=behavior.credits_per_gram,
        credits_per_act=behavior.credits_per_act,
        counts_acts=behavior.counts_acts,
        certifiable=behavior.certifiable,
    )


def _cap_milli(behavior: Behavior) -> int | None:
    if behavior.daily_cap is None:
        return None
    milli = behavior.daily_cap * 1000
    if milli != int(milli):
        raise LibraryError("bad_cap", at=behavior.code)
    return int(milli)


def _parameter(library: Library, item: ParameterSource, day: date) -> Parameter:
    if item.value is not None:
        return Parameter(item.name, item.value, item.unit, item.grade, item.source)
    if item.factor is None:
        raise LibraryError("value_or_factor", at=item.name)
    factor = library.factor_on(item.factor, day)
    return Parameter(
        item.name, factor.value, item.unit, factor.grade, factor.source, factor=item.factor
    )
