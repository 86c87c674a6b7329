"""A program as a script, and as a Jupyter notebook: version 4.5 of its format, written as plain JSON.

https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from .program import WIDTH, Program

FOLDED = ("setup", "config", "weights")  # sections whose code is closed at first: it is long, and no arithmetic


def script(made: Program, title: str, says: Mapping[str, str]) -> str:
    """One Python file: each section under what it `says`, by the section's name, as comments."""
    parts: list[str] = []
    for name, code in made.sections.items():
        parts.append(_commented(f"{title}\n{says[name]}" if not parts else says[name]) + code.strip("\n"))
    return "\n\n\n".join(parts) + "\n"


def _commented(text: str) -> str:
    lines = [line for paragraph in text.splitlines() for line in wrap(paragraph, WIDTH - 2) or [""]]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def notebook(made: Program, title: str, says: Mapping[str, str]) -> str:
    """The JSON of a notebook: what a section says, then its code, each in a cell of its own."""
    cells = [_cell("title", "markdown", f"# {title}")]
    for name, code in made.sections.items():
        cells += [_cell(f"about-{name}", "markdown", says[name]), _cell(name, "code", code.strip("\n"))]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    document = {"cells": cells, "metadata": about | {"language_info": {"name": "python"}}}
    return json.dumps(document | {"nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False, indent=1) + "\n"


def _cell(name: str, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": name, "cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
        cell["metadata"] = {"jupyter": {"source_hidden": True}} if name in FOLDED else {}
    return cell
