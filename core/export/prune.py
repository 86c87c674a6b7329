"""A function's own text as one Scene runs it: branches that it never takes, and checks of arguments, are left out.

What is left stands as it was written, comments and all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from ..errors import FibraError

PACKAGE = __package__.rpartition(".")[0]
# What only checks what it is given, so that code is shown and exported without: functions called so, and modules.
CHECK = re.compile(r"_?check(ed)?(_\w+)?")
CHECKING = tuple(f"{PACKAGE}.{name}" for name in ("arguments", "errors", "input_checks", "kinds"))
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
Names = Mapping[str, Any]
Edit = tuple[int, int, bytes]  # the bytes from here to there become these


@dataclass(frozen=True)
class Either:
    """What a name is now one of, now another: a Config, where the same functions run a decoder and its encoder."""

    values: tuple[Any, ...]


class Unknown(Exception):
    """What an expression gives follows from no name that is known."""


def pruned(text: str, known: Names, around: Names) -> str:
    """The text of a function without what never runs where parameters of these names have the values `known`.

    around: what the names of its module mean.
    """
    raw = text.encode()
    while edits := _apart(_edits(raw, known, around)):
        for start, end, new in edits:
            raw = raw[:start] + new + raw[end:]
    return re.sub(r"\n([ \t]*\n)+", "\n\n", raw.decode().strip("\n")) + "\n"


def parameters(text: str) -> set[str]:
    """The names of what the functions in a text take."""
    return {part.arg for part in ast.walk(ast.parse(text)) if isinstance(part, ast.arg)}


def _apart(edits: Iterable[Edit]) -> list[Edit]:
    """Of edits, the outermost first, those that lie in no other; the last in the text first, for each moves what
    stands behind it."""
    found: list[Edit] = []
    for edit in edits:
        if all(edit[1] <= start or end <= edit[0] for start, end, _ in found):
            found.append(edit)
    return sorted(found, reverse=True)


def _edits(raw: bytes, given: Names, around: Names) -> Iterator[Edit]:
    """What can be left out, the outermost first."""
    tree = ast.parse(raw)
    nodes = [*ast.walk(tree)]
    taken = {part.arg for part in nodes if isinstance(part, ast.arg)}
    given = {name: value for name, value in given.items() if name in taken}
    known = _known(nodes, given, around)
    read = {part.id for part in nodes if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    starts = _starts_of_lines(raw)
    bodies = (getattr(part, "body", None) for part in nodes)
    alone = {id(body[0]) for body in bodies if isinstance(body, list) and len(body) == 1}

    def span(node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, (ast.expr, ast.stmt)) and node.end_lineno and node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def lines(first: ast.stmt, last: ast.stmt) -> tuple[int, int]:
        return starts[first.lineno - 1], starts[last.end_lineno or 0]

    def without(statement: ast.stmt) -> Edit:
        start, end = lines(statement, statement)
        return start, end, b" " * statement.col_offset + b"pass\n" if id(statement) in alone else b""

    for node in nodes:
        for block in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(block, list) and (dead := _after_return(block)):
                yield *lines(dead[0], dead[-1]), b""
        if isinstance(node, ast.If):
            if all(isinstance(part, ast.Raise) for part in node.body) and not node.orelse:
                yield without(node)
            elif (chosen := _truth(node.test, known, around)) is not None:
                yield _branch(raw, node, chosen, lines, without(node))
        elif isinstance(node, ast.IfExp) and (chosen := _truth(node.test, known, around)) is not None:
            start, end = span(node.body if chosen else node.orelse)
            yield *span(node), raw[start:end]
        elif isinstance(node, ast.stmt) and (_does_nothing(node, known, around) or _only_checks(node, around)):
            yield without(node)
        elif isinstance(node, ast.Call) and node.args and _checks(node, around):
            start, end = span(node.args[0])
            yield *span(node), raw[start:end]
        elif isinstance(node, ast.Subscript) and (name := _chosen(node, known, around)):
            yield *span(node), name.encode()
        elif isinstance(node, ast.Attribute) and (literal := _limit(node, around)):
            yield *span(node), literal.encode()
        elif isinstance(node, ast.Assign) and node not in tree.body and _idle(node, read, known, given, around):
            yield without(node)


def _after_return(block: list[ast.stmt]) -> list[ast.stmt]:
    ends = [i for i, part in enumerate(block) if isinstance(part, ast.Return)]
    return block[ends[0] + 1 :] if ends else []


def _branch(raw: bytes, node: ast.If, chosen: bool, lines: Callable, gone: Edit) -> Edit:
    """An `if` whose outcome is known becomes the branch that it takes; an `elif`, an `else` or nothing."""
    start, end = lines(node, node)
    indent = b" " * node.col_offset
    is_elif = raw[start + node.col_offset :].startswith(b"elif")
    if chosen:
        first, last = lines(node.body[0], node.body[-1])
        body = raw[first:last]
        return start, end, indent + b"else:\n" + body if is_elif else _moved(body, node.body[0].col_offset, indent)
    if not node.orelse:
        return (start, end, b"") if is_elif else gone
    _, after = lines(node.body[0], node.body[-1])
    rest = raw[after:end]  # from the line of `else` or `elif` on
    if is_elif:
        return start, end, rest
    if rest.lstrip().startswith(b"elif"):
        return start, end, rest.replace(b"elif", b"if", 1)
    first, last = lines(node.orelse[0], node.orelse[-1])
    return start, end, _moved(raw[first:last], node.orelse[0].col_offset, indent)


def _moved(body: bytes, column: int, indent: bytes) -> bytes:
    return b"".join(
        indent + line[column:] if line[:column].isspace() else line for line in body.splitlines(keepends=True)
    )


def _starts_of_lines(raw: bytes) -> list[int]:
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


# ------------------------------------------------------------------------------------------------- what is known


def _known(nodes: list[ast.AST], given: Names, around: Names) -> dict[str, Any]:
    """The names whose values are known in this function: those given that it does not change, and those that it gives
    a known value once."""
    stored = [part.id for part in nodes if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
    known = {name: value for name, value in given.items() if name not in stored}
    kept = {name: value for name, value in given.items() if name in stored}
    assigned = [part for part in nodes if isinstance(part, ast.Assign) and len(part.targets) == 1]
    for part in assigned:
        for name, value in _pairs(part, known | kept, around):
            if stored.count(name) == 1 and (name not in given or value == given[name]):
                known[name] = value
    return known


def _pairs(part: ast.Assign, known: Names, around: Names) -> list[tuple[str, Any]]:
    """The names of an assignment, each with the value that it is known to get."""
    target, value = part.targets[0], part.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=True))
    elif isinstance(target, ast.Tuple):
        try:
            values = value_of(value, known, around)
        except Unknown:
            return []
        if isinstance(values, Either):
            return []
        return [(name.id, one) for name, one in zip(target.elts, values, strict=True) if isinstance(name, ast.Name)]
    else:
        pairs = [(target, value)]
    found = []
    for name, expression in pairs:
        try:
            if isinstance(name, ast.Name):
                found.append((name.id, value_of(expression, known, around)))
        except Unknown:
            continue
    return found


def _idle(node: ast.Assign, read: set[str], known: Names, given: Names, around: Names) -> bool:
    """Whether an assignment says nothing new: known values, for names that nobody reads, or that have them already."""
    target = node.targets[0]
    names = [part.id for part in ast.walk(target) if isinstance(part, ast.Name)]
    if isinstance(node.value, ast.Name) and names == [node.value.id]:  # what was checked is called as before
        return True
    pairs = dict(_pairs(node, {**given, **known}, around))
    return names == [*pairs] and all(
        name not in read or (name in given and given[name] == pairs[name]) for name in names
    )


def value_of(node: ast.expr, known: Names, around: Names) -> Any:
    """What an expression gives, of names that are known; Either, where it follows from which of several a name is.

    Raises: Unknown.
    """
    several = [len(value.values) for value in known.values() if isinstance(value, Either)]
    if not several:
        return _value_of(node, known, around)
    worlds = [{name: _one(value, i) for name, value in known.items()} for i in range(several[0])]
    first, *others = (_value_of(node, world, around) for world in worlds)
    return first if all(other == first for other in others) else Either((first, *others))


def _one(value: Any, i: int) -> Any:
    return value.values[i] if isinstance(value, Either) else value


def _value_of(node: ast.expr, known: Names, around: Names) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in known:
            return known[node.id]
        case ast.Attribute():
            owner = _value_of(node.value, known, around)
            with suppress(AttributeError, FibraError):  # an encoder that is not there has no Config
                return getattr(owner, node.attr)
        case ast.Tuple():
            return tuple(_value_of(part, known, around) for part in node.elts)
        case ast.UnaryOp(op=ast.Not()):
            return not _value_of(node.operand, known, around)
        case ast.BoolOp():
            return _of_several(node, known, around)
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            right = _value_of(node.comparators[0], known, around)
            if isinstance(operator, ast.In) and isinstance(right, Mapping | tuple | frozenset) and not right:
                return False
            return COMPARISONS[type(operator)](_value_of(node.left, known, around), right)
        case ast.Call(args=[first, *_]) if _checks(node, around):
            return _value_of(first, known, around)
        case ast.Call(func=ast.Name(id=name)) if is_ours(around.get(name)) and not node.keywords:
            return around[name](*(_value_of(part, known, around) for part in node.args))
    raise Unknown


def _of_several(node: ast.BoolOp, known: Names, around: Names) -> Any:
    """`and` and `or`: one part that decides is enough."""
    decides, unsure = isinstance(node.op, ast.Or), False
    for part in node.values:
        try:
            if bool(_value_of(part, known, around)) is decides:
                return decides
        except Unknown:
            unsure = True
    if unsure:
        raise Unknown
    return not decides


def _truth(node: ast.expr, known: Names, around: Names) -> bool | None:
    try:
        value = value_of(node, known, around)
    except Unknown:
        return None
    truths = {bool(one) for one in value.values} if isinstance(value, Either) else {bool(value)}
    return truths.pop() if len(truths) == 1 else None


def _does_nothing(node: ast.stmt, known: Names, around: Names) -> bool:
    """Whether a statement is a loop over nothing, or one in which nothing is left."""
    if not isinstance(node, ast.For):
        return False
    try:
        return isinstance(node.body[0], ast.Pass) or value_of(node.iter, known, around) in ((), [], {})
    except Unknown:
        return False


# ------------------------------------------------------------------------------------------- what a name stands for


def is_ours(value: Any) -> bool:
    """Whether it is a plain function of core."""
    return isinstance(value, FunctionType) and value.__module__.startswith(PACKAGE)


def _checks(node: ast.Call, around: Names) -> bool:
    """Whether a call only checks what it is given."""
    if not isinstance(node.func, ast.Name):
        return False
    module = getattr(around.get(node.func.id), "__module__", "") or ""
    return module in CHECKING or (module.startswith(PACKAGE) and CHECK.fullmatch(node.func.id) is not None)


def _only_checks(node: ast.stmt, around: Names) -> bool:
    """Whether a statement is a call of a function, or a method, that only checks."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    method = node.value.func.attr if isinstance(node.value.func, ast.Attribute) else ""
    return CHECK.fullmatch(method) is not None or _checks(node.value, around)


def _chosen(node: ast.Subscript, known: Names, around: Names) -> str:
    """The name of the function that a table of functions gives for a known key."""
    table = around.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if not isinstance(table, dict):
        return ""
    try:
        return getattr(table.get(value_of(node.slice, known, around)), "__name__", "")
    except Unknown:
        return ""


def _limit(node: ast.Attribute, around: Names) -> str:
    """A number of another module, as it is written there."""
    owner = around.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if not (isinstance(owner, ModuleType) and owner.__name__.startswith(PACKAGE)):
        return ""
    value = getattr(owner, node.attr, None)
    return repr(value) if isinstance(value, (int, float, tuple)) else ""
