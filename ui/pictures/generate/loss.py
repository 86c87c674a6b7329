"""How wrong the model is about a real text: the surprise at each of its tokens, the mean, perplexity, squared error."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from core import Scene, cross_entropy, squared_error
from core.sentence import fit_sentence
from plots.losses import losses as plot
from ui import compute
from ui.arithmetic import Line, added
from ui.compute import Picture
from ui.words import Words
from ui.writing import joint

HEIGHT = 260  # px
NEAR = 0.2  # nats: what an untrained model's small logits add to ln(vocabulary), or take from it


@dataclass(frozen=True)
class Judged:
    """A text, and what the model makes of its tokens from place `first` on."""

    tokens: tuple[str, ...]
    surprises: np.ndarray  # [token]: -ln p, in nats, as core.cross_entropy gives it for that token alone
    mean: float  # cross-entropy
    squared: float  # the simplified squared error of the same logits
    vocab: int

    @property
    def perplexity(self) -> float:
        return exp(min(self.mean, 700))  # the largest that a float holds

    @property
    def ceiling(self) -> float:
        """What giving every token the same probability would cost."""
        return log(self.vocab)


def judged(scene: Scene) -> Judged | None:
    """The continuation that the reader typed, else the sentence itself, token by token; None where there is none.

    Each token is predicted from all that stands before it; the first of a text from nothing, so it is left out.
    """
    whole = _joined(scene)
    run = compute.run(whole)
    first = min(len(scene.tokens), len(run.tokens)) if scene.target else 1
    ids = run.encoding.ids
    logits = run.trace["logits"][first - 1 : -1]
    if not len(logits) or not np.isfinite(logits).all():
        return None
    targets = ids[first:]
    each = [cross_entropy(logits[i : i + 1], targets[i : i + 1])[0] for i in range(len(targets))]
    mean, squared = (loss(logits, targets)[0] for loss in (cross_entropy, squared_error))
    return Judged(run.tokens[first:], np.array(each), mean, squared, logits.shape[-1])


def _joined(scene: Scene) -> Scene:
    """The sentence with the reader's continuation, as much as there is room for."""
    if not scene.target:
        return scene
    text = scene.text + joint(scene) + scene.target
    return scene.turn(sentence=fit_sentence(text, scene.split, scene.model)[0])


def losses(scene: Scene, words: Words) -> Picture:
    """A bar a token, the mean, and ln(vocabulary)."""
    found = judged(scene)
    says = _says(found, words)
    figure = plot(
        found.surprises,
        list(found.tokens),
        mean=found.mean,
        ceiling=found.ceiling,
        names=(
            words("generate.loss.mean_line", value=words.number(found.mean)),
            words("generate.loss.ceiling_line", n=found.vocab, value=words.number(found.ceiling)),
        ),
        value_title=words("generate.loss.axis"),
        hover=words("generate.hover.loss"),
        comma=words.comma,
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def lines(found: Judged, words: Words) -> list[Line]:
    """The mean, perplexity and the distance from knowing nothing, each with its numbers; the squared error beside."""
    n, m, vocab = words.number, len(found.tokens), found.vocab
    mean, gap = n(found.mean, 4), found.ceiling - found.mean
    surprises = added([n(value, 4) for value in found.surprises.tolist()])
    perplexity = n(found.perplexity, 2 if found.perplexity < 1e6 else 0)
    ideal = f"Σ (z − y)² ÷ ({m} · {vocab})"
    total = n(found.squared * m * vocab, 4)
    return [
        Line("cross_entropy", "−Σ ln p ÷ n", f"({surprises}) ÷ {m}", mean, tuple(found.surprises.tolist()), found.mean),
        Line("perplexity", "eᴴ", f"e<sup>{mean}</sup>", perplexity, (found.mean,), found.perplexity),
        Line("ceiling", "ln V − H", f"ln {vocab} − {mean} = {n(found.ceiling, 4)} − {mean}", n(gap, 4), (vocab,), gap),
        Line("squared", ideal, f"{total} ÷ {m * vocab}", n(found.squared, 6), (total,), found.squared),
    ]


def _says(found: Judged, words: Words) -> str:
    gap = found.ceiling - found.mean
    worst = int(np.argmax(found.surprises))
    key = "near" if abs(gap) < NEAR else "below" if gap > 0 else "above"
    sentence = words(f"generate.says.loss_{key}", gap=words.number(abs(gap)), n=found.vocab)
    surprise = words.number(float(found.surprises[worst]))
    return f"{sentence} " + words("generate.says.loss_worst", token=found.tokens[worst], surprise=surprise)
