"""Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, eq. 1), for many heads at once.

Grouped-query attention (Ainslie et al. 2023) gives each key and value head to n_heads / n_kv_heads query heads in a
row. Plain multi-head attention is the case of groups of one, and the same code.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """[..., pos, head * d_head] -> [..., head, pos, d_head]; a view."""
    return x.reshape(*x.shape[:-1], n_heads, -1).swapaxes(-3, -2)


def merge_heads(z: np.ndarray) -> np.ndarray:
    """[..., head, pos, d_head] -> [..., pos, head * d_head]."""
    z = z.swapaxes(-3, -2)
    return z.reshape(*z.shape[:-2], -1)


def attention_scores(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Q K^T: q [..., head, query, d_head], k [..., kv_head, key, d_head] -> [..., head, query, key]."""
    if q.shape[-3] == k.shape[-3]:
        return q @ k.swapaxes(-1, -2)
    scores = group(q, k.shape[-3]) @ k[..., None, :, :].swapaxes(-1, -2)
    return scores.reshape(*q.shape[:-1], k.shape[-2])


def weighted_values(pattern: np.ndarray, v: np.ndarray) -> np.ndarray:
    """pattern [..., head, query, key], v [..., kv_head, key, d_head] -> z [..., head, query, d_head].

    z is laid out in memory as [..., query, head, d_head], so that `merge_heads` copies nothing.
    """
    *batch, n_heads, n_query, _ = pattern.shape
    z = np.empty((*batch, n_query, n_heads, v.shape[-1]), v.dtype).swapaxes(-3, -2)
    if n_heads == v.shape[-3]:
        return np.matmul(pattern, v, out=z)
    for head in range(n_heads):  # few and large here; a broadcast product would need z in another order
        np.matmul(pattern[..., head, :, :], v[..., head * v.shape[-3] // n_heads, :, :], out=z[..., head, :, :])
    return z


def group(x: np.ndarray, n_groups: int) -> np.ndarray:
    """[..., head, a, b] -> [..., group, head in group, a, b]."""
    return x.reshape(*x.shape[:-3], n_groups, x.shape[-3] // n_groups, *x.shape[-2:])


@lru_cache(maxsize=32)
def causal_mask(n_query: int, n_key: int, dtype: np.dtype = np.dtype(np.float32)) -> np.ndarray:
    """[query, key]: 0 where a query may look, -inf at the keys after it. The last query stands at the last key."""
    mask = np.triu(np.full((n_query, n_key), -np.inf, dtype), k=1 + n_key - n_query)
    mask.flags.writeable = False
    return mask
