"""One draw: the likeliest candidates for the next token, before and after temperature, and what the cuts leave."""

from __future__ import annotations

import numpy as np

from core import Distribution, Scene
from core.generate.loop import NewToken
from pictures import continuation
from pictures.compute import Picture, picture
from pictures.numbers import Bars
from pictures.words import Words
from plots import next_token as plot
from plots.tokens import edged

CANDIDATES = 10  # rows, the chosen token's own included where it is not among the likeliest


def candidates(step: NewToken) -> list[int]:
    """The ids that have a bar: the likeliest, and whatever was chosen."""
    likeliest = step.distribution.order[:CANDIDATES].tolist()
    return likeliest if step.token in likeliest else [*likeliest[:-1], step.token]


@picture(*continuation.KNOBS, "tokens_written")
def choices(scene: Scene, words: Words) -> Picture:
    """Every candidate's share before and after temperature; what top-k and top-p cut is faded."""
    text = continuation.text_of(scene)
    step, name = continuation.looked_at(scene, text), continuation.names(scene, words)
    d, ids = step.distribution, candidates(step)
    kept = d.final[ids] > 0
    says = _says(scene, step, words)
    figure = plot.candidates(
        [name(token) for token in ids],
        d.plain[ids],
        d.tempered[ids],
        kept,
        [_note(step, token, words) for token in ids],
        chosen=ids.index(step.token),
        role="@gradient" if step.forced else "@attention",
        names=(words("generate.before"), words("generate.after")),
        hover=words("generate.hover.choice"),
        alt=says,
    )
    return Picture(figure, says, Bars(tuple(("draw.final", (token,)) for token in ids)))


def height(scene: Scene, text: continuation.Writing) -> int:
    """Pixels of that figure."""
    return plot.ABOVE + 30 + plot.ROW * len(candidates(continuation.looked_at(scene, text)))


def share(value: float, words: Words, fine: bool = False) -> str:
    """A share as a reader writes it: whole percents, and digits only where they say something, or where it's `fine`.

    Only what is exactly nothing is 0%, and only what is exactly all is 100%.
    """
    percent = 100 * value
    if 0 < percent < 0.05:
        return f"< {words.number(0.1, 1)}%"
    if 99.5 <= percent < 100:
        return f"{words.number(percent, 1)}%" if percent < 99.95 else f"> {words.number(99.9, 1)}%"
    return f"{words.number(percent, 0 if percent in (0, 100) or (percent >= 9.95 and not fine) else 1)}%"


def _note(step: NewToken, token: int, words: Words) -> str:
    d = step.distribution
    if d.final[token] > 0:
        return share(float(d.final[token]), words)
    rank = d.place(token)
    by = "top_k" if rank >= d.n_top_k else "top_p"
    return words(f"generate.cut.{by}") if rank >= d.n_kept else share(0.0, words)


def _says(scene: Scene, step: NewToken, words: Words) -> str:
    name, d = continuation.names(scene, words), step.distribution
    token = words("quoted", token=edged(name(step.token)))
    own, drawn = share(step.probability, words), share(step.drawn_with, words)
    rank, ties = d.rank(step.token)
    how = (
        "forced"
        if step.forced
        else ("greedy" if ties == 1 else "greedy_tie")
        if scene.draw_temperature == 0
        else "drawn"
    )
    sentences = [words(f"generate.says.{how}", token=token, own=own, drawn=drawn, rank=rank, n=ties)]
    size, ids = len(d.logits), candidates(step)
    if d.n_kept < size:
        sentences.append(words("generate.says.cut", kept=d.n_kept, size=size, left=_left(d, words)))
    elif size > len(ids):
        rest = round(1 - float(np.asarray(d.tempered[ids], np.float64).sum()), 7)
        tempered = scene.draw_temperature != 1  # the sentence before says two shares, and this is of the second kind
        said = {"n": size - len(ids), "share": share(max(rest, 0.0), words), "tempered": tempered}
        sentences.append(words("generate.says.rest", **said))
    return " ".join(sentences)


def _left(d: Distribution, words: Words) -> str:
    return share(d.left, words)
