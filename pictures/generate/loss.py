"""How wrong the model is about a real text: the surprise at each of its tokens, the mean, perplexity, squared error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, isfinite, log

import numpy as np

from core import ConfigError, Scene, cross_entropy, squared_error
from core.generate.loop import multiplications, multiplications_by_part
from core.interpret import read_last
from core.params import unembedding
from core.scene.sentence import fit_sentence
from core.weights import Stored
from pictures import ablation, compute, continuation, extremes, memory
from pictures.arithmetic import Line, added
from pictures.compute import Picture, picture
from pictures.extremes import magnitude
from pictures.numbers import Bars
from pictures.words import Words
from plots.losses import losses as plot

HEIGHT = 260  # px
LARGE = 1e6  # numbers from here on are written with a power of ten
MOST = 700  # nats: e to that is about the largest that a float holds
NEAR = 0.2  # nats: what an untrained model's small logits add to ln(vocabulary), or take from it


@dataclass(frozen=True)
class Judged:
    """A text, and what the model makes of its tokens from place `first` on."""

    text: tuple[str, ...]  # all of it
    surprises: np.ndarray  # [token]: -ln p, in nats, as core.cross_entropy gives it for that token alone
    mean: float  # cross-entropy
    squared: float  # the simplified squared error of the same logits
    vocab: int
    first: int  # the place of the first that is judged
    asked: bool  # whether training asks for such tokens; a continuation of the reader's own is judged anyhow
    continued: bool = False  # whether it is such a continuation

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those that are judged."""
        return self.text[self.first :]

    @property
    def perplexity(self) -> float:
        return exp(self.mean) if self.mean < MOST else inf

    @property
    def ceiling(self) -> float:
        """What giving every token the same probability would cost."""
        return log(self.vocab)


@memory.kept(lambda scene: (scene.computed, scene.target), large=compute.is_large)
def judged(scene: Scene) -> Judged | None:
    """The continuation that the reader typed, else the sentence itself, token by token; None where there is none.

    Each token is predicted from all that stands before it; the first of a text from nothing, so it is left out, and so
    is what training never asks for, as long as something is left.
    """
    whole = joined(scene)
    tokens, ids = whole.tokens, whole.encoding.ids
    first, asked = _first(scene, tokens)
    logits = _logits(whole, slice(first - 1, len(tokens) - 1)) if 0 < first < len(tokens) else np.zeros((0, 0))
    if not len(logits) or not np.isfinite(logits).all():
        return None
    rows = [(logits[i : i + 1], ids[first + i : first + i + 1]) for i in range(len(logits))]
    each, squared = (np.array([loss(*row)[0] for row in rows]) for loss in (cross_entropy, squared_error))
    about = (float(each.mean()), float(squared.mean()), logits.shape[1], first, asked)
    return Judged(tokens, each, *about, continued=bool(scene.target))


def parts(scene: Scene) -> list[tuple[Scene]]:
    """What `judged` is asked."""
    return [(compute.looked_at(scene, ("target",)),)]


def cost(scene: Scene) -> float:
    """The multiplications that it takes beside what the text that is written has computed, and those that widening the
    unembedding takes as long as."""
    whole, c = joined(scene), scene.config
    n = len(whole.tokens)
    if scene.target or not continuation.is_resumed(scene):
        return 0 if compute.run.has(whole) else multiplications(c, n, n)
    stored = isinstance(unembedding(compute.params(scene), c), Stored)
    rows = n - _first(scene, whole.tokens)[0] + (ablation.WIDENED if stored else 0)
    return multiplications_by_part(c, rows, n)["unembed"]


def _logits(scene: Scene, rows: slice) -> np.ndarray:
    """[pos, vocab] of these positions of a sentence; where a text is written after it, of what that has computed."""
    if scene.target or not continuation.is_resumed(scene):
        return compute.run(scene).trace["logits"][rows]
    stream = continuation.context_stream(scene)[rows]
    return read_last(stream, compute.params(scene), scene.config, normed=False)


def _first(scene: Scene, tokens: tuple[str, ...]) -> tuple[int, bool]:
    """Where judging begins, and whether training asks for what is judged.

    Of a sentence without a continuation, only what training asked for: a new sequence's first time, say, or a sum's
    question cannot be foretold. Where nothing of it was asked for, all but the first token.
    """
    if scene.target:
        return min(len(scene.tokens), len(tokens)), True
    first = scene.preset.first_asked(tokens)
    return (first, True) if first < len(tokens) else (1, False)


def nothing(scene: Scene, words: Words) -> str:
    """Why there is nothing to judge."""
    tokens = joined(scene).tokens
    full = scene.target and len(tokens) <= len(scene.tokens)
    return words(f"generate.loss.{'full' if full else 'none' if len(tokens) < 2 else 'exploded'}")


def joined(scene: Scene) -> Scene:
    """The sentence with the reader's continuation, as much as there is room for."""
    if not scene.target:
        return scene
    text = scene.text + continuation.joint(scene) + scene.target
    return scene.turn(sentence=fit_sentence(text, scene.split, scene.model)[0])


@picture("target")
def losses(scene: Scene, words: Words) -> Picture:
    """A bar a token, the mean, and ln(vocabulary). Raises: ConfigError where there is nothing to judge."""
    found = judged(scene)
    if found is None:
        raise ConfigError("target: nothing of it can be judged; see `nothing`", "target")
    says = _says(found, words)
    figure = plot(
        found.surprises,
        list(found.tokens),
        mean=found.mean,
        ceiling=found.ceiling,
        names=(
            words("generate.loss.mean_line", value=_digits(words)(found.mean, 2)),
            words("generate.loss.ceiling_line", n=found.vocab, value=words.number(found.ceiling)),
        ),
        value_title=words("generate.loss.axis"),
        hover=words("generate.hover.loss"),
        comma=words.comma,
        height=HEIGHT,
        alt=says,
    )
    numbers = tuple(("judged.surprise.logits", (found.first - 1 + i,)) for i in range(len(found.tokens)))
    return Picture(figure, says, Bars(numbers, upright=True))


def lines(found: Judged, words: Words) -> list[Line]:
    """The mean, perplexity and the distance from knowing nothing, each with its numbers; the squared error beside."""
    n, m, vocab = _digits(words), len(found.tokens), words.number(found.vocab, 0)
    mean, gap = n(found.mean, 4), found.ceiling - found.mean
    surprises = added([n(value, 4) for value in found.surprises.tolist()])
    perplexity = n(found.perplexity, 2) if isfinite(found.perplexity) else f"> {n(exp(MOST), 2)}"
    cells = words.number(m * found.vocab, 0)
    ideal = f"Σ (z − y)² ÷ ({m} · {vocab})"
    summed = found.squared * m * found.vocab
    total = n(summed, 4)
    return [
        Line("cross_entropy", "−Σ ln p ÷ n", f"({surprises}) ÷ {m}", mean, tuple(found.surprises.tolist()), found.mean),
        Line("perplexity", "eᴴ", f"e<sup>{mean}</sup>", perplexity, (found.mean,), found.perplexity),
        Line(
            "ceiling",
            "ln V − H",
            f"ln {vocab} − {mean} = {n(found.ceiling, 4)} − {mean}",
            n(gap, 4),
            (found.vocab,),
            gap,
        ),
        Line("squared", ideal, f"{total} ÷ {cells}", n(found.squared, 6), (summed,), found.squared),
    ]


def _says(found: Judged, words: Words) -> str:
    gap, n = found.ceiling - found.mean, _digits(words)
    key = "near" if abs(gap) < NEAR else "below" if gap > 0 else "above"
    sentences = [words(f"generate.says.loss_{key}", gap=n(abs(gap), 2), n=found.vocab)]
    if found.continued:
        sentences.append(words("generate.says.loss_continued", place=found.first))
    elif not found.asked:
        sentences.append(words("generate.says.loss_unasked"))
    elif found.first > 1:
        sentences.append(words("generate.says.loss_from", place=found.first))
    worst = extremes.greatest(found.surprises, lambda x: n(x, 2))
    surprise = n(worst.value, 2)
    if len(found.tokens) == 1:
        sentences.append(words("generate.says.loss_only", token=found.tokens[0], surprise=surprise))
    elif worst.everywhere:
        sentences.append(words("generate.says.loss_alike", surprise=surprise))
    else:
        places = [place + found.first for place in worst.indices]
        names = extremes.token_names(found.text, places, words)
        sentences.append(words("generate.says.loss_worst", tokens=names, n=len(places), surprise=surprise))
    return " ".join(sentences)


def _digits(words: Words) -> Callable[[float, int], str]:
    """Numbers with so many decimals; what has exploded as a power of ten."""
    return lambda x, decimals: words.number(x, decimals) if abs(x) < LARGE else magnitude(x, words)
