"""Rows of the chosen head's pattern in words: where each token looks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from core import Scene
from core.interpret import read_row
from pictures import compute, left_out, memory, stacks
from pictures.extremes import token_name, token_names
from pictures.one_head import at_head
from pictures.stacks import Looks
from pictures.words import Words


@memory.kept(
    lambda scene, words: (
        *(scene.computed, words.lang, scene.layer, scene.head, scene.attention_of),
        *(scene.without_first, scene.rows_renormalized),
    ),
    large=lambda scene, _: compute.is_large(scene),
)
def rows_read(scene: Scene, words: Words) -> list[str]:
    """All rows of the chosen head's pattern in words."""
    return read_shown(scene, range(len(stacks.looks(scene).rows)), words)


def read_shown(scene: Scene, queries: Iterable[int], words: Words) -> list[str]:
    """These rows of the chosen head's pattern in words, as the map shows them."""
    a, found = left_out.on_map(at_head(compute.run(scene), scene, "pattern"), scene), stacks.looks(scene)
    there = left_out.kept(scene) if left_out.hides(scene) else None
    return [read(found, a, query, words, there) for query in queries]


def read(found: Looks, a: np.ndarray, query: int, words: Words, there: np.ndarray | None = None) -> str:
    """One row of the pattern in words: the keys it looks at most, the next, and the least of all that it may see.

    there: [pos], which tokens are shown, where some are hidden.
    """
    token, hides = token_name(found.rows, query, words), there is not None
    seen = np.arange(a.shape[1]) <= query if found.causal else np.ones(a.shape[1], bool)
    if there is not None:
        if not there[query]:
            return words("attention.reads.hidden", token=token)
        seen &= there
    keys, row = np.flatnonzero(seen).tolist(), a[query, seen]
    if not np.isfinite(row).all():
        return words("attention.reads.lost", token=token)
    groups = [(weight, [keys[i] for i in places]) for weight, places in read_row(row)]
    itself = None if found.crosses else query

    def named(places: list[int]) -> str:
        return token_names(found.columns, places, words, itself=itself)

    if len(groups) == 1:
        weight, places = groups[0]
        key = "alike" if len(places) > 1 else "only_across" if found.crosses else "only"
        return words(f"attention.reads.{key}", token=token, weight=weight, keys=named(places), shown=hides)
    shown = {"first": groups[0], "then": groups[1]} if len(groups) > 2 else {"first": groups[0]}
    parts = [
        words(f"attention.reads.{order}", keys=named(places), weight=weight)
        for order, (weight, places) in (shown | {"last": groups[-1]}).items()
    ]
    return words("attention.reads.row", token=token, parts=", ".join(parts), shown=hides)
