"""The other runs that a page's numbers lead to: the other sentence's, one with an array of it patched in, one without
a head, one with all of them, one with no fibre cut, one in which a query's head leaves a key out, that of one of many
sentences, that of a text which a search has kept, the one that is pinned, and that of the text that Generate judges.
A name begins with the run that it is of: `put_head.1.2.logits`, `without.1.2.logits`, `whole.logits`, `uncut.logits`,
`left.1.2.4.0.logits`, `told.3.logits`, `kept.2.0.logits`, `pinned.logits`, `judged.logits`; of two stacks
`without_encoder.1.2.logits` and `left_cross.1.2.4.0.logits` too; `taken.20.logits`, `unseen.20.logits`,
`probed.20.logits`, `at.20.logits`, `sequence.2.logits`, `former.loss_taken.logits`, `nudged.0.logits`, `exact.logits`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from core import Config, Interventions, Run, Scene, Trace, forward
from core.config import ENCODER
from core.errors import ConfigError
from core.explain.subject import Subject
from core.interpret import path_nodes, probe_sequences
from core.interventions import ELSEWHERE, IN_CROSS, IN_ENCODER
from core.scene.recall import KEPT, Recalled
from pictures import compute, continuation, habits, memory, stacks
from pictures.explained.kinds import layer_of
from pictures.pair import Pair, reading

UNCUT = "uncut."
OTHER, WHOLE, PINNED, JUDGED = "other.", "whole.", "pinned.", "judged."
ARRAYS = {  # what a patch takes over, of a layer
    **{"stream": "blocks.{}.resid_pre", "head": "blocks.{}.attn.z", "word": "blocks.{}.attn.z"},
    **{"mlp": "blocks.{}.mlp_out", "cross": "blocks.{}.cross.z", "encoder": "encoder.blocks.{}.resid_pre"},
}
FORMER, EXACT = "former.", "exact."
TAKEN, UNSEEN, PROBED, AT, NUDGED = STEPS = ("taken", "unseen", "probed", "at", "nudged")  # with weights of their own
PUT = rf"put_(?:{'|'.join(ARRAYS)})\.\d+\.\d+(?:\.\d+)?\."
WHERE = {kind: f"_{kind}" for kind in (IN_CROSS, IN_ENCODER)}  # but for the decoder's own heads
ELSE = rf"(?:{'|'.join(WHERE.values())})?"
RUN = re.compile(
    rf"((?:other|whole|uncut|pinned|judged|former|exact)\.|left{ELSE}(?:\.\d+){{4}}\."
    rf"|(?:blank|way|told|sequence|sequence_encoder|taken|unseen|probed|at|nudged)\.\d+\."
    rf"|(?:without{ELSE}|kept)\.\d+\.\d+\.|{PUT})(.+)"
)


def at_step(what: str, step: int) -> str:
    """Of what the weights of a step of training give: for the batch that it took (TAKEN), for data that is held out
    (UNSEEN), for the induction probe (PROBED), or for the example (AT). Of NUDGED, step is which of a gradient check's
    two losses it is for: 0 below, 1 above."""
    return f"{what}.{step}."


def own_weights(start: str) -> bool:
    """Whether a run's weights are not the page's own."""
    return start in (PINNED, EXACT) or start.partition(".")[0] in STEPS


def put(what: str, layer: int, index: tuple[int, ...]) -> str:
    """What the names begin with of the run in which this was put: at a position, a head, both, or in a whole layer."""
    return f"put_{what}.{layer}.{'.'.join(map(str, index))}."


def without(of: str, head: int) -> str:
    """Of the run without a head of the attention whose array `of` is."""
    return f"without{WHERE.get(where(of), '')}.{layer_of(of)}.{head}."


def left(of: str, head: int, query: int, key: int) -> str:
    """Of the run in which a query's head no longer mixes in one key's value: core.interpret.key_effects."""
    return f"left{WHERE.get(where(of), '')}.{layer_of(of)}.{head}.{query}.{key}."


def where(of: str) -> str:
    """Whose heads an array of attention is of, as Interventions.ablated_in says it: "attn", or one of ELSEWHERE."""
    return IN_ENCODER if of.startswith(ENCODER) else IN_CROSS if ".cross." in of else "attn"


def blank(position: int) -> str:
    """Of the run whose embedding of one word is zero."""
    return f"blank.{position}."


def way(node: int) -> str:
    """Of a run on the way from embeddings of zeros to the sentence's own."""
    return f"way.{node}."


def told(sentence: int) -> str:
    """Of the run of one of the sentences over which Reading heads tells habits."""
    return f"told.{sentence}."


def sequence(of: str, k: int) -> str:
    """Of the run of one of the induction probe's sequences, which the stack reads whose array `of` is."""
    return f"sequence{WHERE[IN_ENCODER] if of.startswith(ENCODER) else ''}.{k}."


def kept(n: int, rank: int) -> str:
    """Of the run that read a text of Translate's search: of so many words, at that place among those of as many."""
    return f"kept.{n}.{rank}."


def parted(name: str) -> tuple[str, str]:
    """(what says which run, the name in it): ("", name) of the page's own."""
    found = RUN.fullmatch(name)
    return (found[1], found[2]) if found else ("", name)


def numbers(start: str) -> tuple[int, ...]:
    """Which layer, head or whatever it is, of what a name begins with."""
    return tuple(int(part) for part in start.split(".") if part.isdigit())


def without_head(scene: Scene, start: str) -> Scene:
    """Raises: ConfigError for a head that there is not."""
    if start == WHOLE:
        return scene.turn(ablated=())
    if not start.startswith("without"):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    _looked(scene, start)
    layer, head = numbers(start)
    return scene.turn(ablated={*scene.ablated, (layer, head)})


def one_of_many(scene: Scene, start: str) -> Scene:
    """Raises: ConfigError for a sentence that there is not."""
    (sentence,) = numbers(start)
    if not habits.offered(scene) or sentence >= len(parts := habits.parts(scene)):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    return parts[sentence]


def _looked(scene: Scene, start: str) -> tuple[str, str, Config]:
    """Whose heads a run lacks something of, what the names of that layer's attention begin with, and the Config of that
    stack. Raises: ConfigError for a head that there is not."""
    kind, c = start.partition(".")[0].partition("_")[2] or "attn", scene.config
    layer, head, *_ = numbers(start)
    inside = kind == IN_ENCODER
    if kind in ELSEWHERE and not (c.n_encoder_layers if inside else c.cross):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    own = c.encoder if inside else c
    if layer >= own.n_layers or head >= own.n_heads:
        raise ConfigError(f"name: {start} is no head of this model", "name")
    return kind, f"{ENCODER if inside else ''}blocks.{layer}.{'cross' if kind == IN_CROSS else 'attn'}.", own


def probing(scene: Scene, start: str) -> Subject:
    """The run of a sequence of the probe; of two stacks a decoder reads it while its encoder reads the sentence, and an
    encoder by itself. Raises: ConfigError for a sequence that there is not."""
    inside, (k,) = start.startswith("sequence_"), numbers(start)
    config = scene.config.encoder if inside else scene.config
    if (inside and not scene.config.n_encoder_layers) or k >= len(probe_sequences(config)):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    return _probing(scene.computed.turn(cut=()), start)


@memory.kept(lambda scene, start: (scene, start), large=lambda scene, _: compute.is_large(scene), grows=1)
def _probing(scene: Scene, start: str) -> Subject:
    inside, (k,), run = start.startswith("sequence_"), numbers(start), compute.run(scene)
    ids = probe_sequences(scene.config.encoder if inside else scene.config)[k]
    about: dict[str, Any] = {"ids": ids[:1], "source": ids} if inside else {"ids": ids}
    if not inside and stacks.count(scene) > 1:
        about["source"] = run.encoding.ids
    trace = forward(compute.params(scene), scene.whole, **about, interventions=scene.interventions)
    return replace(Subject.of(run), trace=trace, ids=trace.ids, edits=frozenset(), by_hand=frozenset())


def lacking(scene: Scene, start: str) -> str:
    """The array of which that run lacks something. Raises: ConfigError for a head that there is not."""
    return f"{_looked(scene, start)[1]}z"


@memory.kept(lambda scene, start: (scene.computed, start), large=lambda scene, _: compute.is_large(scene), grows=1)
def emptied(scene: Scene, start: str) -> Subject:
    """The run in which one head gives nothing; what was put in stays as it is, and so does what a decoder reads, as for
    core.interpret.without_heads. Raises: ConfigError for a head that there is not."""
    name, head = lacking(scene, start), numbers(start)[1]
    run = compute.run(scene)
    z = np.array(run.trace[name])
    z[head] = 0
    return _with(run, {name: z})


def all_on(scene: Scene) -> Subject:
    """The run of two stacks with all heads of the attention that is shown; what the decoder reads stays."""
    return _all_on(compute.looked_at(scene, ("attention_of",)))


@memory.kept(lambda scene: (scene,), large=compute.is_large, grows=1)
def _all_on(scene: Scene) -> Subject:
    return replace(Subject.of(compute.run(scene)), trace=stacks.without(scene, ()))


def left_out(scene: Scene, start: str) -> Subject:
    """The run without one key of a head's look; its other weights are as they were. Raises: ConfigError."""
    _, at, _ = _looked(scene, start)
    _, _, query, key = numbers(start)
    _, n_queries, n_keys = compute.run(scene).trace[at + "pattern"].shape
    if query >= n_queries or key >= n_keys:
        raise ConfigError(f"name: {start} is no look of this model", "name")
    return _left_out(scene.computed, start)


@memory.kept(lambda scene, start: (scene, start), large=lambda scene, _: compute.is_large(scene), grows=1)
def _left_out(scene: Scene, start: str) -> Subject:
    (kind, at, own), (layer, head, query, key) = _looked(scene, start), numbers(start)
    run = compute.run(scene)
    z, change = np.array(run.trace[at + "z"]), run.trace.interventions
    if head not in change.ablated_in(layer, kind):
        carried = run.trace[at + "pattern"][head, query, key] * run.trace[at + "v"][own.kv_head_of(head), key]
        z[head, query] -= np.where(change.put_in(at + "z", z.shape)[head, query], 0, carried)
    return _with(run, {at + "z": z})


def _with(run: Run, arrays: dict[str, np.ndarray]) -> Subject:
    """A run again, with these arrays in the place of its own; what was put into it stays there."""
    change = run.trace.interventions
    change = replace(change, patch={**change.patch, **arrays})
    return replace(Subject.of(run), trace=_again(run, change, **stacks.given(run)))


def _again(run: Run, change: Interventions, **given: Any) -> Trace:
    """The trace of another run of the same weights; of a long text little of it is kept, as core.run does."""
    large = "embeddings" in given and continuation.is_long(run.scene, len(run.embeddings))
    names = KEPT if large else None
    trace = forward(run.params, run.scene.whole, **given, interventions=change, names=names)
    return Recalled(trace, run.config, run.weights) if large else trace


def scaled(pair: Pair, start: str) -> tuple[Subject, np.ndarray]:
    """The clean sentence's run with its embeddings times so much, and how much: [pos]. Raises: ConfigError."""
    (k,), n, nodes = numbers(start), len(pair.clean.tokens), path_nodes()[0]
    if pair.two or k >= (n if start.startswith("blank.") else len(nodes)):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    factors = np.where(np.arange(n) == k, 0.0, 1.0) if start.startswith("blank.") else np.full(n, nodes[k])
    return _scaled(pair.clean.computed, pair.candidates[0], tuple(factors.tolist())), factors


@memory.kept(lambda *what: what, large=lambda scene, *_: compute.is_large(scene), grows=1)
def _scaled(scene: Scene, token: int, factors: tuple[float, ...]) -> Subject:
    run = compute.run(scene)
    x = (np.array(factors)[:, None] * run.embeddings).astype(run.embeddings.dtype)
    return asking(replace(Subject.of(run), trace=_again(run, run.trace.interventions, embeddings=x)), token)


def asking(subject: Subject, token: int) -> Subject:
    """A run whose gradients are those of one token's logit after the last position."""
    entering = np.zeros_like(subject["logits"])
    entering[-1, token] = 1
    return replace(subject, upstream={"logits": entering})


def patched(pair: Pair, start: str) -> Subject:
    """The run with that patch. Raises: ConfigError for a place that there is not."""
    if not start.startswith("put_"):
        raise ConfigError(f"name: {start} is of a run that this page has not", "name")
    layer, *place = numbers(start)
    what = start.partition(".")[0].removeprefix("put_")
    name, trace = ARRAYS[what].format(layer), pair.trace(pair.target)
    sizes = trace[name].shape[: 2 if what == "word" else 1] if name in trace else ()
    sizes = (1,) if what == "mlp" and sizes else sizes
    fits = len(place) == len(sizes) and all(at < size for at, size in zip(place, sizes, strict=True))
    if not pair.alike or not fits:
        raise ConfigError(f"name: {start} is no patch of this page", "name")
    index = () if what == "mlp" else tuple(place)
    return _put(pair.target.computed, pair.source.computed, pair.read, name, index)


@memory.kept(lambda *what: what, large=lambda target, *_: compute.is_large(target), grows=1)
def _put(target: Scene, source: Scene, read: tuple[int, ...], name: str, index: tuple[int, ...]) -> Subject:
    run = compute.run(target)
    given: dict[str, Any] = {"embeddings": run.embeddings}
    if read:
        given = {"ids": np.array(read), "source": run.encoding.ids}
    there = np.asarray(reading(source, read)[name])[index]
    change = replace(reading(target, read).interventions, patch={name: (index, there)})
    trace = _again(run, change, **given)
    return replace(Subject.of(run), trace=trace, ids=trace.ids if read else run.encoding.ids)
