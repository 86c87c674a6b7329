"""A norm: what enters and what leaves it, the moments of each token to four digits, one token's numbers as strokes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import Scene
from core.interpret import token_moments
from core.ops.norm import layer_norm
from plots.heatmap import heatmap
from plots.rugs import rugs
from ui import compute
from ui.compute import Picture
from ui.pictures.block.frame import HEIGHT, LOW, WIDTH
from ui.pictures.heads import magnitude
from ui.words import Words


@dataclass(frozen=True)
class Normed:
    """What enters a norm and what leaves it, each [pos, d_model]; `real` is False where it is only supposed."""

    before: np.ndarray
    after: np.ndarray
    real: bool


def normed(scene: Scene) -> Normed:
    """The chosen layer's first or second norm; LayerNorm on what enters there, where the model has none."""
    run, second = compute.run(scene), shown_second(scene)
    config, at = run.config, f"blocks.{scene.place[0]}."
    stream, added = ("resid_mid", "mlp_out") if second else ("resid_pre", "attn_out")
    before = run.trace[at + ("resid_pre" if second and config.parallel else stream)]
    if config.norm == "none":
        d = config.d_model
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers that have exploded
            _, after, _ = layer_norm(before, np.ones(d, before.dtype), np.zeros(d, before.dtype), config.norm_eps)
        return Normed(before, after, real=False)
    if config.norm_at == "post":
        more = run.trace[at + added]
        before = run.trace[at + stream] + more if config.residual else more
    return Normed(before, run.trace[at + ("ln2" if second else "ln1") + ".normalized"], real=True)


def shown_second(scene: Scene) -> bool:
    """Without an MLP a block has no second norm."""
    return scene.second and bool(scene.config.d_mlp)


def moments(scene: Scene, words: Words) -> Picture:
    """Mean and variance of each token, before and after the norm, to four digits."""
    norm = normed(scene)
    table = np.stack([*token_moments(norm.before), *token_moments(norm.after)], axis=1)
    row = scene.cell[0]
    good = np.isfinite(table[row]).all()
    says = _supposed(scene, norm, words) + words(
        f"block.says.moments{'' if good else '_lost'}",
        token=scene.tokens[row],
        **{
            name: exact(x, words)
            for name, x in zip(("mean", "variance", "mean2", "variance2"), table[row], strict=True)
        },
    )
    figure = heatmap(
        table,
        list(scene.tokens),
        [words(f"block.{name}") for name in ("mean", "variance", "mean_after", "variance_after")],
        row_role="@residual",
        scale="plain",
        numbers=False,
        comma=words.comma,
        chosen=None,
        square=False,
        width=WIDTH,
        height=HEIGHT,
        alt=says,
    )
    figure["data"].append(_written(table, words))
    return Picture(figure, says)


def _written(table: np.ndarray, words: Words) -> dict:
    rows, columns = np.indices(table.shape)
    return {
        "type": "scatter",
        "mode": "text",
        "x": columns.ravel().astype(np.int32),
        "y": rows.ravel().astype(np.int32),
        "text": [exact(x, words) for x in table.ravel().tolist()],
        "textfont": {"size": 11, "color": "@text"},
        "hoverinfo": "skip",
    }


def exact(x: float, words: Words) -> str:
    """Four digits after the point, as a lesson asks; a power of ten where that would not fit."""
    return words.number(x, 4) if abs(x) < 1000 else magnitude(x, words)


def features(scene: Scene, words: Words) -> Picture:
    """The chosen token's own numbers before and after, each as a stroke."""
    norm, row = normed(scene), scene.cell[0]
    before, after = norm.before[row].astype(np.float64), norm.after[row].astype(np.float64)
    good = bool(np.isfinite(before).all() and np.isfinite(after).all())
    says = words(
        f"block.says.features{'' if good else '_lost'}",
        token=scene.tokens[row],
        n=len(before),
        **{f"{name}{i}": magnitude(float(f(x)), words) for i, x in enumerate((before, after)) for name, f in RANGE},
    )
    figure = rugs(
        {words("block.before"): before, words("block.after"): after},
        comma=words.comma,
        height=LOW,
        alt=says,
    )
    return Picture(figure, says)


RANGE = (("low", np.min), ("high", np.max))


def _supposed(scene: Scene, norm: Normed, words: Words) -> str:
    if norm.real:
        return words("block.says.rms") + " " if scene.config.norm == "rms" else ""
    return words(f"block.says.norm_{'off' if 'norm' in scene.missing else 'none'}") + " "
