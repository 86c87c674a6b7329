"""What was computed, kept for all sessions: a class moves the same knobs, so most turns were made before.

Three caches, each bounded by bytes (core/limits.py): weights, traces, and finished figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock  # sessions run side by side; nothing here starts a thread
from typing import Any

from cachetools import LRUCache, cached
from cachetools.keys import hashkey

import core
from core import Scene, limits
from plots.figure import to_json
from ui.words import Words


@dataclass(frozen=True)
class Picture:
    """A figure, and the sentence computed from the same array that says what it shows."""

    figure: dict[str, Any]
    says: str


@dataclass(frozen=True)
class Finished:
    """A picture ready to be sent."""

    json: bytes
    says: str


Builder = Callable[[Scene, Words], Picture]


@cached(
    LRUCache(limits.PARAMS_CACHE, getsizeof=lambda params: sum(a.nbytes for a in params.values())),
    # Only what decides the draw: the Config's other choices share it.
    key=lambda config, seed: hashkey(tuple(core.param_shapes(config).items()), config.init, config.tied_unembed, seed),
    lock=Lock(),
)
def _drawn(config: core.Config, seed: int) -> dict[str, Any]:
    return core.init_params(config, seed)


def params(scene: Scene) -> dict[str, Any]:
    """The weights of a Scene: its trained model's own, which the model itself keeps, or drawn."""
    preset = scene.preset
    return preset.params(scene.whole, scene.seed) if preset.trained else _drawn(scene.whole, scene.seed)


@cached(
    LRUCache(limits.TRACE_CACHE, getsizeof=lambda run: run.trace.nbytes),
    key=lambda scene: hashkey(scene.computed),
    lock=Lock(),
)
def run(scene: Scene) -> core.Run:
    """core.run, remembered: only what is computed counts, not how it is looked at."""
    return core.run(scene.computed, params(scene))


@cached(
    LRUCache(limits.FIGURE_CACHE, getsizeof=lambda finished: len(finished.json) + 2 * len(finished.says)),
    key=lambda builder, scene, words: hashkey(builder, scene, words),
    lock=Lock(),
)
def finished(builder: Builder, scene: Scene, words: Words) -> Finished:
    """The picture that `builder` makes of a Scene, as bytes to send."""
    return finish(builder(scene, words), words)


def finish(picture: Picture, words: Words) -> Finished:
    """A picture as bytes to send, its numbers as the language writes them."""
    if words.comma:
        picture.figure["layout"]["separators"] = ",."
    return Finished(to_json(picture.figure), picture.says)
