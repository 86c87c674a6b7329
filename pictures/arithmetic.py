"""A computation written out: a line a step, with its formula, its numbers and what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pictures.words import Words

TERMS = 6  # products, or exponentials, that are written before an ellipsis stands for the rest


@dataclass(frozen=True)
class Line:
    """A step: its formula, the same with the numbers, and the result. `terms` are the numbers as they are written."""

    name: str
    formula: str
    numbers: str
    result: str
    terms: tuple[float, ...]
    value: float


def listed(lines: list[Line], words: Words, title: str = "") -> str:
    """Steps as a list; `title` is HTML."""
    rows = "".join(
        f'<li><span class="name">{words(f"arithmetic.{line.name}")}</span><span class="formula">{line.formula}</span>'
        f'<span class="numbers">= {line.numbers}</span><span class="result">= {line.result}</span></li>'
        for line in lines
    )
    return f'<div class="fibra-arithmetic">{title}<ol class="fibra-lines">{rows}</ol></div>'


def added(terms: list[str], always: int = 0) -> str:
    """The terms added; of many, the first ones, the one at `always`, and an ellipsis."""
    return summed(len(terms), terms.__getitem__, always)


def summed(n: int, term: Callable[[int], str], always: int = 0) -> str:
    """The same of n terms, each of which is written where it is shown."""
    few = n <= TERMS + 2
    shown = range(n) if few else sorted({*range(TERMS), always})
    return " + ".join(map(term, shown)) + ("" if few else " + …")
