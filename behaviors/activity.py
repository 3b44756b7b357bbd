"""What a person or a partner says was done: amounts by field name, read into exact decimals."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from behaviors.rules import NANO, FieldSpec, Rule
from carbonaccount.errors import Invalid

# Only plain digits: Decimal() alone would also take underscores and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SHOWN_LENGTH = 60
_MOST_BITS = 256


class ActivityError(Invalid):
    """An activity that cannot be scored.

    code: not_an_object, missing_field, unknown_field, not_a_number, not_finite, too_many_decimals,
    negative, too_small, too_large or amount_zero.
    field: the field it is about; empty for not_an_object.
    """

    def __init__(self, code: str, field: str, **params: object) -> None:
        super().__init__(code, field=field, **params)
        self.field = field


def parse_activity(rule: Rule, activity: Mapping[str, object]) -> dict[str, Decimal]:
    """The activity's amounts in the order of the rule's fields.

    Values may be text, whole numbers, Decimal, or float (taken as it prints).  At most 9 decimals,
    inside the field's limits.  ActivityError names the field.
    """
    if not isinstance(activity, Mapping):
        raise ActivityError("not_an_object", "")
    for name in activity:
        if name not in rule.field_names:
            raise ActivityError("unknown_field", str(name)[:_SHOWN_LENGTH])
    return {item.name: _amount(item, activity.get(item.name)) for item in rule.fields}


def _amount(item: FieldSpec, value: object) -> Decimal:
    if value is None:
        raise ActivityError("missing_field", item.name, unit=item.unit)
    number = _decimal(item, value)
    if not number.is_finite():
        raise ActivityError("not_finite", item.name)
    _check_limits(item, number)
    # The magnitude comes first: a number of a thousand digits must not reach exact arithmetic.
    if number.adjusted() < -9 and number:
        raise ActivityError("too_many_decimals", item.name, limit=9)
    if (Fraction(number) * NANO).denominator != 1:
        raise ActivityError("too_many_decimals", item.name, limit=9)
    return number if number else Decimal(0)


def _check_limits(item: FieldSpec, number: Decimal) -> None:
    if number < 0:
        raise ActivityError("negative", item.name, minimum=str(item.minimum), unit=item.unit)
    if number > item.maximum:
        raise ActivityError("too_large", item.name, maximum=str(item.maximum), unit=item.unit)
    if number and number < item.minimum:
        raise ActivityError("too_small", item.name, minimum=str(item.minimum), unit=item.unit)


def _decimal(item: FieldSpec, value: object) -> Decimal:
    match value:
        case bool():
            raise ActivityError("not_a_number", item.name)
        case Decimal():
            return value
        case int():
            return _whole(item, value)
        case float():
            return Decimal(repr(value)) if math.isfinite(value) else Decimal("Infinity")
        case str():
            return _text(item, value)
    raise ActivityError("not_a_number", item.name)


def _whole(item: FieldSpec, value: int) -> Decimal:
    """Bits are counted first, because printing a huge integer takes long."""
    if value.bit_length() > _MOST_BITS:
        code = "negative" if value < 0 else "too_large"
        raise ActivityError(code, item.name, maximum=str(item.maximum), unit=item.unit)
    return Decimal(value)


def _text(item: FieldSpec, value: str) -> Decimal:
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        raise ActivityError("not_a_number", item.name)
    return Decimal(text)
