"""The functions that a check's expression can call; `at`, which reads a Scene's arrays, is `Reader`'s in check.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import interpret
from ..errors import CheckError
from ..limits import EXPRESSION_NUMBERS

Axis = int | tuple[int, ...] | None


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Over all numbers, or over some axes."""

    def reduced(x: Any, axis: Axis = None) -> Any:
        return function(np.asarray(x), axis=axis)

    return reduced


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[i, j]: Euclidean distances between the rows of x [i, d] and y [j, d], in float64."""
    if np.ndim(x) != 2 or np.ndim(y) != 2 or len(x) * len(y) > EXPRESSION_NUMBERS:
        raise CheckError("expression: distances takes two arrays of rows, and not too many of them")
    return interpret.distances(np.asarray(x, np.float64), np.asarray(y, np.float64))


def pick(*conditions: Any) -> int:
    """The place of the first condition that holds; their number where none does."""
    return next((i for i, holds in enumerate(conditions) if bool(holds)), len(conditions))


def distinct(*arrays: np.ndarray) -> int:
    """How many different arrays there are."""
    return len({(np.shape(x), np.asarray(x).tobytes()) for x in arrays})


def positions(n: int) -> np.ndarray:
    """0, 1, ... n - 1."""
    if not 0 <= n <= EXPRESSION_NUMBERS:
        raise CheckError("expression: positions takes a count of positions")
    return np.arange(n)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": _reduction(lambda x, axis: x.sum(axis=axis, dtype=np.float64)),
    "mean": _reduction(lambda x, axis: x.mean(axis=axis, dtype=np.float64)),
    "max": _reduction(np.max),
    "min": _reduction(np.min),
    "argmax": _reduction(np.argmax),
    "argmin": _reduction(np.argmin),
    "count": _reduction(np.count_nonzero),
    "norm": lambda x: np.linalg.norm(np.asarray(x, np.float64), axis=-1),
    "abs": lambda x: np.abs(np.asarray(x)),
    "sqrt": lambda x: np.sqrt(np.asarray(x, np.float64)),
    "exp": lambda x: np.exp(np.asarray(x, np.float64)),
    "log": lambda x: np.log(np.asarray(x, np.float64)),
    "distances": distances,
    "distinct": distinct,
    "pick": pick,
    "positions": positions,
}
