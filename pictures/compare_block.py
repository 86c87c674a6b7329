"""An array of the chosen block as it was pinned, as it is, and the difference: both on one scale."""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures import changes, compute, extremes
from pictures import compare as shared
from pictures import pinned as pinned_scene
from pictures.block import neurons, norm
from pictures.block.inside import NORMS, array, inside
from pictures.compute import Picture, picture
from pictures.explained.runs import PINNED
from pictures.numbers import COLUMN, ROW, Cells, cells, of_run
from pictures.words import Words
from plots.heatmap import heatmap


def values(scene: Scene) -> np.ndarray:
    """[pos, dimension or unit]; a block without an MLP has no vectors of it, so zeros stand there."""
    if scene.compared_array == "norm":
        return norm.normed(scene).after
    if scene.compared_array == "units":
        return neurons.hidden(scene).after
    if scene.compared_array == "mlp_out" and not inside(scene).config.d_mlp:
        return np.zeros_like(array(scene, "resid_mid"))
    return array(scene, scene.compared_array)


@picture("pinned", "compared_array", "layer", "attention_of")
def pinned(scene: Scene, words: Words) -> Picture:
    return _one(pinned_scene.before(scene), scene, words, PINNED)


@picture("pinned", "compared_array", "layer", "attention_of")
def present(scene: Scene, words: Words) -> Picture:
    return _one(scene, scene, words)


def _one(shown: Scene, scene: Scene, words: Words, start: str = "") -> Picture:
    x = values(shown)
    says = _hedged(shown, words) + changes.ranged(x, words)
    most = changes.largest(values(pinned_scene.before(scene)), values(scene))
    own = _cells(shown)
    figure = _map(x, list(inside(shown).tokens), most, scene, words, says)
    return Picture(figure, says, own and of_run(start, own))


def _cells(shown: Scene) -> Cells | None:
    """Which numbers of its run the cells are; None of a part that does not run."""
    here, name = inside(shown), shown.compared_array
    if name == "norm":
        name = f"{NORMS[here.norm]}.out"
    elif name == "units":
        name = "mlp.post"
    if here.block + name not in compute.run(shown).trace:
        return None
    size = values(shown)[:, : neurons.UNITS].shape
    return cells(here.block + name, (ROW, COLUMN), size)


@picture("pinned", "compared_array", "layer", "attention_of")
def difference(scene: Scene, words: Words) -> Picture:
    """The present numbers less the pinned ones."""
    was, now = values(pinned_scene.before(scene)).astype(np.float64), values(scene).astype(np.float64)
    change = changes.difference(was, now)
    labels = pinned_scene.paired(inside(pinned_scene.before(scene)).tokens, inside(scene).tokens)

    def named(place: tuple[int, ...]) -> dict:
        token = extremes.token_name(labels, place[0], words)
        return {"token": token, "axis": _axis(scene, words), "column": place[1]}

    says = changes.changed("block.says.change", was, now, named, words)
    both = _cells(pinned_scene.before(scene)), _cells(scene)
    numbers = shared.difference_of(both[0], both[1]) if both[0] and both[1] else None
    return Picture(_map(change, labels, changes.reach(was, now), scene, words, says), says, numbers)


def _hedged(shown: Scene, words: Words) -> str:
    """What is true of numbers of a part that does not run: they are supposed, or there are none."""
    if shown.compared_array == "norm":
        return norm.supposed(shown, norm.normed(shown), words)
    if shown.compared_array == "units":
        return neurons.supposed(shown, neurons.hidden(shown), words)
    absent = shown.compared_array == "mlp_out" and not inside(shown).config.d_mlp
    return words("block.says.brings_nothing") + " " if absent else ""


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
    return words("block.unit" if scene.compared_array == "units" else "axis.dimension")


def height(scene: Scene) -> int:
    """Pixels that fit the longer of the two sentences."""
    return 120 + 22 * max(6, *(len(inside(one).tokens) for one in (pinned_scene.before(scene), scene)))


def alike(scene: Scene) -> bool:
    """Have the two arrays one shape?"""
    return values(pinned_scene.before(scene)).shape == values(scene).shape
