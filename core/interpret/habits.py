"""What a head does over many sentences: how far it follows each pattern that has a name, and how often it earns it.

One sentence is one sample: a head that looks at the token before it here may look at the first one there. Voita et al.
2019, section 5.1, and Clark et al. 2019, section 3, name heads by what they do over a corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .heads import LABELS, followable, head_label, head_scores


@dataclass(frozen=True)
class Habits:
    """Of every head, by the names of LABELS; `...` is [layer, head].

    told [label]: how many sentences can tell it: where at least three queries could follow the pattern.
    mean, low, high [label, ...]: its score over those; NaN where no sentence can tell.
    held [label, ...]: on how many of them it is the head's one name.
    """

    told: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    held: np.ndarray

    @property
    def main(self) -> np.ndarray:
        """[...]: the place in LABELS of the name that a head has most often, of equals the one with the higher mean
        score; -1 where it has none on any sentence."""
        best = np.argmax(self.held + np.nan_to_num(self.mean) / 2, axis=0)  # a mean is at most 1: less than a sentence
        return np.where(self.held.any(0), best, -1)


def sentence_scores(pattern: np.ndarray, tokens: Sequence[object], causal: bool = False) -> np.ndarray:
    """`head_scores` of one sentence in the order of LABELS: pattern [..., query, key] -> [label, ...]; NaN for a
    pattern that fewer than three of its queries could follow."""
    scores, can = head_scores(pattern, tokens, causal), followable(tokens, causal)
    return np.stack([scores[name] if name in can else np.full(pattern.shape[:-2], np.nan) for name in LABELS])


def habits(scores: np.ndarray) -> Habits:
    """What `sentence_scores` of many sentences have in common: [sentence, label, ...] -> Habits."""
    n_sentences, n_labels, *heads = scores.shape
    there = np.isfinite(scores)
    told = there.reshape(n_sentences, n_labels, -1).all(-1).sum(0)
    held = np.zeros((n_labels, *heads), int)
    for sentence, *place in np.ndindex(n_sentences, *heads):
        own = np.nan_to_num(scores[(sentence, slice(None), *place)])
        label = head_label(dict(zip(LABELS, own.tolist(), strict=True)))
        if label is not None:
            held[(LABELS.index(label), *place)] += 1
    count = np.maximum(there.sum(0), 1)
    never = ~there.any(0)
    mean = np.where(never, np.nan, np.where(there, scores, 0.0).sum(0) / count)
    low = np.where(never, np.nan, np.where(there, scores, np.inf).min(0))
    high = np.where(never, np.nan, np.where(there, scores, -np.inf).max(0))
    return Habits(told, mean, low, high, held)
