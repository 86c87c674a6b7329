"""The ways of a Scene's tokens through the layers, and the directions that show most of them: those of one text; or, of
a model of two stacks, of both texts side by side, what the encoder reads and then what the decoder reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from functools import lru_cache
from itertools import takewhile
from typing import overload

import numpy as np

from core import Scene
from core.config import ENCODER
from core.interpret import PCA, distances, each_stage, pca
from core.trace import Trace
from pictures import compute, extremes, left_out, memory, stacks
from pictures.compute import looked_at
from pictures.words import Words

COMPONENTS = 3


def tokens(scene: Scene) -> tuple[str, ...]:
    """[pos]: of all whose ways are drawn."""
    return scene.tokens if stacks.count(scene) == 1 else (*scene.tokens, *stacks.read(scene))


def names(scene: Scene, words: Words) -> list[str]:
    """[pos]: what a sentence calls each of them; one of the decoder's is said to be one."""
    return [*_names(tokens(scene), len(scene.tokens), words)]


@lru_cache(maxsize=32)  # each stage of a walk tells them
def _names(labels: tuple[str, ...], first: int, words: Words) -> tuple[str, ...]:
    return tuple(named(labels, first, words))


def named(labels: Sequence[str], first: int, words: Words) -> list[str]:
    """The same of other labels [pos], of which so many are of the first text."""
    texts = labels[:first], labels[first:]
    own, read = ([extremes.token_name(text, i, words) for i in range(len(text))] for text in texts)
    return own + [words("drift.of_decoder", token=name) for name in read]


def depths(scene: Scene) -> tuple[int, ...]:
    """How many layers each stack has."""
    config = scene.config
    return (config.n_encoder_layers, config.n_layers) if config.n_encoder_layers else (config.n_layers,)


def layers(scene: Scene) -> int:
    """How many there are to pass: those of the deeper stack."""
    return max(depths(scene))


def ways(scene: Scene) -> np.ndarray:
    """[stage, pos, d_model]: the embeddings, then every layer's output, for as long as the numbers are finite.

    The tokens of a stack that has fewer layers than the other stay where its last one leaves them.
    """
    return np.array([*_each(scene)], np.float64)


def _each(scene: Scene) -> Iterator[np.ndarray]:
    """[pos, d_model] of one after another, in the run's own precision: of SmolLM2 and 256 tokens all take 18 MB."""
    trace, deep = compute.run(scene).trace, depths(scene)
    texts: list[Trace] = [trace] if trace.source is None else [trace.source, trace]
    each = [[*each_stage(text, n)] for text, n in zip(texts, deep, strict=True)]
    as_deep = (own + own[-1:] * (max(deep) - n) for own, n in zip(each, deep, strict=True))
    every = (x[0] if len(x) == 1 else np.concatenate(x) for x in zip(*as_deep, strict=True))
    return takewhile(lambda x: np.isfinite(x).all(), every)


class Stages(Sequence[np.ndarray]):
    """The same, of which a stage [pos, d_model] is taken out of the run when it is asked for: of SmolLM2 and 256 tokens
    all take 37 MB, and two or three are told of."""

    def __init__(self, scene: Scene):
        self._scene, self._n = scene, len(projected(directions(scene)))

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, stage: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, stage: slice) -> list[np.ndarray]: ...

    def __getitem__(self, stage: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(stage, slice):
            return [self[at] for at in range(self._n)[stage]]
        trace, at = compute.run(self._scene).trace, range(self._n)[stage]
        texts = [trace[reached(self._scene, stack, at)] for stack in range(stacks.count(self._scene))]
        return np.concatenate(texts).astype(np.float64)

    def away(self, stage: int) -> np.ndarray:
        """[pos, pos]: how far the tokens are from one another there."""
        at = range(self._n)[stage]
        # Of the first and of the last every step of the walk asks.
        return _ends_away(directions(self._scene), at) if at in (0, self._n - 1) else distances(self[at])


@memory.kept(lambda scene, stage: (scene, stage), large=lambda scene, _: compute.is_large(scene))
def _ends_away(scene: Scene, stage: int) -> np.ndarray:
    return distances(Stages(scene)[stage])


def passed(scene: Scene) -> int:
    """How many layers the reader has let the words pass, inside the model."""
    n = layers(scene)
    return n if scene.drift_stage is None else min(scene.drift_stage, n)


def stage(scene: Scene, stages: Sized) -> int:
    """The stage that is shown: the last one, where the layer asked for is no longer finite."""
    return min(passed(scene), len(stages) - 1)


def reached(scene: Scene, stack: int, stage: int) -> str:
    """The array of the trace in which the vectors of a stack's tokens stand at one stage of their way."""
    prefix = ENCODER if stacks.count(scene) > 1 and stack == 0 else ""
    return (
        f"{prefix}blocks.0.resid_pre"
        if stage == 0
        else f"{prefix}blocks.{min(stage, depths(scene)[stack]) - 1}.resid_post"
    )


def spread(scene: Scene) -> list[tuple[str, int]]:
    """The vectors whose directions the `basis` is, in the order of its rows: (array, position) of each."""
    first, own = len(scene.tokens), np.flatnonzero(kept(scene)).tolist()
    places = [(int(i >= first), i - first * (i >= first)) for i in own]
    return [(reached(scene, stack, stage), at) for stage in range(len(Stages(scene))) for stack, at in places]


def kept(scene: Scene) -> np.ndarray:
    """[pos]: which of the tokens a picture has (pictures.left_out); of what the decoder reads all but the first, where
    the first of the sentence is left out."""
    own = left_out.kept(scene)
    if stacks.count(scene) == 1:
        return own
    read = np.ones(len(stacks.read(scene)), bool)
    read[0] = own.all() or len(read) == 1
    return np.append(own, read)


def directions(scene: Scene) -> Scene:
    """What the directions depend on: what is computed, and who is left out."""
    return looked_at(scene, ("without_first",))


# The SVD of the largest model takes 30 ms, and a walk through it needs one.
@memory.kept(lambda scene: (scene,), large=compute.is_large)
def basis(scene: Scene) -> PCA:
    """The directions in which all stages of a Scene's words spread most: see `directions`."""
    own = kept(scene)
    vectors = [x if own.all() else x[own] for x in _each(scene)]
    vectors = vectors or [np.zeros((1, stacks.looks(scene).config.d_model))]  # what enters is no number already
    return pca(vectors, k=COMPONENTS)


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def projected(scene: Scene) -> np.ndarray:
    """[stage, pos, COMPONENTS]: all of `ways` in that basis; see `directions`."""
    axes = basis(scene)
    return np.array([axes.project(x) for x in _each(scene)]).reshape(-1, len(tokens(scene)), COMPONENTS)
