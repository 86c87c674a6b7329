"""Is backward right? Compare it with the slope that two more forward passes measure.

f(w + h v) - f(w - h v) over 2h is the slope of f along v, up to a term in h^2 (Nocedal & Wright 2006, section 8.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import array, instance, is_whole, mapping, number, wrong
from ..backward import backward
from ..config import Config
from ..errors import ConfigError
from ..kinds import shown
from ..model import forward
from ..ops.loss import cross_entropy
from ..params import Params, check_needed
from ..trace import Trace

STEP = 1e-6  # near the cube root of float64's resolution, where rounding and the term in h^2 are alike
GOOD = 1e-4  # the error up to which two slopes are taken for one: a central difference is no better than its rounding
ROUNDINGS = 8  # spacings of the loss by which the two losses may be off together; below 1 was measured


@dataclass(frozen=True)
class Check:
    """Both slopes of the loss along one direction of one parameter, and what they were computed from."""

    name: str
    step: float
    loss_below: float  # at w - h v
    loss_above: float  # at w + h v
    backprop: float

    @property
    def slope(self) -> float:
        """The central difference."""
        return (self.loss_above - self.loss_below) / (2 * self.step)

    @property
    def resolution(self) -> float:
        """How far rounding alone may put the slope off, if the sums behind the losses are of order one or theirs."""
        largest = max(abs(self.loss_below), abs(self.loss_above), 1.0)
        return ROUNDINGS * float(np.spacing(largest)) / self.step

    @property
    def error(self) -> float:
        """|slope - backprop| relative to the larger of the two, which counts as no less than resolution / GOOD; 0 where
        neither can be told from zero.

        So it is at most GOOD where |slope - backprop| <= GOOD * largest + resolution: a slope so small that rounding is
        a large share of it accuses nobody.
        """
        largest = float(np.maximum(abs(self.slope), abs(self.backprop)))  # no number where either is none
        if largest <= self.resolution:
            return 0.0
        return abs(self.slope - self.backprop) / (largest + self.resolution / GOOD)

    @property
    def agrees(self) -> bool:
        """Whether the two slopes are one, as far as rounding lets one see; False where they are no numbers."""
        return self.error <= GOOD

    @property
    def coarse(self) -> bool:
        """Whether rounding would hide a difference of GOOD: the two may agree for no better reason."""
        return GOOD * max(abs(self.slope), abs(self.backprop)) < self.resolution


Objective = Callable[[Trace], tuple[float, Mapping[str, np.ndarray]]]


def next_token(targets: np.ndarray, mask: np.ndarray | None = None) -> Objective:
    """The cross-entropy of the logits: what training lowers."""

    def objective(trace: Trace) -> tuple[float, Mapping[str, np.ndarray]]:
        loss, dlogits = cross_entropy(trace["logits"], targets, mask)
        return loss, {"logits": dlogits}

    return objective


def weighted(weights: Mapping[str, np.ndarray]) -> Objective:
    """The sum of some activations, each number times its weight: for models without logits, and for proofs.

    Its gradients are the weights themselves.
    """

    def objective(trace: Trace) -> tuple[float, Mapping[str, np.ndarray]]:
        return sum(float(np.vdot(trace[name], w)) for name, w in weights.items()), weights

    return objective


def gradcheck(
    params: Params,
    config: Config,
    objective: Objective,
    name: str,
    where: tuple[int, ...] | np.ndarray,
    step: float = STEP,
    bug: bool = False,
    **inputs: Any,
) -> Check:
    """Compare both slopes of `objective` in float64, along one weight or one direction of a parameter.

    where: the index of one weight of params[name], or a direction of that parameter's shape.
    bug: check a backward with a mistake in it; see `backward`.
    inputs: what `forward` takes: ids, embeddings, interventions.
    Raises: ConfigError for a parameter, index or direction that does not exist.
    """
    if not isinstance(name, str) or name not in mapping("params", params, "from names to arrays"):
        raise ConfigError(f"name: the Config has no parameter {shown(name)}", "name")
    directions = {name: _direction(np.shape(params[name]), where)}
    return check_slopes(params, config, objective, directions, step, bug, inputs)[0]


def gradcheck_all(
    params: Params,
    config: Config,
    objective: Objective,
    step: float = STEP,
    bug: bool = False,
    seed: int = 0,
    **inputs: Any,
) -> list[Check]:
    """Compare both slopes along a random direction of every parameter, in the order of the computation.

    A mistake in one backward formula shows in every parameter whose gradient passes through it, and in no other.
    """
    return check_slopes(params, config, objective, random_directions(params, seed), step, bug, inputs)


def random_directions(params: Params, seed: int = 0) -> dict[str, np.ndarray]:
    """A direction of every parameter, name -> [as the parameter], of length 1 each."""
    rng = np.random.default_rng(seed)
    drawn = {name: rng.standard_normal(np.shape(p)) for name, p in params.items()}
    return {name: v / np.linalg.norm(v) for name, v in drawn.items()}


def check_slopes(
    params: Params,
    config: Config,
    objective: Objective,
    directions: Mapping[str, np.ndarray],
    step: float,
    bug: bool,
    inputs: Mapping[str, Any],
) -> list[Check]:
    """Backward once, and the loss a step below and above along each of `directions`: name -> [as the parameter]."""
    check_needed(params, instance("config", config, Config))
    if not callable(objective):
        raise wrong("objective", objective, "a function from a trace to a loss and its gradients")
    if not number("step", step) > 0:
        raise wrong("step", step, "above 0")
    exact = {key: np.asarray(value, np.float64) for key, value in params.items()}

    def loss_at(name: str, offset: float) -> float:
        moved = exact | {name: exact[name] + offset * directions[name]}
        return objective(forward(moved, config, **inputs))[0]

    trace = forward(exact, config, **inputs)
    found = objective(trace)
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], Mapping):
        raise wrong("objective", found, "a loss and its gradients, by the activations' names")
    gradients = backward(exact, config, trace, upstream=found[1], bug=bug)
    return [
        Check(name, step, loss_at(name, -step), loss_at(name, step), float(np.vdot(gradients[name], direction)))
        for name, direction in directions.items()
    ]


def _direction(shape: tuple[int, ...], where: tuple[int, ...] | np.ndarray) -> np.ndarray:
    if isinstance(where, np.ndarray):
        if array("where", where).shape != shape:
            raise ConfigError(f"where: a direction of shape {where.shape} does not fit {shape}", "where")
        return where
    if not isinstance(where, tuple) or not all(map(is_whole, where)):
        raise wrong("where", where, "an index, or a direction of the parameter's shape")
    if len(where) != len(shape) or not all(0 <= i < n for i, n in zip(where, shape, strict=True)):
        raise ConfigError(f"where: {where} is no index of shape {shape}", "where")
    direction = np.zeros(shape)
    direction[where] = 1
    return direction
