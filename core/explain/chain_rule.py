"""The terms of the chain rule: a gradient that is passed back, times the slope of one step (Rumelhart et al. 1986)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .explanation import Made, Operand, Place, Term, operands_of
from .subject import GRAD, Subject

Terms = Iterator[Term]
Rule = Callable[..., Terms]


def chain(name: str, terms: list[Term]) -> Made:
    symbol = name.rpartition(".")[2].replace("_", r"\_")
    formula = (
        rf"\frac{{\partial L}}{{\partial \mathrm{{{symbol}}}}} = \sum_y \frac{{\partial L}}{{\partial y}}"
        rf"\frac{{\partial y}}{{\partial \mathrm{{{symbol}}}}}"
    )
    return Made(formula, "sum", operands_of(terms), tuple(terms))


def grad(s: Subject, name: str, *place: int) -> list[Operand]:
    """The gradient at a place, to be passed back; nothing, where another number was put."""
    return [] if s.is_patched(name, place) else [s.cell(GRAD + name, *place)]


def times(grads: list[Operand], *others: Operand, factor: float = 1.0, over: tuple[Operand, ...] = ()) -> Terms:
    return (Term((grad, *others), factor, over) for grad in grads)


def through(s: Subject, name: str, b: Place, p: int, W: str, i: int) -> Terms:
    """Back through a product with row i of W to one number of what it was given: `name` is what it gave [pos, j]."""
    for j, weight in enumerate(s.row(W, i)):
        yield from times(grad(s, name, *b, p, j), weight)
