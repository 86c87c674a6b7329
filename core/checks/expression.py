"""Expressions over arrays, as a check's file writes them: a small part of Python's syntax, walked and never run.

    sum(at("blocks.0.attn.pattern")[head, query])

There are numbers, texts, the names and functions that the caller gives, + - * /, comparisons, indices, slices, tuples.
There are no attributes, no keywords, no names of Python's own; so nothing can be reached that was not handed in.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import CheckError
from ..kinds import cut
from ..limits import EXPRESSION_CHARACTERS, EXPRESSION_NODES, EXPRESSION_NUMBERS

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
CONSTANTS = (int, float, str)  # exactly these: True, None, bytes and complex numbers are refused
LARGEST = 10**9  # of a number that is written out
SHAPES = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Tuple, ast.Subscript, ast.Slice, ast.Call),
    *(ast.UnaryOp, ast.USub, ast.BinOp, ast.Compare, *OPERATORS),
)


@lru_cache(maxsize=512)
def parse(text: str) -> ast.Expression:
    """The tree of an expression of nothing but what is allowed. Raises: CheckError that says what is not."""
    if len(text) > EXPRESSION_CHARACTERS:
        raise CheckError(f"expression: has {len(text)} characters, and may have {EXPRESSION_CHARACTERS}")
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CheckError(f"expression: {cut(text, 60)!r} cannot be read") from None
    nodes = [*ast.walk(tree)]
    if len(nodes) > EXPRESSION_NODES:
        raise CheckError(f"expression: has {len(nodes)} parts, and may have {EXPRESSION_NODES}")
    for node in nodes:
        _allow(node)
    return tree


def _allow(node: ast.AST) -> None:
    """Raises: CheckError for a part that no expression may have."""
    wrong = not isinstance(node, SHAPES)
    if isinstance(node, ast.Constant):
        value: Any = node.value
        wrong = type(value) not in CONSTANTS or (not isinstance(value, str) and abs(value) > LARGEST)
    elif isinstance(node, ast.Compare):
        wrong = len(node.ops) != 1 or type(node.ops[0]) not in OPERATORS
    elif isinstance(node, ast.Call):
        wrong = not isinstance(node.func, ast.Name) or bool(node.keywords)
    if wrong:
        raise CheckError(f"expression: {type(node).__name__} is not allowed")


def evaluate(text: str, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """What an expression gives. Raises: CheckError for what is not allowed, not there, or cannot be computed."""
    tree = parse(text)
    try:
        with np.errstate(all="ignore"):
            return _value(tree.body, names, functions)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError, MemoryError) as error:
        if isinstance(error, CheckError):
            raise
        said = cut(" ".join(str(error).split()), 120)
        raise CheckError(f"expression: {cut(text, 60)!r} cannot be computed: {said}") from None


def _value(node: ast.expr, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    def value(part: ast.expr | None) -> Any:
        return None if part is None else _value(part, names, functions)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return _named(node.id, names, "name")
        case ast.Tuple():
            return tuple(value(part) for part in node.elts)
        case ast.Slice():
            return slice(value(node.lower), value(node.upper), value(node.step))
        case ast.Subscript():
            return _sized(np.asarray(_numeric(value(node.value)))[_index(value(node.slice))])
        case ast.UnaryOp():
            return -_numeric(value(node.operand))
        case ast.BinOp():
            return _both(OPERATORS[type(node.op)], value(node.left), value(node.right))
        case ast.Compare():
            return _both(OPERATORS[type(node.ops[0])], value(node.left), value(node.comparators[0]))
        case ast.Call(func=ast.Name(id=called)):
            return _sized(_named(called, functions, "function")(*map(value, node.args)))
    raise CheckError(f"expression: {type(node).__name__} is not allowed")


def _named(name: str, found: Mapping[str, Any], what: str) -> Any:
    if name not in found:
        raise CheckError(f"expression: there is no {what} {cut(name, 40)}; there are {', '.join(found)}")
    return found[name]


def _numeric(value: Any) -> Any:
    """A number or an array of numbers; a tuple of them becomes an array. Raises: CheckError for anything else."""
    if isinstance(value, tuple):
        value = np.array(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return value
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return value
    raise CheckError(f"expression: {type(value).__name__} is no number, and no array of numbers")


def _index(value: Any) -> Any:
    """An index that only picks: whole numbers, slices, and arrays of whole numbers. Nothing that adds an axis."""
    for part in value if isinstance(value, tuple) else (value,):
        whole = isinstance(part, (int, np.integer)) or (isinstance(part, np.ndarray) and part.dtype.kind == "i")
        if not (whole or isinstance(part, slice)):
            raise CheckError(f"expression: {type(part).__name__} is no index")
    return value


def _both(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    left, right = _numeric(left), _numeric(right)
    shape = np.broadcast_shapes(np.shape(left), np.shape(right))
    if int(np.prod(shape, dtype=object)) > EXPRESSION_NUMBERS:
        raise CheckError(f"expression: an array of {shape} is too large")
    return operation(left, right)


def _sized(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size > EXPRESSION_NUMBERS:
        raise CheckError(f"expression: an array of {value.shape} is too large")
    return value
