"""Pictures of a rule and of a preview as plain geometry; the tables behind them say the same.

Pure. Pages draw them without JavaScript.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from behaviors.scoring import ActivityError, FieldSpec, Rule, score

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 76, 18, 16, 44
STEPS = 40
_TABLE_ROWS = 10
_TICKS = 4
_TENTH = Decimal("0.1")
# Enough beyond the cap to see the line lie flat.
_BEYOND_CAP = Fraction(3, 2)


class Tick(NamedTuple):
    """A mark on an axis: where, and the number at it."""

    place: Decimal
    number: Decimal


@dataclass(frozen=True)
class Line:
    """One rule's grams: the points of a polyline, and its grams at each amount."""

    points: str
    grams: Sequence[int]


@dataclass(frozen=True)
class Curve:
    """Grams (or credits, of a habit) against one amount, the others held where they were put.

    rows: some of the amounts with the result of each line, for the table.
    """

    field: FieldSpec
    in_credits: bool
    amounts: Sequence[Decimal]
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    rows: Sequence[tuple[Decimal, Sequence[int]]]
    cap_x: Decimal | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def curve(rules: Sequence[Rule], amounts: Mapping[str, Decimal]) -> Curve:
    """Draw the first amount of rules[0]; other rules are drawn where they know the same amounts.

    amounts: by field name, inside the limits; they hold the other fields.
    """
    rule = rules[0]
    spec = rule.fields[0]
    in_credits = rule.unit_factor_nano == 0
    last = _last_amount(rule, spec, amounts)
    even = [_inside(spec, last * step / STEPS) for step in range(STEPS + 1)]
    cap_amount = _cap_amount(rule, spec, amounts, even)
    # The corner at the cap is a point of the line, wherever it lies.
    xs = sorted({*even, cap_amount} if cap_amount is not None else {*even})
    alike = [item for item in rules if item.field_names == rule.field_names]
    results = [[_result(item, spec, amounts, x, in_credits) for x in xs] for item in alike]
    y_ticks = _ticks(Decimal(max(1, *(max(result) for result in results))))
    highest = y_ticks[-1].normalize()
    shown = [xs.index(amount) for amount in even[:: STEPS // _TABLE_ROWS]]
    return Curve(
        field=spec,
        in_credits=in_credits,
        amounts=xs,
        lines=[Line(_points(xs, result, last, highest), result) for result in results],
        x_ticks=[Tick(_x(number, last), number) for number in _ticks(last) if number <= last],
        y_ticks=[Tick(_y(number, highest), number) for number in y_ticks],
        rows=[(xs[place], [result[place] for result in results]) for place in shown],
        cap_x=None if cap_amount is None else _x(cap_amount, last),
    )


def _last_amount(rule: Rule, spec: FieldSpec, amounts: Mapping[str, Decimal]) -> Decimal:
    """Return how far the picture goes: past the cap, or to four times the ordinary amount."""
    ordinary = min(spec.maximum, max(spec.minimum, spec.step, amounts[spec.name]) * 4)
    if rule.cap_milli is None:
        return ordinary
    wanted = rule.cap_milli * _BEYOND_CAP
    reach = max(spec.step, spec.minimum)
    while reach < spec.maximum and _quantity(rule, spec, amounts, reach) < wanted:
        reach *= 2
    fitting = reach
    for part in range(20, 41):
        tried = reach * part / 40
        if _quantity(rule, spec, amounts, tried) >= wanted:
            fitting = tried
            break
    return min(spec.maximum, max(fitting, spec.minimum))


def _inside(spec: FieldSpec, amount: Decimal) -> Decimal:
    """Return an amount with no more decimals than records may have; 0 may lie below the least."""
    rounded = amount.quantize(Decimal("0.001")).normalize()
    return min(spec.maximum, rounded) if rounded >= spec.minimum else Decimal(0)


def _quantity(rule: Rule, spec: FieldSpec, amounts: Mapping[str, Decimal], x: Decimal) -> int:
    try:
        result = score(rule, {**amounts, spec.name: _inside(spec, x)}, evidence="A")
    except ActivityError:
        return 0
    return result.quantity_milli


def _result(
    rule: Rule, spec: FieldSpec, amounts: Mapping[str, Decimal], x: Decimal, in_credits: bool
) -> int:
    """Return grams or credits of a metered act; what cannot be recorded comes to nothing."""
    try:
        result = score(rule, {**amounts, spec.name: x}, evidence="A")
    except ActivityError:
        return 0
    return result.credits if in_credits else result.computed_g


def _cap_amount(
    rule: Rule, spec: FieldSpec, amounts: Mapping[str, Decimal], xs: Sequence[Decimal]
) -> Decimal | None:
    """Return the least amount that reaches the cap, to a thousandth; None out of the picture."""
    cap = rule.cap_milli
    reached = [x for x in xs if cap is not None and _quantity(rule, spec, amounts, x) >= cap]
    if cap is None or not reached:
        return None
    low, high = max((x for x in xs if x < reached[0]), default=Decimal(0)), reached[0]
    while high - low > Decimal("0.001"):
        middle = _inside(spec, (low + high) / 2)
        if not low < middle < high:
            break
        if _quantity(rule, spec, amounts, middle) >= cap:
            high = middle
        else:
            low = middle
    return high


def _points(xs: Sequence[Decimal], results: Sequence[int], last: Decimal, highest: Decimal) -> str:
    places = zip(xs, results, strict=True)
    return " ".join(f"{_x(x, last)},{_y(Decimal(result), highest)}" for x, result in places)


def _x(amount: Decimal, last: Decimal) -> Decimal:
    return LEFT + (amount * (WIDTH - LEFT - RIGHT) / last).quantize(_TENTH)


def _y(number: Decimal, highest: Decimal) -> Decimal:
    return HEIGHT - BOTTOM - (number * (HEIGHT - TOP - BOTTOM) / highest).quantize(_TENTH)


def _ticks(most: Decimal) -> list[Decimal]:
    """Return round numbers from 0 up to the first that is not below `most`."""
    rough = most / _TICKS
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    count = int((most / step).to_integral_value(ROUND_CEILING))
    return [(step * number).normalize() + 0 for number in range(count + 1)]


@dataclass(frozen=True)
class Bucket:
    """A bar of the distribution: people whose credits change by `low` to `high`.

    tone: lose, same or gain. None as a limit: without end.
    """

    low: int | None
    high: int | None
    people: int
    x: int
    y: int
    height: int
    tone: str


@dataclass(frozen=True)
class Distribution:
    """How many people's credits change by how much."""

    buckets: Sequence[Bucket]
    most: int
    bar: int
    width: int = WIDTH
    height: int = HEIGHT
    baseline: int = HEIGHT - BOTTOM


def distribution(rows: Sequence[Mapping[str, object]]) -> Distribution:
    """Draw the buckets of a preview: {"from", "to", "people"}, the limits None without end."""
    most = max([1, *(_whole(row["people"]) or 0 for row in rows)])
    column = (WIDTH - 2 * RIGHT) // max(1, len(rows))
    bar = max(2, column * 4 // 5)
    buckets = []
    for position, row in enumerate(rows):
        low, high, people = (_whole(row[name]) for name in ("from", "to", "people"))
        height = ceil((people or 0) * (HEIGHT - TOP - BOTTOM) / most)
        x = RIGHT + position * column + (column - bar) // 2
        y = HEIGHT - BOTTOM - height
        buckets.append(Bucket(low, high, people or 0, x, y, height, _tone(low, high)))
    return Distribution(buckets, most, bar)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _tone(low: int | None, high: int | None) -> str:
    if high is not None and high < 0:
        return "lose"
    if low is not None and low > 0:
        return "gain"
    if low is None and (high or 0) <= 0:
        return "lose"
    if high is None and (low or 0) >= 0:
        return "gain"
    return "same" if low == high == 0 else ("lose" if (low or 0) < 0 else "gain")
