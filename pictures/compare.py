"""The pinned Scene beside the present one: both on one scale, and what changed between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core import Scene
from pictures import changes, compute, extremes, fibres, heads, lighting, one_head, pinned, rows_told, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.explained.runs import PINNED
from pictures.numbers import COLUMN, ROW, Cells, Curves, Tiles, cells, of_run
from pictures.squares import looks_map
from pictures.words import Words
from plots.bipartite import bipartite
from plots.heatmap import heatmap
from plots.tile_places import grid
from plots.tiles import tiles

WIDTH = 350  # px: a third of a page, or a phone
DIFFERS = "differs."  # before the name of a number of which the pinned one is taken away
MATRICES = ("scores", "scores_scaled", "scores_masked", "pattern")
ROLES = {"x": "@text", "q": "@query", "k": "@key", "v": "@value", "z": "@attention"}
CHANGED = 0.01  # of a weight: less is not drawn
LIGHT_HEIGHT = 440  # px
GAIN, LOSS = "@gradient", "@query"  # as the ends of the diverging scale


# ---------------------------------------------------------------------------------------------------- attention


def step(scene: Scene) -> np.ndarray:
    """The compared step of the chosen head: [pos, dimension] or [query, key]; hidden cells are -inf."""
    run, name = compute.run(scene), scene.compared_step
    if name == "x":
        return run.trace[one_head.input_name(scene)]
    return one_head.at_head(run, scene, one_head.rotated(scene, name))


@picture("pinned", "compared_step", "layer", "head", "query", "key", "attention_of")
def pinned_step(scene: Scene, words: Words) -> Picture:
    return _step(pinned.before(scene), scene, words, PINNED)


@picture("pinned", "compared_step", "layer", "head", "query", "key", "attention_of")
def present_step(scene: Scene, words: Words) -> Picture:
    return _step(scene, scene, words)


def _step(shown: Scene, scene: Scene, words: Words, start: str = "") -> Picture:
    values = step(shown)
    if scene.compared_step == "pattern":
        found = stacks.looks(shown)
        says = rows_told.read(found, values, found.cell[0], words)
    else:
        says = changes.ranged(values, words)
    scale = "probability" if scene.compared_step == "pattern" else "signed"
    zmax = 1.0 if scale == "probability" else changes.largest(step(pinned.before(scene)), step(scene))
    numbers = of_run(start, _cells(shown))
    return Picture(_map(values, *_sides(shown), shown, scene, words, scale, zmax, says), says, numbers)


def _cells(shown: Scene) -> Cells:
    """Which numbers of its run the cells of a compared step are."""
    name, values = shown.compared_step, step(shown)
    if name == "x":
        return cells(one_head.input_name(shown), (ROW, COLUMN), values.shape)
    return one_head.numbers_of(shown, one_head.rotated(shown, name), values)


def difference_of(was: Cells, now: Cells) -> Cells | None:
    """The cells of a difference; None where the two are of no one name and place."""
    return of_run(DIFFERS, now) if was == now else None


@picture("pinned", "compared_step", "layer", "head", "query", "key", "attention_of")
def step_difference(scene: Scene, words: Words) -> Picture:
    """The present step less the pinned one, cell by cell."""
    was, now = step(pinned.before(scene)), step(scene)
    change = changes.difference(was, now)
    rows, columns = (pinned.paired(*both) for both in zip(_sides(pinned.before(scene)), _sides(scene), strict=True))

    def named(place: tuple[int, ...]) -> dict[str, str | int]:
        row, column = place
        name = extremes.token_name(columns, column, words) if columns else column
        return {"row": extremes.token_name(rows, row, words), "column": name}

    says = changes.changed("compare.cell" if columns else "compare.dimension", was, now, named, words)
    numbers = difference_of(_cells(pinned.before(scene)), _cells(scene))
    figure = _map(change, rows, columns, scene, scene, words, "signed", changes.reach(was, now), says)
    return Picture(figure, says, numbers)


def _sides(shown: Scene) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens on the rows of the compared step, and on the columns of a matrix; those of vectors have none."""
    found, name = stacks.looks(shown), shown.compared_step
    return found.columns if name in "kv" else found.rows, found.columns if name in MATRICES else ()


def _map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    shown: Scene,
    scene: Scene,
    words: Words,
    scale: str,
    zmax: float,
    says: str,
) -> dict[str, Any]:
    """The chosen cell is that of `shown`, of which the sentence tells; the scene's own may be another one."""
    look: dict[str, Any] = {"zmax": zmax or None, "square": False, "width": WIDTH, "height": step_height(scene)}
    if columns:
        row, column = stacks.looks(shown).cell
        look["chosen"] = min(row, len(rows) - 1), min(column, len(columns) - 1)
        return looks_map(values, rows, words, says, columns, scale, **look)
    axis = words("axis.dimension")
    return heatmap(
        values,
        all_named(rows, words),
        row_role=ROLES[scene.compared_step],
        column_title=axis,
        column_role="@muted",
        scale=scale,
        comma=words.comma,
        hover=f"{{row}}, {axis} {{column}}: {{value}}",
        alt=says,
        **look,
    )


def step_height(scene: Scene) -> int:
    """Pixels that fit the longer of the two sentences."""
    n = max(stacks.looks(s).longest for s in (pinned.before(scene), scene))
    return 310 if n <= 8 else 360 if n <= 16 else 460


def steps_alike(scene: Scene) -> bool:
    """Are the compared steps of one kind of attention, and of one shape?"""
    was = pinned.before(scene)
    return stacks.looks(was).kind == stacks.looks(scene).kind and step(was).shape == step(scene).shape


# -------------------------------------------------------------------------------------------------------- heads


@picture("pinned", "layer", "head", "attention_of")
def pinned_heads(scene: Scene, words: Words) -> Picture:
    return _heads(pinned.before(scene), scene, words, PINNED)


@picture("pinned", "layer", "head", "attention_of")
def present_heads(scene: Scene, words: Words) -> Picture:
    return _heads(scene, scene, words)


def _heads(shown: Scene, scene: Scene, words: Words, start: str = "") -> Picture:
    a, shown = stacks.patterns(shown), replace(shown, without_first=False)
    says = heads.strongest(shown, a, words)
    numbers = _numbers_of(start, shown, a)
    return Picture(_tiles(a, shown, scene, words, says), says, numbers)


def _numbers_of(start: str, shown: Scene, a: np.ndarray) -> Tiles:
    """Which weights of a run the tiles of a [layer, head, query, key] show."""
    name = stacks.looks(shown).name("pattern", "{}")
    return Tiles(heads.squared(a).shape, start + name, a.shape[2:])


@picture("pinned", "layer", "head", "attention_of")
def heads_difference(scene: Scene, words: Words) -> Picture:
    """Every head's present pattern less its pinned one."""
    old, found = (stacks.looks(s) for s in (pinned.before(scene), scene))
    was, now = (stacks.patterns(s) for s in (pinned.before(scene), scene))
    change = changes.difference(was, now)
    rows, columns = pinned.paired(old.rows, found.rows), pinned.paired(old.columns, found.columns)

    def named(place: tuple[int, ...]) -> dict[str, str | int]:
        layer, head, query, key = place
        row, column = extremes.token_name(rows, query, words), extremes.token_name(columns, key, words)
        return {"layer": layer, "head": head, "row": row, "column": column}

    says = changes.changed("compare.head", was, now, named, words)
    figure = _tiles(change, scene, scene, words, says, zmax=changes.reach(was, now))
    return Picture(figure, says, _numbers_of(DIFFERS, scene, change))


def _tiles(
    values: np.ndarray, shown: Scene, scene: Scene, words: Words, says: str, zmax: float | None = None
) -> dict[str, Any]:
    found = stacks.looks(shown)
    return tiles(
        heads.squared(values),
        filled=values.shape[2:],
        chosen=found.place,
        ablated=found.ablated,
        layer_title=words("axis.layer"),
        head_title=words("axis.head"),
        layer_prefix="",
        head_prefix="",
        hover=heads.hover(words),
        tokens=list(found.rows),
        keys=list(found.columns),
        zmax=zmax or 1.0,
        signed=zmax is not None,
        height=heads_height(scene),
        alt=says,
    )


def heads_height(scene: Scene) -> int:
    """Pixels for the tiles of either, three pictures side by side."""
    configs = [stacks.looks(s).config for s in (pinned.before(scene), scene)]
    sizes = [grid((config.n_layers, config.n_heads)) for config in configs]
    return 62 + max(rows * min(200, (WIDTH - 50) // columns) for rows, columns in sizes)


# ------------------------------------------------------------------------------------------------------- fibres


@picture("pinned", "threshold", "focus", "layers_lit")
def pinned_light(scene: Scene, words: Words) -> Picture:
    return fibres.light_of(replace(pinned.before(scene), without_first=False), words, LIGHT_HEIGHT, PINNED)


@picture("threshold", "focus", "layers_lit")
def present_light(scene: Scene, words: Words) -> Picture:
    return fibres.light_of(replace(scene, without_first=False), words, LIGHT_HEIGHT)


@picture("pinned", "layer", "head", "attention_of")
def twin_difference(scene: Scene, words: Words) -> Picture:
    """What one head's weights gained and lost, as lines of two colours."""
    old, found = (stacks.looks(s) for s in (pinned.before(scene), scene))
    was, now = (lighting.of_head(s, found.place) for s in (pinned.before(scene), scene))
    change = changes.difference(was, now)
    rows, columns = pinned.paired(old.rows, found.rows), pinned.paired(old.columns, found.columns)

    def named(place: tuple[int, ...]) -> dict[str, str | int]:
        row, column = place
        return {"row": extremes.token_name(rows, row, words), "column": extremes.token_name(columns, column, words)}

    says = changes.changed("compare.cell", was, now, named, words)
    more, less = (int(np.count_nonzero(side > CHANGED)) for side in (change, -change))
    if more or less:
        says += " " + words("compare.lines", more=more, less=less, least=CHANGED)
    figure = bipartite(
        np.nan_to_num(np.stack([np.maximum(change, 0), np.maximum(-change, 0)])),
        rows,
        keys=columns,
        first=lighting.starts(scene),
        threshold=CHANGED,
        colours=[GAIN, LOSS],
        query_title=words("axis.query"),
        key_title=words("axis.key"),
        hover=words("fibres.hover"),
        comma=words.comma,
        width=fibres.TWIN_WIDTH,
        height=LIGHT_HEIGHT,
        alt=says,
    )
    name, shape = DIFFERS + found.name("pattern"), (change.shape[0], change.shape[1])
    return Picture(figure, says, Curves(name, found.place[1], shape, heard=True))
