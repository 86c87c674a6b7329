"""Whose gradient: which word counted most towards the next one, by every usual answer, and where these disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import Scene
from core.backward import NO_BACKWARD
from core.interpret import ANSWERS, Influence, path_gradients, word_influence
from pictures import compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.extremes import greatest, some, token_name
from pictures.numbers import COLUMN, Cells
from pictures.pair import Pair
from pictures.squares import nothing
from pictures.words import Words
from plots.heatmap import heatmap
from plots.tokens import edged

WIDTH, HEIGHT, NONE = 480, 252, 24  # px; of a map that cannot be drawn hardly any
HELD = 0.01  # of what the logit gained: what integrated gradients may miss of it and still be said to add up


@picture("cause_word")
def answers(scene: Scene, words: Words) -> Picture:
    """A row an answer, a column a word, each row in shares of its own sizes."""
    pair = Pair.of(scene)
    clean, token = pair.clean, pair.candidates[0]
    if why := silent(pair):
        return nothing(words(f"cause.says.{why}"), WIDTH)
    of = found(pair)
    values = np.stack([of.answers[name] for name in ANSWERS])
    shares = in_shares(values)
    says = f"{_told(shares, clean, token, words)} {_complete(of, words)}"
    figure = heatmap(
        shares,
        [words(f"cause.answer_rows.{name}") for name in ANSWERS],
        list(clean.tokens),
        row_role="@text",
        column_role="@text",
        zmax=float(np.abs(shares).max()) or 1.0,
        colorbar=False,
        square=False,
        comma=words.comma,
        width=WIDTH,
        height=HEIGHT,
        hover=words("cause.answers_hover"),
        alt=says,
    )
    names = tuple(f"share_{name}.embed" for name in ANSWERS)
    return Picture(figure, says, Cells(names, (COLUMN,), shares.shape))


def height(scene: Scene) -> int:
    """Pixels of it."""
    return NONE if silent(Pair.of(scene)) else HEIGHT


def silent(pair: Pair) -> str:
    """Why no word is asked what it did: the name of the label that says so; "" where all are."""
    if pair.two or NO_BACKWARD & {*pair.clean.off}:
        return "no_way_back"
    if compute.is_large(pair.clean):
        return "too_large"
    of = found(pair)
    return "" if np.isfinite([*of.answers.values()]).all() and np.isfinite(of.gain) else "lost"


def found(pair: Pair) -> Influence:
    """All six answers, for the clean sentence and the first candidate."""
    return _influence(pair.clean.computed, pair.candidates[0])


@dataclass(frozen=True)
class Slopes:
    """The gradients of a logit on the way from embeddings of zeros: at [node, pos, d_model]; what each node counts."""

    at: np.ndarray
    shares: np.ndarray

    def mean_of(self, position: int) -> np.ndarray:
        """[d_model]: of one word."""
        return self.shares @ self.at[:, position]


def slopes(pair: Pair) -> Slopes:
    """The same run's, node by node."""
    return _slopes(pair.clean.computed, pair.candidates[0])


@memory.kept(lambda scene, token: (scene, token), large=lambda scene, _: compute.is_large(scene))
def _slopes(scene: Scene, token: int) -> Slopes:
    run = compute.run(scene)
    parts = [*path_gradients(run.params, run.config, run.trace, run.embeddings, token)]
    shares, at = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Slopes(at, shares)


@memory.kept(lambda scene, token: (scene, token), large=lambda scene, _: compute.is_large(scene))
def _influence(scene: Scene, token: int) -> Influence:
    run = compute.run(scene)
    with np.errstate(all="ignore"):  # numbers that explode are said to be lost
        return word_influence(run.params, run.config, run.trace, run.embeddings, token)


def in_shares(values: np.ndarray) -> np.ndarray:
    """[answer, pos]: of each row's sizes together; a row of zeros stays one."""
    sizes = np.abs(values).sum(1, keepdims=True)
    return np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)


def _told(shares: np.ndarray, scene: Scene, token: int, words: Words) -> str:
    """Which word each answer names: those that name the same together."""
    towards = edged(continuation.names(scene, words)(token))
    if len(scene.tokens) == 1:
        return words("cause.says.one_word")
    named: dict[str, list[str]] = {}
    for name, row in zip(ANSWERS, np.abs(shares), strict=True):
        most = greatest(row, words.number)
        places = [token_name(scene.tokens, place, words) for place in most.indices]
        which = words("cause.all_alike") if most.everywhere else some(places, words)
        named.setdefault(which, []).append(words(f"cause.answers.{name}"))
    if len(named) == 1:
        return words("cause.says.agree", word=towards, most=next(iter(named)))
    parts = "; ".join(words("cause.named", most=most, by=words.several(by)) for most, by in named.items())
    return words("cause.says.disagree", word=towards, parts=parts)


def _complete(found: Influence, words: Words) -> str:
    """The axiom of completeness, checked."""
    apart = abs(found.total - found.gain)
    key = "complete" if apart <= HELD * abs(found.gain) or apart < 0.005 else "incomplete"
    return words(f"cause.says.{key}", total=found.total, gain=found.gain, apart=words.scaled(apart, 2, small=0.01))
