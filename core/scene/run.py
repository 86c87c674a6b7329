"""Running a Scene: from what the reader turned to the trace that every picture reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import limits
from ..arguments import instance
from ..config import Config
from ..interventions import Interventions
from ..model import forward
from ..params import Params, check_needed
from ..tokenizer.words import Encoding
from ..trace import Trace
from .recall import Recalled, kept, trace_bytes
from .scene import Scene
from .translation import read_back


@dataclass(frozen=True)
class Run:
    """What the pages draw: a Scene, and all that was computed from it."""

    scene: Scene
    config: Config
    weights: Callable[[], Params]  # gives them: they follow from the Scene, and whoever keeps a Run need not keep them
    encoding: Encoding
    embeddings: np.ndarray  # [pos, d_model]
    trace: Trace
    target: np.ndarray | None = None  # [pos] int64: what the decoder read, where there are two stacks

    @property
    def params(self) -> Params:
        """The weights that it was computed with."""
        return self.weights()

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.encoding.tokens


def run(
    scene: Scene,
    params: Params | None = None,
    names: Iterable[str] | None = None,
    weights: Callable[[], Params] | None = None,
    block: int | None = None,
    drawn: tuple[str, ...] = (),
) -> Run:
    """Compute a Scene. `params`: the weights, where they are known: they depend on model, `whole` and seed alone.

    weights: gives them again. With it a trace that would take more than limits.TRACE keeps little of every block, and
    computes the rest of one anew where that is asked for (core/scene/recall.py).
    block: the one that will be asked for. Of a text that is not too long (limits.BLOCK) all of it is kept at once; of a
    longer one what is `drawn` of it, names or patterns such as `attn.*`.

    Raises: ConfigError for what is no Scene, for weights that do not fit it, and for names that no trace has.
    """
    instance("scene", scene, Scene)
    if params is not None:
        check_needed(params, scene.config)
    config, encoding = scene.config, scene.encoding
    params = weights_of(scene) if params is None else params
    embeddings = embed_tokens(scene, encoding, params)
    if config.n_encoder_layers:  # small, or it would not be a Scene's: its trace is kept whole
        target, source = read_back(scene, params), encoding.ids
        change = patched(scene, params, target)
        trace = forward(params, scene.whole, target, source=source, interventions=change, names=names)
        return Run(scene, config, weights or (lambda: params), encoding, embeddings, trace, target)
    size, change = trace_bytes(config, len(embeddings)), patched(scene, params)
    if weights is None or names is not None or size <= limits.TRACE:
        trace = forward(params, config, embeddings=embeddings, interventions=change, names=names)
        return Run(scene, config, weights or (lambda: params), encoding, embeddings, trace)
    inside = () if block is None else ("*",) if size <= limits.BLOCK * config.n_layers else drawn
    names = (*kept(config), *(f"blocks.{block}.{name}" for name in inside))
    trace = forward(params, config, embeddings=embeddings, interventions=change, names=names)
    return Run(scene, config, weights, encoding, embeddings, Recalled(trace, config, weights, block))


def patched(scene: Scene, params: Params, target: np.ndarray | None = None) -> Interventions:
    """The Scene's interventions, and what its patch takes from a run of the other sentence.

    target [pos]: what the decoder reads, of a model of two stacks: the same in both runs. Of a position that it has not
    nothing is patched. Sources are those of core/interpret/patching.py.
    """
    change = scene.interventions
    if scene.patch is None:
        return change
    (name, place), other = scene.patch, scene.patched_from
    given: dict[str, Any] = {"ids": target, "source": other.encoding.ids}
    if target is None:
        given = {"embeddings": embed_tokens(other, other.encoding, params)}
    there = forward(params, scene.whole, **given, interventions=other.interventions, names=[name])[name]
    if any(at >= size for at, size in zip(place, there.shape, strict=False)):
        return change
    return replace(change, patch={name: (place, there[place])})


def weights_of(scene: Scene) -> Params:
    """The Scene's weights: learned or drawn, and over them the reader's numbers."""
    return edit_matrices(scene, scene.preset.params(scene.whole, scene.seed))


def edit_matrices(scene: Scene, params: Params) -> Params:
    """The same weights with the reader's numbers in W_Q and W_K."""
    edited: dict[str, np.ndarray] = {}
    for matrix, row, column, value in scene.matrices:
        name = f"blocks.0.attn.W_{matrix}"
        edited.setdefault(name, np.array(params[name]))[row, column] = value
    return {**params, **edited} if edited else params


def embed_tokens(scene: Scene, encoding: Encoding, params: Params) -> np.ndarray:
    """[pos, d_model]: the drawn embeddings, over them the ones chosen by hand, over those the reader's edits."""
    by_hand = scene.preset.by_hand
    x = params["embed.W_E"][encoding.ids]
    if by_hand:  # a handful of numbers, to be reproduced to eight digits
        x = x.astype(np.float64)
    for position, token in enumerate(encoding.tokens):
        if token in by_hand:
            chosen = by_hand[token][: x.shape[1]]  # in a wider or narrower model they fill the first dimensions
            x[position] = 0
            x[position, : len(chosen)] = chosen
    for position, dimension, value in scene.edits:
        x[position, dimension] = value
    return x
