"""What heads do: the patterns that have a name, what is lost without a head or a key, what weights carry, rollout."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import LABELS, head_effects, head_label, key_effects, rollout, value_weighted
from plots.bars import bars, grouped, labels_height
from plots.heatmap import heatmap
from plots.marks import marks
from ui import compute, memory
from ui.compute import Picture
from ui.pictures.labels import labels_of, patterns, scores_of
from ui.pictures.squares import looks_map
from ui.words import Words

WIDTH = 330  # px: a picture where three share a line
FEW = 8  # tokens: so many, and four maps share a line; of more, two do
NARROW, HALF = 240, 350  # px: where four do, and where two do
SIGNS = {"previous": "←", "first": "⇤", "itself": "•", "same": "≡", "induction": "↻", "uniform": "≈", None: ""}


# --------------------------------------------------------------------------------------------- patterns with a name


def labels(scene: Scene, words: Words) -> Picture:
    """Every head's label, over the score that earned it; for a head without one, over its greatest."""
    scores, found = scores_of(scene), labels_of(scene)
    shown = np.max([scores[name] for name in LABELS if name != "uniform"], axis=0)
    for place in np.ndindex(shown.shape):
        if found[place] is not None:
            shown[place] = scores[found[place]][place]
    says = _labelled(scene, words)
    figure = marks(
        shown,
        [[SIGNS[label] for label in row] for row in found],
        **_per_head(scene, words),
        hover=f"{words('heads.place').replace('{layer}', '{row}').replace('{head}', '{column}')}: {{value}}",
        alt=says,
    )
    return Picture(figure, says)


def _labelled(scene: Scene, words: Words) -> str:
    found = labels_of(scene)
    counts = [(label, int((found == label).sum())) for label in LABELS]
    parts = [words(f"reading.counts.{label}", n=n) for label, n in counts if n]
    key = "labels" if parts else "labels_none"
    says = words(f"reading.says.{key}", n=found.size, parts=words.several(parts) if parts else "")
    if not np.isfinite(patterns(compute.run(scene))).all():
        says += " " + words("reading.says.labels_lost")
    return says


def scores(scene: Scene, words: Words) -> Picture:
    """How far the chosen head follows each pattern that has a name."""
    place = scene.place
    mine = {name: float(score[place]) for name, score in scores_of(scene).items()}
    label = head_label(mine)
    best = max(score for name, score in mine.items() if name != "uniform")
    name = _named(place, words)
    values = {"place": name[:1].upper() + name[1:], "score": mine[label] if label else best}
    says = words(f"reading.label.{label or 'none'}", **values)
    figure = bars(
        np.array([mine[name] for name in LABELS]),
        [f"{SIGNS[name]} {words(f'reading.names.{name}')}" for name in LABELS],
        role="@attention",
        hover="{token}: {value}",
        width=WIDTH,
        height=map_height(scene),
        alt=says,
    )
    return Picture(figure, says)


# ------------------------------------------------------------------------------------------------ what would be lost


def effects(scene: Scene, words: Words) -> Picture:
    """What the output would lose without each head, the mean over the words."""
    lost = _effects(scene.computed)
    mean = lost.mean(-1)
    row = scene.cell[0]
    good = bool(np.isfinite(lost).all())
    says = words("reading.says.effects_lost")
    if good:
        most, least, own = (
            np.unravel_index(i, mean.shape) for i in (mean.argmax(), mean.argmin(), lost[..., row].argmax())
        )
        says = words(
            "reading.says.effects_one" if mean.size == 1 else "reading.says.effects",
            most=_named(most, words),
            high=float(mean[most]),
            least=_named(least, words),
            low=float(mean[least]),
            token=scene.tokens[row],
            own=_named(own, words),
            own_high=float(lost[(*own, row)]),
        )
    figure = heatmap(
        np.where(np.isfinite(mean), 100 * mean, np.nan),
        [str(layer) for layer in range(len(mean))],
        scale="probability",
        zmax=float(100 * mean[np.isfinite(mean)].max(initial=0.0)) or 1.0,
        decimals=0,
        **_per_head(scene, words),
        width=WIDTH,
        comma=words.comma,
        hover=words("reading.hover_effect"),
        alt=says,
    )
    return Picture(figure, says)


@memory.kept(lambda scene: (scene,))  # another head chosen, or another word, needs no new run
def _effects(scene: Scene) -> np.ndarray:
    """[layer, head, pos]."""
    run = compute.run(scene)
    return head_effects(run.params, run.config, run.trace)


def _per_head(scene: Scene, words: Words) -> dict:
    return {
        "columns": [str(head) for head in range(scene.config.n_heads)],
        "row_title": words("axis.layer"),
        "column_title": words("axis.head"),
        "row_role": "@muted",
        "column_role": "@muted",
        "chosen": scene.place,
        "colorbar": False,
        "square": False,
        "height": map_height(scene),
    }


def map_height(scene: Scene) -> int:
    """Pixels of the maps of layers by heads, and of the bars beside them."""
    return 90 + max(130, scene.config.n_layers * 22)


# ----------------------------------------------------------------------------------------- weight is not importance


def weights(scene: Scene, words: Words) -> Picture:
    """The chosen head's attention as it is."""
    a = _pattern(scene)
    query = scene.cell[0]
    key = int(a[query].argmax())
    says = words("reading.says.lost")
    if np.isfinite(a).all():
        names = {"query": scene.tokens[query], "key": scene.tokens[key]}
        says = words("reading.says.weights", **names, weight=float(a[query, key]))
    return Picture(_square(a, scene, words, says, zmax=1.0), says)


def carried(scene: Scene, words: Words) -> Picture:
    """The same weights, each times the length of what it carries."""
    c = _carried(scene)
    query = scene.cell[0]
    key = int(c[query].argmax())
    says = words("reading.says.lost")
    if np.isfinite(c).all():
        says = words(
            "reading.says.carried", query=scene.tokens[query], key=scene.tokens[key], length=float(c[query, key])
        )
    finite = c[np.isfinite(c)]
    return Picture(_square(c, scene, words, says, zmax=float(finite.max(initial=0.0)) or 1.0), says)


def importance(scene: Scene, words: Words) -> Picture:
    """For the chosen word: weight, weight times length, and what is lost without each key; each in shares."""
    query, tokens = scene.cell[0], scene.tokens
    rows = np.stack([_pattern(scene)[query], _carried(scene)[query], _key_effects(scene)])
    good = bool(np.isfinite(rows).all())
    sums = rows.sum(-1, keepdims=True)
    shares = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0) if good else np.zeros_like(rows)
    says = words("reading.says.lost")
    if good:
        first, second, third = (int(i) for i in rows.argmax(-1))
        says = words(
            "reading.says.agree" if first == second == third else "reading.says.differ",
            query=tokens[query],
            key=tokens[first],
            weight=float(rows[0, first]),
            carrier=tokens[second],
            length=float(rows[1, second]),
            loss=tokens[third],
            effect=float(rows[2, third]),
        )
    figure = grouped(
        shares,
        list(tokens),
        [words(f"reading.series.{name}") for name in ("weight", "carried", "effect")],
        roles=("@attention", "@value", "@residual"),
        width=_square_width(scene),
        height=square_height(scene),
        alt=says,
    )
    return Picture(figure, says)


def _pattern(scene: Scene) -> np.ndarray:
    layer, head = scene.place
    return compute.run(scene).trace[f"blocks.{layer}.attn.pattern"][head].astype(np.float64)


def _carried(scene: Scene) -> np.ndarray:
    run, (layer, head) = compute.run(scene), scene.place
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that have exploded
        return value_weighted(run.params, run.config, run.trace, layer)[head]


def _key_effects(scene: Scene) -> np.ndarray:
    run = compute.run(scene)
    return key_effects(run.params, run.config, run.trace, *scene.place, scene.cell[0])


# ----------------------------------------------------------------------------------------------------------- rollout


def rolled(scene: Scene, words: Words) -> Picture:
    """Attention through all layers up to the chosen one."""
    run, layer, query = compute.run(scene), scene.place[0], scene.cell[0]
    r = rollout(patterns(run), run.config.residual)[layer]
    says = words("reading.says.lost")
    if np.isfinite(r).all():
        key = int(r[query].argmax())
        says = words(
            "reading.says.rollout",
            layer=layer,
            query=scene.tokens[query],
            key=scene.tokens[key],
            share=float(r[query, key]),
            own=float(r[query, query]),
        )
    return Picture(_square(r, scene, words, says, zmax=1.0), says)


def _square(values: np.ndarray, scene: Scene, words: Words, says: str, zmax: float) -> dict:
    size = {"square": False, "width": _square_width(scene), "height": square_height(scene)}
    return looks_map(values, list(scene.tokens), words, says, zmax=zmax, chosen=scene.cell, **size)


def square_height(scene: Scene) -> int:
    """Pixels of the maps of words by words, and of the bars beside them."""
    n, names = len(scene.tokens), labels_height(list(scene.tokens), _square_width(scene)) // 2
    return 250 + names if n <= FEW else 340 + names if n <= 16 else 470


def _square_width(scene: Scene) -> int:
    """Pixels that they can count on."""
    return NARROW if len(scene.tokens) <= FEW else HALF


def _named(place: tuple[int, int], words: Words) -> str:
    return words("heads.place", layer=int(place[0]), head=int(place[1]))
