"""Heads against a known truth: the circuit that repeats what was seen before, and a grammar's dependencies.

Scores are means of attention weights, 0..1, and come as [layer, head]. A batch, [..., pos], is averaged over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..config import Config
from ..errors import ConfigError
from ..interventions import Interventions
from ..model import forward
from ..params import Params
from ..trace import Trace

Place = tuple[int, int]  # layer, head


def patterns(trace: Trace, n_layers: int) -> np.ndarray:
    """[layer, ..., head, query, key]: every pattern of a trace."""
    return np.stack([trace[f"blocks.{i}.attn.pattern"] for i in range(n_layers)])


def followers(ids: np.ndarray) -> np.ndarray:
    """[..., pos] -> [..., query, key]: whether the key is an earlier token that stood after the query's own token."""
    ids = np.asarray(ids)
    after = np.zeros((*ids.shape, ids.shape[-1]), bool)
    after[..., 1:] = ids[..., :, None] == ids[..., None, :-1]
    return after & np.tri(ids.shape[-1], k=-1, dtype=bool)


def induction_score(pattern: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """How much each head looks at what followed the present token before: [..., head, query, key] -> [head].

    The prefix-matching score of Olsson et al. 2022, "In-context Learning and Induction Heads": the mean, over the
    tokens that were there before, of the weights on all that followed them. NaN where no token was there before.
    """
    return _mean_weight(pattern, followers(ids))


def previous_token_score(pattern: np.ndarray) -> np.ndarray:
    """The mean weight on the token just before: [..., head, query, key] -> [head]. NaN for a single token."""
    before = np.eye(pattern.shape[-1], k=-1, dtype=bool)
    return _mean_weight(pattern, np.broadcast_to(before, (*pattern.shape[:-3], *before.shape)))


def _mean_weight(pattern: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The mean, over the queries that have such keys [..., query, key], of their weights together; [head]."""
    weights = np.where(keys[..., None, :, :], pattern, 0).sum(-1, dtype=np.float64)
    counted = keys.any(-1)
    by_head = np.moveaxis(weights, -2, 0)
    return by_head[:, counted].mean(-1) if counted.any() else np.full(len(by_head), np.nan)


# -------------------------------------------------------------------------------------------------------- the probe

PERIODS = (5, 6, 7, 8, 9, 11)  # after how many tokens each of the probe's sequences begins again


def probe_induction(
    params: Params,
    config: Config,
    interventions: Interventions | None = None,
    seed: int = 0,
    source: np.ndarray | None = None,
) -> np.ndarray:
    """The induction score of every head on fresh repeated tokens: [layer, head]; NaN where there is no room for them.

    Olsson et al. 2022, "In-context Learning and Induction Heads", section "Evaluating": random tokens, twice, so that
    nothing but their order can be known. The mean over sequences of different periods, so that a head that looks a
    fixed number of tokens back meets the period in one of them at most. Edges that are cut are those of another text.
    source: of an encoder-decoder, the ids [pos] that its encoder reads meanwhile; the heads are the decoder's own.
    """
    sequences = probe_sequences(config, seed)
    if not sequences:
        return np.full((config.n_layers, config.n_heads), np.nan)
    if config.causal:  # all at once: what is added to the shorter ones comes later, and nobody looks there
        batches = [np.stack([np.resize(ids, len(sequences[-1])) for ids in sequences])]
    else:
        batches = [ids[None] for ids in sequences]
    change, names = replace(interventions or Interventions(), cut=frozenset()), ["blocks.*.attn.pattern"]
    found = []
    for batch in batches:
        trace = forward(params, config, batch, source=source, interventions=change, names=names)
        found += [[pattern[i] for pattern in patterns(trace, config.n_layers)] for i in range(len(batch))]
    scores = [
        [induction_score(pattern[:, : len(ids), : len(ids)], ids) for pattern in layers]
        for layers, ids in zip(found, sequences, strict=True)
    ]
    return np.mean(scores, axis=0)


def probe_sequences(config: Config, seed: int = 0) -> list[np.ndarray]:
    """The probe's sequences of ids [pos], of the PERIODS that a model has room for: different tokens, twice."""
    draw = np.random.default_rng(seed)
    periods = [p for p in PERIODS if 2 * p <= config.n_ctx and p <= config.vocab_size]
    return [np.tile(draw.choice(config.vocab_size, p, replace=False), 2) for p in periods]


# --------------------------------------------------------------------------------------------------- the two heads


@dataclass(frozen=True)
class Circuit:
    """Two heads that work as one: the first tells each token what stood before it, the second looks for that.

    induction, previous: [layer, head], both scores of all heads. without: the induction score of `second` when `first`
    is switched off; what falls away is what `first` carried to it.
    """

    first: Place
    second: Place
    induction: np.ndarray
    previous: np.ndarray
    without: float

    @property
    def score(self) -> float:
        """The induction score of the second head."""
        return float(self.induction[self.second])


def find_circuit(params: Params, config: Config, ids: np.ndarray) -> Circuit:
    """The head with the highest induction score on ids [..., pos], and the earlier one that it cannot do without.

    Of the heads of all earlier layers, `first` is the one whose ablation costs `second` most of its score: composition
    of keys, measured by its effect (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits").
    Raises: ConfigError for a model of one layer, which can hold no such circuit, and for ids of which none comes again.
    """
    if config.n_layers < 2:
        raise ConfigError(f"n_layers: {config.n_layers}; an induction circuit takes two", "n_layers")
    if not followers(ids).any():
        raise ConfigError("ids: none of them comes again, so there is nothing to repeat", "ids")

    def scores(of: Callable[[np.ndarray], np.ndarray], *ablated: Place) -> np.ndarray:
        change = Interventions(ablated=frozenset(ablated))
        trace = forward(params, config, ids, interventions=change, names=["blocks.*.attn.pattern"])
        return np.stack([of(pattern) for pattern in patterns(trace, config.n_layers)])

    def inducing(pattern: np.ndarray) -> np.ndarray:
        return induction_score(pattern, ids)

    induction, previous = scores(inducing), scores(previous_token_score)
    layer, head = np.unravel_index(np.argmax(induction[1:]), induction[1:].shape)
    second = int(layer) + 1, int(head)
    earlier = np.ndindex(second[0], config.n_heads)
    without = {first: float(scores(inducing, first)[second]) for first in earlier}
    first = min(without, key=without.__getitem__)
    return Circuit(first, second, induction, previous, without[first])


# ------------------------------------------------------------------------------------------------ a grammar's truth


def dependency_score(pattern: np.ndarray, depends: Sequence[Sequence[int]], before: int = 0) -> np.ndarray:
    """How much of its attention each head spends on the words that the grammar says: [..., query, key] -> [...].

    depends: for each word, the earlier places that it depends on. The mean over the words that depend on any, of the
    weights on all of those together.
    before: 0 scores each word's own row; 1 the row of the word before it, which is where a decoder foretells it.
    Raises: ConfigError where no word depends on any.
    """
    rows = []
    for word, places in enumerate(depends):
        seen = [place for place in places if place <= word - before]
        if seen:
            rows.append(pattern[..., word - before, seen].sum(-1, dtype=np.float64))
    if not rows:
        raise ConfigError("depends: no word depends on an earlier one", "depends")
    return np.mean(rows, axis=0)


def dependency_chance(depends: Sequence[Sequence[int]], before: int = 0) -> float:
    """The score of a head that looks at all earlier words and itself alike: what any score is to be compared with."""
    n = len(depends)
    even = np.tri(n) / np.arange(1, n + 1)[:, None]
    return float(dependency_score(even, depends, before))
