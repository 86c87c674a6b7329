"""Which word of a source a word of its translation was made from, as cross-attention shows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..config import Config
from ..trace import Trace
from .heads import rollout


def cross_patterns(trace: Trace, config: Config) -> np.ndarray:
    """Every head's cross-attention: [layer, head, target, source], of one text."""
    return np.stack([trace[f"blocks.{i}.cross.pattern"] for i in range(config.n_layers)])


def cross_rollout(trace: Trace, config: Config) -> np.ndarray:
    """How much of each source word has come to each target position through all layers: [target, source].

    Rollout (Abnar & Zuidema 2020, section 3) through both stacks: in each a layer passes on half of what a position had
    and half of what it looks at, heads averaged; what is looked at in the source is what the encoder's own rollout left
    there. A row adds up to less than 1: the rest is of the target itself.
    """
    inside = rollout(np.stack([trace[f"encoder.blocks.{i}.attn.pattern"] for i in range(config.n_encoder_layers)]))[-1]
    crossed = cross_patterns(trace, config)
    flow = np.zeros(crossed.shape[-2:])
    for i in range(config.n_layers):
        flow = 0.5 * flow + 0.5 * trace[f"blocks.{i}.attn.pattern"].mean(0) @ flow
        flow = 0.5 * flow + 0.5 * crossed[i].mean(0) @ inside
    return flow


def alignment_score(weights: np.ndarray, truth: Mapping[int, frozenset[int]]) -> np.ndarray:
    """The share of target words whose strongest source word is one that they stem from (Garg et al. 2019, section 4,
    count alike): weights [..., target, source] -> [...]. truth: place of a target word -> places in the source.
    """
    places = [*truth]
    strongest = weights[..., places, :].argmax(-1)
    right = [np.isin(strongest[..., i], [*truth[place]]) for i, place in enumerate(places)]
    return np.mean(right, axis=0)
