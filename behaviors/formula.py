"""A small expression language over exact numbers, for the formulas of scoring rules.

Numbers, names, ``+ - * /``, brackets, ``min`` and ``max``, and ``a if x >= y else b``: nothing
else can be written.  A formula is data that people edit, so it is never compiled or run by
Python: it is parsed to a tree of our own nodes and walked, once with exact numbers, once with
columns of them, once with units.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, Protocol, TypeVar

from behaviors import columns as exact
from behaviors.columns import IntColumn
from behaviors.grammar import (
    Binary,
    Choice,
    Extreme,
    FormulaError,
    Name,
    Negation,
    Node,
    Number,
    Reader,
    check_text,
    children,
    name_places,
)

__all__ = ["Algebra", "Expression", "FormulaError", "IntColumn", "parse"]

T = TypeVar("T")
V = TypeVar("V")


class Algebra(Protocol[T]):
    """What a walk over a formula computes: numbers, columns of numbers, units.

    The position goes with every step so that an error can point into the text.
    """

    def number(self, value: Fraction) -> T: ...

    def name(self, name: str, position: int) -> T: ...

    def negate(self, operand: T) -> T: ...

    def binary(self, sign: str, left: T, right: T, position: int) -> T: ...

    def extreme(self, function: str, arguments: list[T], position: int) -> T: ...

    def choose(
        self,
        compares: Callable[[Any, Any], Any],
        left: T,
        right: T,
        branches: tuple[Callable[[], T], Callable[[], T]],
        position: int,
    ) -> T: ...


@dataclass(frozen=True)
class Expression:
    """A formula that was read and found clean.

    text: as the author wrote it.  names: the names it uses.
    """

    text: str
    names: frozenset[str]
    _root: Node

    def evaluate(self, values: Mapping[str, Fraction]) -> Fraction:
        """The exact value.  FormulaError: missing_value, division_by_zero."""
        return self.fold(_Exact(values))

    def columns(
        self, columns: Mapping[str, IntColumn], constants: Mapping[str, Fraction]
    ) -> IntColumn:
        """The exact value of every row.

        columns: names that differ by row, all of the same length, at least one.
        constants: names that do not.  Both branches of a conditional are worked out.
        FormulaError: missing_value, division_by_zero, division_by_column.
        """
        rows = len(next(iter(columns.values())).values)
        result = self.fold(_Columns(columns, constants, rows))
        return IntColumn.constant(result, rows) if isinstance(result, Fraction) else result

    def render(self, values: Mapping[str, str]) -> str:
        """The formula with the numbers put in, in the author's spacing."""
        places = sorted(name_places(self._root), reverse=True)
        text = self.text
        for position, name in places:
            shown = _shown(values, name, position)
            text = text[:position] + shown + text[position + len(name) :]
        return text

    def fold(self, algebra: Algebra[T]) -> T:
        """Walk the formula from its leaves to its root in another algebra."""
        return _walk(self._root, algebra)


def parse(text: str, *, names: Collection[str]) -> Expression:
    """Read a formula that may use the given names.

    FormulaError with the position of the first thing that is wrong.
    """
    check_text(text)
    root = Reader(text, frozenset(names)).read()
    _refuse_zero_divisors(root)
    return Expression(text, frozenset(name for _, name in name_places(root)), root)


def _refuse_zero_divisors(node: Node) -> None:
    """A divisor without names is known now, so its author hears of it now."""
    for child in children(node):
        _refuse_zero_divisors(child)
    if not isinstance(node, Binary) or node.sign != "/" or name_places(node.right):
        return
    if _walk(node.right, _Exact({})) == 0:
        raise FormulaError("division_by_zero", node.position)


def _walk(node: Node, algebra: Algebra[T]) -> T:
    match node:
        case Number():
            return algebra.number(node.value)
        case Name():
            return algebra.name(node.name, node.position)
        case Negation():
            return algebra.negate(_walk(node.operand, algebra))
        case Binary():
            left, right = _walk(node.left, algebra), _walk(node.right, algebra)
            return algebra.binary(node.sign, left, right, node.position)
        case Extreme():
            arguments = [_walk(argument, algebra) for argument in node.arguments]
            return algebra.extreme(node.function, arguments, node.position)
        case Choice():
            return _walk_choice(node, algebra)


def _walk_choice(node: Choice, algebra: Algebra[T]) -> T:
    left, right = _walk(node.left, algebra), _walk(node.right, algebra)
    branches = (lambda: _walk(node.yes, algebra), lambda: _walk(node.no, algebra))
    return algebra.choose(node.compares, left, right, branches, node.position)


def _looked_up(values: Mapping[str, V], name: str, position: int) -> V:
    if name not in values:
        raise FormulaError("missing_value", position, name=name)
    return values[name]


def _shown(values: Mapping[str, str], name: str, position: int) -> str:
    """A negative number keeps its meaning only inside brackets."""
    shown = _looked_up(values, name, position)
    return f"({shown})" if shown.startswith("-") else shown


def _arithmetic(sign: str, left: Fraction, right: Fraction, position: int) -> Fraction:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        raise FormulaError("division_by_zero", position)
    return left / right


@dataclass(frozen=True)
class _Exact:
    """One exact number."""

    values: Mapping[str, Fraction]

    def number(self, value: Fraction) -> Fraction:
        return value

    def name(self, name: str, position: int) -> Fraction:
        return _looked_up(self.values, name, position)

    def negate(self, operand: Fraction) -> Fraction:
        return -operand

    def binary(self, sign: str, left: Fraction, right: Fraction, position: int) -> Fraction:
        return _arithmetic(sign, left, right, position)

    def extreme(self, function: str, arguments: list[Fraction], position: int) -> Fraction:
        return min(arguments) if function == "min" else max(arguments)

    def choose(
        self,
        compares: Callable[[Any, Any], Any],
        left: Fraction,
        right: Fraction,
        branches: tuple[Callable[[], Fraction], Callable[[], Fraction]],
        position: int,
    ) -> Fraction:
        return branches[0]() if compares(left, right) else branches[1]()


@dataclass(frozen=True)
class _Columns:
    """One exact number a row.  What does not depend on the row stays one fraction."""

    columns: Mapping[str, IntColumn]
    constants: Mapping[str, Fraction]
    rows: int

    def number(self, value: Fraction) -> Fraction | IntColumn:
        return value

    def name(self, name: str, position: int) -> Fraction | IntColumn:
        if name in self.columns:
            return self.columns[name]
        return _looked_up(self.constants, name, position)

    def negate(self, operand: Fraction | IntColumn) -> Fraction | IntColumn:
        if isinstance(operand, Fraction):
            return -operand
        return exact.scale(operand, Fraction(-1))

    def binary(
        self, sign: str, left: Fraction | IntColumn, right: Fraction | IntColumn, position: int
    ) -> Fraction | IntColumn:
        if isinstance(right, Fraction):
            if isinstance(left, Fraction):
                return _arithmetic(sign, left, right, position)
            if sign == "/":
                return exact.scale(left, _arithmetic("/", Fraction(1), right, position))
        if sign == "/":
            raise FormulaError("division_by_column", position)
        return self.combined(sign, left, right)

    def combined(
        self, sign: str, left: Fraction | IntColumn, right: Fraction | IntColumn
    ) -> IntColumn:
        if sign == "+":
            return exact.add(self.column(left), self.column(right))
        if sign == "-":
            return exact.subtract(self.column(left), self.column(right))
        if isinstance(right, Fraction):
            return exact.scale(self.column(left), right)
        if isinstance(left, Fraction):
            return exact.scale(right, left)
        return exact.multiply(left, right)

    def column(self, value: Fraction | IntColumn) -> IntColumn:
        return IntColumn.constant(value, self.rows) if isinstance(value, Fraction) else value

    def extreme(
        self, function: str, arguments: list[Fraction | IntColumn], position: int
    ) -> Fraction | IntColumn:
        fixed = [argument for argument in arguments if isinstance(argument, Fraction)]
        if len(fixed) == len(arguments):
            return min(fixed) if function == "min" else max(fixed)
        pick = exact.smaller if function == "min" else exact.larger
        return reduce(pick, [self.column(argument) for argument in arguments])

    def choose(
        self,
        compares: Callable[[Any, Any], Any],
        left: Fraction | IntColumn,
        right: Fraction | IntColumn,
        branches: tuple[Callable[[], Fraction | IntColumn], Callable[[], Fraction | IntColumn]],
        position: int,
    ) -> Fraction | IntColumn:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            return branches[0]() if compares(left, right) else branches[1]()
        condition = exact.compare(compares, self.column(left), self.column(right))
        yes, no = (self.column(branch()) for branch in branches)
        return exact.choose(condition, yes, no)
