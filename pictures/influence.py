"""Whose gradient: which word counted most towards the next one, by every usual answer, and where these disagree."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.backward import NO_BACKWARD
from core.interpret import ANSWERS, Influence, word_influence
from pictures import cause, compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.extremes import greatest, some, token_name
from pictures.squares import nothing
from pictures.words import Words
from plots.heatmap import heatmap

WIDTH, HEIGHT = 480, 252  # px
HELD = 0.01  # of what the logit gained: what integrated gradients may miss of it and still be said to add up


@picture("cause_word")
def answers(scene: Scene, words: Words) -> Picture:
    """A row an answer, a column a word, each row in shares of its own sizes."""
    pair = cause.Pair.of(scene)
    clean, token = pair.clean, pair.candidates[0]
    if NO_BACKWARD & {*clean.off}:
        return nothing(words("cause.says.no_way_back"), WIDTH)
    if compute.is_large(clean):
        return nothing(words("cause.says.too_large"), WIDTH)
    found = _influence(clean.computed, token)
    values = np.stack([found.answers[name] for name in ANSWERS])
    if not (np.isfinite(values).all() and np.isfinite(found.gain)):
        return nothing(words("cause.says.lost"), WIDTH)
    shares = in_shares(values)
    says = f"{_told(shares, clean, token, words)} {_complete(found, words)}"
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
    return Picture(figure, says)


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
    towards = continuation.names(scene, words)(token)
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
