"""softmax(x)_j = exp(x_j) / sum_k exp(x_k)."""

from __future__ import annotations

import numpy as np


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """x [..., n] -> [..., n]: positive, and summing to 1 over the last axis.

    The largest entry is taken off first: exp() then never overflows, and the quotient is the same. An entry of -inf
    gets exactly 0. A temperature divides the exponents: below 1 sharpens, above 1 flattens.
    """
    y = x - np.maximum.reduce(x, -1, keepdims=True)
    if temperature != 1.0:
        y /= temperature
    np.exp(y, out=y)
    y /= np.add.reduce(y, -1, keepdims=True)
    return y
