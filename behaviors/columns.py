"""Columns of exact fractions: whole numbers over one common denominator.

A column holds int64 as long as interval arithmetic proves that nothing can overflow, and Python
integers otherwise.  So the fast path is never a wrong path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

INT64_SAFE = 2**62
IntArray = NDArray[Any]


@dataclass(frozen=True, eq=False)
class IntColumn:
    """One exact number a row: ``values / denominator``.

    values: array of shape (rows,), dtype int64 or object (Python ints).
    denominator: above 0.
    bound: at least ``max(abs(values))`` and at least 1, proven, not sampled.
    """

    values: IntArray
    denominator: int
    bound: int

    @classmethod
    def of(cls, values: IntArray, denominator: int) -> "IntColumn":
        """Measure the bound of an int64 or object array and wrap it."""
        if not values.size:
            return cls(values, denominator, 1)
        largest = max(abs(int(values.min())), abs(int(values.max())), 1)
        return cls(values, denominator, largest)

    @classmethod
    def constant(cls, value: Fraction, rows: int) -> "IntColumn":
        """The same value in every row."""
        bound = max(abs(value.numerator), 1)
        dtype = np.int64 if bound <= INT64_SAFE else object
        return cls(np.full(rows, value.numerator, dtype=dtype), value.denominator, bound)

    def fractions(self) -> list[Fraction]:
        """The rows as fractions, for receipts and tests."""
        return [Fraction(int(value), self.denominator) for value in self.values]

    def floor_times(self, factor: int) -> "IntColumn":
        """``floor(row * factor)`` as a column with denominator 1; factor above 0."""
        shared = gcd(factor, self.denominator)
        scaled = _scaled(self, factor // shared)
        divisor = self.denominator // shared
        if divisor == 1:
            return IntColumn(scaled.values, 1, scaled.bound)
        values = _held(scaled.values, max(scaled.bound, divisor)) // divisor
        return IntColumn(values, 1, scaled.bound)

    def at_least_zero(self) -> "IntColumn":
        """Negative rows become 0."""
        return IntColumn(np.maximum(self.values, 0), self.denominator, self.bound)

    def int64(self) -> NDArray[np.int64]:
        """The whole numbers of a column with denominator 1.

        OverflowError when a row does not fit into 64 bits.
        """
        if self.denominator != 1:
            raise ValueError("a column of fractions has no whole numbers")
        return self.values.astype(np.int64, copy=False)


def add(left: IntColumn, right: IntColumn) -> IntColumn:
    left, right = _aligned(left, right)
    return _combined(np.add, left, right, left.bound + right.bound)


def subtract(left: IntColumn, right: IntColumn) -> IntColumn:
    left, right = _aligned(left, right)
    return _combined(np.subtract, left, right, left.bound + right.bound)


def multiply(left: IntColumn, right: IntColumn) -> IntColumn:
    if left.bound * right.bound > INT64_SAFE:
        left, right = _reduced(left), _reduced(right)
    bound = left.bound * right.bound
    values = _held(left.values, bound) * _held(right.values, bound)
    return IntColumn(values, left.denominator * right.denominator, bound)


def scale(column: IntColumn, factor: Fraction) -> IntColumn:
    """Multiply every row by one fraction."""
    shared = gcd(factor.numerator, column.denominator)
    scaled = _scaled(column, factor.numerator // shared)
    denominator = column.denominator // shared * factor.denominator
    return IntColumn(scaled.values, denominator, scaled.bound)


def smaller(left: IntColumn, right: IntColumn) -> IntColumn:
    left, right = _aligned(left, right)
    return _combined(np.minimum, left, right, max(left.bound, right.bound))


def larger(left: IntColumn, right: IntColumn) -> IntColumn:
    left, right = _aligned(left, right)
    return _combined(np.maximum, left, right, max(left.bound, right.bound))


def compare(
    compares: Callable[[Any, Any], Any], left: IntColumn, right: IntColumn
) -> NDArray[np.bool_]:
    """Row by row comparison with a function of the operator module."""
    left, right = _aligned(left, right)
    return np.asarray(compares(left.values, right.values), dtype=np.bool_)


def choose(condition: NDArray[np.bool_], yes: IntColumn, no: IntColumn) -> IntColumn:
    """``yes`` where the condition holds, else ``no``."""
    yes, no = _aligned(yes, no)
    values = np.where(condition, yes.values, no.values)
    return IntColumn(values, yes.denominator, max(yes.bound, no.bound))


def _combined(
    operation: Callable[[Any, Any], Any], left: IntColumn, right: IntColumn, bound: int
) -> IntColumn:
    values = operation(_held(left.values, bound), _held(right.values, bound))
    return IntColumn(values, left.denominator, bound)


def _aligned(left: IntColumn, right: IntColumn) -> tuple[IntColumn, IntColumn]:
    """Both columns over their least common denominator and in one dtype."""
    common = lcm(left.denominator, right.denominator)
    left = _scaled(left, common // left.denominator)
    right = _scaled(right, common // right.denominator)
    bound = max(left.bound, right.bound)
    return (
        IntColumn(_held(left.values, bound), common, left.bound),
        IntColumn(_held(right.values, bound), common, right.bound),
    )


def _scaled(column: IntColumn, factor: int) -> IntColumn:
    """Multiply the whole numbers and leave the denominator as it is."""
    if factor == 1:
        return column
    if factor == 0:
        # The product is small, the numbers themselves need not fit into its dtype.
        return IntColumn(np.zeros(len(column.values), dtype=np.int64), column.denominator, 1)
    bound = column.bound * abs(factor)
    values = _held(column.values, bound) * factor
    return IntColumn(values, column.denominator, bound)


def _reduced(column: IntColumn) -> IntColumn:
    """Divide out what all rows share with the denominator.

    Inputs come in billionths, yet people give two or three decimals: without this a product of
    two fields would leave int64 for nothing.
    """
    if column.values.dtype == object or not column.values.size:
        return column
    shared = gcd(int(np.gcd.reduce(column.values)), column.denominator)
    if shared == 1:
        return column
    bound = max(column.bound // shared, 1)
    return IntColumn(column.values // shared, column.denominator // shared, bound)


def _held(values: IntArray, bound: int) -> IntArray:
    """The array in the dtype that holds every number up to the bound."""
    wanted = np.dtype(np.int64) if bound <= INT64_SAFE else np.dtype(object)
    return values if values.dtype == wanted else values.astype(wanted)
