"""What Backward and Block measure of vectors, as explanations over their numbers: the length of a gradient over all
words, a norm's moments, the units that are exactly 0, and how alike two positions are; and, beside a pinned run, how
far a number of the present one is from the same one there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core.config import ENCODER
from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.explain.forward import norm_input
from core.interpret import share_of_zeros, similarity
from pictures.explained.kinds import Derived, Place, Rule, mean
from pictures.explained.runs import PINNED

if TYPE_CHECKING:
    from pictures.explained.world import World

STREAM = r"grad\.(?:encoder\.)?(?:embed|blocks\.\d+\.resid_\w+)"
NORM = r"(?:encoder\.)?blocks\.\d+\.ln(?:1|2|_cross)\.out"
COSINE = r"\cos(x, y) = \frac{\sum_i x_i\,y_i}{\lVert x \rVert \lVert y \rVert}"
MEAN, VARIANCE = r"\mu = \frac1d \sum_i x_i", r"\sigma^2 = \frac1d \sum_i (x_i - \mu)^2"


def _overall(here: World, of: str, index: Place) -> Made:
    """Of all vectors as one: as long as all their numbers in a row."""
    lengths = tuple(here.subject.row(f"length.{of}"))
    formula = r"\lVert G \rVert = \sqrt{\sum_p \lVert g_p \rVert^2}"
    return Made(formula, "function", lengths, rule=lambda x: float(np.sqrt(np.sum(x**2))))


# ------------------------------------------------------------------------------------------------ a norm's two sides


def entering(here: World, of: str) -> list[str]:
    """The arrays whose sum the norm is given that made this one."""
    start = ENCODER if of.startswith(ENCODER) else ""
    subject = here.subject.encoder if start else here.subject
    return [start + name for name in norm_input(subject, of.removeprefix(start).removesuffix(".out"))]


def _entering(here: World, of: str, index: Place) -> Made:
    return the_sum("x = x' + f(x')", [Term((here.subject.cell(name, *index),)) for name in entering(here, of)])


def _leaving(here: World, of: str) -> list[str]:
    return [of]


def _mean(names: Callable[[World, str], list[str]], here: World, of: str, index: Place) -> Made:
    rows = [here.subject.row(name, *index) for name in names(here, of)]
    return mean(MEAN, [one for row in rows for one in row], times=len(rows))


def _variance(names: Callable[[World, str], list[str]], here: World, of: str, index: Place) -> Made:
    rows = [here.subject.row(name, *index) for name in names(here, of)]

    def rule(x: np.ndarray) -> float:
        return float(x.reshape(len(rows), -1).sum(0).var())

    return Made(VARIANCE, "function", tuple(one for row in rows for one in row), rule=rule)


# --------------------------------------------------------------------------------------------------- units, positions


def _zeros(here: World, of: str, index: Place) -> Made:
    units = tuple(here.subject.row(of, *index))
    return Made(r"\frac1n \sum_j [h_j = 0]", "function", units, rule=lambda x: float(share_of_zeros(x)))


def _alike(here: World, of: str, index: Place) -> Made:
    """The cosine between what is added at two positions."""
    rows = [here.subject.row(of, position) for position in index]
    return Made(COSINE, "function", (*rows[0], *rows[1]), rule=cosine)


def cosine(x: np.ndarray) -> float:
    """Of two vectors, one after the other: [2 * d]."""
    return float(similarity(x.reshape(2, -1))[0, 1])


# ------------------------------------------------------------------------------------------- beside what is pinned


def _differs(here: World, of: str, index: Place) -> Made:
    names = of, PINNED + of
    now, was = (Operand(name, index, here.value((name, index))) for name in names)
    return the_sum("x - x'", [Term((now,)), Term((was,), -1.0)])


def _both(here: World, of: str) -> Place:
    """Raises: ConfigError where the pinned run has no such array, or one of another shape."""
    size = here.shape(of)
    if here.shape(PINNED + of) != size:
        raise ConfigError("name: the pinned run's array has another shape", "name")
    return size


def _tokens(here: World, of: str) -> Place:
    return here.subject[of].shape[:1]


def _moment(rule: Callable[..., Made], names: Callable[[World, str], list[str]]) -> Derived:
    made: Rule = partial(rule, names)
    return Derived(NORM, ("pos",), _tokens, made)


MOMENTS = {  # of the two sides of a norm, in the order in which Block's table has them
    "mean_before": _moment(_mean, entering),
    "variance_before": _moment(_variance, entering),
    "mean_after": _moment(_mean, _leaving),
    "variance_after": _moment(_variance, _leaving),
}
MEASURED = {
    "overall": Derived(STREAM, ("1",), lambda here, of: here.subject[of].shape[:1] and (1,), _overall),
    "entering": Derived(NORM, ("pos", "d_model"), lambda here, of: here.subject[of].shape, _entering),
    **MOMENTS,
    "zeros": Derived(r"(?:encoder\.)?blocks\.\d+\.mlp\.post", ("pos",), _tokens, _zeros),
    "alike": Derived(r"(?:encoder\.)?pos_embed", ("pos", "pos"), lambda here, of: _tokens(here, of) * 2, _alike),
    "differs": Derived(r".+", (), _both, _differs),
}
