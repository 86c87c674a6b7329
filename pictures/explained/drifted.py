"""Drift's points and directions: a vector's coordinates, and which share of all variance is along a direction, as a sum
over the coordinates of all vectors that the directions are those of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from core.explain.explanation import Made, Operand, Term, the_sum
from pictures.explained.kinds import COMPONENT, Derived, Place, coordinate

if TYPE_CHECKING:
    from pictures.explained.world import World

STAGE = r"(?:encoder\.)?blocks\.\d+\.(?:resid_pre|resid_post)"
ALL = "embed"  # stands in a name for the vectors of all stages


def _drift(here: World, of: str, index: Place) -> Made:
    """A token's vector at one stage, along one of the directions in which all of them spread most."""
    assert here.basis is not None, "it has a shape"
    (position, component), axes = index, here.basis()
    return coordinate(here.subject.row(of, position), axes, component, axes.mean)


def _variance(here: World, of: str, index: Place) -> Made:
    """core.interpret.pca: the squared coordinates along a direction over all squared distances from the centre."""
    assert here.basis is not None, "it has a shape"
    (component,), axes = index, here.basis()
    if not axes.explained.any():  # all points coincide
        return the_sum("0", [Term((), 0.0)])
    along = _each(here, "drift", lambda x: axes.project(x)[:, component], component)
    whole = Operand(f"scatter.{of}", (0,), here.value((f"scatter.{of}", (0,))))
    terms = [Term((one, one), over=(whole,)) for one in along]
    return the_sum(r"\sum_x \mathrm{PC}_i(x)^2 / \sum_x \lVert x - \bar x \rVert^2", terms)


def _scatter(here: World, of: str, index: Place) -> Made:
    assert here.basis is not None, "it has a shape"
    centre = here.basis().mean
    return the_sum(
        r"\sum_x \lVert x - \bar x \rVert^2",
        [Term((one,)) for one in _each(here, "away", lambda x: ((x - centre) ** 2).sum(-1))],
    )


def _away(here: World, of: str, index: Place) -> Made:
    """The squared distance of one vector from the mean of all."""
    assert here.basis is not None, "it has a shape"
    centre = here.basis().mean

    def rule(x: np.ndarray) -> float:
        return float(((x - centre) ** 2).sum())

    formula = r"\lVert x - \bar x \rVert^2 = \sum_d (x_d - \bar x_d)^2"
    return Made(formula, "function", tuple(here.subject.row(of, *index)), rule=rule)


def _each(here: World, kind: str, measure: Callable[[np.ndarray], np.ndarray], *more: int) -> list[Operand]:
    """The same number of every vector that the directions are those of; measure: [pos, d_model] -> [pos]."""
    assert here.spread is not None, "it has a shape"
    spread = here.spread()
    measured = {
        of: measure(here.subject[of].astype(np.float64)).tolist() for of in dict.fromkeys(of for of, _ in spread)
    }
    return [Operand(f"{kind}.{of}", (position, *more), measured[of][position]) for of, position in spread]


def _coordinates(here: World, of: str) -> Place:
    return _vectors(here, of)[0], len(here.basis().components) if here.basis else 0


def _vectors(here: World, of: str) -> Place:
    if here.basis is None:
        raise ConfigError("name: only the page that draws a drift has its directions", "name")
    return (len(here.subject[of]),)


def _directions(here: World, of: str) -> Place:
    """Raises: ConfigError also where a run is drawn in the directions of another one."""
    if here.basis is None or here.spread is None:
        raise ConfigError("name: here no directions are those of this run's vectors", "name")
    return (len(here.basis().components),)


DRIFTED = {
    "drift": Derived(STAGE, ("pos", COMPONENT), _coordinates, _drift),
    "variance": Derived(ALL, (COMPONENT,), _directions, _variance),
    "scatter": Derived(ALL, ("1",), lambda here, of: _directions(here, of) and (1,), _scatter),
    "away": Derived(STAGE, ("pos",), _vectors, _away),
}
