"""The MLP: what its hidden units pass on, the activation's curve with this layer's values on it, and the zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import Scene
from core.interpret import share_of_zeros
from core.ops.activations import ACTIVATIONS
from pictures import extremes
from pictures.block.frame import LOW, WIDTH, by_token
from pictures.block.inside import array, inside
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.extremes import magnitude
from pictures.generate.draw import share
from pictures.numbers import COLUMN, ROW, Bars, along, cells, points
from pictures.words import Words
from plots.curves import curves
from plots.token_shares import labels_height, token_shares

UNITS = 256  # hidden units in the picture: more would be less than a pixel each
STEPS = 121  # points of a curve
BELOW = np.array([-1.0])  # of what an activation that leaves it at 0 lets no unit below 0 pass
CURVE = 4.0  # how far a curve goes at least, to both sides of 0


@dataclass(frozen=True)
class Units:
    """Numbers before and after the activation, and what the MLP goes on with, each [pos, unit]."""

    before: np.ndarray
    activated: np.ndarray
    after: np.ndarray
    real: bool


def hidden(scene: Scene) -> Units:
    """The chosen layer's hidden units; where there is no MLP, the stream's own numbers through the activation."""
    config = inside(scene).config
    if not config.d_mlp:
        x = array(scene, "resid_post")
        with np.errstate(over="ignore", invalid="ignore"):
            y = ACTIVATIONS[config.activation](x)
        return Units(x, y, y, real=False)
    after = array(scene, "mlp.post")
    return Units(array(scene, "mlp.pre"), array(scene, "mlp.act") if config.gated else after, after, real=True)


@picture("layer", "attention_of")
def units(scene: Scene, words: Words) -> Picture:
    """What every hidden unit passes on, for every token."""
    found = hidden(scene)
    shown = found.after[:, :UNITS]
    says = supposed(scene, found, words) + _zeros(found, scene, words)
    if found.after.shape[1] > UNITS:
        says += " " + words("block.says.first_units", n=UNITS)
    shown = np.where(np.isfinite(shown), shown, np.nan)
    name = f"{inside(scene).block}mlp.post"
    numbers = cells(name, (ROW, COLUMN), shown.shape) if found.real else None
    return Picture(by_token(shown, scene, words, words("block.unit"), says), says, numbers)


def _zeros(found: Units, scene: Scene, words: Words) -> str:
    name = words(f"block.activation_names.{scene.config.activation}")
    if not np.isfinite(found.after).all():
        return words("block.says.units_lost")
    exactly, n = found.after == 0, found.after.size
    if exactly.any() or not ACTIVATIONS[scene.config.activation](BELOW).any():
        return words("block.says.zeros", name=name, share=share(float(exactly.mean()), words, fine=True), n=n)
    return words("block.says.smooth", name=name, share=share(float(np.mean(found.after < 0)), words, fine=True), n=n)


def supposed(scene: Scene, found: Units, words: Words) -> str:
    return "" if found.real else words(f"block.says.mlp_{'off' if 'mlp' in scene.missing else 'none'}") + " "


@picture("layer", "query", "attention_of")
def curve(scene: Scene, words: Words) -> Picture:
    """All activation functions, and the chosen token's numbers on the one that this model has."""
    found, row = hidden(scene), inside(scene).row
    x, y = found.before[row].astype(np.float64), found.activated[row].astype(np.float64)
    good = np.isfinite(x) & np.isfinite(y)
    reach = float(max(CURVE, np.abs(x[good]).max(initial=0.0)))
    line = np.linspace(-reach, reach, STEPS)
    names = {kind: words(f"block.activation_names.{kind}") for kind in ACTIVATIONS}
    chosen = names[scene.config.activation]
    if not good.all():
        says = words("block.says.units_lost")
    else:
        says = words(
            "block.says.curve",
            name=chosen,
            token=extremes.token_name(inside(scene).tokens, row, words),
            n=len(x),
            below=int((x < 0).sum()),
            high=magnitude(float(y.max()), words),
        )
    figure = curves(
        line,
        {name: ACTIVATIONS[kind](line) for kind, name in names.items()},
        chosen=chosen,
        points=(x[good], y[good]),
        x_title=words("block.enters"),
        y_title=words("block.leaves"),
        height=LOW,
        alt=says,
    )
    if not found.real:
        return Picture(figure, says)
    name = f"{inside(scene).block}mlp.{'act' if inside(scene).config.gated else 'post'}"
    own, (low, high) = along(name, (row,), np.flatnonzero(good)), figure["layout"]["yaxis"]["range"]
    return Picture(figure, says, points(own, x[good], y[good], (0.03 * reach, 0.05 * (high - low))))


@picture("layer", "attention_of")
def zeros(scene: Scene, words: Words) -> Picture:
    """The share of units at exactly 0, token by token."""
    found = hidden(scene)
    by_token = share_of_zeros(found.after)
    says = words("block.says.units_lost") if not np.isfinite(found.after).all() else _ends(by_token, scene, words)
    figure = token_shares(
        by_token,
        all_named(inside(scene).tokens, words),
        role="@attention",
        value_title=words("block.zeros"),
        width=WIDTH,
        height=zeros_height(scene),
        alt=says,
    )
    if not found.real:
        return Picture(figure, says)
    name = f"zeros.{inside(scene).block}mlp.post"
    return Picture(figure, says, Bars(tuple((name, (at,)) for at in range(len(by_token))), upright=True))


def _ends(by_token: np.ndarray, scene: Scene, words: Words) -> str:
    """Who has most zeros and who fewest, [pos] -> a sentence."""
    most, fewest = (f(by_token, lambda x: share(x, words, fine=True)) for f in (extremes.greatest, extremes.least))
    if most.everywhere:
        return words("block.says.zeros_alike", high=share(most.value, words, fine=True))
    return words(
        "block.says.zeros_by_token",
        most=extremes.token_names(inside(scene).tokens, most.indices, words),
        least=extremes.token_names(inside(scene).tokens, fewest.indices, words),
        high=share(most.value, words, fine=True),
        low=share(fewest.value, words, fine=True),
    )


def zeros_height(scene: Scene) -> int:
    return 110 + labels_height(list(inside(scene).tokens), WIDTH)
