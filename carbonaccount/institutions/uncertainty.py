"""How sure a year's emissions are: error propagation in whole numbers, pure.

2006 IPCC Guidelines, Volume 1, Chapter 3, approach 1; every percentage is half of a 95 % interval:

    U_product = sqrt(U_activity^2 + U_factor^2)                      (equation 3.1)
    U_total   = sqrt(sum (x_i U_i)^2) / sum x_i                      (equation 3.2)

The equations hold for quantities that do not depend on each other. Lines of one factor share its
error, and usually the meter's: they are added up first and are one quantity x_i. Added in
quadrature, twelve monthly bills of one meter would look three times as sure as the meter is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import isqrt

METHOD = "IPCC 2006 Vol. 1 Ch. 3, approach 1"
CONFIDENCE_PERCENT = 95
# Percentages are whole hundredths of a percent: 100 % is 10,000.
WHOLE = 10_000


class Coverage(StrEnum):
    """How much of the emissions has both percentages."""

    NOTHING = "nothing"  # nothing was emitted, so there is nothing to be unsure of
    NOT_STATED = "not_stated"
    PARTLY = "partly"
    WHOLE = "whole"


@dataclass(frozen=True)
class Part:
    """What one factor's lines emit together, and how sure it is.

    `emission_g` is before and `reduced_g` what certificates take off it; `activity` and `factor`
    are hundredths of a percent, None while not stated.
    """

    factor_code: str
    emission_g: int
    reduced_g: int = 0
    activity: int | None = None
    factor: int | None = None

    @property
    def is_stated(self) -> bool:
        """Return whether both percentages are there."""
        return self.activity is not None and self.factor is not None


@dataclass(frozen=True)
class Interval:
    """An amount in grams with half its 95 % interval; `permille` is the half in thousandths of it.

    Rounded so that the interval is never smaller than computed. permille is None of no amount.
    """

    amount_g: int
    half_g: int
    permille: int | None

    @property
    def lower_g(self) -> int:
        """Return the lower end; what is emitted is never below nothing."""
        return max(0, self.amount_g - self.half_g)

    @property
    def upper_g(self) -> int:
        """Return the upper end."""
        return self.amount_g + self.half_g


@dataclass(frozen=True)
class Combined:
    """The uncertainty of a year: of its emissions, and of what is left to offset.

    The intervals are None unless everything emitted has both percentages: part of a sum says
    nothing of the whole.
    """

    parts: tuple[Part, ...]
    emissions: Interval | None
    to_offset: Interval | None

    @property
    def emission_g(self) -> int:
        """Return what all factors emit together."""
        return sum(part.emission_g for part in self.parts)

    @property
    def covered_g(self) -> int:
        """Return the emissions that have both percentages."""
        return sum(part.emission_g for part in self.parts if part.is_stated)

    @property
    def coverage(self) -> Coverage:
        """Return how much of the emissions has both percentages."""
        if not self.emission_g:
            return Coverage.NOTHING
        if not self.covered_g:
            return Coverage.NOT_STATED
        return Coverage.WHOLE if self.covered_g == self.emission_g else Coverage.PARTLY

    @property
    def covered_permille(self) -> int:
        """Return the covered share in thousandths, rounded down: 1000 is everything."""
        return self.covered_g * 1000 // self.emission_g if self.emission_g else 0


def combined(parts: Iterable[Part]) -> Combined:
    """Return the uncertainty of what the parts emit together; parts that emit nothing drop out.

    Each factor is there once.
    """
    emitting = tuple(part for part in parts if part.emission_g > 0)
    if not emitting or not all(part.is_stated for part in emitting):
        return Combined(emitting, None, None)
    return Combined(
        emitting,
        _interval(sum(part.emission_g for part in emitting), _squares(emitting, reduced=False)),
        _interval(
            sum(part.emission_g - part.reduced_g for part in emitting),
            _squares(emitting, reduced=True),
        ),
    )


def _squares(parts: Iterable[Part], *, reduced: bool) -> int:
    """Return the sum of the squared errors, in squared ten-thousandths of a gram.

    Certificates cover an exact number of kilowatt-hours: the factor's error leaves with them, the
    meter's error stays as large as it was.
    """
    total = 0
    for part in parts:
        left = part.emission_g - part.reduced_g if reduced else part.emission_g
        total += (part.emission_g * (part.activity or 0)) ** 2 + (left * (part.factor or 0)) ** 2
    return total


def _interval(amount_g: int, squares: int) -> Interval:
    root = isqrt(squares)
    root += root * root < squares
    permille = _up(root, 10 * amount_g) if amount_g else None
    return Interval(amount_g, _up(root, WHOLE), permille)


def _up(number: int, divisor: int) -> int:
    return -(-number // divisor)
