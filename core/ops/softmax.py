"""softmax(x)_j = exp(x_j) / sum_k exp(x_k)."""

from __future__ import annotations

import numpy as np

from .rows import row_max, row_sum


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """x [..., n] -> [..., n]: positive, and summing to 1 over the last axis (Bridle 1990).

    The largest entry is taken off first: exp() then never overflows, and the quotient is the same. An entry of -inf
    gets exactly 0. A temperature divides the exponents: below 1 sharpens, above 1 flattens.
    """
    y = x - row_max(x)
    if temperature != 1.0:
        y /= temperature
    np.exp(y, out=y)
    y /= row_sum(y)
    return y


def log_softmax(x: np.ndarray) -> np.ndarray:
    """x [..., n] -> [..., n]: the logarithm of softmax(x), also of what is too small to have one there."""
    y = x - row_max(x)
    y -= np.log(row_sum(np.exp(y)))
    return y


def softmax_backward(dy: np.ndarray, y: np.ndarray, temperature: float = 1.0, bug: bool = False) -> np.ndarray:
    """dy [..., n], and y [..., n] = softmax(x, temperature) -> dx [..., n].

    bug: forget that each row adds up to 1, so that what one entry gains the others lose; see `backward`.
    """
    # y = exp(x / temperature) / sum(exp(x / temperature))
    dx = dy.copy() if bug else dy - np.vecdot(dy, y)[..., None]
    dx *= y
    if temperature != 1.0:
        dx /= temperature
    return dx
