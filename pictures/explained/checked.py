"""The two slopes of Train's gradient check, of the page's own weight or of a parameter along a random direction: what
each is made of, and how far they are apart."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from core.explain.subject import GRAD
from core.train.gradcheck import GOOD, Check
from pictures.explained.kinds import Derived, Place, Rule, mean, row, weighed
from pictures.explained.runs import EXACT
from pictures.explained.taught import COST, Checked, taught_of

if TYPE_CHECKING:
    from pictures.explained.world import World

ROUNDING = 1e-9  # of a gradient in float64


def _checked(here: World, of: str) -> Checked:
    """Raises: ConfigError for what is not checked."""
    t = taught_of(here)
    if t.checked is None:
        raise ConfigError("name: here no gradient is checked", "name")
    return t.checked(of)


def _loss_nudged(side: int, here: World, of: str, index: Place) -> Made:
    checked = _checked(here, of)
    reading, formula = checked.moved(side), rf"L(w {'-+'[side]} {_step(checked)}) = {COST}"
    return mean(formula, reading.of_counted(checked.at[side], "cost", reading.costs))


def _step(checked: Checked) -> str:
    """By how much the weights are moved, as LaTeX."""
    return r"\varepsilon" if checked.index is not None else r"\varepsilon v"


def _nudge(here: World, of: str, index: Place) -> Made:
    return Made(r"\varepsilon", "edit", terms=(Term((), _checked(here, of).found.step),))


def _slope(here: World, of: str, index: Place) -> Made:
    step = _step(_checked(here, of))
    formula = rf"s = \frac{{L(w + {step}) - L(w - {step})}}{{2\,\varepsilon}}"
    return Made(formula, "function", _sides(here, of), rule=lambda x: float((x[1] - x[0]) / (2 * x[2])))


def _sides(here: World, of: str) -> tuple[Operand, ...]:
    found = _checked(here, of).found
    values = {"check_below": found.loss_below, "check_above": found.loss_above, "check_nudge": found.step}
    return tuple(Operand(f"{name}.{of}", (0,), value) for name, value in values.items())


def _backprop(here: World, of: str, index: Place) -> Made:
    """What backward says; with a mistake planted in it, how far that is from the gradient."""
    checked = _checked(here, of)
    name = f"{EXACT}{GRAD}{checked.name}"
    gradient = checked.exact()[GRAD + checked.name]
    if checked.index is not None:
        terms = [Term((Operand(name, checked.index, float(gradient[checked.index])),))]
    elif gradient.ndim == 1:
        terms = weighed(row(name, (), gradient), checked.direction)
    else:
        along = (gradient * checked.direction).sum(-1).tolist()
        terms = [Term((Operand(f"along.{of}", (i,), x),)) for i, x in enumerate(along)]
    formula = (
        r"g = \partial L / \partial w" if checked.index is not None else r"g = \sum_i v_i\,\partial L / \partial w_i"
    )
    wrong = checked.found.backprop - float(np.vdot(gradient, checked.direction))
    if abs(wrong) <= ROUNDING * float(np.linalg.norm(gradient)):
        return the_sum(formula, terms)
    return the_sum(rf"{formula} + \text{{bug}}", [*terms, Term((), wrong)])


def _along(here: World, of: str, index: Place) -> Made:
    """A row of a matrix's gradient, along the row of the direction."""
    checked = _checked(here, of)
    gradient = row(f"{EXACT}{GRAD}{of}", index, checked.exact()[GRAD + of][index])
    return the_sum(r"\sum_j v_{i,j}\,\partial L / \partial w_{i,j}", weighed(gradient, checked.direction[index]))


def _resolution(here: World, of: str, index: Place) -> Made:
    def rule(x: np.ndarray) -> float:
        return Check("", float(x[2]), float(x[0]), float(x[1]), 0.0).resolution

    formula = r"r = 8\,\mathrm{ulp}(\max(\lvert L \rvert, 1)) / \varepsilon"
    return Made(formula, "function", _sides(here, of), rule=rule)


def _error(here: World, of: str, index: Place) -> Made:
    found = _checked(here, of).found
    values = {"slope": found.slope, "backprop": found.backprop, "resolution": found.resolution}
    operands = tuple(Operand(f"check_{name}.{of}", (0,), value) for name, value in values.items())

    def rule(x: np.ndarray) -> float:
        slope, backprop, resolution = x.tolist()
        largest = max(abs(slope), abs(backprop))
        return 0.0 if largest <= resolution else abs(slope - backprop) / (largest + resolution / GOOD)

    formula = r"\frac{\lvert s - g \rvert}{\max(\lvert s \rvert, \lvert g \rvert) + r / 10^{-4}}"
    return Made(formula, "function", operands, rule=rule)


def _one(here: World, of: str) -> Place:
    _checked(here, of)
    return (1,)


def _rows(here: World, of: str) -> Place:
    return _checked(here, of).direction.shape[:1]


CHECK: dict[str, Rule] = {  # in the order of the page's table
    "check_below": partial(_loss_nudged, 0),
    "check_above": partial(_loss_nudged, 1),
    "check_slope": _slope,
    "check_backprop": _backprop,
    "check_error": _error,
    "check_nudge": _nudge,
    "check_resolution": _resolution,
}
CHECKED: dict[str, Derived] = {
    **{name: Derived(".+", ("1",), _one, rule) for name, rule in CHECK.items()},
    "along": Derived(".+", ("",), _rows, _along),
}
