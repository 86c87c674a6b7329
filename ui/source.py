"""The code that ran, whole: functions of core, what each calls inside core, and which arrays of the trace it makes.

What only checks arguments is left out: it says what may not be, not what is computed.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from html import escape
from pathlib import Path
from textwrap import dedent
from typing import Any

from core import NAMES
from core.config import ENCODER
from core.export.prune import CHECK, CHECKING

Code = Callable[..., Any]  # a function, a method, or a class with all its methods


def text(code: Code) -> str:
    """Its source, flush left."""
    lines, nodes = _module(code.__module__)
    node = nodes[code.__qualname__]
    first = min(part.lineno for part in (node, *node.decorator_list))
    return dedent("".join(lines[first - 1 : node.end_lineno]))


def title(code: Code) -> str:
    """Its full name."""
    return f"{code.__module__}.{code.__qualname__}"


def makes(code: Code) -> list[str]:
    """The arrays of a trace that it puts there, as a reader of any block, in either stack, names them."""
    mine = (name for name, about in NAMES.items() if about.made_by == title(code))
    return [*dict.fromkeys(name.removeprefix(ENCODER).replace("blocks.{i}.", "") for name in mine)]


def called(code: Iterable[Code]) -> list[Code]:
    """All that these functions call inside core, and what that calls in turn, each once, those that are near first."""
    shown = [inspect.unwrap(function) for function in code]
    known = [*shown]
    for function in known:  # which grows on the way
        known += [found for found in _calls(function) if found not in known and _class_of(found) not in known]
    return known[len(shown) :]


def folded(code: Iterable[Code]) -> str:
    """As HTML: each under its name, closed. Plain text: highlighting would cost a page more than its pictures."""
    return "".join(
        f"<details><summary><code>{escape(title(function))}</code></summary>"
        f"<pre><code>{escape(text(function))}</code></pre></details>"
        for function in code
    )


@cache
def _module(name: str) -> tuple[list[str], dict[str, Any]]:
    """A module's lines, and the part of its tree that defines each function and class, by its qualified name."""
    source = Path(sys.modules[name].__file__ or "").read_text("utf-8")
    found: dict[str, Any] = {}

    def look(body: list[ast.stmt], within: str) -> None:
        for part in body:
            if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                found[within + part.name] = part
                look(part.body, within + part.name + (".<locals>." if isinstance(part, ast.FunctionDef) else "."))

    look(ast.parse(source).body, "")
    return source.splitlines(keepends=True), found


@cache
def _calls(code: Code) -> tuple[Code, ...]:
    """What the text of a function, or of a class, refers to that is a function of core."""
    members: Iterable[Any] = (code,)
    if inspect.isclass(code):  # what a dataclass writes itself has no source
        members = [member for name, member in vars(code).items() if not name.startswith("__")]
    found = [
        inner
        for function in filter(None, map(_function, members))
        for value in _referred(function)
        for inner in map(_function, value.values() if isinstance(value, dict) else (value,))
        if inner is not None and inner.__module__.startswith("core.") and not _checks(inner)
    ]
    return tuple(dict.fromkeys(found))


def _referred(function: Code) -> Iterator[Any]:
    """The values of the names, and of the attributes of names, in the text of a function."""
    around, kinds = function.__globals__, function.__annotations__
    for part in ast.walk(_module(function.__module__)[1][function.__qualname__]):
        if isinstance(part, ast.Name):
            yield around.get(part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            name = part.value.id
            owner = _class_of(function) if name == "self" else around.get(str(kinds.get(name, name)).split(" | ")[0])
            inside = getattr(owner, "__module__", getattr(owner, "__name__", "")).startswith("core.")
            if inside and not getattr(owner, "_is_protocol", False):  # a protocol has nothing to show
                yield inspect.getattr_static(owner, part.attr, None)


def _function(value: Any) -> Code | None:
    """The plain function behind a decorated one, a method or a property; None for anything else."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, classmethod):
        value = value.__func__
    value = inspect.unwrap(value) if callable(value) else None
    return value if inspect.isfunction(value) else None


def _class_of(function: Code) -> type | None:
    name = function.__qualname__.rpartition(".")[0]
    return getattr(sys.modules[function.__module__], name, None) if name else None


def _checks(function: Code) -> bool:
    return function.__module__ in CHECKING or CHECK.fullmatch(function.__name__) is not None
