"""Whose loss is followed back: of which model, at which place, and which token is taken for right there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import Run, Scene, limits
from core.backward import NO_BACKWARD
from core.ops.softmax import softmax
from core.scene.switch import as_it_opens, beginning
from pictures import compute, continuation, stacks
from pictures.extremes import choices
from pictures.words import Words

STAND_IN = "gpt"  # ready for backpropagation, and for every knob
LIKELY = 8  # tokens that may be taken for right where another was written


@dataclass(frozen=True)
class Judged:
    """What is computed, and by what it is judged.

    A sentence that is read is right itself: each token foretells the next. Of two stacks the decoder is judged by what
    it wrote, which is taken for right, or by another token.
    """

    scene: Scene
    position: int | None  # the one whose loss alone counts; None: the mean of all
    right: int | None = None  # the token that is taken for right there, instead of the one that was written

    def targets(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """The token that each position is to foretell, and whether its loss counts. After the last one of a sentence
        nothing came."""
        ids, last, n = run.encoding.ids, 0, len(run.tokens) - 1
        if run.target is not None:
            ids, last, n = run.target, int(run.trace.row("logits", -1).argmax()), len(run.target)
        at, to_foretell = np.arange(len(ids)), np.append(ids[1:], last)
        if self.right is not None:
            to_foretell[self.position] = self.right
        return to_foretell, at < n if self.position is None else at == self.position


def asked(scene: Scene) -> Scene:
    """The Scene itself; another model where its own has no logits, or is too large; of a long text its beginning: all
    of a run is kept."""
    if too_large(scene):
        return as_it_opens(scene, STAND_IN)
    return beginning(continuation.with_logits(scene, STAND_IN))


def too_large(scene: Scene) -> bool:
    """Whether the gradients of all its parameters would take more than a page may."""
    return scene.config.unembed and scene.whole.n_parameters() > limits.BACKWARD


def loss_of(scene: Scene) -> Judged | None:
    """None where there is nothing to foretell, and without a part that has no way back."""
    position, token, scene = scene.loss_position, scene.loss_token if chooses_right(scene) else None, asked(scene)
    two = stacks.count(scene) > 1
    n = len(stacks.read(scene)) if two else len(scene.tokens) - 1
    if n == 0 or NO_BACKWARD & {*scene.off}:
        return None
    if position is None:
        return Judged(scene.computed, None)
    judged = Judged(scene.computed, min(position, n - 1))
    if token is None or token >= scene.config.vocab_size:
        return judged
    written = judged.targets(compute.run(scene))[0][judged.position]
    return judged if token == written else Judged(judged.scene, judged.position, token)


def positions(scene: Scene, words: Words) -> list[str]:
    """The places whose loss alone may count, as they are chosen from."""
    own = asked(scene)
    if stacks.count(own) == 1:
        return [words("backward.after", token=name) for name in choices(own.tokens, words)[:-1]]
    return [words("backward.writing", token=name) for name in choices(stacks.written(own), words)]


def chooses_right(scene: Scene) -> bool:
    """Whether another token may be taken for right: where a decoder wrote one, and its loss alone counts."""
    return scene.loss_position is not None and stacks.count(asked(scene)) > 1


def rights(scene: Scene) -> dict[int, float]:
    """The tokens that may be taken for right at the place whose loss counts, the one that counts now among them, with
    the probability that each has there; none of a model of one stack, and where all places count."""
    judged = loss_of(scene) if chooses_right(scene) else None
    if judged is None or judged.position is None:
        return {}
    run = compute.run(judged.scene)
    logits = run.trace.row("logits", judged.position).astype(np.float64)
    if not np.isfinite(logits).all():
        return {}
    shares, now = softmax(logits), int(judged.targets(run)[0][judged.position])
    best = np.argsort(-shares, kind="stable")[:LIKELY].tolist()
    return {token: float(shares[token]) for token in (best if now in best else [*best, now])}
