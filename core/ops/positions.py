"""Where a token stands: the sine table, and the rotation of queries and keys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..config import RotaryScaling


@lru_cache(maxsize=32)
def sinusoidal(n: int, d_model: int, dtype: np.dtype | type = np.float32, halves: bool = False) -> np.ndarray:
    """PE(p, 2i) = sin(p / 10000^(2i/d)), PE(p, 2i+1) = cos of the same (Vaswani et al. 2017, section 3.5).

    halves: the same columns in another order, as Marian has them: all sines, then all cosines.
    -> PE [n, d_model]
    """
    angle = np.arange(n)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)  # [n, ceil(d_model / 2)]
    table = np.empty((n, d_model), dtype)
    half = angle.shape[-1]
    sines, cosines = (slice(half), slice(half, None)) if halves else (slice(0, None, 2), slice(1, None, 2))
    table[:, sines] = np.sin(angle)
    table[:, cosines] = np.cos(angle[:, : d_model // 2])
    table.flags.writeable = False  # it is shared by every caller
    return table


@lru_cache(maxsize=32)
def rotary_angles(
    n: int,
    width: int,
    base: float,
    dtype: np.dtype | type = np.float32,
    scaling: RotaryScaling | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Of the angles p * base^(-2i/width), for position p and pair i (Su et al. 2021, eq. 15), or of scaled ones.

    -> cos [n, width / 2], sin [n, width / 2]
    """
    angle = np.arange(n)[:, None] * rotary_rates(n, width, base, scaling)
    size = scaling.magnitude if scaling else 1.0
    cos, sin = (size * np.cos(angle)).astype(dtype), (size * np.sin(angle)).astype(dtype)
    cos.flags.writeable = sin.flags.writeable = False
    return cos, sin


def rotary_rates(n: int, width: int, base: float, scaling: RotaryScaling | None) -> np.ndarray:
    """Radians by which one token more turns each pair, in a text of n tokens; see RotaryScaling for sources.

    -> rates [width / 2]
    """
    pair = np.arange(width // 2)
    if scaling is None:
        return base ** (-2 * pair / width)
    factor, trained = scaling.factor, scaling.trained
    if scaling.kind == "dynamic":
        base *= (factor * max(n, trained) / trained - (factor - 1)) ** (width / (width - 2))
    rates: np.ndarray = base ** (-2 * pair / width)
    if scaling.kind == "dynamic":
        return rates
    kept: np.ndarray | float = 0.0  # how much of a pair's own rate stays
    if scaling.kind == "llama3":
        turns = trained * rates / (2 * np.pi)
        kept = np.clip((turns - scaling.slow) / (scaling.fast - scaling.slow), 0, 1)
    if scaling.kind == "yarn":
        fast, slow = (  # the pairs, counted in fractions, that make so many turns
            width * np.log(trained / (2 * np.pi * turns)) / (2 * np.log(base)) for turns in (scaling.fast, scaling.slow)
        )
        if scaling.whole:
            fast, slow = np.floor(fast), np.ceil(slow)
        fast, slow = max(fast, 0), min(slow, width - 1)
        kept = 1 - np.clip((pair - fast) / (slow - fast or 1e-3), 0, 1)
    return rates * kept + rates / factor * (1 - kept)


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
    # y = rotate(x, cos, sin): a matrix for each pair, whose transpose turns back by the same angle
    return rotate(dy, cos, -sin)
