"""What all derived numbers have in common: which arrays they are of, their axes, and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.config import ENCODER
from core.explain.explanation import Made, Operand, Term, the_sum
from core.explain.subject import Subject
from core.interpret import PCA

if TYPE_CHECKING:
    from pictures.explained.world import World

Place = tuple[int, ...]
Rule = Callable[["World", str, Place], Made]
OWN = r"blocks\.\d+\.attn\."  # of the attention inside one text: of a model of two stacks, its decoder's
WITHIN = r"(?:encoder\.)?blocks\.\d+\.attn\."  # the same of either stack
ANY = r"(?:(?:encoder\.)?blocks\.\d+\.attn|blocks\.\d+\.cross)\."  # of any kind of attention
LABEL = "label"  # an axis: the names of core.interpret.LABELS
SENTENCE = "sentence"  # an axis: sentences that are compared
COMPONENT = "component"  # an axis: the directions in which Drift, or a head's plane, is drawn


class Derived(NamedTuple):
    """One kind of number: of which arrays (a regular expression), its axes, its shape, and what one is made of."""

    of: str
    axes: tuple[str, ...]
    shape: Callable[[World, str], Place]
    made: Rule


def layer_of(name: str) -> int:
    return int(name.removeprefix("encoder.").split(".")[1])


def stack(here: World, of: str) -> tuple[Subject, str, str]:
    """The stack whose array it is, as a model of its own; what its names begin with in the whole, and the kind of
    attention, as core.interpret calls it."""
    inside = of.startswith(ENCODER)
    return (
        here.subject.encoder if inside else here.subject,
        ENCODER if inside else "",
        "cross" if ".cross." in of else "attn",
    )


def heads_on(subject: Subject, layer: int) -> list[int]:
    """The heads of a layer that are not switched off."""
    off = subject.trace.interventions.ablated_in(layer)
    return [head for head in range(subject.config.n_heads) if head not in off]


def row(name: str, index: Place, values: np.ndarray) -> list[Operand]:
    """What `Subject.row` gives, of numbers that no run holds."""
    return [Operand(name, (*index, i), x) for i, x in enumerate(values.tolist())]


def weighed(numbers: Sequence[Operand], factors: np.ndarray) -> list[Term]:
    """The terms of a product with numbers that are not followed further."""
    return [Term((number,), factor) for number, factor in zip(numbers, factors.tolist(), strict=True)]


def mean(formula: str, numbers: Sequence[Operand], times: float = 1) -> Made:
    return the_sum(formula, [Term((number,), times / len(numbers)) for number in numbers])


def coordinate(numbers: Sequence[Operand], basis: PCA, component: int, centre: np.ndarray) -> Made:
    """A vector, less the centre, along one of the directions in which vectors spread most."""
    w = basis.components[component]
    formula = rf"\mathrm{{PC}}_{{{component + 1}}} = \sum_i w_i\,x_i - w \cdot \bar x"
    return the_sum(formula, [*weighed(numbers, w), Term((), -float(w @ centre))])


def share_of_row(kind: str, row_of: Callable[[World, str, int, int], np.ndarray]) -> Rule:
    """A number as a share of its row's."""

    def rule(here: World, of: str, index: Place) -> Made:
        head, query, key = index
        numbers = tuple(row(f"{kind}.{of}", (head, query), row_of(here, of, head, query)))

        def share(x: np.ndarray) -> float:
            total = x.sum()
            return float(x[key] / total) if total != 0 else 0.0

        return Made(r"x_k / \sum_j x_j", "function", numbers, rule=share)

    return rule
