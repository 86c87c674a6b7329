"""The way back: the gradient of the loss, from the logits to the embeddings, through every stack of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import core
from core import Params, Scene, Trace, limits
from core.explain.subject import GRAD, LENGTH
from core.interpret import token_lengths
from pictures import compute, memory, stacks
from pictures.compute import Picture, picture
from pictures.continuation import names
from pictures.display_names import all_named
from pictures.drawing import Stack, stacks_of
from pictures.extremes import greatest, token_name, token_names
from pictures.loss_choice import Judged, loss_of
from pictures.numbers import COLUMN, Lines, cells
from pictures.squares import nothing
from pictures.words import Words
from plots.heatmap import heatmap
from plots.magnitudes import magnitudes
from plots.tokens import edged

HEIGHT, WIDTH = 270, 520
ALIKE = 2.0  # times: of lengths that differ by less it is said that neither is twice the other
STAGES = (  # how the names end of what a strip draws
    *("embed", "logits", ".resid_pre", ".resid_mid", ".resid_mid_cross", ".resid_post"),
    *(".attn.pattern", ".cross.pattern", ".mlp.post", "ln_final.out"),
)


@dataclass(frozen=True)
class Way:
    """The gradient on its way back through a stack: by what a strip draws of it, in the place of the stack's trace, and
    by the stream that enters each layer and leaves the last."""

    stack: Stack
    lengths: np.ndarray  # [stage, pos]: of the stream's gradient, from the embeddings up

    @property
    def whole(self) -> np.ndarray:
        """[stage]: all words together."""
        return np.sqrt((self.lengths**2).sum(1))

    @property
    def tokens(self) -> tuple[str, ...]:
        return self.stack.tokens


@dataclass(frozen=True)
class Back:
    """A loss, and its gradient: through every stack, first the one that the loss is of; and by one weight."""

    ways: tuple[Way, ...]
    judged: Judged
    written: tuple[str, ...]  # of two stacks, what the decoder wrote at each place; else nothing
    loss: float
    name: str  # of the parameter with the number whose gradient is the greatest
    index: tuple[int, ...]
    weight: float
    gradient: float
    grads: Mapping[str, np.ndarray]  # by the activations that a strip draws
    stopped: float | None  # of a patched run, how long it is at what was put in, where it ends

    @property
    def whole(self) -> np.ndarray:
        """[stage]: of the stack that the loss is of."""
        return self.ways[0].whole

    @property
    def finite(self) -> bool:
        lengths = [length for way in self.ways for length in way.whole]
        return bool(np.isfinite([*lengths, self.loss, self.gradient, self.stopped or 0.0]).all())


def back(scene: Scene) -> Back | None:
    """None of a single word, after which nothing could be foretold; and without a part that has no way back.

    A decoder of two stacks is judged by what it wrote itself: at every place that counts as right.
    """
    place = loss_of(scene)
    return None if place is None else of_loss(place)


def followed(scene: Scene) -> Back | None:
    """The same, where all of its numbers are finite."""
    found = back(scene)
    return found if found and found.finite else None


def run_of(judged: Judged, params: Params, names: Sequence[str] | None) -> tuple[Trace, float, np.ndarray]:
    """A run with these weights, its loss, and the gradient that enters at the logits. What a patch puts in stays as it
    is, whatever the weights: it is a constant."""
    scene = judged.scene
    run = compute.run(scene)
    ids = run.encoding.ids
    given: dict[str, Any] = {"embeddings": run.embeddings} if scene.edits else {"ids": ids}
    if run.target is not None:
        given = {"ids": run.target, "source": ids}
    trace = core.forward(params, scene.whole, **given, interventions=run.trace.interventions, names=names)
    return trace, *core.cross_entropy(trace["logits"], *judged.targets(run))


Gradients = tuple[float, dict[str, np.ndarray]]


def gradients(judged: Judged) -> Gradients:
    """The loss, and its gradients by every parameter and activation.

    The way back, a step and a card ask for them. Of very many weights they are not kept: nothing else would have room.
    """
    keeps = judged.scene.whole.n_parameters() * np.float32().nbytes <= limits.CACHE_LEAST // 2
    return kept(judged) if keeps else made(judged)


@memory.kept(lambda judged: (judged,), large=lambda judged: compute.is_large(judged.scene))
def kept(judged: Judged) -> Gradients:
    return made(judged)


@np.errstate(all="ignore")  # numbers that explode are said to be lost
def made(judged: Judged) -> Gradients:
    params = compute.params(judged.scene)
    trace, loss, dlogits = run_of(judged, params, None)
    return loss, core.backward(params, judged.scene.config, trace, dlogits, activations=True)


def stages(n_layers: int) -> list[str]:
    """The names of the embeddings, and of the stream as it enters each further layer and leaves the last. What enters
    the first layer may be patched, or come out of a norm: at the embeddings less may arrive than there."""
    return ["embed", *(f"blocks.{i}.resid_pre" for i in range(1, n_layers)), f"blocks.{n_layers - 1}.resid_post"]


@memory.kept(lambda judged: (judged,), large=lambda judged: compute.is_large(judged.scene))
def of_loss(judged: Judged) -> Back:
    """The way back of one loss."""
    scene = judged.scene
    params, (loss, grads) = compute.params(scene), gradients(judged)
    drawn = {stage: grads[stage] for stage in grads if stage.endswith(STAGES)}
    ways = tuple(_way(drawn, stack) for stack in reversed(stacks_of(scene)))
    name = max(params, key=lambda one: float(np.nan_to_num(np.abs(grads[one])).max()))
    index = tuple(int(i) for i in np.unravel_index(np.abs(grads[name]).argmax(), grads[name].shape))
    numbers = float(np.asarray(params[name])[index]), float(grads[name][index])
    written = stacks.written(scene) if len(ways) > 1 else ()
    return Back(ways, judged, written, loss, name, index, *numbers, drawn, _stopped(scene, grads))


def _stopped(scene: Scene, grads: Mapping[str, np.ndarray]) -> float | None:
    for name, patch in compute.run(scene).trace.interventions.patch.items():
        return float(np.linalg.norm(grads[name][patch.index].astype(np.float64)))
    return None


def _way(grads: Mapping[str, np.ndarray], stack: Stack) -> Way:
    """The gradients of a whole model, as those of one of its stacks."""
    start = stack.prefix
    own = {name.removeprefix(start): gradient for name, gradient in grads.items() if name.startswith(start)}
    lengths = [token_lengths(own[name]) for name in stages(stack.config.n_layers)]
    return Way(replace(stack, trace=own), np.array(lengths))


# ------------------------------------------------------------------------------------------------------------ pictures


@picture("loss_position", "loss_token")
def lengths(scene: Scene, words: Words) -> Picture:
    """How long the gradient is at each stage, drawn as it goes: from the last layer down to the embeddings."""
    found = back(scene)
    if found is None or not found.finite:
        return _nothing(found, words)
    says = said(found, words)
    if len(found.ways) == 1:
        return Picture(line(found, says, words), says, points_of([found.ways[0]]))
    names = (words("backward.of.decoder"), words("backward.of.encoder"))
    figure = line(found, says, words, found.ways[1].whole, names)
    return Picture(figure, says, points_of([found.ways[1], found.ways[0]]))


def points_of(ways: Sequence[Way], starts: Sequence[str] = ("", "")) -> Lines:
    """Which number each point of the lines is, as they are drawn; starts: what their runs' names begin with."""
    named = [
        [(f"{start}overall.{GRAD}{way.stack.prefix}{name}", (0,)) for name in stages(len(way.lengths) - 1)[::-1]]
        for way, start in zip(ways, starts, strict=False)
    ]
    most = max(map(len, named))
    return Lines(tuple((*(None,) * (most - len(row)), *row) for row in named))


def line(
    found: Back, alt: str, words: Words, beside: np.ndarray | None = None, names: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """The figure; `beside` [stage]: the lengths of another Scene or stack, which may have more layers, or fewer; names:
    what tells the two apart."""
    n = max(len(found.whole), 0 if beside is None else len(beside)) - 1
    values, others = _reaching(found.whole, n), None if beside is None else _reaching(beside, n)
    return magnitudes(
        values,
        _names(n, words),
        _written(values, words),
        beside=others,
        beside_written=None if others is None else _written(others, words),
        names=names,
        role="@gradient",
        stage_title=words("backward.stage"),
        value_title=words("backward.length"),
        width=WIDTH,
        height=HEIGHT,
        alt=alt,
    )


def _names(n_layers: int, words: Words) -> list[str]:
    """[stage]: what each is called, as it is drawn: behind the last layer, as it enters each, and the embeddings."""
    return [words("backward.out"), *map(str, range(n_layers - 1, 0, -1)), words("backward.embeddings")]


def _written(values: np.ndarray, words: Words) -> list[str]:
    return [words.scaled(value) if np.isfinite(value) else "" for value in values.tolist()]


def _reaching(lengths: np.ndarray, n_layers: int) -> np.ndarray:
    """[stage], the embeddings last; of fewer layers, NaN where the others begin."""
    return np.pad(lengths[::-1], (n_layers + 1 - len(lengths), 0), constant_values=np.nan)


def said(found: Back, words: Words) -> str:
    """The loss, how much of the gradient behind the last layer reaches the first, in every stack, and what of it ends
    at a patch."""
    reach = (of_stack(way, _reach(way, words), words) for way in found.ways)
    return " ".join((_loss_said(found, words), *reach, _stop_said(found, words))).rstrip()


def _stop_said(found: Back, words: Words) -> str:
    if found.stopped is None:
        return ""
    if not found.stopped:
        return words("backward.says.unmoved")
    return words("backward.says.stops", length=words.scaled(found.stopped, 4, small=0.001))


def of_stack(way: Way, said: str, words: Words) -> str:
    """A sentence about a way back; of two stacks it is said through which."""
    kind = way.stack.kind
    return words(f"backward.says.in_{kind}", said=said[:1].lower() + said[1:]) if kind else said


def _loss_said(found: Back, words: Words) -> str:
    tokens, (at, right) = found.ways[0].tokens, (found.judged.position, found.judged.right)
    if found.written and at is None:
        return words("backward.says.mean_written", loss=found.loss, n=len(found.written))
    if at is None:
        return words("backward.says.mean", loss=found.loss, n=len(tokens) - 1)
    if not found.written:
        token, following = (token_name(tokens, at + i, words) for i in (0, 1))
        return words("backward.says.one", loss=found.loss, token=token, following=following)
    written = token_name(found.written, at, words)
    if right is None:
        return words("backward.says.one_written", loss=found.loss, token=written)
    name = words("quoted", token=edged(names(found.judged.scene, words)(right)))
    return words("backward.says.one_other", loss=found.loss, token=name, written=written)


def _reach(way: Way, words: Words) -> str:
    first, last = float(way.whole[0]), float(way.whole[-1])
    values = {"first": words.scaled(first), "last": words.scaled(last)}
    if first == 0 or last == 0:
        return words("backward.says.zero", **values)
    times = max(first, last) / min(first, last)
    key = "alike" if times < ALIKE else "grows" if first > last else "fades"
    return words(f"backward.says.{key}", times=words.scaled(times, 1), **values)


@picture("loss_position", "loss_token")
def by_word(scene: Scene, words: Words) -> Picture:
    """The same, word by word; of two stacks, in the decoder."""
    return _by_word(back(scene), 0, words)


@picture("loss_position", "loss_token")
def by_source_word(scene: Scene, words: Words) -> Picture:
    """The same in the encoder; of one stack, in the only one."""
    return _by_word(back(scene), -1, words)


def _by_word(found: Back | None, of: int, words: Words) -> Picture:
    if found is None or not found.finite:
        return _nothing(found, words)
    way = found.ways[of]
    lengths = way.lengths
    most = greatest(lengths[0], words.scaled)
    if not most.value:
        says = words("backward.says.no_word")
    elif most.everywhere:
        says = words("backward.says.word_alike", n=len(most.places), length=words.scaled(most.value))
    else:
        key, called = "word_there" if way.stack.kind else "word", token_names(way.tokens, most.indices, words)
        says = words(f"backward.says.{key}", token=called, n=len(most.places), length=words.scaled(most.value))
    says = of_stack(way, says, words)
    n = len(lengths) - 1
    figure = heatmap(
        lengths[::-1],
        _names(n, words),
        all_named(way.tokens, words),
        scale="amount",
        zmax=float(lengths.max()) or 1.0,
        numbers=False,
        square=False,
        comma=words.comma,
        width=WIDTH,
        height=HEIGHT,
        hover=words("backward.hover"),
        alt=says,
    )
    names = tuple(f"{LENGTH}{GRAD}{way.stack.prefix}{name}" for name in stages(n)[::-1])
    return Picture(figure, says, cells(names, (COLUMN,), lengths.shape))


def _nothing(found: Back | None, words: Words) -> Picture:
    says = words("backward.says.nothing" if found is None else "backward.says.lost")
    return nothing(says, WIDTH)
