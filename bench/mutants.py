"""How many small faults do the tests find?

    python -m bench.mutants --sample 150 --seed 0 [--only core/ops/softmax.py]

Each mutant is one change in a copy of the project: an operator, a boundary, a sign, a constant, an end, an axis, a
term that is dropped. The test files nearest to its module by imports run until one fails. A failure counts only if that
test passes without the change. Printed are those that lived, and the share that died. Run by hand: half a minute a
mutant and more.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHERE = ("core/ops", "core/interpret", "core/generate/sampling.py", "pictures")
NEAREST = 8  # test files a mutant
SECONDS = 300  # a mutant; one that hangs has been noticed

# What computes the same, or may: "path: was -> is" -> why.
EQUIVALENT: dict[str, str] = {}

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


@dataclass(frozen=True)
class Mutant:
    """One change of a file: its source from `start` to `end` becomes `now`."""

    path: str
    line: int
    start: int
    end: int
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.path}: {self.was} -> {self.now}"


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
    """All that is computed: not annotations, nor what stands inside an f-string, whose places Python 3.11 mistakes."""
    if isinstance(node, ast.JoinedStr):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walked(child)


def mutants_of(path: str) -> list[Mutant]:
    """Every mutant of one file but the equivalent ones."""
    source = (ROOT / path).read_text("utf-8")
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in walked(ast.parse(source)):
        for other in changes(node):
            start, end = (starts[y - 1] + x for y, x in ends(node))
            was = " ".join(source.encode()[start:end].decode().split())
            found.append(
                Mutant(path, node.lineno, start, end, was, f"({ast.unparse(ast.fix_missing_locations(other))})")
            )
    return [mutant for mutant in found if str(mutant) not in EQUIVALENT]


def ends(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    """Line, from 1, and byte in it where an expression begins and ends."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def every_mutant(only: str | None) -> list[Mutant]:
    roots = [ROOT / path for path in ([only] if only else WHERE)]
    files = sorted(file for root in roots for file in ([root] if root.is_file() else root.rglob("*.py")))
    return [mutant for file in files for mutant in mutants_of(file.relative_to(ROOT).as_posix())]


# --------------------------------------------------------------------------------------------------- who is to find it


@cache
def imported(path: str) -> frozenset[str]:
    """The project's own files that a file imports."""
    found, package = set(), path.split("/")[:-1]
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = [*above, *(node.module.split(".") if node.module else [])]
            names = [base, *([*base, alias.name] for alias in node.names)]
        else:
            continue
        for name in names:
            for root in ("", "tests/"):
                for file in ("/".join(name) + ".py", "/".join(name) + "/__init__.py"):
                    if (ROOT / root / file).is_file():
                        found.add(root + file)
    return frozenset(found)


@cache
def nearest(path: str) -> tuple[str, ...]:
    """The test files from which a file is reached by the fewest imports, nearest first."""
    distances = {}
    for test in sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").glob("test_*.py")):
        seen, edge, steps = {test}, {test}, 0
        while edge and path not in seen:
            edge = {name for file in edge for name in imported(file)} - seen
            seen, steps = seen | edge, steps + 1
        if path in seen:
            distances[test] = steps
    return tuple(sorted(distances, key=lambda test: (distances[test], test))[:NEAREST])


# ------------------------------------------------------------------------------------------------------------- the run


def failing(copy: Path, tests: tuple[str, ...]) -> str | None:
    """The first test that fails, "time" if they take too long, None if all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", "-m", "not browser"]
    try:
        told = subprocess.run([*command, *tests], cwd=copy, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "time"
    if told.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+\.py(?:::.*?)?)(?: - .*)?$", told.stdout, re.MULTILINE)
    return found[1] if found else told.stdout[-300:]


def tried(mutant: Mutant, copy: Path) -> str | None:
    """The test that finds a mutant, or None. Raises: RuntimeError where that test fails without the mutant too."""
    file = copy / mutant.path
    source = file.read_bytes()
    try:
        file.write_bytes(source[: mutant.start] + mutant.now.encode() + source[mutant.end :])
        found = failing(copy, nearest(mutant.path))
    finally:
        file.write_bytes(source)
    if found and found != "time" and failing(copy, (found,)):
        raise RuntimeError(f"{found} fails without {mutant} too")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a file or folder")
    args = parser.parse_args()
    every = every_mutant(args.only)
    chosen = random.Random(args.seed).sample(every, min(args.sample, len(every)))
    lived = []
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "fibra"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__"))
        for n, mutant in enumerate(chosen, 1):
            found = tried(mutant, copy)
            lived += [] if found else [mutant]
            print(
                f"{n}/{len(chosen)} {mutant.path}:{mutant.line} {mutant.was} -> {mutant.now}: {found or 'LIVES'}",
                flush=True,
            )
    print(f"\n{len(every)} mutants, {len(chosen)} tried (seed {args.seed}): {1 - len(lived) / len(chosen):.1%} died")
    for mutant in lived:
        print(f"lived: {mutant.path}:{mutant.line}  {mutant.was}  ->  {mutant.now}")


if __name__ == "__main__":
    main()
