"""Head after head switched off: how far the output moves and the prediction changes, a layer at a time; and whether it
takes so long that a page has to be asked for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core import Scene
from core.generate.loop import multiplications, multiplications_by_part
from core.interpret import head_effects, prediction_effects, without_heads
from core.weights import Stored
from pictures import compute, memory, stacks

# What is stored in few bits is widened for each layer that is tried: as long as the products of so many tokens.
WIDENED = 50


class Ablated(NamedTuple):
    """Of the heads of one layer, each switched off alone. moved [head, pos]: how far each output moves. predicted
    [2, head]: what `core.interpret.prediction_effects` gives; None where nothing is predicted."""

    moved: np.ndarray
    predicted: np.ndarray | None


def parts(scene: Scene) -> list[tuple[Scene, int]]:
    """What `measured` is asked: a layer at a time, so that others may come between."""
    found = stacks.looks(scene)
    bare = compute.looked_at(scene, ("attention_of",) if found.kind else ())
    return [(bare, layer) for layer in range(found.config.n_layers)]


# Another head chosen, or another word, needs no new run.
@memory.kept(lambda scene, layer: (scene, layer), large=lambda scene, _: compute.is_large(scene))
def measured(scene: Scene, layer: int) -> Ablated:
    """The heads of one layer of the stack that looks."""
    params, config, trace, kind = stacks.asked(scene)
    streams = {layer: without_heads(params, config, trace, layer, kind)}
    moved = head_effects(params, config, trace, [layer], kind, streams)[0]
    predicted = prediction_effects(params, config, trace, [layer], kind, streams)[:, 0] if config.unembed else None
    return Ablated(moved, predicted)


def of_all(scene: Scene) -> list[Ablated]:
    """The same of all layers, as they follow one another."""
    return [measured(*part) for part in parts(scene)]


def cost(scene: Scene) -> float:
    """The multiplications that it takes to switch off all heads, one by one."""
    config = stacks.looks(scene).config
    # What follows a head is computed again: half of the model on average.
    return again(scene, config.n_heads, config.n_layers * config.n_layers / 2)


def again(scene: Scene, runs: float, layers: float) -> float:
    """The multiplications that it takes to compute so many layers again, for so many runs side by side."""
    return layers / stacks.looks(scene).config.n_layers * (_once(scene) * runs + widened(scene))


def _once(scene: Scene) -> int:
    """Those of one run of the stack that looks, up to the stream that leaves it."""
    found = stacks.looks(scene)
    c, n, n_source = found.config, len(found.rows), len(scene.tokens) if found.config.cross else 0
    return multiplications(c, n, n, n_source=n_source, n_read=0) - multiplications_by_part(c, n, n)["unembed"]


def widened(scene: Scene) -> int:
    """As many as it takes to widen the weights once, where they are stored in few bits."""
    preset = scene.preset
    stored = preset.trained and any(isinstance(p, Stored) for p in preset.learned.values())
    return WIDENED * scene.whole.n_parameters() if stored else 0
