"""Inside one block: positions, a norm before and after, the MLP's units, and how long the stream's vectors are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import Run, Scene
from core.interpret import pair_angles, share_of_zeros, similarity, sine_wave, token_moments, token_norms
from core.ops.activations import ACTIVATIONS
from core.ops.norm import layer_norm
from core.ops.positions import sinusoidal
from plots.bars import bars, labels_height
from plots.curves import curves
from plots.growth import growth
from plots.heatmap import heatmap
from plots.rugs import rugs
from plots.turning import turning
from ui import compute
from ui.compute import Picture
from ui.pictures.heads import lengths_within, magnitude
from ui.words import Words

WIDTH = 250  # px: a figure where four share a line
HEIGHT = 250  # px: of the first figure of each column, so that what follows begins on one line
LOW = 210  # px: of those below
UNITS = 256  # hidden units in the picture: more would be less than a pixel each
STEPS = 121  # points of a curve
CURVE = 4.0  # how far a curve goes at least, to both sides of 0


# ----------------------------------------------------------------------------------------------------- positions


def positions(scene: Scene, words: Words) -> Picture:
    """What is added to each token, or by how much each pair of its queries and keys turns."""
    return _turned(scene, words) if shown_positions(scene) == "rotary" else _added(scene, words)


def shown_positions(scene: Scene) -> str:
    """The model's own positions, also where they are off; where it has none, the sine table that it might add."""
    return "sinusoidal" if scene.whole.positions == "none" else scene.whole.positions


def _added(scene: Scene, words: Words) -> Picture:
    P = _table(compute.run(scene))
    row = scene.cell[0]
    says = _hedged(scene, words) + words(
        "block.says.table", token=scene.tokens[row], n=row, d=P.shape[1], vector=_few(P[row], words)
    )
    figure = heatmap(
        P,
        list(scene.tokens),
        row_role="@residual",
        column_title=words("axis.dimension"),
        column_role="@muted",
        chosen=None,
        numbers=False,
        colorbar=False,
        comma=words.comma,
        hover=f"{{row}}, {words('axis.dimension')} {{column}}: {{value}}",
        square=False,
        width=WIDTH,
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def _turned(scene: Scene, words: Words) -> Picture:
    angles, row = _angles(scene), scene.cell[0]
    says = _hedged(scene, words) + words(
        "block.says.turned",
        token=scene.tokens[row],
        n=row,
        first=float(angles[row, 0]),
        last=float(angles[row, -1]),
        pairs=angles.shape[1],
    )
    figure = turning(
        angles,
        list(scene.tokens),
        chosen=row,
        names=[words("block.pair", i=i) for i in range(angles.shape[1])],
        hover=words("block.hover_turn"),
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def wave(scene: Scene, words: Words) -> Picture:
    """One dimension of the positions along the sentence; for rotary, the cosine of one pair's angle."""
    n, kind = len(scene.tokens), shown_positions(scene)
    dimension = shown_dimension(scene)
    fine = np.linspace(0, max(n - 1, 1), 8 * max(n - 1, 1) + 1)
    at = np.arange(n)
    if kind == "rotary":
        values, line = np.cos(_angles(scene)[:, dimension // 2]), np.cos(_angles(scene, fine)[:, dimension // 2])
        name = words("block.cosine", i=dimension // 2)
    else:
        values = _table(compute.run(scene))[:, dimension]
        sine = kind == "sinusoidal"
        fine, line = (fine, sine_wave(fine, dimension, scene.config.d_model)) if sine else (at, values)
        name = words("block.dimension", i=dimension)
    row = scene.cell[0]
    says = words("block.says.wave", name=name, token=scene.tokens[row], value=float(values[row]))
    if kind != "learned":
        length = 2 * np.pi * _slowness(scene, dimension)
        says += " " + words("block.says.period", period=magnitude(float(length), words))
    figure = curves(
        fine,
        {name: line},
        chosen=name,
        points=(at, values),
        tokens=list(scene.tokens),
        marked=row,
        role="@residual",
        hover="{token}: {y}",
        y_title=name,
        height=LOW,
        alt=says,
    )
    return Picture(figure, says)


def shown_dimension(scene: Scene) -> int:
    """The chosen dimension, inside the model."""
    return min(scene.dimension, dimensions(scene) - 1)


def dimensions(scene: Scene) -> int:
    """How many dimensions the positions have: the stream's, or what of a head the rotary positions turn."""
    return scene.config.rotary_width if shown_positions(scene) == "rotary" else scene.config.d_model


def alike(scene: Scene, words: Words) -> Picture:
    """How alike two positions are, whatever words stand there."""
    if shown_positions(scene) == "rotary":
        angles = _angles(scene)
        close = np.cos(angles[:, None] - angles).mean(-1)  # of two equal vectors, each turned to its place
    else:
        close = similarity(_table(compute.run(scene)))
    n = len(close)
    says = words("block.says.alone")
    if n > 1:
        neighbours = float(np.diagonal(close, 1).mean())
        says = words("block.says.alike", neighbours=neighbours, ends=float(close[0, -1]), apart=n - 1)
    figure = heatmap(
        close,
        list(scene.tokens),
        list(scene.tokens),
        row_role="@residual",
        column_role="@residual",
        zmax=1.0,
        comma=words.comma,
        hover=words("block.hover_alike"),
        width=WIDTH,
        height=HEIGHT,
        square=False,
        alt=says,
    )
    return Picture(figure, says)


def _table(run: Run) -> np.ndarray:
    """[pos, d_model]: what is added to the embeddings, or would be."""
    if "pos_embed" in run.trace:
        return run.trace["pos_embed"]
    learned = run.params.get("pos_embed.W_pos")
    n = len(run.tokens)
    return sinusoidal(n, run.config.d_model) if learned is None else learned[:n]


def _angles(scene: Scene, at: np.ndarray | None = None) -> np.ndarray:
    c = scene.whole
    return pair_angles(np.arange(len(scene.tokens)) if at is None else at, c.rotary_width, c.rotary_base)


def _slowness(scene: Scene, dimension: int) -> float:
    """Tokens a radian: 1 for the first pair of dimensions, the more the later the pair."""
    if shown_positions(scene) == "rotary":
        return scene.config.rotary_base ** (2 * (dimension // 2) / scene.config.rotary_width)
    return 10000 ** (2 * (dimension // 2) / scene.config.d_model)


def _hedged(scene: Scene, words: Words) -> str:
    """What is true of a part that does not run: it is off, or the story has none."""
    if scene.runs("positions"):
        return ""
    return words(f"block.says.positions_{'off' if 'positions' in scene.missing else 'none'}") + " "


# ---------------------------------------------------------------------------------------------------------- norm


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


# ----------------------------------------------------------------------------------------------------------- MLP


@dataclass(frozen=True)
class Units:
    """Numbers before and after the activation, and what the MLP goes on with, each [pos, unit]."""

    before: np.ndarray
    activated: np.ndarray
    after: np.ndarray
    real: bool


def hidden(scene: Scene) -> Units:
    """The chosen layer's hidden units; where there is no MLP, the stream's own numbers through the activation."""
    run, at = compute.run(scene), f"blocks.{scene.place[0]}."
    if not run.config.d_mlp:
        x = run.trace[at + "resid_mid"]
        with np.errstate(over="ignore", invalid="ignore"):
            y = ACTIVATIONS[run.config.activation](x)
        return Units(x, y, y, real=False)
    after = run.trace[at + "mlp.post"]
    return Units(run.trace[at + "mlp.pre"], run.trace[at + "mlp.act"] if run.config.gated else after, after, real=True)


def units(scene: Scene, words: Words) -> Picture:
    """What every hidden unit passes on, for every token."""
    found = hidden(scene)
    shown = found.after[:, :UNITS]
    says = _none_yet(scene, found, words) + _zeros(found, scene, words)
    if found.after.shape[1] > UNITS:
        says += " " + words("block.says.first_units", n=UNITS)
    figure = heatmap(
        np.where(np.isfinite(shown), shown, np.nan),
        list(scene.tokens),
        row_role="@residual",
        column_title=words("block.unit"),
        column_role="@muted",
        numbers=False,
        colorbar=False,
        comma=words.comma,
        hover=f"{{row}}, {words('block.unit')} {{column}}: {{value}}",
        square=False,
        width=WIDTH,
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def _zeros(found: Units, scene: Scene, words: Words) -> str:
    name = words(f"block.activation_names.{scene.config.activation}")
    if not np.isfinite(found.after).all():
        return words("block.says.units_lost")
    zeros = float(share_of_zeros(found.after).mean())
    if zeros or scene.config.activation == "relu":
        return words("block.says.zeros", name=name, share=zeros, n=found.after.size)
    return words("block.says.smooth", name=name, share=float(np.mean(found.after < 0)), n=found.after.size)


def _none_yet(scene: Scene, found: Units, words: Words) -> str:
    return "" if found.real else words(f"block.says.mlp_{'off' if 'mlp' in scene.missing else 'none'}") + " "


def curve(scene: Scene, words: Words) -> Picture:
    """All activation functions, and the chosen token's numbers on the one that this model has."""
    found, row = hidden(scene), scene.cell[0]
    x, y = found.before[row].astype(np.float64), found.activated[row].astype(np.float64)
    good = np.isfinite(x) & np.isfinite(y)
    reach = float(max(CURVE, np.abs(x[good]).max(initial=0.0)))
    line = np.linspace(-reach, reach, STEPS)
    names = {kind: words(f"block.activation_names.{kind}") for kind in ACTIVATIONS}
    chosen = names[scene.config.activation]
    says = words("block.says.units_lost")
    if good.all():
        says = words(
            "block.says.curve",
            name=chosen,
            token=scene.tokens[row],
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
    return Picture(figure, says)


def zeros(scene: Scene, words: Words) -> Picture:
    """The share of units at exactly 0, token by token."""
    found = hidden(scene)
    share = share_of_zeros(found.after)
    most, least = int(share.argmax()), int(share.argmin())
    alike = words.number(100 * float(share[most]), 1) == words.number(100 * float(share[least]), 1)
    key = "zeros_alike" if alike else "zeros_by_token"
    says = words(
        f"block.says.{key if np.isfinite(found.after).all() else 'units_lost'}",
        most=scene.tokens[most],
        least=scene.tokens[least],
        high=float(share[most]),
        low=float(share[least]),
    )
    figure = bars(
        share,
        list(scene.tokens),
        role="@attention",
        value_title=words("block.zeros"),
        width=WIDTH,
        height=110 + labels_height(list(scene.tokens), WIDTH),
        alt=says,
    )
    return Picture(figure, says)


def zeros_height(scene: Scene) -> int:
    return 110 + labels_height(list(scene.tokens), WIDTH)


# -------------------------------------------------------------------------------------------------------- stream


def stream(scene: Scene, words: Words) -> Picture:
    """The tokens' mean length as they enter, and after every layer."""
    return lengths_within(scene, words, WIDTH, HEIGHT)


def steps(scene: Scene, words: Words) -> Picture:
    """The same inside the chosen layer: as it enters, after attention, after the MLP."""
    run, at = compute.run(scene), f"blocks.{scene.place[0]}."
    names = ["resid_pre", "resid_mid", *(["resid_post"] if run.config.d_mlp else [])]
    lengths = token_norms(np.stack([run.trace[at + name] for name in names]))
    added = {name: run.trace[at + name] for name in ("attn_out", *(["mlp_out"] if run.config.d_mlp else []))}
    sizes = {name: float(token_norms(x[None])[0]) for name, x in added.items()}
    good = bool(np.isfinite(lengths).all() and np.isfinite([*sizes.values()]).all())
    key = "steps_lost" if not good else "steps" if run.config.d_mlp else "steps_attention"
    says = words(
        f"block.says.{key}",
        layer=scene.place[0],
        start=magnitude(float(lengths[0]), words),
        end=magnitude(float(lengths[-1]), words),
        attention=magnitude(sizes["attn_out"], words),
        mlp=magnitude(sizes.get("mlp_out", 0.0), words),
    )
    figure = growth(
        lengths,
        [words(f"block.step.{name}") for name in names],
        [magnitude(x, words) for x in lengths.tolist()],
        width=WIDTH,
        height=LOW,
        alt=says,
    )
    return Picture(figure, says)


def _few(x: np.ndarray, words: Words) -> str:
    shown = "  ".join(words.number(v) for v in x[:4].tolist())
    return f"[{shown} …]" if len(x) > 4 else f"[{shown}]"
