"""An array of the chosen block as it was pinned, as it is, and the difference: both on one scale."""

from __future__ import annotations

import numpy as np

from core import Scene
from plots.heatmap import heatmap
from ui import compute
from ui.compute import Picture
from ui.pictures import compare as shared
from ui.pictures.block import neurons, norm
from ui.pictures.heads import magnitude
from ui.words import Words


def values(scene: Scene) -> np.ndarray:
    """[pos, dimension or unit]; a block without an MLP has no vectors of it, so zeros stand there."""
    if scene.inside == "norm":
        return norm.normed(scene).after
    if scene.inside == "units":
        return neurons.hidden(scene).after
    trace, at = compute.run(scene).trace, f"blocks.{scene.place[0]}."
    if scene.inside == "mlp_out" and not scene.config.d_mlp:
        return np.zeros_like(trace[at + "resid_mid"])
    return trace[at + scene.inside]


def pinned(scene: Scene, words: Words) -> Picture:
    return _one(scene.before, scene, words)


def present(scene: Scene, words: Words) -> Picture:
    return _one(scene, scene, words)


def _one(shown: Scene, scene: Scene, words: Words) -> Picture:
    x = values(shown)
    finite = x[np.isfinite(x)]
    low, high = (magnitude(float(f(finite, initial=0)), words) for f in (np.min, np.max))
    says = words("block.says.range", low=low, high=high)
    most = shared.largest(values(scene.before), values(scene))
    return Picture(_map(x, list(shown.tokens), most, scene, words, says), says)


def difference(scene: Scene, words: Words) -> Picture:
    """The present numbers less the pinned ones."""
    was, now = values(scene.before).astype(np.float64), values(scene).astype(np.float64)
    change, labels = shared.difference(was, now), shared.paired(scene.before.tokens, scene.tokens)
    place = shared.greatest(change)
    if place is None:
        says = words("compare.nothing")
    else:
        row, column = place
        says = words(
            "block.says.change",
            token=labels[row],
            axis=_axis(scene, words),
            column=column,
            was=magnitude(float(was[place]), words),
            now=magnitude(float(now[place]), words),
        )
    return Picture(_map(change, labels, shared.largest(change), scene, words, says), says)


def _map(x: np.ndarray, tokens: list[str], most: float, scene: Scene, words: Words, says: str) -> dict:
    axis = _axis(scene, words)
    return heatmap(
        np.where(np.isfinite(x), x, np.nan)[:, : neurons.UNITS],
        tokens,
        row_role="@residual",
        column_title=axis,
        column_role="@muted",
        zmax=most or None,
        comma=words.comma,
        hover=f"{{row}}, {axis} {{column}}: {{value}}",
        square=False,
        width=shared.WIDTH,
        height=height(scene),
        alt=says,
    )


def _axis(scene: Scene, words: Words) -> str:
    return words("block.unit" if scene.inside == "units" else "axis.dimension")


def height(scene: Scene) -> int:
    """Pixels that fit the longer of the two sentences."""
    return 120 + 22 * max(6, len(scene.tokens), len(scene.pinned.tokens))


def alike(scene: Scene) -> bool:
    """Have the two arrays one shape?"""
    return values(scene.before).shape == values(scene).shape
