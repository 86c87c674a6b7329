"""What a pattern says: how attention is spread, how far it reaches, and how a reader says a row of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def entropy(pattern: np.ndarray) -> np.ndarray:
    """How spread each row is, in bits: pattern [..., query, key] -> [..., query].

    0 for a single key, log2(n) for n keys alike (Shannon 1948, section 6).
    """
    least = np.finfo(pattern.dtype).tiny  # in the place of 0, whose logarithm is none: 0 times that is 0
    bits = np.maximum(pattern, least)
    return -np.vecdot(pattern, np.log2(bits, out=bits))


def attention_distance(pattern: np.ndarray) -> np.ndarray:
    """How far each query looks on average, in tokens: pattern [..., query, key] -> [..., query].

    sum_k A[q, k] |q - k| (Vig & Belinkov 2019, section 5.2).
    """
    n_query, n_key = pattern.shape[-2:]
    apart = np.abs(np.arange(n_query, dtype=pattern.dtype)[:, None] - np.arange(n_key, dtype=pattern.dtype))
    return np.vecdot(pattern, apart)


def unevenness(pattern: np.ndarray, causal: bool = False) -> np.ndarray:
    """The share of each row's weight that would have to move to make it even: [..., query, key] -> [..., query].

    0 for all keys in sight alike, 1 - 1/n for all on one of n: half the L1 distance from the even row, which is the
    total variation distance (Levin & Peres 2017, "Markov Chains and Mixing Times", section 4.1).
    """
    apart = pattern - _even(*pattern.shape[-2:], causal, np.result_type(pattern, np.float32))
    return np.abs(apart, out=apart).sum(-1) / 2


@lru_cache(maxsize=4)  # each layer of a run asks
def _even(n_query: int, n_key: int, causal: bool, kind: np.dtype) -> np.ndarray:
    """[query, key]: rows that give all keys in sight as much."""
    seen = np.tri(n_query, n_key) if causal else np.ones((n_query, n_key))
    return (seen / seen.sum(-1, keepdims=True)).astype(kind)


def read_row(weights: np.ndarray, decimals: int = 2) -> list[tuple[float, list[int]]]:
    """One row of a pattern as a reader says it: the keys from most to least, those alike at `decimals` together.

    weights [key] -> [(weight, keys)]. What float32 rounds apart, in the sixth place, is alike.
    """
    groups: dict[float, list[int]] = {}
    for key, weight in enumerate(np.asarray(weights, np.float64).round(decimals + 4).round(decimals).tolist()):
        groups.setdefault(weight, []).append(key)
    return sorted(groups.items(), reverse=True)
