"""The light of Fibres in models of one stack and of two: its weights, what is lit, which token keeps its colour."""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures import compute, stacks
from pictures.words import Words
from plots.fibres import MAX_CURVES


def patterns(scene: Scene) -> np.ndarray:
    """[layer, head, row, column] of the kind of attention that is shown; a head that is switched off carries nothing,
    so its weights are 0."""
    return np.stack(each_layer(scene))


def each_layer(scene: Scene) -> list[np.ndarray]:
    """[head, row, column] of every layer, the same: of a long text all in one array take longer to copy than to see."""
    return [_shining(scene, a, layer) for layer, a in enumerate(stacks.each_layer(scene))]


def of_layer(scene: Scene, layer: int) -> np.ndarray:
    """[head, row, column]: the same of one layer, without those of all the others beside it."""
    return _shining(scene, compute.run(scene).trace[stacks.looks(scene).name("pattern", layer)], layer)


def _shining(scene: Scene, a: np.ndarray, layer: int) -> np.ndarray:
    if off := [head for at, head in stacks.looks(scene).ablated if at == layer]:
        a = a.copy()
        a[off] = 0
    return a


def of_head(scene: Scene, place: tuple[int, int]) -> np.ndarray:
    """[row, column]: the same of one head."""
    return of_layer(scene, place[0])[place[1]]


def layers(scene: Scene) -> int:
    """How many layers there are to light: of two stacks first the encoder's."""
    return scene.config.n_encoder_layers + scene.config.n_layers


def lit(scene: Scene) -> int:
    """How many layers are lit, inside the model."""
    n = layers(scene)
    return n if scene.layers_lit is None else min(scene.layers_lit, n)


def off_among(scene: Scene, n: int) -> int:
    """How many heads of the first n layers of the attention that is looked at are off."""
    return sum(layer < n for layer, _ in stacks.looks(scene).ablated)


def tokens(scene: Scene) -> tuple[str, ...]:
    """All tokens that may be in focus: of two stacks those that the encoder reads, then those that are written."""
    return scene.tokens + (stacks.written(scene) if stacks.count(scene) > 1 else ())


def focus(scene: Scene) -> int | None:
    """The token whose fibres keep their colour, inside the sentences."""
    return scene.focus if scene.focus is not None and scene.focus < len(tokens(scene)) else None


def starts(scene: Scene) -> tuple[int, int]:
    """From which number on the focus means who looks in the flat picture, and who is looked at."""
    n, kind = len(scene.tokens), stacks.looks(scene).kind
    return {"cross": (n, 0), "decoder": (n, n)}.get(kind, (0, 0))


def focuses(scene: Scene) -> tuple[int | None, int | None]:
    """The token in focus as one that looks in the flat picture, and as one that is looked at."""
    found, chosen = stacks.looks(scene), focus(scene)
    sides = zip((found.rows, found.columns), starts(scene), strict=True)
    row, column = (
        chosen - first if chosen is not None and 0 <= chosen - first < len(side) else None for side, first in sides
    )
    return row, column


def counted(above: int, scene: Scene, words: Words) -> str:
    """How many weights are above the threshold, and how many of those are drawn."""
    drawn = min(above, MAX_CURVES)
    name = "none" if above == 0 else "one" if above == 1 else "all" if drawn == above else "some"
    return words(f"fibres.says.{name}", drawn=drawn, above=above, threshold=scene.threshold)
