"""An Explanation: one number, the formula that gave it, and the numbers in that formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np

LEAVES = ("parameter", "token", "position", "edit", "loss", "record")  # where explanations end
Place = tuple[int, ...]  # along the axes of an array


@dataclass(frozen=True, slots=True)
class Operand:
    """A number in a formula: its name (a trace's, a parameter's, `grad.` before either), its place, its value."""

    name: str
    index: tuple[int, ...]
    value: float


class Term(NamedTuple):
    """One summand: a constant times some operands, divided by others."""

    operands: tuple[Operand, ...]
    factor: float = 1.0
    over: tuple[Operand, ...] = ()

    @property
    def value(self) -> float:
        top = self.factor * prod(operand.value for operand in self.operands)
        return float(np.float64(top) / prod(operand.value for operand in self.over))


@dataclass(frozen=True)
class Explanation:
    """What `core.explain` says of one number.

    kind: "sum" where it is the sum of `terms`; "function" where `rule` gives it from the operands; else it is a leaf,
    one of LEAVES, and has no operands; "record": it was noted once, and what it was made of is gone.
    formula: in the field's notation, as LaTeX.
    """

    name: str
    index: tuple[int, ...]
    value: float
    formula: str
    kind: str
    operands: tuple[Operand, ...] = ()
    terms: tuple[Term, ...] = ()
    rule: Callable[[np.ndarray], float] | None = None

    @property
    def is_leaf(self) -> bool:
        return self.kind in LEAVES

    @cached_property
    @np.errstate(all="ignore")  # numbers that exploded give what they give
    def _parts(self) -> tuple[float, ...]:
        """Of a sum, the terms' values."""
        return tuple(term.value for term in self.terms)

    @np.errstate(all="ignore")
    def recomputed(self) -> float:
        """The value again, from the operands alone, in float64."""
        if self.is_leaf:
            return self.value
        if self.rule is not None:
            return float(self.rule(np.array([operand.value for operand in self.operands], np.float64)))
        return float(np.sum(self._parts))

    @np.errstate(all="ignore")
    def largest(self, n: int) -> tuple[tuple[Term, ...], float]:
        """The n largest terms of a sum, by size, and what the rest adds up to: together they are `recomputed`."""
        order = sorted(range(len(self.terms)), key=lambda i: -abs(self._parts[i]))
        return tuple(self.terms[i] for i in order[:n]), float(np.sum([self._parts[i] for i in order[n:]]))


def operands_of(terms: Sequence[Term]) -> tuple[Operand, ...]:
    """Every operand of these terms, once, in their order."""
    found = {(one.name, one.index): one for term in terms for one in (*term.operands, *term.over)}
    return tuple(found.values())


class Made(NamedTuple):
    """What a rule says of a number whose name, place and value are known already."""

    formula: str
    kind: str
    operands: tuple[Operand, ...] = ()
    terms: tuple[Term, ...] = ()
    rule: Callable[[np.ndarray], float] | None = None


def the_sum(formula: str, terms: Sequence[Term]) -> Made:
    return Made(formula, "sum", operands_of(terms), tuple(terms))


def same(formula: str, operand: Operand) -> Made:
    return the_sum(formula, [Term((operand,))])


def dot(xs: Sequence[Operand], ys: Sequence[Operand], *added: Operand) -> list[Term]:
    """The terms of a product of two rows, and what is added to it."""
    return [*(Term(pair) for pair in zip(xs, ys, strict=True)), *(Term((bias,)) for bias in added)]
