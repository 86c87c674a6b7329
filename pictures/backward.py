"""The way back: the gradient of the loss, from the logits to the embeddings, and one step of gradient descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import core
from core import Params, Scene, Trace
from core.backward import NO_BACKWARD
from core.train.loop import Recipe
from pictures import compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.extremes import token_name
from pictures.numbers import COLUMN, cells
from pictures.squares import nothing
from pictures.words import Words
from plots.heatmap import heatmap
from plots.magnitudes import magnitudes

STAND_IN = "gpt"  # ready for backpropagation, and for every knob
RATE = 0.05  # where the reader has chosen none
RATES = (0.0001, 0.001, 0.01, 0.05, 0.1)
HEIGHT, WIDTH = 270, 520
ALIKE = 2.0  # times: lengths that differ by less are said to be of the same size
STAGES = ("embed", "logits", ".resid_pre", ".resid_mid", ".resid_post", ".attn.pattern", ".mlp.post")  # how they end
RECIPE = Recipe()  # AdamW's own numbers


def asked(scene: Scene) -> Scene:
    """The Scene itself; a model with logits where it has none."""
    return continuation.with_logits(scene, STAND_IN)


@dataclass(frozen=True)
class Back:
    """A loss, and its gradient by the stream that enters each layer and leaves the last; and by one weight."""

    tokens: tuple[str, ...]
    position: int | None  # the one whose loss alone counts; None: the mean of all
    loss: float
    lengths: np.ndarray  # [stage, pos]: of the stream's gradient, from the embeddings up
    name: str  # of the parameter with the number whose gradient is the greatest
    index: tuple[int, ...]
    weight: float
    gradient: float
    grads: Mapping[str, np.ndarray]  # by the activations that a strip draws

    @property
    def whole(self) -> np.ndarray:
        """[stage]: all words together."""
        return np.sqrt((self.lengths**2).sum(1))

    @property
    def finite(self) -> bool:
        return bool(np.isfinite([*self.whole, self.loss, self.gradient]).all())


def back(scene: Scene) -> Back | None:
    """None of a single word, after which nothing could be foretold; and without a part that has no way back."""
    place = loss_of(scene)
    return None if place is None else _back(*place)


def followed(scene: Scene) -> Back | None:
    """The same, where all of its numbers are finite."""
    found = back(scene)
    return found if found and found.finite else None


def loss_of(scene: Scene) -> tuple[Scene, int | None] | None:
    """What is computed, and the position whose loss alone counts."""
    position, scene = scene.loss_position, asked(scene)
    n = len(scene.tokens)
    if n < 2 or NO_BACKWARD & {*scene.off}:
        return None
    return scene.computed, None if position is None else min(position, n - 2)


def _judged(
    scene: Scene, params: Params, position: int | None, names: Sequence[str] | None
) -> tuple[Trace, float, np.ndarray]:
    """A run with these weights, its loss, and the gradient that enters at the logits."""
    run = compute.run(scene)
    ids = run.encoding.ids
    given: dict[str, Any] = {"embeddings": run.embeddings} if scene.edits else {"ids": ids}
    trace = core.forward(params, run.config, **given, interventions=scene.interventions, names=names)
    return trace, *core.cross_entropy(trace["logits"], *judged_by(ids, position))


def judged_by(ids: np.ndarray, position: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The token that each position is to foretell, and whether its loss counts: the one's at `position`, or of all but
    the last."""
    at = np.arange(len(ids))
    return np.append(ids[1:], 0), at < len(ids) - 1 if position is None else at == position


@np.errstate(all="ignore")  # numbers that explode are said to be lost
def _gradients(scene: Scene, position: int | None) -> tuple[float, dict[str, np.ndarray]]:
    params = compute.params(scene)
    trace, loss, dlogits = _judged(scene, params, position, None)
    return loss, core.backward(params, scene.config, trace, dlogits, activations=True)


def stages(n_layers: int) -> list[str]:
    """The names of the stream as it enters each layer, and as it leaves the last."""
    return [*(f"blocks.{i}.resid_pre" for i in range(n_layers)), f"blocks.{n_layers - 1}.resid_post"]


@memory.kept(lambda *what: what, large=lambda scene, *_: compute.is_large(scene))
def _back(scene: Scene, position: int | None) -> Back:
    params, (loss, grads) = compute.params(scene), _gradients(scene, position)
    n = scene.config.n_layers
    lengths = np.array([np.sqrt((grads[name].astype(np.float64) ** 2).sum(-1)) for name in stages(n)])
    name = max(params, key=lambda one: float(np.nan_to_num(np.abs(grads[one])).max()) if one in grads else 0.0)
    index = tuple(int(i) for i in np.unravel_index(np.abs(grads[name]).argmax(), grads[name].shape))
    numbers = float(np.asarray(params[name])[index]), float(grads[name][index])
    drawn = {stage: grads[stage] for stage in grads if stage.endswith(STAGES)}
    return Back(scene.tokens, position, loss, lengths, name, index, *numbers, drawn)


@memory.kept(lambda *what: what, large=lambda scene, *_: compute.is_large(scene))
def _after(scene: Scene, position: int | None, rate: float) -> float:
    """The loss after a step of every parameter against its gradient."""
    params, (_, grads) = compute.params(scene), _gradients(scene, position)
    with np.errstate(all="ignore"):
        stepped = {
            name: np.asarray(p) - np.float32(rate) * grads[name] if name in grads else p for name, p in params.items()
        }
        return _judged(scene, stepped, position, ["logits"])[1]


# ------------------------------------------------------------------------------------------------------------ pictures


@picture("loss_position")
def lengths(scene: Scene, words: Words) -> Picture:
    """How long the gradient is at each stage, drawn as it goes: from the last layer down to the embeddings."""
    found = back(scene)
    if found is None or not found.finite:
        return _nothing(found, words)
    says = said(found, words)
    return Picture(line(found, says, words), says)


def line(found: Back, alt: str, words: Words, beside: np.ndarray | None = None) -> dict[str, Any]:
    """The figure; `beside` [stage]: the lengths of another Scene, which may have more layers, or fewer."""
    n = max(len(found.whole), 0 if beside is None else len(beside)) - 1
    values = _reaching(found.whole, n)
    return magnitudes(
        values,
        [words("backward.out"), *map(str, reversed(range(n)))],
        [words.scaled(value) if np.isfinite(value) else "" for value in values.tolist()],
        beside=None if beside is None else _reaching(beside, n),
        names=(words("compare.present"), words("compare.pinned")),
        role="@gradient",
        stage_title=words("backward.stage"),
        value_title=words("backward.length"),
        width=WIDTH,
        height=HEIGHT,
        alt=alt,
    )


def _reaching(lengths: np.ndarray, n_layers: int) -> np.ndarray:
    """[stage], the embeddings last; of fewer layers, NaN where the others begin."""
    return np.pad(lengths[::-1], (n_layers + 1 - len(lengths), 0), constant_values=np.nan)


def said(found: Back, words: Words) -> str:
    """The loss, and how much of the gradient behind the last layer reaches the first."""
    return f"{_loss_said(found, words)} {_reach(found, words)}"


def _loss_said(found: Back, words: Words) -> str:
    if found.position is None:
        return words("backward.says.mean", loss=found.loss, n=len(found.tokens) - 1)
    token, following = (token_name(found.tokens, found.position + i, words) for i in (0, 1))
    return words("backward.says.one", loss=found.loss, token=token, following=following)


def _reach(found: Back, words: Words) -> str:
    first, last = float(found.whole[0]), float(found.whole[-1])
    values = {"first": words.scaled(first), "last": words.scaled(last)}
    if first == 0 or last == 0:
        return words("backward.says.zero", **values)
    times = max(first, last) / min(first, last)
    key = "alike" if times < ALIKE else "grows" if first > last else "fades"
    return words(f"backward.says.{key}", times=words.scaled(times, 1), **values)


@picture("loss_position")
def by_word(scene: Scene, words: Words) -> Picture:
    """The same, word by word."""
    found = back(scene)
    if found is None or not found.finite:
        return _nothing(found, words)
    top = int(found.lengths[0].argmax())
    says = words(
        "backward.says.word",
        token=token_name(found.tokens, top, words),
        length=words.scaled(float(found.lengths[0, top])),
    )
    n = len(found.lengths) - 1
    figure = heatmap(
        found.lengths[::-1],
        [words("backward.out"), *map(str, reversed(range(n)))],
        list(found.tokens),
        scale="amount",
        zmax=float(found.lengths.max()) or 1.0,
        numbers=False,
        square=False,
        comma=words.comma,
        width=WIDTH,
        height=HEIGHT,
        hover=words("backward.hover"),
        alt=says,
    )
    names = tuple(f"length.grad.{name}" for name in stages(n)[::-1])
    return Picture(figure, says, cells(names, (COLUMN,), found.lengths.shape))


def _nothing(found: Back | None, words: Words) -> Picture:
    says = words("backward.says.nothing" if found is None else "backward.says.lost")
    return nothing(says, WIDTH)


# ----------------------------------------------------------------------------------------------------- a step by hand


def step(scene: Scene, words: Words) -> list[str]:
    """One step of gradient descent, and what AdamW would take instead: of the weight with the greatest gradient."""
    found, place = back(scene), loss_of(scene)
    if found is None or place is None or not found.finite:
        return []
    rate = RATE if scene.learning_rate is None else scene.learning_rate
    g, w, after = found.gradient, found.weight, _after(*place, rate)
    name = f"{found.name}[{', '.join(map(str, found.index))}]"
    new, m, v, adam = descended(w, g, rate, len(found.index) > 1)

    def number(value: float) -> str:
        return words.scaled(value, 6, small=0.001)

    told = {"name": name, "weight": number(w), "gradient": number(g), "rate": words.short(rate), "new": number(new)}
    says = [words("backward.says.step", **told)]
    if np.isfinite(after):
        says.append(words("backward.says.after", before=found.loss, after=after))
    else:
        says.append(words("backward.says.burst", before=found.loss))
    says.append(
        words("backward.says.adamw", first=number(m), second=number(v), moved=number(adam - w), new=number(adam))
    )
    return says


def descended(weight: float, gradient: float, rate: float, matrix: bool) -> tuple[float, float, float, float]:
    """After one step of gradient descent; AdamW's first and second moment after its first step, and the weight after
    that one: Loshchilov & Hutter 2019, algorithm 2. What is no matrix is not decayed.
    """
    m, v = (1 - RECIPE.beta1) * gradient, (1 - RECIPE.beta2) * gradient**2
    mean, square = m / (1 - RECIPE.beta1), v / (1 - RECIPE.beta2)
    decay = RECIPE.weight_decay * weight if matrix else 0.0
    return weight - rate * gradient, m, v, weight - rate * (mean / (square**0.5 + RECIPE.eps) + decay)
