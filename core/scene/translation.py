"""A Scene's sentence translated: what the page on translation draws, of a model of two stacks.

The encoder reads the sentence; the decoder begins with the sentence's first token, which says into which language, and
writes the likeliest token, again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .. import limits
from ..arguments import instance
from ..config import Config
from ..errors import ConfigError
from ..generate.beam import BeamStep, beam_search
from ..generate.loop import NewToken, generate
from ..model import forward
from ..params import Params
from ..tokenizer.words import Encoding
from ..trace import Trace
from .scene import Scene

AHEAD = 8  # tokens that a translation may be longer than its source, where no token ends it
ENDS = "."  # the token that ends a sentence


@dataclass(frozen=True)
class Translated:
    """A sentence, the tokens that were written for it, and the trace with which each was written.

    Row t of the decoder's patterns is what the t-th written token came from.
    """

    scene: Scene
    config: Config
    source: Encoding
    steps: tuple[NewToken, ...]
    target: np.ndarray  # [pos] int64, what the decoder read: the beginning, and every written token but the last
    trace: Trace  # of both stacks; the decoder's over the target


def translate(scene: Scene, params: Params | None = None) -> Translated:
    """Translate a Scene's sentence, with the tokens that it forces.

    Forced tokens behind the end of the translation, or outside the vocabulary, are passed over.
    Raises: ConfigError for a Scene whose model has one stack, and for logits that are not finite.
    """
    params = _params(scene, params)
    steps = tuple(_written(scene, params, dict(scene.words_forced)))
    return Translated(scene, scene.config, scene.encoding, steps, *_traced(scene, params, steps))


def search(scene: Scene, params: Params | None = None) -> tuple[BeamStep, ...]:
    """The translations that a beam of the Scene's width looks at, a step a token; nothing is forced.

    Raises: as `translate`.
    """
    params, ids = _params(scene, params), scene.encoding.ids
    width, interventions = scene.beam_width, scene.interventions
    steps = beam_search(
        params, scene.whole, ids[:1], room(scene), width, source=ids, stop=stops(scene), interventions=interventions
    )
    return tuple(steps)


def read_back(scene: Scene, params: Params) -> np.ndarray:
    """What the decoder reads while it translates, nothing forced and nothing patched: its ids [pos].

    Where the numbers explode nothing is written, and it reads the beginning alone.
    """
    try:
        steps = tuple(_written(scene, params, {}))
    except ConfigError:
        steps = ()
    return _target(scene, steps)


def stops(scene: Scene) -> tuple[int, ...]:
    """The tokens that end a translation: the period, where the model has words of its own."""
    tokenizer = scene.preset.tokenizer
    return (list(tokenizer.tokens).index(ENDS),) if tokenizer and ENDS in tokenizer.tokens else ()


def room(scene: Scene) -> int:
    """How many tokens a translation may have."""
    n_ctx, n = scene.config.n_ctx, len(scene.tokens)
    return min(limits.NEW_TOKENS[1], n_ctx - 1 if stops(scene) else min(n + AHEAD, n_ctx - 1))


def _params(scene: Scene, params: Params | None) -> Params:
    if not instance("scene", scene, Scene).whole.n_encoder_layers:
        raise ConfigError("n_encoder_layers: is 0, and without an encoder nothing is translated", "n_encoder_layers")
    return scene.preset.params(scene.whole, scene.seed) if params is None else params


def _written(scene: Scene, params: Params, forced: Mapping[int, int]) -> Iterable[NewToken]:
    ids, most = scene.encoding.ids, room(scene)
    return generate(
        params,
        scene.whole,
        ids[:1],
        most,
        temperature=0,
        source=ids,
        stop=stops(scene),
        forced={at: token for at, token in forced.items() if 1 <= at <= most and token < scene.config.vocab_size},
        cache=scene.config.causal,
        interventions=scene.interventions,
    )


def _traced(scene: Scene, params: Params, steps: tuple[NewToken, ...]) -> tuple[np.ndarray, Trace]:
    target = _target(scene, steps)
    return target, forward(params, scene.whole, target, source=scene.encoding.ids, interventions=scene.interventions)


def _target(scene: Scene, steps: tuple[NewToken, ...]) -> np.ndarray:
    """[pos] int64: the beginning, and what was written, but for the last token: nothing was read after it."""
    return np.array([scene.encoding.ids[0], *(step.token for step in steps[:-1])], np.int64)
