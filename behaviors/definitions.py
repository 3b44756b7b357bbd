"""Reading the parts of a definition that came from JSON or TOML, each with a clear refusal."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from carbonaccount.errors import Invalid


class RuleError(Invalid):
    """A rule definition that contradicts itself; params name the rule and the part."""


def malformed(part: str) -> RuleError:
    return RuleError("malformed_definition", part=part)


def text_of(definition: Mapping[str, object], part: str) -> str:
    value = definition.get(part)
    if not isinstance(value, str):
        raise malformed(part)
    return value


def optional_text_of(definition: Mapping[str, object], part: str) -> str | None:
    return None if definition.get(part) is None else text_of(definition, part)


def whole_of(definition: Mapping[str, object], part: str) -> int:
    value = definition.get(part)
    if type(value) is not int:
        raise malformed(part)
    return value


def optional_whole_of(definition: Mapping[str, object], part: str) -> int | None:
    return None if definition.get(part) is None else whole_of(definition, part)


def truth_of(definition: Mapping[str, object], part: str) -> bool:
    value = definition.get(part)
    if not isinstance(value, bool):
        raise malformed(part)
    return value


def decimal_of(definition: Mapping[str, object], part: str) -> Decimal:
    """A finite decimal written as text; floats are refused because they have lost digits."""
    try:
        value = Decimal(text_of(definition, part))
    except InvalidOperation:
        raise malformed(part) from None
    if not value.is_finite():
        raise malformed(part)
    return value


def day_of(definition: Mapping[str, object], part: str) -> date:
    try:
        return date.fromisoformat(text_of(definition, part))
    except ValueError:
        raise malformed(part) from None


def optional_day_of(definition: Mapping[str, object], part: str) -> date | None:
    return None if definition.get(part) is None else day_of(definition, part)


def mapping_of(definition: Mapping[str, object], part: str) -> Mapping[str, object]:
    value = definition.get(part)
    if not isinstance(value, Mapping):
        raise malformed(part)
    return value


def mappings_of(definition: Mapping[str, object], part: str) -> list[Mapping[str, object]]:
    """A list of tables."""
    value = definition.get(part)
    if not isinstance(value, Sequence) or not all(isinstance(item, Mapping) for item in value):
        raise malformed(part)
    return list(value)


def texts_of(definition: Mapping[str, object], part: str) -> list[str]:
    value = definition.get(part)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise malformed(part)
    return value
