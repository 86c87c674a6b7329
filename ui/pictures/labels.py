"""Which heads follow a pattern that has a name: found once for Heads, Reading heads and whoever else tells it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core import Run, Scene
from core.interpret import head_label, head_scores
from ui import compute
from ui.words import Words


def patterns(run: Run) -> np.ndarray:
    """[layer, head, query, key]: the attention of the whole model."""
    return np.stack([run.trace[f"blocks.{i}.attn.pattern"] for i in range(run.config.n_layers)])


def labels_of(scene: Scene) -> np.ndarray:
    """[layer, head] of names out of core.interpret.LABELS, or None."""
    scores = scores_of(scene)
    found = np.empty(scores["first"].shape, object)
    for place in np.ndindex(found.shape):
        found[place] = head_label({name: float(score[place]) for name, score in scores.items()})
    return found


def scores_of(scene: Scene) -> dict[str, np.ndarray]:
    """Name of a pattern -> [layer, head]; 0 where numbers were lost."""
    return _scores(scene.computed)


@lru_cache(maxsize=32)
def _scores(scene: Scene) -> dict[str, np.ndarray]:
    run = compute.run(scene)
    return {name: np.nan_to_num(s) for name, s in head_scores(patterns(run), run.tokens, run.config.causal).items()}


def looks(scene: Scene, words: Words) -> list[list[str]]:
    """[layer][head]: what a head with a name looks at, and with what score; "" for the others."""
    scores, found = scores_of(scene), labels_of(scene)
    return [
        [words(f"heads.looks.{name}", score=float(scores[name][i, j])) if name else "" for j, name in enumerate(row)]
        for i, row in enumerate(found)
    ]
