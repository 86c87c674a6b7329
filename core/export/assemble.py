"""Functions of core and all that they need of it, as one text that stands alone: each part as it was written."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from textwrap import dedent
from typing import Any

from ..errors import FibraError
from .prune import PACKAGE, Names, is_ours, parameters, pruned


class Assembly:
    """What was gathered: the imports from outside core, and the parts in an order in which each stands before its use.

    known: what names like `config` are known to be in every function: branches that others would take are left out.
    given: names that whoever runs the text defines himself.
    """

    def __init__(self, known: Names, given: Iterable[str] = ()):
        self._known = known
        self._given = {*given}
        self._outside: dict[str, None] = {}
        self._parts: dict[tuple[str, str], str] = {}
        self._classes: dict[tuple[str, str], str] = {}  # they stand first
        self._asked: set[tuple[str, str]] = set()

    def add(self, *functions: Callable[..., Any]) -> Assembly:
        """Gather these functions, or classes, and what they call."""
        for function in functions:
            self._need(function.__module__, function.__name__)
        used: set[str] = set()
        while used != (now := self._used()):  # a method that is kept may need a function that uses others
            used = now
            for module, name in [*self._classes]:
                self._keep(module, name, _lean(source_of(*_found(module, name)), used))
        return self

    def imports(self) -> set[str]:
        """The import lines that the parts need."""
        return {*self._outside}

    def text(self, *modules: str) -> str:
        """The classes and constants, or the functions of some modules of core, two lines apart."""
        parts = {**self._classes, **self._parts}
        wanted = [f"{PACKAGE}.{name}" for name in modules] or [module for module, _ in parts]
        return "\n\n".join(part for (module, _), part in parts.items() if module in wanted)

    def modules(self) -> list[str]:
        """The modules that parts come from, those first that others need."""
        found = dict.fromkeys(module for module, _ in (*self._classes, *self._parts))
        return [module.removeprefix(f"{PACKAGE}.") for module in found]

    def _need(self, module: str, name: str) -> None:
        if (module, name) in self._asked or name in self._given:
            return
        if any(other == name for _, other in self._asked):
            raise FibraError(f"{name}: two modules define it, {module} is one")
        self._asked.add((module, name))
        lines, node = _found(module, name)
        if isinstance(node, ast.ClassDef):
            self._classes[module, name] = ""  # its methods are chosen when all that may use them is there
        else:
            self._keep(module, name, source_of(lines, node))

    def _keep(self, module: str, name: str, text: str) -> None:
        text, needed = (
            _left(module, text) if self._known.keys().isdisjoint(parameters(text)) else self._left(module, text)
        )
        for other in needed:
            self._find(module, other)
        (self._classes if (module, name) in self._classes else self._parts)[module, name] = text

    def _left(self, module: str, text: str) -> tuple[str, list[str]]:
        text = pruned(text, self._known, vars(import_module(module)))
        return text, [*_names(ast.parse(text))]

    def _find(self, module: str, name: str) -> None:
        """Gather what a name of a module stands for, wherever that is written."""
        _, nodes, imported = parsed(module)
        if name in nodes:
            self._need(module, name)
        elif name in imported:
            origin, original, line = imported[name]
            if not origin:
                self._outside[line] = None
            elif not hasattr(import_module(origin), "__path__") or original in parsed(origin)[1]:
                self._need(origin, original)
        else:  # of a table of functions, the one that was chosen
            tables = (value for value in vars(import_module(module)).values() if isinstance(value, dict))
            functions = (one for table in tables for one in table.values() if is_ours(one))
            for chosen in functions:
                if chosen.__name__ == name:
                    self._need(chosen.__module__, name)
                    break

    def _used(self) -> set[str]:
        """The attributes that some part reads."""
        trees = (ast.parse(text) for text in self._parts.values())
        return {part.attr for tree in trees for part in ast.walk(tree) if isinstance(part, ast.Attribute)}


@cache
def parsed(module: str) -> tuple[list[str], dict[str, ast.stmt], dict[str, tuple[str, str, str]]]:
    """A module's lines; what it defines at its top, by name; and what it imports: where from ("": from outside core),
    under which name, and the import line."""
    text = open_source(module)
    nodes: dict[str, ast.stmt] = {}
    imported: dict[str, tuple[str, str, str]] = {}
    for part in ast.parse(text).body:
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            nodes[part.name] = part
        elif isinstance(part, (ast.Assign, ast.AnnAssign)):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            names = (one for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
            nodes |= {one.id: part for one in names if isinstance(one.ctx, ast.Store)}
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            imported |= {name: (origin, own, line) for name, origin, own, line in _imported(part, module)}
    return text.splitlines(keepends=True), nodes, imported


def open_source(module: str) -> str:
    """The text of a module that is loaded."""
    with open(sys.modules[module].__file__ or "", encoding="utf-8") as file:
        return file.read()


def _imported(part: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, str, str, str]]:
    for alias in part.names:
        name = alias.asname or alias.name
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(part, ast.Import):
            yield name, "", alias.name, f"import {alias.name}{renamed}"
        elif part.level:
            package = sys.modules[module].__package__ or PACKAGE
            yield name, resolve_name("." * part.level + (part.module or ""), package), alias.name, ""
        else:
            yield name, "", alias.name, f"from {part.module} import {alias.name}{renamed}"


def _found(module: str, name: str) -> tuple[list[str], ast.stmt]:
    lines, nodes, _ = parsed(module)
    return lines, nodes[name]


@cache
def _left(module: str, text: str) -> tuple[str, list[str]]:
    """What is left of a part that depends on nothing that is known, and the names that it reads."""
    return Assembly({})._left(module, text)


def source_of(lines: list[str], node: ast.stmt) -> str:
    """The text of a part of a module, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(part.lineno for part in decorators)])
    return dedent("".join(lines[first - 1 : node.end_lineno]))


def _lean(text: str, used: set[str]) -> str:
    """A class with its fields, and of its methods those that are used."""
    lines, (node,) = text.splitlines(keepends=True), ast.parse(text).body
    assert isinstance(node, ast.ClassDef)
    for member in reversed(node.body):
        if isinstance(member, ast.FunctionDef) and member.name not in used:
            first = min([member.lineno, *(part.lineno for part in member.decorator_list)])
            del lines[first - 1 : member.end_lineno]
    return "".join(lines)


def _names(tree: ast.AST) -> Iterable[str]:
    """The names that a text reads when it runs: annotations are never evaluated."""
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            yield part.id
        if isinstance(part, (ast.FunctionDef, ast.AnnAssign, ast.arg)):
            hidden = (getattr(part, "returns", None), getattr(part, "annotation", None))
            for inner in ast.iter_child_nodes(part):
                if inner not in hidden:
                    yield from _names(ast.Module([ast.Expr(inner)], []) if isinstance(inner, ast.expr) else inner)
            if isinstance(part, ast.AnnAssign):
                continue
        else:
            yield from _names(part)
