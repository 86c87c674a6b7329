"""Who writes on the Generate page, what was written, kept for all sessions, and what the tokens are called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

import core
from core import ConfigError, Run, Scene, Writing, limits
from core.generate.known import STAGES, Known
from core.generate.loop import NewToken
from core.interpret import residual_stages
from core.scene.continuation import knowing, namer
from core.scene.recall import KEPT, Recalled, trace_bytes
from core.scene.switch import as_it_opens
from core.tokenizer.words import Encoding
from pictures import compute, heap, memory
from pictures.brief import brief
from pictures.display_names import named
from pictures.words import Words

STAND_IN = "stories"  # writes where the reader's model has no logits
ROWS = 12  # positions whose stream is read at every stage: the last ones
KNOBS = ("draw_temperature", "top_k", "top_p", "draw_seed", "max_new_tokens", "forced")


def writer(scene: Scene) -> Scene:
    """The Scene itself; or, of a model without logits, one that has them and is looked at in the same way."""
    return with_logits(scene, STAND_IN, scene.forced)


def with_logits(scene: Scene, model: str, forced: tuple[tuple[int, int], ...] = ()) -> Scene:
    """The Scene itself; or, where its model has no logits, `model` as it opens, looked at in the same way."""
    return scene if scene.config.unembed else as_it_opens(scene, model, forced=forced)


def written(scene: Scene) -> Writing | None:
    """What `scene` writes; None where its numbers explode."""
    return _written(knobs(scene))


def text_of(scene: Scene) -> Writing:
    """What `scene` writes, for a picture of it. Raises: ConfigError where its numbers explode; then there is none."""
    text = written(scene)
    if text is None:
        raise ConfigError("params: the numbers explode, and nothing is written", "params")
    return text


def knobs(scene: Scene) -> Scene:
    """The same writing, looked at as by default: equal for all Scenes that share one."""
    return compute.looked_at(scene, KNOBS)


# What a step's distribution is asked for, it computes and keeps.
@memory.kept(lambda scene: (scene,), large=compute.is_large, grows=8)  # a page asks some dozen times
def _written(scene: Scene) -> Writing | None:
    try:
        resumed = is_resumed(scene)
        writing = _resumed(scene, _known(scene.computed)) if resumed else core.write(scene, compute.params(scene))
    except ConfigError:
        return None
    if compute.is_large(scene):  # its matrices were widened for the whole text, and are free now
        heap.trim()
    # Of the traces no picture reads anything, and the first one's has logits for the whole context.
    nothing = core.Trace(())
    kept = brief if writing.config.vocab_size > limits.UPLOAD_VOCABULARY else partial(replace, trace=nothing)
    return replace(writing, steps=tuple(map(kept, writing.steps)), weights=partial(compute.params, scene))


def is_resumed(scene: Scene) -> bool:
    """Whether a text goes on from what is known of another one: of a large model, of which one is written at a time."""
    return compute.is_large(scene) and scene.config.causal and scene.config.unembed


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _known(scene: Scene) -> Known:
    return knowing(scene, compute.params(scene), ROWS)


def _resumed(scene: Scene, known: Known) -> Writing:
    """What `scene` writes, from where it parts from what is known: of which there is more then, 18 MB where SmolLM2 has
    read 256 tokens."""
    try:
        return core.write(scene, compute.params(scene), known=known)
    finally:
        _known.grown(scene.computed)


def reached(scene: Scene, writing: Writing) -> int:
    """How many new tokens the reader has let it write."""
    n = len(writing.steps)
    return n if scene.tokens_written is None else min(scene.tokens_written, n)


def looked_at(scene: Scene, writing: Writing) -> NewToken:
    """The last step of those."""
    return writing.steps[reached(scene, writing) - 1]


def spelled(scene: Scene, text: Writing, steps: int, words: Words) -> list[str]:
    """The tokens of the context, as the reader wrote them, and of the first `steps` new ones."""
    name, n = names(scene, words), len(text.ids)
    return [*scene.tokens[:n], *(name(token) for token in text.text(steps)[n:].tolist())]


def joint(scene: Scene) -> str:
    """What stands between the tokens of its texts: nothing where they are characters."""
    tokenizer = scene.preset.tokenizer
    return " " if (tokenizer.by if tokenizer else scene.split) == "words" else ""


def names(scene: Scene, words: Words) -> Callable[[int], str]:
    """What each id is called in this language."""
    name = namer(scene, lambda token: words("generate.unnamed", id=token))
    return lambda token: named(name(token), words)


def is_long(scene: Scene, n: int) -> bool:
    """Whether a trace of n tokens is more than is kept of one."""
    return trace_bytes(scene.config, n) > limits.TRACE


def context(scene: Scene) -> Run:
    """A run of the text before the step that is looked at: the context, and what was written after it.

    Raises: ConfigError where its numbers explode.
    """
    return _context(compute.looked_at(scene, (*KNOBS, "tokens_written")))


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _context(scene: Scene) -> Run:
    text = text_of(scene)
    before = reached(scene, text) - 1
    ids, x = text.text(before), text.embedded(before)
    large = is_long(scene, len(x))  # then little of it is kept, as core.run does
    names = KEPT if large else None
    trace = core.forward(text.params, scene.whole, embeddings=x, interventions=scene.interventions, names=names)
    trace = Recalled(trace, text.config, text.weights) if large else trace
    tokens = (*scene.tokens[: len(text.ids)], *map(str, ids[len(text.ids) :]))
    return Run(scene, text.config, text.weights, Encoding(ids, tokens, (), ()), x, trace)


def stages(scene: Scene, text: Writing) -> np.ndarray:
    """[stage, pos, d_model]: the residual stream at the last ROWS positions, or as many as there are, of the context
    and what was written, but for the last token: it was not read yet.

    Of a large model what was computed to write the text; else all positions in a run of their own, which keeps no keys
    and values.
    """
    n, steps = len(text.ids), reached(scene, text)
    if is_resumed(scene):
        return _stages(knobs(scene))[:, : min(n, ROWS) + steps - 1][:, -ROWS:]
    x = text.embedded(steps - 1)
    trace = core.forward(text.params, scene.whole, embeddings=x, interventions=scene.interventions, names=STAGES)
    return residual_stages(trace, text.config.n_layers)[:, -ROWS:]


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _stages(scene: Scene) -> np.ndarray:
    known, tokens = _known(scene.computed), [step.token for step in text_of(scene).steps[:-1]]
    if (found := known.stages(tokens)) is None:  # another text came between
        _resumed(scene, known)
        found = known.stages(tokens)
    assert found is not None, "it has just been written"
    return found


def context_stream(scene: Scene) -> np.ndarray:
    """[pos, d_model]: what the unembedding reads of the context, of a text that `is_resumed`; where nothing is known of
    it yet, one is written."""
    known = _known(scene.computed)
    if not len(known.stream):
        with suppress(ConfigError):  # its numbers explode, at the context or later
            _resumed(knobs(scene), known)
    return known.stream
