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
    k_T = transposed(k) if q.shape[-2] > 1 else k.swapaxes(-1, -2)
    scores = stack(q, k.shape[-3]) @ k_T
    return scores.reshape(*q.shape[:-1], k.shape[-2])


def attention_scores_backward(dscores: np.ndarray, q: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dscores [..., head, query, key] -> dq as q, dk as k."""
    # scores = Q K^T
    dscores = stack(dscores, k.shape[-3])
    dq = side_by_side(q.shape, q.dtype)
    dk = side_by_side(k.shape, k.dtype)
    product(dscores, k, out=dq)
    product(dscores.swapaxes(-1, -2), stack(q, k.shape[-3]), out=dk)
    return dq, dk


def weighted_values(pattern: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A V: pattern [..., head, query, key], v [..., kv_head, key, d_head] -> z [..., head, query, d_head]."""
    z = side_by_side((*pattern.shape[:-1], v.shape[-1]), v.dtype)
    return product(stack(pattern, v.shape[-3]), v, out=z)


def weighted_values_backward(dz: np.ndarray, pattern: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dz [..., head, query, d_head] -> dpattern as pattern, dv as v."""
    # z = A V
    dz = stack(dz, v.shape[-3])
    dpattern = (dz @ transposed(v)).reshape(pattern.shape)
    dv = side_by_side(v.shape, v.dtype)
    product(stack(pattern, v.shape[-3]).swapaxes(-1, -2), dz, out=dv)
    return dpattern, dv


def stack(x: np.ndarray, n_groups: int) -> np.ndarray:
    """[..., head, a, b] -> [..., group, head in group * a, b]: heads that share keys and values as one tall matrix."""
    if x.shape[-3] == n_groups:
        return x
    return x.reshape(*x.shape[:-3], n_groups, -1, x.shape[-1])


def transposed(x: np.ndarray) -> np.ndarray:
    """[..., a, b] -> [..., b, a], in memory too: the copy costs less than BLAS loses on small transposed matrices."""
    return np.ascontiguousarray(x.swapaxes(-1, -2))


def side_by_side(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty [..., head, pos, d_head], in memory [..., pos, head, d_head], so that `merge_heads` copies nothing."""
    *batch, n_heads, n, width = shape
    return np.empty((*batch, n, n_heads, width), dtype).swapaxes(-3, -2)


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out = a @ b, where `a` may be stacked."""
    if a.shape[-3:-1] == out.shape[-3:-1]:
        return np.matmul(a, b, out=out)
    out[...] = (a @ b).reshape(out.shape)
    return out


@lru_cache(maxsize=32)
def causal_mask(n_query: int, n_key: int, dtype: np.dtype | type = np.float32) -> np.ndarray:
    """[query, key]: 0 where a query may look, -inf at the keys after it. The last query stands at the last key."""
    mask = np.triu(np.full((n_query, n_key), -np.inf, dtype), k=1 + n_key - n_query)
    mask.flags.writeable = False
    return mask
