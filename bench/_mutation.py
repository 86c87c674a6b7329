"""Small faults: one change of what a function does, or of a constant; and how it is put in the place of the old."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from bench import ROOT

WHERE = ("core/ops", "core/explain", "core/interpret", "core/generate/sampling.py", "pictures")

# What computes the same, or may: "path: was -> is" -> why.
EQUIVALENT: dict[str, str] = {
    "pictures/block/neurons.py: found.after < 0 -> (found.after <= 0)": "said only where no unit is exactly 0",
    "pictures/block/neurons.py: 1.0 -> (2.0)": "any number below zero will do",
    "pictures/ways.py: self._n - 1 -> (self._n)": "which of the distances are kept; they are the same",
    "pictures/memory.py: 32_000_000 -> (32000001)": "a byte more, and the system gets back what is free",
    "pictures/extremes.py: 1000 -> (1001)": "how many are put in order at once; the order is the same",
    "core/generate/sampling.py: self.plain > p * (1 + ROUNDING) -> (self.plain >= p * (1 + ROUNDING))": (
        "of two no one is exactly as much likelier as rounding may make it"
    ),
    "core/generate/sampling.py: self.plain >= p * (1 - ROUNDING) -> (self.plain > p * (1 - ROUNDING))": (
        "of two no one is exactly as much likelier as rounding may make it"
    ),
    "core/generate/sampling.py: self.chance(position) * together[-1] -> (self.chance(position) / together[-1])": (
        "what is drawn from adds up to 1, but for rounding"
    ),
    "core/interpret/induction.py: 11 -> (12)": "another period of the probe, as good",
    "core/ops/activations.py: size <= 0.46875 -> (size < 0.46875)": "there both approximations give the same",
    "core/ops/activations.py: 6 -> (7)": "both are past where it is 1",
    "core/interpret/influence.py: 16 -> (17)": "how many nodes of the way are computed at once",
    "core/interpret/influence.py: 48 -> (49)": "a node more, and the sum is as exact",
    "core/interpret/space.py: min(n, d) -> (max(n, d))": "of few points, by another way, the same directions",
    "core/interpret/space.py: False -> (True)": "directions beyond those of the points, which nobody reads",
}

BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
COMPARED = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
    },
}
NAMED = {"argmax": "argmin", "argmin": "argmax", "max": "min", "min": "max", "any": "all", "all": "any"}
NAMED |= {"maximum": "minimum", "minimum": "maximum"}


Place = tuple[str, str]  # a file, and the name of a function or a constant in it


@dataclass(frozen=True)
class Mutant:
    """One change of a file: its source from `start` to `end` becomes `now`."""

    place: Place
    line: int
    start: int
    end: int
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.place[0]}: {self.was} -> {self.now.replace(chr(10), '')}"

    @property
    def source(self) -> bytes:
        """The whole file, changed."""
        own = (ROOT / self.place[0]).read_bytes()
        return own[: self.start] + self.now.encode() + own[self.end :]


# ------------------------------------------------------------------------------------------------------ what is changed


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """The other expressions that a slip of the hand could have put here."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in BINARY:
                yield ast.BinOp(left, BINARY[type(op)](), right)
            if isinstance(op, ast.Add | ast.Sub):
                yield left
        case ast.Compare(left, [op], [right]) if type(op) in COMPARED:
            yield ast.Compare(left, [COMPARED[type(op)]()], [right])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Attribute(value, name, ctx) if name in NAMED:
            yield ast.Attribute(value, NAMED[name], ctx)
        case ast.Call(ast.Name(name), args, keywords) if name in NAMED:
            yield ast.Call(ast.Name(NAMED[name]), args, keywords)


def walked(node: ast.AST) -> Iterator[ast.AST]:
    """All that is computed: not annotations, nor what stands inside an f-string, whose places Python 3.11 mistakes.

    Nor the -1 of a `reshape`: NumPy takes any size below zero for the one that is left to it. Nor `strict` of a `zip`,
    which computes nothing: it stops where other code has gone wrong.
    """
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
        node = ast.Call(node.func, [part for part in node.args if not isinstance(part, ast.UnaryOp)], node.keywords)
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walked(child)


def parts(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, ast.AST]]:
    """What can be changed while a process runs, and the name of the function or constant that it belongs to."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name):
                yield from ((within + name, part) for part in statement.body)
            case ast.ClassDef(name):
                yield from parts(statement.body, f"{within}{name}.")
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=value) if not within:
                yield name, value or statement


def mutants_of(path: str) -> list[Mutant]:
    """Every mutant of one file but the equivalent ones. They keep its lines, by which functions are found again."""
    source = (ROOT / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for name, part in parts(ast.parse(source).body):
        for node in walked(part):
            for other in changes(node):
                start, end = (
                    starts[node.lineno - 1] + node.col_offset,
                    starts[node.end_lineno - 1] + node.end_col_offset,
                )
                was = source[start:end].decode()
                now = f"({ast.unparse(ast.fix_missing_locations(other))}{chr(10) * was.count(chr(10))})"
                found.append(Mutant((path, name), node.lineno, start, end, " ".join(was.split()), now))
    return [mutant for mutant in found if str(mutant) not in EQUIVALENT]


def every_mutant(only: str | None) -> list[Mutant]:
    roots = [ROOT / path for path in ([only] if only else WHERE)]
    files = sorted(file for root in roots for file in ([root] if root.is_file() else root.rglob("*.py")))
    return [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT).as_posix())]


# ---------------------------------------------------------------------------------------------------- the change itself


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object, and all that are defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def put(mutant: Mutant) -> None:
    """Change this process: the function's code wherever the function is held, or the constant in every module."""
    path, name = mutant.place
    file, source = str(ROOT / path), mutant.source
    new = {
        (code.co_qualname, code.co_firstlineno): code
        for code in codes(compile(source, file, "exec", dont_inherit=True))
        if code.co_qualname.split(".<locals>")[0] == name
    }
    module = import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))  # core loads late
    gc.unfreeze()  # tests/conftest.py sets aside what is loaded: the collector would not list these functions
    for function in [held for held in gc.get_objects() if isinstance(held, FunctionType)]:
        code = function.__code__
        if code.co_filename == file and (code.co_qualname, code.co_firstlineno) in new:
            function.__code__ = new[code.co_qualname, code.co_firstlineno]
    if not new:
        put_constant(module, name, source)


def put_constant(module: ModuleType, name: str, source: bytes) -> None:
    """In every module that has it from this one; and anew what other constants were made of it."""
    modules = [other for other in [*sys.modules.values()] if is_own(other)]
    trees = {other: ast.parse(Path(str(other.__file__)).read_bytes()) for other in modules}
    left = [(module, name, own(ast.parse(source), name))]
    while left:
        maker, name, statements = left.pop()
        space = dict(vars(maker))
        exec(compile(ast.Module(statements, []), str(maker.__file__), "exec", dont_inherit=True), space)
        was, now = getattr(maker, name), space[name]
        for other in modules:
            if other is not maker and (vars(other).get(name) is not was or own(trees[other], name)):
                continue
            setattr(other, name, now)
            left += [
                (other, made, own(trees[other], made))
                for made, value in parts(trees[other].body)
                if made != name and isinstance(value, ast.expr) and mentions(value, name)
            ]


def is_own(module: ModuleType) -> bool:
    """Whether a module is one of those that are changed."""
    return str(getattr(module, "__file__", None) or "").startswith((f"{ROOT}/core/", f"{ROOT}/pictures/"))


def own(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The statements of a module that give a constant its value, and add to it."""
    found: list[ast.stmt] = []
    for statement in tree.body:
        match statement:
            case ast.Assign([ast.Name(named)]) | ast.AnnAssign(ast.Name(named)) | ast.AugAssign(ast.Name(named)):
                found += [statement] if named == name else []
    return found


def mentions(value: ast.expr, name: str) -> bool:
    """Whether a constant's value is made of another one; what a function reads, it reads when it is called."""
    if isinstance(value, ast.Lambda):
        return False
    if isinstance(value, ast.Name):
        return value.id == name
    return any(mentions(child, name) for child in ast.iter_child_nodes(value))
