"""One step against the gradient by hand, and the loss after it: gradient descent, and what AdamW would do instead."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.train.loop import Recipe
from pictures import backward, compute, memory
from pictures.loss_choice import Judged
from pictures.words import Words

RATE = 0.05  # where the reader has chosen none
RATES = (0.0001, 0.001, 0.01, 0.05, 0.1)
RECIPE = Recipe()  # AdamW's own numbers


def step(scene: Scene, words: Words) -> list[str]:
    """One step of gradient descent, and what AdamW would take instead: of the weight with the greatest gradient."""
    found = backward.back(scene)
    if found is None or not found.finite:
        return []
    rate = RATE if scene.learning_rate is None else scene.learning_rate
    g, w, after = found.gradient, found.weight, _after(found.judged, rate)
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


@memory.kept(lambda judged, rate: (judged, rate), large=lambda judged, _: compute.is_large(judged.scene))
def _after(judged: Judged, rate: float) -> float:
    """The loss after a step of every parameter against its gradient."""
    params = compute.params(judged.scene)
    grads = backward.gradients(judged)[1]
    with np.errstate(all="ignore"):
        stepped = {name: np.asarray(p) - np.float32(rate) * grads[name] for name, p in params.items()}
        return backward.run_of(judged, stepped, ["logits"])[1]
