"""How far vectors are from one another, as Euclid measures it."""

from __future__ import annotations

import numpy as np

from .space import ROUNDING

NEAR = 1e-3  # of their lengths: how far two vectors are apart at least for a product to tell it, to ten digits
PAIRS = 2048  # of vectors that are looked at so at once: 19 MB of SmolLM2's


def drift_lengths(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The length of each way [pos]; 0 where only rounding is left. start and end: [pos, d]."""
    lengths = np.linalg.norm(end - start, axis=1)
    sizes = np.maximum(np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1))
    return np.where(lengths > ROUNDING * sizes, lengths, 0.0)


def distances(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """How far it is from each of x [i, d] to each of y [j, d], or of x itself: [i, j]; 0 where only rounding is left.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, one product for all; where little is left of that, the differences themselves.
    """
    rows = [x] if y is None else [x, y]
    y = rows[-1]
    squares = [(some**2).sum(-1) for some in rows]
    alike = [_alike(some) for some in rows]
    same = alike[0][:, None] == alike[-1]  # a word that stands in a text often has one embedding
    lengths = np.sqrt(np.maximum(squares[0][:, None] + squares[-1] - 2 * x @ y.T, 0))
    sizes = np.sqrt(np.maximum(squares[0][:, None], squares[-1]))
    lengths[same] = 0
    near = np.argwhere(~(lengths > NEAR * sizes) & ~same)
    for some in np.array_split(near, len(near) // PAIRS + 1):
        i, j = some.T
        lengths[i, j] = drift_lengths(x[i], y[j])
    return lengths


def _alike(x: np.ndarray) -> np.ndarray:
    """[i]: a number for each row of x [i, d], the same for those that are equal to the bit."""
    return np.array([hash(row.tobytes()) for row in x], np.int64)


def mean_distance(away: np.ndarray) -> float:
    """The mean distance between two vectors, of the distances [pos, pos] of all; 0 of one alone."""
    n = len(away)
    return float(away.sum() / (n * (n - 1))) if n > 1 else 0.0
