"""A small expression language over exact numbers, for the formulas of scoring rules.

Numbers, names, ``+ - * /``, brackets, ``min`` and ``max``, and ``a if x >= y else b``: nothing
else can be written.  A formula is data that people edit, so it is never compiled or run by
Python: the text is checked, parsed to a tree, copied into nodes of this module and walked.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, Protocol, TypeVar

from behaviors import columns as exact
from behaviors.columns import IntColumn
from carbonaccount.errors import Invalid

__all__ = ["Algebra", "Expression", "FormulaError", "IntColumn", "parse"]

MAX_LENGTH = 500
MAX_BRACKETS = 20
MAX_DIGITS = 18
MAX_TREE_DEPTH = 100

# Chinese names are admitted as characters so that an unknown one is reported as unknown.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_\u4e00-\u9fff +\-*/().,<>=!]")
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.\u4e00-\u9fff])(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_WORD = re.compile(r"[A-Za-z0-9_.\u4e00-\u9fff]")

_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class FormulaError(Invalid):
    """A formula that cannot be read or worked out.

    code: too_long, too_deep, character_not_allowed, number_too_long, syntax, not_allowed,
    unknown_name, missing_value, division_by_zero or division_by_column.
    position: column in the text, counted in characters from 0.
    """

    def __init__(self, code: str, position: int, **params: object) -> None:
        super().__init__(code, position=position, **params)
        self.position = position


@dataclass(frozen=True)
class _Number:
    position: int
    value: Fraction


@dataclass(frozen=True)
class _Name:
    position: int
    name: str


@dataclass(frozen=True)
class _Negation:
    position: int
    operand: "_Node"


@dataclass(frozen=True)
class _Binary:
    position: int
    sign: str
    left: "_Node"
    right: "_Node"


@dataclass(frozen=True)
class _Extreme:
    position: int
    function: str
    arguments: "tuple[_Node, ...]"


@dataclass(frozen=True)
class _Choice:
    position: int
    compares: Callable[[Any, Any], Any]
    left: "_Node"
    right: "_Node"
    yes: "_Node"
    no: "_Node"


_Node = _Number | _Name | _Negation | _Binary | _Extreme | _Choice
T = TypeVar("T")


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
    _root: _Node

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
        places = sorted(_name_places(self._root), reverse=True)
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
    _check_text(text)
    indent = len(text) - len(text.lstrip(" "))
    root = _Reader(text, indent, frozenset(names)).read()
    return Expression(text, frozenset(name for _, name in _name_places(root)), root)


def _check_text(text: str) -> None:
    """Guards that look at characters only, before any parser sees the text."""
    if len(text) > MAX_LENGTH:
        raise FormulaError("too_long", MAX_LENGTH, limit=MAX_LENGTH)
    if strange := _NOT_ALLOWED.search(text):
        raise FormulaError("character_not_allowed", strange.start(), found=strange.group())
    _check_brackets(text)
    for number in _NUMBER.finditer(text):
        _check_number(text, number)


def _check_brackets(text: str) -> None:
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth > MAX_BRACKETS:
            raise FormulaError("too_deep", position, limit=MAX_BRACKETS)
        if depth < 0:
            raise FormulaError("syntax", position)


def _check_number(text: str, number: re.Match[str]) -> None:
    """Only plain decimals: no exponent, no hexadecimal, no underscores."""
    whole, _, decimals = number.group().partition(".")
    if len((whole + decimals).lstrip("0")) > MAX_DIGITS or len(decimals) > MAX_DIGITS:
        raise FormulaError("number_too_long", number.start(), limit=MAX_DIGITS)
    if _WORD.match(text, number.end()):
        raise FormulaError("syntax", number.end())


class _Reader:
    """Copies Python's tree into ours, node by node, and refuses what has no copy."""

    def __init__(self, text: str, indent: int, names: frozenset[str]) -> None:
        self.text = text
        self.indent = indent
        self.names = names
        self.source = text[indent:]
        self.encoded = self.source.encode()

    def read(self) -> _Node:
        root = self.tree()
        self.check_depth(root)
        return self.node(root)

    def tree(self) -> ast.expr:
        try:
            return ast.parse(self.source, mode="eval").body
        except SyntaxError as error:
            column = max((error.offset or 1) - 1, 0)
            position = min(self.indent + column, len(self.text))
            raise FormulaError("syntax", position) from None
        except (MemoryError, RecursionError):
            raise FormulaError("too_deep", 0, limit=MAX_TREE_DEPTH) from None

    def check_depth(self, root: ast.expr) -> None:
        """A long chain of signs nests as deep as brackets do, and the walk is recursive."""
        level: list[ast.AST] = [root]
        for _ in range(MAX_TREE_DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
            if not level:
                return
        raise FormulaError("too_deep", self.position(root), limit=MAX_TREE_DEPTH)

    def position(self, node: ast.expr) -> int:
        """ast counts in bytes of UTF-8, people count in characters."""
        return self.indent + len(self.encoded[: node.col_offset].decode())

    def refuse(self, node: ast.expr) -> FormulaError:
        return FormulaError("not_allowed", self.position(node), found=type(node).__name__)

    def node(self, node: ast.expr) -> _Node:
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp():
                return self.unary(node)
            case ast.BinOp():
                return self.binary(node)
            case ast.Call():
                return self.call(node)
            case ast.IfExp():
                return self.choice(node)
        raise self.refuse(node)

    def number(self, node: ast.Constant) -> _Number:
        # bool is an int to Python, and a float has lost digits that the text still has.
        if type(node.value) not in (int, float):
            raise self.refuse(node)
        digits = self.encoded[node.col_offset : node.end_col_offset].decode()
        return _Number(self.position(node), Fraction(digits))

    def name(self, node: ast.Name) -> _Name:
        if node.id not in self.names:
            raise FormulaError("unknown_name", self.position(node), name=node.id)
        return _Name(self.position(node), node.id)

    def unary(self, node: ast.UnaryOp) -> _Node:
        if isinstance(node.op, ast.USub):
            return _Negation(self.position(node), self.node(node.operand))
        if isinstance(node.op, ast.UAdd):
            return self.node(node.operand)
        raise self.refuse(node)

    def binary(self, node: ast.BinOp) -> _Binary:
        sign = _ARITHMETIC.get(type(node.op))
        if sign is None:
            raise self.refuse(node)
        left, right = self.node(node.left), self.node(node.right)
        position = self.position(node.right)
        if sign == "/" and not _name_places(right) and _walk(right, _Exact({})) == 0:
            raise FormulaError("division_by_zero", position)
        return _Binary(position, sign, left, right)

    def call(self, node: ast.Call) -> _Extreme:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        if function not in ("min", "max") or node.keywords or len(node.args) < 2:
            raise self.refuse(node)
        arguments = tuple(self.node(argument) for argument in node.args)
        return _Extreme(self.position(node), function, arguments)

    def choice(self, node: ast.IfExp) -> _Choice:
        test = node.test
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            raise self.refuse(test)
        compares = _COMPARISONS.get(type(test.ops[0]))
        if compares is None:
            raise self.refuse(test)
        left, right = self.node(test.left), self.node(test.comparators[0])
        yes, no = self.node(node.body), self.node(node.orelse)
        return _Choice(self.position(test), compares, left, right, yes, no)


def _children(node: _Node) -> tuple[_Node, ...]:
    match node:
        case _Negation():
            return (node.operand,)
        case _Binary():
            return (node.left, node.right)
        case _Extreme():
            return node.arguments
        case _Choice():
            return (node.left, node.right, node.yes, node.no)
    return ()


def _name_places(node: _Node) -> list[tuple[int, str]]:
    """Where in the text each name stands."""
    own = [(node.position, node.name)] if isinstance(node, _Name) else []
    return own + [place for child in _children(node) for place in _name_places(child)]


def _walk(node: _Node, algebra: Algebra[T]) -> T:
    match node:
        case _Number():
            return algebra.number(node.value)
        case _Name():
            return algebra.name(node.name, node.position)
        case _Negation():
            return algebra.negate(_walk(node.operand, algebra))
        case _Binary():
            left, right = _walk(node.left, algebra), _walk(node.right, algebra)
            return algebra.binary(node.sign, left, right, node.position)
        case _Extreme():
            arguments = [_walk(argument, algebra) for argument in node.arguments]
            return algebra.extreme(node.function, arguments, node.position)
        case _Choice():
            return _walk_choice(node, algebra)


def _walk_choice(node: _Choice, algebra: Algebra[T]) -> T:
    left, right = _walk(node.left, algebra), _walk(node.right, algebra)
    branches = (lambda: _walk(node.yes, algebra), lambda: _walk(node.no, algebra))
    return algebra.choose(node.compares, left, right, branches, node.position)


V = TypeVar("V")


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
