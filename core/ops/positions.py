"""Where a token stands: the sine table, and the rotation of queries and keys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=32)
def sinusoidal(n: int, d_model: int, dtype: np.dtype | type = np.float32) -> np.ndarray:
    """PE(p, 2i) = sin(p / 10000^(2i/d)), PE(p, 2i+1) = cos of the same (Vaswani et al. 2017, section 3.5).

    -> PE [n, d_model]
    """
    angle = np.arange(n)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)  # [n, ceil(d_model / 2)]
    table = np.empty((n, d_model), dtype)
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle[:, : d_model // 2])
    table.flags.writeable = False  # it is shared by every caller
    return table


@lru_cache(maxsize=32)
def rotary_angles(
    n: int, width: int, base: float, dtype: np.dtype | type = np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Of the angles p * base^(-2i/width), for position p and pair i (Su et al. 2021, eq. 15).

    -> cos [n, width / 2], sin [n, width / 2]
    """
    angle = np.arange(n)[:, None] * base ** (-np.arange(0, width, 2) / width)
    cos, sin = np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)
    cos.flags.writeable = sin.flags.writeable = False
    return cos, sin


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """The first `width` dimensions of each position's vector turned by its angles (Su et al. 2021, eq. 34):
    x [..., pos, d_head], cos [pos, width / 2], sin [pos, width / 2] -> [..., pos, d_head].

    Dimension i is paired with i + width/2, as Hugging Face stores Llama's and GPT-NeoX's weights (the paper pairs 2i
    with 2i + 1: the same up to a permutation of W_Q and W_K). Dimensions past `width` pass unchanged.
    """
    half = cos.shape[-1]
    a, b = x[..., :half], x[..., half : 2 * half]
    y = np.empty(x.shape, x.dtype)
    y[..., :half] = a * cos - b * sin
    y[..., half : 2 * half] = b * cos + a * sin
    y[..., 2 * half :] = x[..., 2 * half :]
    return y


def rotate_backward(dy: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """dy [..., pos, d_head], cos [pos, width / 2], sin [pos, width / 2] -> dx [..., pos, d_head]."""
    # y = rotate(x, cos, sin): a turn keeps lengths, so its gradient is turned back by the same angle
    return rotate(dy, cos, -sin)
