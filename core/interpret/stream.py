"""What the parts of a block do to each token's numbers: moments, zeros, and how alike two positions are."""

from __future__ import annotations

from math import sqrt

import numpy as np

from ..config import Config, RotaryScaling
from ..errors import ConfigError
from ..model import forward
from ..ops.positions import rotary_rates
from ..params import Params
from ..trace import Trace
from .space import relative_change


def token_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each token's features, in float64: x [..., pos, d] -> [..., pos] twice.

    The variance divides by d, as LayerNorm's does (Ba et al. 2016, eq. 3).
    """
    x = x.astype(np.float64)
    return x.mean(axis=-1), x.var(axis=-1)


def share_of_zeros(post: np.ndarray) -> np.ndarray:
    """Of each token's hidden units, the share that are exactly 0: post [..., pos, d_mlp] -> [..., pos].

    After a ReLU these units pass nothing on, and no gradient comes back through them (Glorot et al. 2011, section 3).
    """
    return np.mean(post == 0, axis=-1)


def similarity(x: np.ndarray) -> np.ndarray:
    """The cosine between every two rows, x [pos, d] -> [pos, pos]; 0 for a row of zeros, NaN for one that exploded.

    For sinusoidal positions, whose rows all have length sqrt(d/2), it is PE PE^T / (d/2), and it depends on the
    distance alone: cos(a) cos(b) + sin(a) sin(b) = cos(a - b).
    """
    x = x.astype(np.float64)
    with np.errstate(invalid="ignore"):
        sizes = np.linalg.norm(x, axis=1)
        products = sizes[:, None] * sizes
        return np.divide(x @ x.T, products, out=np.zeros_like(products), where=products != 0)


def pair_angles(
    positions: np.ndarray, width: int, base: float, scaling: RotaryScaling | None = None, n: int = 1
) -> np.ndarray:
    """By how many radians rotary positions turn each pair: positions [pos] -> [pos, width / 2].

    Position p turns pair i by p * base^(-2i/width) (Su et al. 2021, eq. 15): the first pair the fastest, by 1 radian a
    token; or by less, where that is scaled. n: how many tokens the text has.
    """
    return np.asarray(positions)[:, None] * rotary_rates(n, width, base, scaling)


def sine_wave(positions: np.ndarray, dimension: int, d_model: int) -> np.ndarray:
    """One dimension of the sine table at any positions, whole or not: [pos] -> [pos] (Vaswani 2017, section 3.5)."""
    angle = np.asarray(positions) / 10000 ** (2 * (dimension // 2) / d_model)
    return np.cos(angle) if dimension % 2 else np.sin(angle)


def order_effect(params: Params, config: Config, trace: Trace) -> np.ndarray:
    """Relative change of each token's final residual stream when the sentence is read backwards: [pos].

    Attention without positions and without a mask treats its input as a set: reordered tokens leave it reordered and
    otherwise unchanged, so the effect is zero but for rounding (Vaswani et al. 2017, section 3.5).
    Raises: ConfigError for a run that was patched, or of which edges were cut: both stay in their place, and do not
    move with the tokens.
    """
    for name in ("patch", "cut"):
        if getattr(trace.interventions, name):
            raise ConfigError(f"{name}: stays in its place while the tokens move, so no order can be compared", name)
    last = f"blocks.{config.n_layers - 1}.resid_post"
    x, mask = trace["embed"][..., ::-1, :], trace.mask
    if config.embed_scale:
        x = x / x.dtype.type(sqrt(config.d_model))  # "embed" is what was scaled, and will be once more
    backwards = forward(
        params,
        config,
        embeddings=x,
        mask=None if mask is None else mask[..., ::-1],
        interventions=trace.interventions,
        names=[last],
    )
    return relative_change(trace[last].astype(np.float64), backwards[last][..., ::-1, :].astype(np.float64))
