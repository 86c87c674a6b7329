"""LayerNorm (Ba et al. 2016, eq. 4) and RMSNorm (Zhang & Sennrich 2019, eq. 4), each over one token's features.

The backward takes the steps of the forward one by one, in mirror order.
"""

from __future__ import annotations

import numpy as np

from ..params import Array
from .rows import row_mean


def layer_norm(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """x [..., d] -> centred [..., d], scale [..., 1].

    centred = x - mean, and scale = sqrt(variance + eps): their quotient has mean 0 and variance 1 for every token.
    """
    centred = x - row_mean(x)
    variance = row_mean(centred * centred)
    scale = np.sqrt(variance + eps)
    return centred, scale


def rms_norm(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """x [..., d] -> x [..., d], scale [..., 1].

    scale = sqrt(mean of squares + eps); x is given back as it is, for the mean is not taken out.
    """
    mean_square = row_mean(x * x)
    scale = np.sqrt(mean_square + eps)
    return x, scale


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
