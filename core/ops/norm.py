"""LayerNorm (Ba et al. 2016, eq. 4) and RMSNorm (Zhang & Sennrich 2019, eq. 4), each over one token's features.

The backward takes the steps of the forward one by one, in mirror order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..params import Array
from .rows import row_mean

Keep = Callable[[str, np.ndarray], np.ndarray]  # is given each step by its name, and gives what to go on with


def as_it_is(name: str, step: np.ndarray) -> np.ndarray:
    """The Keep of who keeps nothing: step [...] -> [...]."""
    return step


def layer_norm(
    x: np.ndarray, w: Array, b: Array, eps: float, keep: Keep = as_it_is
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x [..., d], w [d], b [d] -> out [..., d], normalized [..., d], scale [..., 1].

    normalized = (x - mean) / scale, with scale = sqrt(variance + eps): mean 0 and variance 1 for every token.
    """
    centred = x - row_mean(x)
    variance = row_mean(centred * centred)
    scale = keep("scale", np.sqrt(variance + eps))
    normalized = keep("normalized", np.divide(centred, scale, out=centred))
    out = normalized * w
    out += b
    return keep("out", out), normalized, scale


def rms_norm(x: np.ndarray, w: Array, eps: float, keep: Keep = as_it_is) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x [..., d], w [d] -> out [..., d], normalized [..., d], scale [..., 1].

    normalized = x / scale, with scale = sqrt(mean of squares + eps). The mean is not taken out.
    """
    mean_square = row_mean(x * x)
    scale = keep("scale", np.sqrt(mean_square + eps))
    normalized = keep("normalized", x / scale)
    return keep("out", normalized * w), normalized, scale


def gain_backward(dout: np.ndarray, normalized: np.ndarray, w: Array) -> tuple[np.ndarray, np.ndarray]:
    """dout [..., d], normalized [..., d], w [d] -> dnormalized [..., d], dw [d]."""
    # out = normalized * w
    rows = dout.reshape(-1, dout.shape[-1])
    dw = np.einsum("ti,ti->i", rows, normalized.reshape(rows.shape))
    return dout * w, dw


def scale_backward(dnormalized: np.ndarray, normalized: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """dnormalized [..., d], normalized [..., d], scale [..., 1] -> dscale [..., 1]."""
    # normalized = centred / scale
    dscale = np.vecdot(dnormalized, normalized)[..., None]
    dscale /= -scale
    return dscale


def centred_backward(
    dnormalized: np.ndarray, dscale: np.ndarray, normalized: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """dnormalized [..., d], dscale [..., 1], normalized [..., d], scale [..., 1] -> dcentred [..., d].

    For rms_norm that is dx.
    """
    # normalized = centred / scale, and scale = sqrt(mean(centred^2) + eps), whose slope is normalized / d
    dcentred = normalized * (dscale * scale * (1 / normalized.shape[-1]))
    dcentred += dnormalized
    dcentred /= scale
    return dcentred


def mean_backward(dcentred: np.ndarray) -> np.ndarray:
    """dcentred [..., d] -> dx [..., d]; in its place."""
    # centred = x - mean(x)
    dcentred -= row_mean(dcentred)
    return dcentred
