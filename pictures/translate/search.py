"""The search of Translate, kept for all sessions, and where each of its texts stands in it."""

from __future__ import annotations

import numpy as np

from core import Scene, Trace, forward
from core.generate.beam import Beam, BeamStep
from core.scene import translation
from pictures import compute, memory


def search(scene: Scene) -> tuple[BeamStep, ...]:
    """The steps of the search."""
    return _search(compute.looked_at(scene, ("beam_width",)))


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _search(scene: Scene) -> tuple[BeamStep, ...]:
    return translation.search(scene, compute.params(scene))


def place_of(steps: tuple[BeamStep, ...], beam: Beam | None) -> tuple[int, int]:
    """Where a text stands in the tree: how many words it has, and its rank among those kept then."""
    n = len(beam.tokens) if beam else 0
    return (n, [kept.tokens for kept in steps[n - 1].kept].index(beam.tokens)) if beam and n else (0, 0)


def text_at(steps: tuple[BeamStep, ...], n: int, rank: int) -> tuple[int, ...] | None:
    """The text that stands there; None where there is none."""
    if n == 0:
        return () if rank == 0 else None
    there = steps[n - 1].kept[rank : rank + 1] if n <= len(steps) else ()
    return next((beam.tokens for beam in there if len(beam.tokens) == n), None)


@memory.kept(lambda scene, tokens: (scene, tokens), large=lambda scene, _: compute.is_large(scene), grows=1)
def read(scene: Scene, tokens: tuple[int, ...]) -> Trace:
    """The run in which the decoder has read the beginning and this text, as the search ran it."""
    ids = scene.encoding.ids
    row = np.concatenate([ids[:1], np.array(tokens, np.int64)])
    return forward(compute.params(scene), scene.whole, row, source=ids, interventions=scene.interventions)
