"""Positions: the table that is added or the pairs that turn, one dimension as a wave, and how alike two places are."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import pair_angles, similarity, sine_wave
from core.ops.positions import sinusoidal
from pictures import compute, extremes
from pictures.block.frame import HEIGHT, LOW, ROWS, WIDTH, by_token
from pictures.block.inside import inside
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.extremes import magnitude
from pictures.numbers import COLUMN, ROW, cells, points
from pictures.words import Words
from plots.curves import curves
from plots.figure import label_width
from plots.heatmap import heatmap
from plots.rotary import rotary

ALIKE_ROW = 10  # px: of a token in the map of how alike two places are
BESIDE = 80  # px: around that map, beside its names


@picture("query", "attention_of")
def positions(scene: Scene, words: Words) -> Picture:
    """What is added to each token, or by how much each pair of its queries and keys turns."""
    return _turned(scene, words) if shown_positions(scene) == "rotary" else _added(scene, words)


def shown_positions(scene: Scene) -> str:
    """The model's own positions, also where they are off; where it has none, the sine table that it might add."""
    return "sinusoidal" if scene.whole.positions == "none" else scene.whole.positions


def _added(scene: Scene, words: Words) -> Picture:
    P = _table(scene)
    row = inside(scene).row
    says = _hedged(scene, words) + words(
        "block.says.table",
        token=extremes.token_name(inside(scene).tokens, row, words),
        n=row,
        d=P.shape[1],
        vector=_few(P[row], words),
    )
    real, name = scene.config.positions == shown_positions(scene), inside(scene).prefix + "pos_embed"
    numbers = cells(name, (ROW, COLUMN), P.shape) if real else None
    return Picture(by_token(P, scene, words, words("axis.dimension"), says), says, numbers)


def _turned(scene: Scene, words: Words) -> Picture:
    angles, row = _angles(scene), inside(scene).row
    says = _hedged(scene, words) + words(
        "block.says.turned",
        token=extremes.token_name(inside(scene).tokens, row, words),
        n=row,
        first=float(angles[row, 0]),
        last=float(angles[row, -1]),
        pairs=angles.shape[1],
    )
    figure = rotary(
        angles,
        all_named(inside(scene).tokens, words),
        chosen=row,
        names=[words("block.pair", i=i) for i in range(angles.shape[1])],
        hover=words("block.hover_turn"),
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


@picture("dimension", "query", "attention_of")
def wave(scene: Scene, words: Words) -> Picture:
    """One dimension of the positions along the sentence; for rotary, the cosine of one pair's angle."""
    n, kind = len(inside(scene).tokens), shown_positions(scene)
    dimension = shown_dimension(scene)
    fine = np.linspace(0, max(n - 1, 1), 8 * max(n - 1, 1) + 1)
    at = np.arange(n)
    if kind == "rotary":
        values, line = np.cos(_angles(scene)[:, dimension // 2]), np.cos(_angles(scene, fine)[:, dimension // 2])
        name = words("block.cosine", i=dimension // 2)
    else:
        values = _table(scene)[:, dimension]
        if kind == "sinusoidal":
            line = sine_wave(fine, dimension, scene.config.d_model)
        else:
            fine, line = at.astype(np.float64), values
        name = words("block.dimension", i=dimension)
    row = inside(scene).row
    token = extremes.token_name(inside(scene).tokens, row, words)
    says = words("block.says.wave", name=name, token=token, value=float(values[row]))
    if kind != "learned":
        length = 2 * np.pi * _slowness(scene, dimension)
        says += " " + words("block.says.period", period=magnitude(float(length), words))
    figure = curves(
        fine,
        {name: line},
        chosen=name,
        points=(at, values),
        tokens=all_named(inside(scene).tokens, words),
        marked=row,
        role="@residual",
        hover="{token}: {y}",
        y_title=name,
        width=WIDTH,
        height=LOW,
        alt=says,
    )
    if kind == "rotary" or scene.config.positions != kind:
        return Picture(figure, says)
    array, (low, high) = inside(scene).prefix + "pos_embed", figure["layout"]["yaxis"]["range"]
    own = [(array, (place, dimension)) for place in range(n)]
    return Picture(figure, says, points(own, at, values, (0.2, 0.06 * (high - low))))


def shown_dimension(scene: Scene) -> int:
    """The chosen dimension, inside the model."""
    return min(scene.dimension, dimensions(scene) - 1)


def dimensions(scene: Scene) -> int:
    """How many dimensions the positions have: the stream's, or what of a head the rotary positions turn."""
    return scene.config.rotary_width if shown_positions(scene) == "rotary" else scene.config.d_model


@picture("attention_of")
def alike(scene: Scene, words: Words) -> Picture:
    """How alike two positions are, whatever words stand there."""
    if shown_positions(scene) == "rotary":
        angles = _angles(scene)  # of two equal vectors, each turned to its place, the mean of cos(a - b) over all pairs
        close = similarity(np.hstack([np.cos(angles), np.sin(angles)]))
    else:
        close = similarity(_table(scene))
    n = len(close)
    if n == 1:
        says = words("block.says.alone")
    else:
        neighbours = float(np.diagonal(close, 1).mean())
        says = words("block.says.alike", neighbours=neighbours, ends=float(close[0, -1]), apart=n - 1)
    figure = heatmap(
        close,
        all_named(inside(scene).tokens, words),
        all_named(inside(scene).tokens, words),
        row_role="@residual",
        column_role="@residual",
        zmax=1.0,
        comma=words.comma,
        hover=words("block.hover_alike"),
        width=WIDTH,
        height=alike_height(scene),
        square=False,
        alt=says,
    )
    name = inside(scene).prefix + "pos_embed"
    real = name in compute.run(scene).trace and shown_positions(scene) != "rotary"
    return Picture(figure, says, cells(f"alike.{name}", (ROW, COLUMN), close.shape) if real else None)


def alike_height(scene: Scene) -> int:
    """Pixels of that figure: as many as let each row be named, where a row a token can be read at all."""
    n, names = len(inside(scene).tokens), label_width(list(inside(scene).tokens))
    return max(HEIGHT, BESIDE + names + ALIKE_ROW * n) if n <= ROWS else HEIGHT


def _table(scene: Scene) -> np.ndarray:
    """[pos, d_model]: what is added to the embeddings, or would be."""
    run, here = compute.run(scene), inside(scene)
    name = here.prefix + "pos_embed"
    if name in run.trace:
        return run.trace[name]
    learned = run.params.get(name + ".W_pos")
    n = len(here.tokens)
    return sinusoidal(n, run.config.d_model) if learned is None else learned[:n]


def _angles(scene: Scene, at: np.ndarray | None = None) -> np.ndarray:
    c, n = scene.whole, len(inside(scene).tokens)
    return pair_angles(np.arange(n) if at is None else at, c.rotary_width, c.rotary_base, c.rotary_scaling, n)


def _slowness(scene: Scene, dimension: int) -> float:
    """Tokens a radian: 1 for the first pair of dimensions, the more the later the pair."""
    if shown_positions(scene) == "rotary":
        return float(1 / _angles(scene, np.array([1.0]))[0, dimension // 2])
    return 10000 ** (2 * (dimension // 2) / scene.config.d_model)


def _hedged(scene: Scene, words: Words) -> str:
    """What is true of a part that does not run: it is off, or the model has none."""
    if scene.runs("positions"):
        return ""
    return words(f"block.says.positions_{'off' if 'positions' in scene.missing else 'none'}") + " "


def _few(x: np.ndarray, words: Words) -> str:
    shown = "  ".join(words.number(v) for v in x[:4].tolist())
    return f"[{shown} …]" if len(x) > 4 else f"[{shown}]"
