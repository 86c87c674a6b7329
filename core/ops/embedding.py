"""x = W_E[ids] (Vaswani et al. 2017, section 3.4, without its factor sqrt(d_model))."""

from __future__ import annotations

import numpy as np

from ..params import Array


def embedding(W_E: Array, ids: np.ndarray) -> np.ndarray:
    """W_E [vocab, d_model], ids [..., pos] -> [..., pos, d_model]."""
    return W_E[ids]


def embedding_backward(dx: np.ndarray, ids: np.ndarray, vocab_size: int) -> np.ndarray:
    """dx [..., pos, d_model], ids [..., pos] -> dW_E [vocab_size, d_model]."""
    # x = W_E[ids]: the gradients of all places where an id stands are added up
    ids = ids.reshape(-1)
    order = np.argsort(ids, kind="stable")
    found, starts = np.unique(ids[order], return_index=True)
    dW_E = np.zeros((vocab_size, dx.shape[-1]), dx.dtype)
    dW_E[found] = np.add.reduceat(dx.reshape(-1, dx.shape[-1])[order], starts)
    return dW_E
