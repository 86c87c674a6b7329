"""y = x W + b, matrices as (in, out); and its gradients, dx = dy W^T, dW = x^T dy, db = the sum of dy."""

from __future__ import annotations

import numpy as np

from ..params import Array
from .rows import sum_of_rows


def linear(x: np.ndarray, W: Array, b: Array | None = None) -> np.ndarray:
    """x [..., d_in], W [d_in, d_out], b [d_out] -> [..., d_out]."""
    if x.ndim > 2:  # one large product instead of one small product a batch entry
        return linear(x.reshape(-1, x.shape[-1]), W, b).reshape(*x.shape[:-1], W.shape[-1])
    y = x @ W
    if b is not None:
        y += b
    return y


def identity(x: np.ndarray, width: int) -> np.ndarray:
    """x I, where I has ones on its diagonal: x [..., d_in] -> [..., width]; x's first features, then zeros."""
    d_in = x.shape[-1]
    if width <= d_in:
        return x[..., :width]
    return np.concatenate([x, np.zeros((*x.shape[:-1], width - d_in), x.dtype)], axis=-1)


def linear_backward(dy: np.ndarray, x: np.ndarray, W: Array) -> tuple[np.ndarray, np.ndarray]:
    """dy [..., d_out], x [..., d_in], W [d_in, d_out] -> dx [..., d_in], dW [d_in, d_out].

    dW is summed over all that stands in front.
    """
    rows = dy.reshape(-1, dy.shape[-1])
    # y = x @ W
    dx = rows @ W.T
    dW = x.reshape(-1, x.shape[-1]).T @ rows
    return dx.reshape(x.shape), dW


def bias_backward(dy: np.ndarray) -> np.ndarray:
    """dy [..., d_out] -> db [d_out]; summed over all that stands in front."""
    # y += b
    return sum_of_rows(dy)
