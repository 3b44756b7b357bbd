"""What came in, as columns: one row an item, checked without a query, each with its first error.

A frame of candidates has the columns of CANDIDATE_SCHEMA and, for each measured field, a column
`field.<name>` of decimal texts. `code` is None while nothing is wrong with the row.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl

FIELD_PREFIX = "field."
MAX_KEY_LENGTH = 64
# Printable ASCII without backslash: partners' ids need no more, and COPY needs no escaping.
KEY_PATTERN = r"^[!-\[\]-~][ -\[\]-~]{0,63}$"

# More digits, or more decimals, than any field takes: told as such and never written out, because
# a number such as 1e999999999 has a billion digits.
_BEYOND_RANGE = "9" * 20
_BEYOND_DECIMALS = "0." + "0" * 20 + "1"
_MOST_DIGITS = 60
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)", re.ASCII
)

CANDIDATE_SCHEMA: dict[str, Any] = {
    "idx": pl.UInt32,
    "event_id": pl.String,
    "subject": pl.String,
    "behavior": pl.String,
    "occurred_at": pl.Datetime("us", "UTC"),
    "ended_at": pl.Datetime("us", "UTC"),
    "evidence": pl.String,
    "device": pl.String,
    "code": pl.String,
    "detail": pl.String,
}


ITEM_KEYS = frozenset(
    (
        *("event_id", "subject", "behavior", "occurred_at", "ended_at"),
        *("activity", "evidence", "device"),
    )
)


def from_items(items: Sequence[object], known_fields: Mapping[str, frozenset[str]]) -> pl.DataFrame:
    """Return the candidates of raw JSON items, in their order.

    `known_fields` names the fields of each behaviour; others are refused, and keys of the item
    that are none of ITEM_KEYS, so that a misspelt name is never taken for a missing one.
    """
    columns: dict[str, list[object]] = {name: [] for name in CANDIDATE_SCHEMA}
    amounts: dict[str, dict[int, str]] = {}
    for idx, item in enumerate(items):
        row = _row(item, known_fields)
        for name, text in row.amounts.items():
            amounts.setdefault(name, {})[idx] = text
        for name, value in zip(CANDIDATE_SCHEMA, (idx, *row.values), strict=True):
            columns[name].append(value)
    frame = pl.DataFrame(columns, schema=CANDIDATE_SCHEMA)
    return frame.with_columns(
        pl.Series(FIELD_PREFIX + name, [texts.get(i) for i in range(len(items))], dtype=pl.String)
        for name, texts in amounts.items()
    )


class _Row:
    """One item, read: the values of CANDIDATE_SCHEMA after `idx`, and its decimal texts."""

    __slots__ = ("amounts", "values")

    def __init__(self, values: tuple[object, ...], amounts: Mapping[str, str]) -> None:
        self.values = values
        self.amounts = amounts


def _row(item: object, known_fields: Mapping[str, frozenset[str]]) -> _Row:
    if not isinstance(item, Mapping):
        return _Row((None,) * 7 + ("not_an_object", None), {})
    keys = [_text(item.get(name)) for name in ("event_id", "subject", "behavior")]
    code, detail = _fault_of_keys(item)
    occurred_at = _moment(item.get("occurred_at"))
    ended_at = _moment(item["ended_at"]) if item.get("ended_at") is not None else None
    if occurred_at is None or (item.get("ended_at") is not None and ended_at is None):
        wrong = "occurred_at" if occurred_at is None else "ended_at"
        code, detail = code or "time_format", detail or wrong
    amounts: dict[str, str] = {}
    activity = item.get("activity")
    if not isinstance(activity, Mapping):
        code, detail = code or "missing_field", detail or "activity"
    else:
        known = known_fields.get(keys[2] or "", frozenset())
        for name, value in activity.items():
            text = decimal_text(value)
            if keys[2] in known_fields and name not in known:
                code, detail = code or "unknown_field", detail or _shown(name)
            elif text is None:
                code, detail = code or "not_a_number", detail or _shown(name)
            elif name in known:
                amounts[name] = text
    values = (*keys, occurred_at, ended_at, _text(item.get("evidence")))
    return _Row((*values, _text(item.get("device")), code, detail), amounts)


def _fault_of_keys(item: Mapping[object, object]) -> tuple[str | None, str | None]:
    """Return the code and the name of the first key that no item has."""
    if item.keys() <= ITEM_KEYS:
        return None, None
    return "unknown_field", _shown(next(key for key in item if key not in ITEM_KEYS))


def _text(value: object) -> str | None:
    """Return a text as it is; a whole number, as ids often are, as its digits; else None.

    JSON can hold halves of characters, which no database takes: such a text is none.
    """
    if isinstance(value, str):
        return value if value.isascii() or _can_be_stored(value) else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**_MOST_DIGITS:
        return str(value)
    return None


def _can_be_stored(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(name: object) -> str:
    """Return a field's name so far as it fits into an answer."""
    text = name if isinstance(name, str) else type(name).__name__
    return text[:MAX_KEY_LENGTH].encode(errors="replace").decode()


def decimal_text(value: object) -> str | None:
    """Return a measured value as decimal text, as it was written; None when it is not one."""
    if isinstance(value, str):
        text = value.strip()
        return text if text and text.isascii() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_MOST_DIGITS else _BEYOND_RANGE
    if isinstance(value, float):
        # repr gives back the digits that were sent.
        return _written_out(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return _written_out(value)
    return None


def _written_out(number: Decimal) -> str | None:
    """Return a number without an exponent; None when it is not finite."""
    if not number.is_finite():
        return None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "the number is finite"
    if number.adjusted() > _MOST_DIGITS:
        return _BEYOND_RANGE
    return format(number, "f") if exponent >= -_MOST_DIGITS else _BEYOND_DECIMALS


def _moment(value: object) -> datetime | None:
    """Return an RFC 3339 moment in UTC; None when it is not one or has no offset."""
    # Python reads more than the RFC: weeks, days of the year, offsets with seconds.
    if not isinstance(value, str) or not _RFC3339.fullmatch(text := value.upper()):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def mark(
    frame: pl.DataFrame, code: str, condition: pl.Expr, detail: str | None = None
) -> pl.DataFrame:
    """Give rows that are still fine and meet the condition an error code."""
    hit = pl.col("code").is_null() & condition.fill_null(value=False)
    return frame.with_columns(
        code=pl.when(hit).then(pl.lit(code)).otherwise(pl.col("code")),
        detail=pl.when(hit).then(pl.lit(detail, dtype=pl.String)).otherwise(pl.col("detail")),
    )


def check_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Refuse rows whose ids or device are missing, too long or not plain printable text."""
    for name, code in (("event_id", "bad_event_id"), ("subject", "bad_subject")):
        frame = mark(frame, code, ~pl.col(name).str.contains(KEY_PATTERN).fill_null(value=False))
    device = pl.col("device")
    return mark(frame, "bad_device", device.is_not_null() & ~device.str.contains(KEY_PATTERN))


def check_choice(
    frame: pl.DataFrame, *, column: str, code: str, allowed: Iterable[str]
) -> pl.DataFrame:
    """Refuse rows whose text in a column is none of those allowed."""
    within = pl.col(column).is_in(list(allowed)).fill_null(value=False)
    return mark(frame, code, ~within)
