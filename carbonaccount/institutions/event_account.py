"""What an event comes to: pure arithmetic on exact decimals, each line rounded up to the gram.

Travel = people x there and back x distance x factor. Of those who said nothing the mean of those
who answered is taken, told apart. What has no factor has an amount and no grams.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any

from carbonaccount.institutions import event_completeness, footprint
from carbonaccount.institutions.event_completeness import Gap
from carbonaccount.institutions.event_factors import (
    Catalogue,
    Item,
    UsedFactor,
    in_city,
)
from carbonaccount.institutions.event_models import Source

_EXACT = Context(prec=60)
THERE_AND_BACK = 2
PERSON_KM = "pkm"
NOT_ASKED, ASKED = "not_asked", "asked"
# Of how many people a group must be before it is shown outside.
LEAST_GROUP = 10

# Tells the factor of a code of the library, None where the library has none.
FactorOf = Callable[[str], UsedFactor | None]


@dataclass(frozen=True)
class Group:
    """Participants who came the same way from the same kind of place for as many nights."""

    origin: str
    mode: str
    nights: int
    people: int
    scanned: bool = True


@dataclass(frozen=True)
class Amount:
    """An amount of an item that the organiser entered; `green`: covered by certificates."""

    item: str
    amount: Decimal
    green: Decimal = Decimal(0)


@dataclass(frozen=True)
class Setting:
    """What of an event its account depends on."""

    district_code: str
    days: int
    daily_return: bool
    head_count: int | None
    on: date


@dataclass(frozen=True)
class AccountLine:
    """One line: an amount, its factor, and what it comes to; None where there is no factor.

    `estimated`: for participants who did not answer. `floored`: more green power than purchased.
    """

    source: str
    what: str
    amount: Decimal
    unit: str
    people: int | None
    factor: UsedFactor | None
    emission_g: int | None
    estimated: bool = False
    floored: bool = False


@dataclass(frozen=True)
class EventTotals:
    """An account: its lines, and how many took part, scanned in, were entered by hand.

    `gaps`: sources without grams; None in accounts that were closed before anybody was asked.
    """

    head_count: int | None
    scanned: int
    entered: int
    lines: tuple[AccountLine, ...]
    gaps: tuple[Gap, ...] | None = None

    @property
    def left_out(self) -> list[Gap]:
        """Return the gaps because of which this cannot be called neutral."""
        return event_completeness.left_out(self.gaps or ())

    @property
    def absent(self) -> list[Gap]:
        """Return the declared sources that did not occur."""
        return [gap for gap in self.gaps or () if gap.leaves_whole]

    @property
    def beyond(self) -> list[str]:
        """Return the sources of the guide that were neither declared nor accounted for."""
        return event_completeness.beyond(self.by_source(), self.gaps or ())

    @property
    def answered(self) -> int:
        """Return of how many participants something is known."""
        return self.scanned + self.entered

    @property
    def total_g(self) -> int:
        """Return the sum of all lines that have a factor."""
        return sum(line.emission_g or 0 for line in self.lines)

    @property
    def estimated_g(self) -> int:
        """Return what of the total stands for participants who did not answer."""
        return sum(line.emission_g or 0 for line in self.lines if line.estimated)

    @property
    def not_counted(self) -> tuple[AccountLine, ...]:
        """Return the lines without a factor."""
        return tuple(line for line in self.lines if line.emission_g is None)

    @property
    def response_permille(self) -> int | None:
        """Return of how many in a thousand participants something is known."""
        return self.answered * 1000 // self.head_count if self.head_count else None

    def by_source(self) -> dict[str, int | None]:
        """Return grams by source of emissions, in the guide's order; None: nothing was counted."""
        found: dict[str, int | None] = {}
        for line in self.lines:
            before = found.get(line.source)
            grams = line.emission_g
            found[line.source] = before if grams is None else grams + (before or 0)
        return found

    def by_grade(self, *, for_all: bool = False) -> dict[str, int]:
        """Return grams by the grade of their factor; what is estimated stands alone.

        for_all: travel in one sum, since a grade that only one way to travel has would tell how
        many came that way.
        """
        found: dict[str, int] = {}
        for line in self.lines:
            if line.emission_g:
                key = _grade_of(line, for_all=for_all)
                found[key] = found.get(key, 0) + line.emission_g
        return dict(sorted(found.items()))


def _grade_of(line: AccountLine, *, for_all: bool) -> str:
    if line.estimated:
        return NOT_ASKED
    if for_all and line.people is not None:
        return ASKED
    return line.factor.grade if line.factor else ""


def totals(
    catalogue: Catalogue,
    *,
    groups: Sequence[Group],
    amounts: Sequence[Amount],
    setting: Setting,
    factor_of: FactorOf,
) -> EventTotals:
    """Return the account of an event."""
    known = sum(group.people for group in groups)
    missing = max(0, (setting.head_count or 0) - known) if known else 0
    travel = _travel(catalogue, groups, setting, factor_of)
    nights = _nights(catalogue, groups, factor_of)
    lines = (
        *travel,
        *_estimated(travel, known, missing),
        *nights,
        *_estimated(nights, known, missing),
        *_entered(catalogue, amounts, factor_of),
    )
    scanned = sum(group.people for group in groups if group.scanned)
    order = list(Source)
    return EventTotals(
        head_count=setting.head_count,
        scanned=scanned,
        entered=known - scanned,
        lines=tuple(sorted(lines, key=lambda line: order.index(Source(line.source)))),
    )


def person_km(catalogue: Catalogue, group: Group, setting: Setting) -> int:
    """Return the kilometres that a group travels together, there and back.

    Who comes from the city and stays no night comes every day where the event says so.
    """
    distance = catalogue.distance(group.origin, setting.district_code)
    commutes = setting.daily_return and in_city(group.origin) and group.nights == 0
    return group.people * THERE_AND_BACK * distance.km * (setting.days if commutes else 1)


def _travel(
    catalogue: Catalogue, groups: Sequence[Group], setting: Setting, factor_of: FactorOf
) -> list[AccountLine]:
    lines = []
    for mode in catalogue.modes.values():
        mine = [group for group in groups if group.mode == mode.code]
        if mine:
            amount = Decimal(sum(person_km(catalogue, group, setting) for group in mine))
            line = AccountLine(
                Source.TRAVEL.value,
                f"mode:{mode.code}",
                amount,
                PERSON_KM,
                sum(group.people for group in mine),
                factor_of(mode.library),
                None,
            )
            lines.append(_counted(line))
    return lines


def _nights(
    catalogue: Catalogue, groups: Sequence[Group], factor_of: FactorOf
) -> list[AccountLine]:
    lines = []
    for item in catalogue.items.values():
        nights = sum(group.people * group.nights for group in groups)
        if item.asked and nights:
            people = sum(group.people for group in groups if group.nights)
            lines.append(_counted(_line(item, Decimal(nights), factor_of, people)))
    return lines


def _line(
    item: Item, amount: Decimal, factor_of: FactorOf, people: int | None = None
) -> AccountLine:
    return AccountLine(
        item.source.value,
        f"item:{item.code}",
        amount,
        item.amount_unit,
        people,
        factor_of(item.library),
        None,
    )


def _counted(line: AccountLine) -> AccountLine:
    """Return a line with its grams, rounded up; without a factor it stays as it is."""
    if line.factor is None:
        return line
    kilograms = _EXACT.multiply(line.amount, line.factor.value)
    return replace(line, emission_g=_up(_EXACT.multiply(kilograms, Decimal(1000))))


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def _estimated(lines: Sequence[AccountLine], known: int, missing: int) -> list[AccountLine]:
    """Return the lines of those who did not answer: the mean of those who did, rounded up.

    Counted lines become one; those without a factor stay apart, because units differ.
    """
    if not missing or not lines:
        return []
    counted = [line for line in lines if line.emission_g is not None]
    found = [_scaled([line], known, missing) for line in lines if line.emission_g is None]
    return [_scaled(counted, known, missing), *found] if counted else found


def _scaled(lines: Sequence[AccountLine], known: int, missing: int) -> AccountLine:
    first = lines[0]
    one = len(lines) == 1
    grams = [line.emission_g for line in lines if line.emission_g is not None]
    return replace(
        first,
        what=first.what if one else f"{first.source}:all",
        amount=Decimal(_share(_amount(lines), known, missing)),
        people=missing,
        factor=first.factor if one else None,
        emission_g=_share(Fraction(sum(grams)), known, missing) if grams else None,
        estimated=True,
    )


def _amount(lines: Iterable[AccountLine]) -> Fraction:
    return sum((Fraction(line.amount) for line in lines), Fraction(0))


def _share(value: Fraction, known: int, missing: int) -> int:
    """Return the mean of the known times the missing, rounded up."""
    exact = value * missing / known
    return -(-exact.numerator // exact.denominator)


def _entered(
    catalogue: Catalogue, amounts: Sequence[Amount], factor_of: FactorOf
) -> list[AccountLine]:
    return [_entered_line(catalogue.item(amount.item), amount, factor_of) for amount in amounts]


def _entered_line(item: Item, amount: Amount, factor_of: FactorOf) -> AccountLine:
    """Return a line; electricity goes the way of JS/T 303, green power deducted, never below 0."""
    line = _line(item, amount.amount, factor_of)
    if line.factor is None or not item.green:
        return _counted(line)
    factor = footprint.Factor(item.library, line.factor.value, item.amount_unit)
    (result,) = footprint.account(
        [footprint.Line(factor, amount.amount, green_power=amount.green)]
    ).lines
    grams = int(_EXACT.multiply(result.emission_kg, Decimal(1000)))
    return replace(line, amount=result.counted, emission_g=grams, floored=result.floored)


def shown_groups(counts: dict[str, int], *, least: int = LEAST_GROUP) -> dict[str, int] | None:
    """Return counts fit for everybody: small groups together under "", None when all are few.

    When the small ones together are still too few, the smallest of the others joins them, so that
    nothing can be worked out from the sum.
    """
    if sum(counts.values()) < least:
        return None
    shown = {name: count for name, count in counts.items() if count >= least}
    small = sum(counts.values()) - sum(shown.values())
    while 0 < small < least:
        smallest = min(shown, key=lambda name: shown[name])
        small += shown.pop(smallest)
    return {**shown, "": small} if small else shown


def to_json(account: EventTotals) -> str:
    """Return an account as canonical text: the same account gives the same bytes."""
    return json.dumps(
        asdict(account), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str
    )


def from_json(text: str) -> EventTotals:
    """Return the account that a text holds."""
    raw = json.loads(text)
    lines = tuple(_line_of(row) for row in raw.pop("lines"))
    gaps = raw.pop("gaps", None)
    told = None if gaps is None else event_completeness.from_json(gaps)
    return EventTotals(**raw, lines=lines, gaps=told)


def _line_of(row: dict[str, Any]) -> AccountLine:
    factor = row["factor"]
    return AccountLine(
        **{
            **row,
            "amount": Decimal(row["amount"]),
            "factor": factor and UsedFactor(**{**factor, "value": Decimal(factor["value"])}),
        }
    )
