"""x = W_E[ids]."""

from __future__ import annotations

import numpy as np


def embedding(W_E: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """W_E [vocab, d_model], ids [..., pos] -> [..., pos, d_model]."""
    return W_E[ids]
