"""What a head does: the few patterns that have a name, attention through all layers, and what its weights carry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..config import Config
from ..interventions import without
from ..params import Params
from ..trace import Trace
from .attention import unevenness

LABELS = ("previous", "first", "itself", "same", "induction", "uniform")
CLEAR = 0.5  # a score that earns a label: more weight there than everywhere else together
SPREAD = 0.95  # and for "uniform": in no row would more than 5% of the weight have to move to make it even
SEVERAL = 3  # queries that a pattern takes: fewer fall into it by chance


def head_scores(pattern: np.ndarray, tokens: Sequence[object], causal: bool = False) -> dict[str, np.ndarray]:
    """How far each head follows each pattern that has a name: pattern [..., query, key] -> name of LABELS -> [...].

    The mean weight, 0..1, that the queries give to the token before them ("previous"; Voita et al. 2019, section 5.1),
    to the first token ("first", the attention sink; Xiao et al. 2023, section 3.1), to themselves ("itself"), to other
    occurrences of the same token ("same"; Wang et al. 2022, section 3.1, call the causal case a duplicate-token head),
    and to what followed the same token before ("induction"; the prefix matching of Olsson et al. 2022). Only queries
    count that have a choice and such a key; where fewer than SEVERAL have, the score is 0. "uniform" is 1 less the
    greatest `unevenness` of a row: 1 for a head that looks at all in sight alike.

    A score tells what a head does in this sentence. That it is an induction head takes a probe: `probe_induction`.
    """
    _, choice = label_targets(tokens, causal)
    scores = _mean_weights(pattern, tuple(tokens), causal)
    uneven = unevenness(pattern, causal)[..., choice]
    few = choice.sum() < SEVERAL
    return scores | {"uniform": np.zeros(pattern.shape[:-2]) if few else 1 - uneven.max(-1)}


def followable(tokens: Sequence[object], causal: bool = False) -> frozenset[str]:
    """The names of LABELS that at least SEVERAL of a sentence's queries can follow; of the others a score is 0."""
    keys_of, choice = label_targets(tokens, causal)
    queries = {name: keys.any(-1).sum() for name, keys in keys_of.items()} | {"uniform": choice.sum()}
    return frozenset(name for name, n in queries.items() if n >= SEVERAL)


def label_targets(tokens: Sequence[object], causal: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(name -> [query, key]: where a head that follows this pattern looks, [query]: which have a choice)."""
    keys_of, choice = _label_targets(tuple(tokens), causal)
    return {**keys_of}, choice


@lru_cache(maxsize=4)  # each layer of a run asks
def _label_targets(tokens: tuple[object, ...], causal: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    n = len(tokens)
    seen = np.tri(n, dtype=bool) if causal else np.ones((n, n), bool)
    choice = seen.sum(1) > 1
    diagonal = np.eye(n, dtype=bool)
    places: dict[object, int] = {}
    first = np.array([places.setdefault(token, i) for i, token in enumerate(tokens)])  # where each stands first
    alike = (first[:, None] == first) & ~diagonal
    followed = np.zeros_like(alike)
    followed[:, 1:] = np.tril(alike)[:, :-1]  # the key before this one is the query's token, earlier
    keys_of = {
        "previous": np.eye(n, k=-1, dtype=bool),
        "first": np.arange(n)[None, :] == np.zeros((n, 1), int),
        "itself": diagonal,
        "same": alike,
        "induction": followed,
    }
    return {name: keys & seen & choice[:, None] for name, keys in keys_of.items()}, choice


def _mean_weights(pattern: np.ndarray, tokens: tuple[object, ...], causal: bool) -> dict[str, np.ndarray]:
    """The weight on the keys of each pattern that has a name, mean over the queries that have any:
    [..., query, key] -> name -> [...]."""
    cells, queries = _label_cells(tokens, causal)
    # pattern[..., keys], which takes NumPy ten times as long; all at once, for many lie side by side
    weights = np.take(pattern.reshape(*pattern.shape[:-2], -1), np.concatenate(cells), axis=-1)
    of_each = np.split(weights, np.cumsum([len(own) for own in cells])[:-1], axis=-1)
    return {
        name: own.sum(-1) / n if n >= SEVERAL else np.zeros(pattern.shape[:-2])
        for (name, n), own in zip(queries.items(), of_each, strict=True)
    }


@lru_cache(maxsize=4)  # as above
def _label_cells(tokens: tuple[object, ...], causal: bool) -> tuple[list[np.ndarray], dict[str, int]]:
    """Of each pattern that has a name the cells of [query, key], as numbers, and how many queries have any."""
    keys_of, _ = _label_targets(tokens, causal)
    return [np.flatnonzero(keys) for keys in keys_of.values()], {
        name: int(keys.any(1).sum()) for name, keys in keys_of.items()
    }


def head_label(scores: dict[str, float]) -> str | None:
    """The one name that fits a head, or None: its greatest score of at least CLEAR, else "uniform" from SPREAD on."""
    named = {name: score for name, score in scores.items() if name != "uniform"}
    best = max(named, key=named.__getitem__)
    if named[best] >= CLEAR:
        return best
    return "uniform" if scores["uniform"] >= SPREAD else None


def rollout(
    patterns: np.ndarray,
    residual: bool = True,
    ablated: Collection[tuple[int, int]] = frozenset(),
    put_in: PutIn | None = None,
) -> np.ndarray:
    """Attention through the layers: patterns [layer, head, query, key] -> [layer, query, key].

    Entry [l, q, k] says how much of token k's embedding reaches token q after layer l, if every head and the residual
    connection weigh the same: the product of 0.5 A + 0.5 I over the layers up to l, A the mean over the heads (Abnar &
    Zuidema 2020, section 3). Without residual connections, the product of A.

    ablated: (layer, head) whose output is zero. Nothing flows through them, and what they took stays with the token
    itself, so that rows still add up to 1. Without residual connections nothing carries it: there A is the mean over
    the heads that are left, and 0 where none is.

    put_in: what a patch put into the run, `put_in` of its trace. It came from none of these tokens: a row with some of
    it adds up to less, and the rest is the share of what was put in.
    """
    n_layers, n_heads, n, _ = patterns.shape
    works = np.ones((n_layers, n_heads), bool)
    for layer, head in ablated:
        works[layer, head] = False
    rolled: list[np.ndarray] = []
    for a, on in zip(patterns, works, strict=True):
        step = np.where(on[:, None, None], a.astype(np.float64), np.eye(n) if residual else 0)
        if put_in:
            step[put_in.heads[len(rolled)]] = 0
        step = (step.mean(axis=0) + np.eye(n)) / 2 if residual else step.sum(axis=0) / max(on.sum(), 1)
        if put_in:
            step[:, put_in.streams[len(rolled)]] = 0
        rolled.append(step @ rolled[-1] if rolled else step)
    return np.stack(rolled)


class PutIn(NamedTuple):
    """Where a patch has put numbers into a run that came from none of its tokens: at which heads' outputs z
    [layer, head, query], and in which streams that enter a layer [layer, query]."""

    heads: np.ndarray
    streams: np.ndarray


def put_in(trace: Trace, n_layers: int) -> PutIn | None:
    """Of a stack's own attention; None of a run into which nothing was put."""
    if not trace.interventions.patch:
        return None
    names = ("attn.z", "resid_pre")
    return PutIn(*(np.stack([vectors_put_in(trace, f"blocks.{i}.{name}") for i in range(n_layers)]) for name in names))


def vectors_put_in(trace: Trace, name: str) -> np.ndarray:
    """Which vectors of an array [..., pos, d] a patch has put there: [..., pos]; of a batch, in each text. A number of
    one alone is no vector."""
    return trace.interventions.put_in(name, trace.shape(name)[-3:]).all(-1)


def value_weighted(
    params: Params, config: Config, trace: Trace, layer: int, kind: str = "attn", heads: slice = slice(None)
) -> np.ndarray:
    """||alpha f(x)||, what a weight carries: the heads of one layer, [..., head, query, key].

    f(x) = (x W_V + b_V) W_O, with the head's own rows of W_O: the vector that a key's token would add to the layer's
    output if it got the whole weight (Kobayashi et al. 2020, section 3). A large weight on a short vector carries
    little. Of an ablated head nothing arrives, nor where a patch put a head's output: that came from no key. kind:
    "attn", or "cross", where the keys are the other text's. heads: those that are asked for.
    """
    config = without(config, trace.interventions.off)
    f = transformed_values(params, config, trace, layer, kind, heads)
    weighted = trace[f"blocks.{layer}.{kind}.pattern"][..., heads, :, :] * np.linalg.norm(f, axis=-1)[..., None, :]
    off = np.isin(np.arange(config.n_heads), trace.interventions.ablated_in(layer, kind))
    weighted[..., off[heads], :, :] = 0
    weighted[..., vectors_put_in(trace, f"blocks.{layer}.{kind}.z")[..., heads, :], :] = 0
    return weighted


def transformed_values(
    params: Params, config: Config, trace: Trace, layer: int, kind: str = "attn", heads: slice = slice(None)
) -> np.ndarray:
    """f(x) of every key: each head's values through its own rows of W_O, [..., head, key, d_model], in float64."""
    at = f"blocks.{layer}.{kind}."
    v = np.repeat(trace[at + "v"].astype(np.float64), config.n_heads // config.kv_heads, axis=-3)
    if not config.projections or "W_O" in trace.interventions.off:
        W_O = np.eye(config.n_heads * config.head_width, config.d_model)
    else:
        W_O = np.asarray(params[at + "W_O"])
    of_head = W_O.reshape(config.n_heads, config.head_width, config.d_model)
    return v[..., heads, :, :] @ of_head[heads]
