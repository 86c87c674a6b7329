"""Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, eq. 1), for many heads at once.

Grouped-query attention (Ainslie et al. 2023) gives each key and value head to n_heads / n_kv_heads query heads in a
row. Plain multi-head attention is the case of groups of one, and the same code.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def split_heads(x: np.ndarray, n_heads: int) -> np.ndarray:
    """x [..., pos, n_heads * d_head] -> [..., n_heads, pos, d_head]; a view (Vaswani et al. 2017, section 3.2.2)."""
    return x.reshape(*x.shape[:-1], n_heads, -1).swapaxes(-3, -2)


def merge_heads(z: np.ndarray) -> np.ndarray:
    """Concat: z [..., head, pos, d_head] -> [..., pos, head * d_head] (Vaswani et al. 2017, section 3.2.2)."""
    z = z.swapaxes(-3, -2)
    return z.reshape(*z.shape[:-2], -1)


def attention_scores(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Q K^T of eq. 1: q [..., head, query, d_head], k [..., kv_head, key, d_head] -> [..., head, query, key]."""
    k_T = transposed(k) if q.shape[-2] > 1 else k.swapaxes(-1, -2)
    scores = stack(q, k.shape[-3]) @ k_T
    return scores.reshape(*q.shape[:-1], k.shape[-2])


def attention_scores_backward(dscores: np.ndarray, q: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dscores [..., head, query, key], and its factors q [..., head, query, d_head], k [..., kv_head, key, d_head]
    -> dq [..., head, query, d_head], dk [..., kv_head, key, d_head].
    """
    # scores = Q K^T, so dQ = dscores K, and dK = dscores^T Q, summed over the heads that share a key
    dscores = stack(dscores, k.shape[-3])
    dq = side_by_side(q.shape, q.dtype)
    dk = side_by_side(k.shape, k.dtype)
    product(dscores, k, out=dq)
    product(dscores.swapaxes(-1, -2), stack(q, k.shape[-3]), out=dk)
    return dq, dk


def weighted_values(pattern: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A V of eq. 1: pattern [..., head, query, key], v [..., kv_head, key, d_head] -> z [..., head, query, d_head]."""
    z = side_by_side((*pattern.shape[:-1], v.shape[-1]), v.dtype)
    return product(stack(pattern, v.shape[-3]), v, out=z)


def weighted_values_backward(dz: np.ndarray, pattern: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dz [..., head, query, d_head], and its factors pattern [..., head, query, key], v [..., kv_head, key, d_head]
    -> dpattern [..., head, query, key], dv [..., kv_head, key, d_head].
    """
    # z = A V, so dA = dz V^T, and dV = A^T dz, summed over the heads that share a value
    dz = stack(dz, v.shape[-3])
    dpattern = (dz @ transposed(v)).reshape(pattern.shape)
    dv = side_by_side(v.shape, v.dtype)
    product(stack(pattern, v.shape[-3]).swapaxes(-1, -2), dz, out=dv)
    return dpattern, dv


def stack(x: np.ndarray, n_groups: int) -> np.ndarray:
    """Heads that share keys and values as one tall matrix (Ainslie et al. 2023, section 2):
    x [..., head, a, b] -> [..., n_groups, head / n_groups * a, b].
    """
    if x.shape[-3] == n_groups:
        return x
    return x.reshape(*x.shape[:-3], n_groups, -1, x.shape[-1])


def transposed(x: np.ndarray) -> np.ndarray:
    """x [..., a, b] -> [..., b, a]; in memory too: the copy costs less than BLAS loses on small transposed views."""
    return np.ascontiguousarray(x.swapaxes(-1, -2))


def side_by_side(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array for heads, of this shape -> [..., head, pos, d_head]; in memory [..., pos, head, d_head], so that
    `merge_heads` copies nothing.
    """
    *batch, n_heads, n, width = shape
    return np.empty((*batch, n, n_heads, width), dtype).swapaxes(-3, -2)


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """out = a @ b, where a may be a `stack`:
    a [..., head, m, k], b [..., head, k, n], out [..., head, m, n] -> out [..., head, m, n].
    """
    if a.shape[-3:-1] == out.shape[-3:-1]:
        return np.matmul(a, b, out=out)
    out[...] = (a @ b).reshape(out.shape)
    return out


@lru_cache(maxsize=32)
def causal_mask(n_query: int, n_key: int, dtype: np.dtype | type = np.float32) -> np.ndarray:
    """-> [n_query, n_key]: 0 where a query may look, -inf at the keys after it (Vaswani et al. 2017, section 3.2.3).

    The last query stands at the last key.
    """
    mask = np.triu(np.full((n_query, n_key), -np.inf, dtype), k=1 + n_key - n_query)
    mask.flags.writeable = False
    return mask
