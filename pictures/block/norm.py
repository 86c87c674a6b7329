"""A norm: what enters and what leaves it, the moments of each token to four digits, one token's numbers as strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import Scene
from core.activations import mlp_stream
from core.interpret import token_moments
from core.ops.norm import layer_norm
from pictures import extremes
from pictures.block.frame import LOW, ROWS, WIDTH, height
from pictures.block.inside import NORMS, array, inside
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.explained.measured import MOMENTS
from pictures.extremes import magnitude
from pictures.numbers import Each, Strokes, along, standing
from pictures.words import Words
from plots.heatmap import heatmap
from plots.rugs import rugs


@dataclass(frozen=True)
class Normed:
    """What enters a norm, the same on one scale, and what leaves it, each [pos, d_model].

    The last two are one where the gain is 1 and the bias 0, as before any training: then `learned` is False.
    `real` is False where the norm is only supposed. given: the block's arrays whose sum enters it.
    """

    before: np.ndarray
    normalized: np.ndarray
    after: np.ndarray
    real: bool
    given: tuple[str, ...]

    @property
    def learned(self) -> bool:
        return not np.array_equal(self.normalized, self.after, equal_nan=True)


def normed(scene: Scene) -> Normed:
    """The chosen norm of the chosen layer; LayerNorm on what enters there, where the model has none."""
    here = inside(scene)
    config = here.config
    stream, added = {
        "attention": ("resid_pre", "attn_out"),
        "cross": ("resid_mid", "cross_out"),
        "mlp": (mlp_stream(config), "mlp_out"),
    }[here.norm]
    given: tuple[str, ...] = ("resid_pre" if here.norm == "mlp" and config.parallel else stream,)
    before = array(scene, given[0])
    if config.norm == "none":
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers that have exploded
            after = np.divide(*layer_norm(before, config.norm_eps))
        return Normed(before, after, after, real=False, given=given)
    if config.norm_at == "post":
        more = array(scene, added)
        before = array(scene, stream) + more if config.residual else more
        given = (stream, added) if config.residual else (added,)
    name = NORMS[here.norm]
    return Normed(before, array(scene, name + ".normalized"), array(scene, name + ".out"), real=True, given=given)


@picture("layer", "query", "second_norm", "attention_of")
def moments(scene: Scene, words: Words) -> Picture:
    """Mean and variance of each token as it enters the norm and as it leaves it, to four digits.

    Between the two stands what the norm itself makes of them: where a learned gain and bias follow, the sentence tells.
    """
    norm = normed(scene)
    table = np.stack([*token_moments(norm.before), *token_moments(norm.after)], axis=1)
    row = inside(scene).row
    within = [float(x[row]) for x in token_moments(norm.normalized)]
    good = np.isfinite([*table[row], *within]).all()
    over = table[row, 1] > np.finfo(np.float32).max and not norm.normalized[row].any()
    numbers = zip(("mean", "variance", "mean2", "variance2", "mean1", "variance1"), [*table[row], *within], strict=True)
    says = supposed(scene, norm, words) + words(
        f"block.says.moments{'_lost' if not good else '_over' if over else '_learned' if norm.learned else ''}",
        token=extremes.token_name(inside(scene).tokens, row, words),
        norm=scene.config.norm,
        **{name: exact(float(x), words) for name, x in numbers},
    )
    figure = heatmap(
        table,
        all_named(inside(scene).tokens, words),
        [words(f"block.{name}") for name in ("mean", "variance", "mean_after", "variance_after")],
        row_role="@residual",
        scale="plain",
        numbers=False,
        comma=words.comma,
        chosen=None,
        square=False,
        width=WIDTH,
        height=height(scene),
        alt=says,
    )
    shown = range(len(table)) if len(table) <= ROWS else [row]
    figure["data"].append(_written(table, shown, words))
    return Picture(figure, says, _moments_of(scene, len(table)) if norm.real else None)


def _moments_of(scene: Scene, n: int) -> Each:
    """Which number each of the table's cells is."""
    here = inside(scene)
    name = f"{here.block}{NORMS[here.norm]}.out"
    return Each(tuple(tuple((f"{moment}.{name}", (row,)) for moment in MOMENTS) for row in range(n)))


def _written(table: np.ndarray, shown: Sequence[int], words: Words) -> dict:
    """The numbers of the rows `shown`, in a size in which four of them stand side by side."""
    rows, columns = (
        places.ravel().astype(np.int32) for places in np.meshgrid(shown, range(table.shape[1]), indexing="ij")
    )
    return {
        "type": "scatter",
        "mode": "text",
        "x": columns,
        "y": rows,
        "text": [exact(x, words) for x in table[rows, columns].tolist()],
        "textfont": {"size": 10, "color": "@text"},
        "hoverinfo": "skip",
    }


def exact(x: float, words: Words) -> str:
    """Four digits after the point, as a lesson asks; a power of ten where that would not fit."""
    return words.number(x, 4) if abs(x) < 1000 else magnitude(x, words)


@picture("layer", "query", "second_norm", "attention_of")
def features(scene: Scene, words: Words) -> Picture:
    """The chosen token's own numbers before and after, each as a stroke; between, where they part, the normalized."""
    norm, row = normed(scene), inside(scene).row
    rows = {"before": norm.before, "normalized": norm.normalized, "after": norm.after}
    if not norm.learned:
        del rows["normalized"]
    strokes = {name: x[row].astype(np.float64) for name, x in rows.items()}
    good = np.isfinite(strokes["after"]).all()  # out of numbers that are lost come none
    ends = (strokes["before"], strokes["after"])
    written = {f"{name}{i}": magnitude(float(f(x)), words) for i, x in enumerate(ends) for name, f in RANGE}
    forms = ["one" if written[f"low{i}"] == written[f"high{i}"] else "range" for i in range(2)]
    says = words(
        f"block.says.features{'' if good else '_lost'}",
        token=extremes.token_name(inside(scene).tokens, row, words),
        n=len(ends[0]),
        **written | dict(zip(("before", "after"), forms, strict=True)),
    )
    if good and norm.learned:
        says += " " + words("block.says.features_learned", norm=scene.config.norm)
    figure = rugs(
        {words(f"block.{name}"): x for name, x in strokes.items()},
        comma=words.comma,
        height=LOW,
        alt=says,
    )
    return Picture(figure, says, _strokes_of(scene, norm.given, strokes) if norm.real else None)


def _strokes_of(scene: Scene, given: tuple[str, ...], strokes: dict[str, np.ndarray]) -> Strokes:
    """Which number each stroke is; one that is lost is not drawn."""
    here = inside(scene)
    at, row = f"{here.block}{NORMS[here.norm]}", here.row
    names = {"before": here.block + given[0] if len(given) == 1 else f"entering.{at}.out"}
    names |= {"normalized": f"{at}.normalized", "after": f"{at}.out"}
    there = {name: np.flatnonzero(np.isfinite(x)) for name, x in strokes.items()}
    numbers = [along(names[name], (row,), places) for name, places in there.items()]
    return standing(numbers, [strokes[name][places] for name, places in there.items()])


RANGE = (("low", np.min), ("high", np.max))


def supposed(scene: Scene, norm: Normed, words: Words) -> str:
    if norm.real:
        return words("block.says.rms") + " " if scene.config.norm == "rms" else ""
    return words(f"block.says.norm_{'off' if 'norm' in scene.missing else 'none'}") + " "
