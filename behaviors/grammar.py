"""What may be written in a formula, and the tree that is made of it.

The text is guarded character by character before Python's parser sees it; Python's tree is then
copied into the nodes of this module, and whatever has no copy is refused with its position.
"""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from carbonaccount.errors import Invalid

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
class Number:
    position: int
    value: Fraction


@dataclass(frozen=True)
class Name:
    position: int
    name: str


@dataclass(frozen=True)
class Negation:
    position: int
    operand: "Node"


@dataclass(frozen=True)
class Binary:
    position: int
    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Extreme:
    position: int
    function: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True)
class Choice:
    position: int
    compares: Callable[[Any, Any], Any]
    left: "Node"
    right: "Node"
    yes: "Node"
    no: "Node"


Node = Number | Name | Negation | Binary | Extreme | Choice


def check_text(text: str) -> None:
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


class Reader:
    """Copies Python's tree into ours, node by node, and refuses what has no copy."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self.source = text.lstrip(" ")
        self.indent = len(text) - len(self.source)
        self.encoded = self.source.encode()

    def read(self) -> Node:
        root = self.tree()
        self.check_depth(root)
        return self.node(root)

    def tree(self) -> ast.expr:
        try:
            return ast.parse(self.source, mode="eval").body
        except SyntaxError as error:
            # Python counts from 1 here, and gives 0 when the text ends too early.
            column = error.offset - 1 if error.offset else len(self.source)
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

    def node(self, node: ast.expr) -> Node:
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

    def number(self, node: ast.Constant) -> Number:
        # bool is an int to Python, and a float has lost digits that the text still has.
        if type(node.value) not in (int, float):
            raise self.refuse(node)
        digits = self.encoded[node.col_offset : node.end_col_offset].decode()
        return Number(self.position(node), Fraction(digits))

    def name(self, node: ast.Name) -> Name:
        if node.id not in self.names:
            raise FormulaError("unknown_name", self.position(node), name=node.id)
        return Name(self.position(node), node.id)

    def unary(self, node: ast.UnaryOp) -> Node:
        if isinstance(node.op, ast.USub):
            return Negation(self.position(node), self.node(node.operand))
        if isinstance(node.op, ast.UAdd):
            return self.node(node.operand)
        raise self.refuse(node)

    def binary(self, node: ast.BinOp) -> Binary:
        sign = _ARITHMETIC.get(type(node.op))
        if sign is None:
            raise self.refuse(node)
        left, right = self.node(node.left), self.node(node.right)
        return Binary(self.position(node.right), sign, left, right)

    def call(self, node: ast.Call) -> Extreme:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        if function not in ("min", "max") or node.keywords or len(node.args) < 2:
            raise self.refuse(node)
        arguments = tuple(self.node(argument) for argument in node.args)
        return Extreme(self.position(node), function, arguments)

    def choice(self, node: ast.IfExp) -> Choice:
        test = node.test
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            raise self.refuse(test)
        compares = _COMPARISONS.get(type(test.ops[0]))
        if compares is None:
            raise self.refuse(test)
        left, right = self.node(test.left), self.node(test.comparators[0])
        yes, no = self.node(node.body), self.node(node.orelse)
        return Choice(self.position(test), compares, left, right, yes, no)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Negation():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Extreme():
            return node.arguments
        case Choice():
            return (node.left, node.right, node.yes, node.no)
    return ()


def name_places(node: Node) -> list[tuple[int, str]]:
    """Where in the text each name stands."""
    own = [(node.position, node.name)] if isinstance(node, Name) else []
    return own + [place for child in children(node) for place in name_places(child)]
