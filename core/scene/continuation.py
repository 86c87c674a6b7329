"""A Scene's text written on: what the page on generation draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import limits
from ..arguments import instance
from ..config import Config
from ..generate.cache import longest
from ..generate.known import Known
from ..generate.loop import NewToken, generate
from ..params import Params, check_needed
from ..tokenizer.words import UNKNOWN
from .run import embed_tokens, weights_of
from .scene import Scene
from .sentence import outside


@dataclass(frozen=True)
class Writing:
    """A context and the tokens that were written after it, a NewToken each.

    The context is the Scene's sentence, or as much of its beginning as leaves room for one new token.
    """

    scene: Scene
    config: Config
    weights: Callable[[], Params]  # gives them: they follow from the Scene, and whoever keeps a text need not keep them
    ids: np.ndarray  # [pos] int64: the context's
    embeddings: np.ndarray  # [pos, d_model]: the context's
    steps: tuple[NewToken, ...]

    @property
    def params(self) -> Params:
        """The weights that it was written with."""
        return self.weights()

    def text(self, steps: int) -> np.ndarray:
        """[pos] int64: the ids of the context and of the first `steps` new tokens."""
        return np.concatenate([self.ids, np.array([step.token for step in self.steps[:steps]], np.int64)])

    def embedded(self, steps: int) -> np.ndarray:
        """[pos, d_model]: what enters the model at those positions."""
        new = np.array([step.token for step in self.steps[:steps]], np.int64)
        return np.concatenate([self.embeddings, self.params["embed.W_E"][new]])


def write(scene: Scene, params: Params | None = None, cache: bool | None = None, known: Known | None = None) -> Writing:
    """Write scene.max_new_tokens tokens after its sentence, or as many as n_ctx has room for.

    Forced tokens outside these places, or outside the vocabulary, are passed over.
    params: the weights, where they are known. cache: None keeps keys and values where the mask lets it.
    known: of another text after the same sentence (`knowing`), if there is one.
    Raises: ConfigError for a Scene without logits, or whose logits are not finite.
    """
    config = instance("scene", scene, Scene).config
    if params is not None:
        check_needed(params, config)
    params = weights_of(scene) if params is None else params
    embeddings = _context(scene, params)
    n = len(embeddings)
    new = min(scene.max_new_tokens, config.n_ctx - n)
    steps = generate(
        params,
        scene.whole,
        embeddings=embeddings,
        max_new_tokens=new,
        temperature=scene.draw_temperature,
        top_k=scene.top_k,
        top_p=scene.top_p,
        seed=scene.draw_seed,
        forced={at: token for at, token in scene.forced if n <= at < n + new and token < config.vocab_size},
        cache=config.causal if cache is None else cache,
        interventions=scene.interventions,
        widened=limits.WIDENED,
        known=known,
    )
    return Writing(scene, config, lambda: params, scene.encoding.ids[:n], embeddings, tuple(steps))


def knowing(scene: Scene, params: Params, rows: int) -> Known:
    """Nothing yet of the texts that are written after a Scene's sentence, with room for the longest.

    rows: as of `Known`.
    """
    context, config = _context(scene, params), scene.whole
    return Known(config, context, min(len(context) + limits.NEW_TOKENS[1], longest(config)), rows)


def _context(scene: Scene, params: Params) -> np.ndarray:
    """[pos, d_model]: the sentence, or as much of its beginning as leaves room for one new token."""
    n = max(1, min(len(scene.tokens), scene.config.n_ctx - 1))
    return embed_tokens(scene, scene.encoding, params)[:n]


def namer(scene: Scene, unnamed: Callable[[int], str] = "#{}".format) -> Callable[[int], str]:
    """What each id is called: by the model's own tokens, else by the words of the sentence, else `unnamed`.

    A word that the model does not know, and that stands in for one of its tokens, is called as the reader wrote it.
    """
    encoding, tokenizer = scene.encoding, scene.preset.tokenizer
    if tokenizer:
        unknown = outside(scene.text, scene.model)
        read = zip(encoding.ids.tolist(), encoding.tokens, strict=True)
        borrowed = {id: token for id, token in read if unknown.get(token, UNKNOWN) != UNKNOWN}
        tokens = tokenizer.tokens  # a model may have more ids
        return lambda id: borrowed.get(id) or (tokens[id] if id < len(tokens) else unnamed(id))
    known = dict(zip(encoding.ids.tolist(), encoding.tokens, strict=True))
    return lambda token: known.get(token) or unnamed(token)
