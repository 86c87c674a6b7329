"""What heads do: the patterns that have a name, what is lost without a head or a key, what weights carry, rollout."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import Scene, limits
from core.generate.loop import multiplications
from core.interpret import LABELS, head_effects, induction_score, key_effects, rollout, value_weighted
from pictures import compute, left_out, memory
from pictures.compute import Picture, picture
from pictures.extremes import Extreme, Shown, greatest, head_names, least, percent, token_name, token_names, unit
from pictures.heads import magnitude
from pictures.labels import labels_of, patterns, probe_of, scores_of
from pictures.numbers import COLUMN, ROW, cells
from pictures.squares import looks_map
from pictures.words import Words
from plots.head_map import head_map
from plots.heatmap import heatmap
from plots.token_shares import grouped, labels_height, token_shares

WIDTH = 330  # px: a picture where three share a line
FEW = 8  # tokens: so many, and four maps share a line; of more, two do
NARROW, HALF = 240, 350  # px: where four do, and where two do
SIGNS: dict[str | None, str] = {
    "previous": "←",
    "first": "⇤",
    "itself": "•",
    "same": "≡",
    "induction": "↻",
    "uniform": "≈",
}
SIGNS |= {"seeming": "↻?", None: ""}  # what an induction head does, in this sentence only; no name


# --------------------------------------------------------------------------------------------- patterns with a name


@picture("layer", "head", "without_first")
def labels(scene: Scene, words: Words) -> Picture:
    """Every head's label, over the score that earned it; for a head without one, over its greatest."""
    found = labels_of(scene)
    shown = np.zeros(found.shape)
    scores, probed = scores_of(scene), probe_of(scene)
    for place in np.ndindex(shown.shape):
        mine = {name: float(score[place]) for name, score in scores.items()}
        shown[place] = _earned(found.item(place), mine, probed.item(place))
    says = _labelled(scene, words) + left_out.told(scene, words, "shares")
    figure = head_map(
        shown,
        [[SIGNS[label] for label in row] for row in found],
        **_per_head(scene, words),
        hover=f"{words('heads.place').replace('{layer}', '{row}').replace('{head}', '{column}')}: {{value}}",
        alt=says,
    )
    return Picture(figure, says)


def _earned(label: str | None, mine: dict[str, float], probed: float) -> float:
    """What earned a head its name: the probe's score for induction, else the sentence's; without a name, its best."""
    if label == "induction":
        return float(probed)
    best = max(score for name, score in mine.items() if name != "uniform")
    return best if label is None else mine["induction" if label == "seeming" else label]


def _labelled(scene: Scene, words: Words) -> str:
    found = labels_of(scene)
    counts = [(label, int((found == label).sum())) for label in SIGNS if label]
    parts = [words(f"reading.counts.{label}", n=n, unit=unit(scene)) for label, n in counts if n]
    lost = ~np.isfinite(patterns(compute.run(scene))).all((1, 2, 3))
    if lost.all():
        return words("reading.says.lost")
    key = "labels" if parts else "labels_none"
    says = words(f"reading.says.{key}", n=found.size, parts=words.several(parts) if parts else "")
    return f"{says} {words('reading.says.labels_lost', layer=int(lost.argmax()))}" if lost.any() else says


@picture("layer", "head", "without_first")
def scores(scene: Scene, words: Words) -> Picture:
    """How far the chosen head follows each pattern that has a name."""
    place = scene.place
    mine = {name: float(score[place]) for name, score in scores_of(scene).items()}
    says = _says_scores(scene, place, mine, words) + left_out.told(scene, words, "shares")
    figure = token_shares(
        np.array([mine[name] for name in LABELS]),
        [f"{SIGNS[name]} {words(f'reading.names.{name}')}" for name in LABELS],
        role="@attention",
        hover="{token}: {value}",
        width=WIDTH,
        height=map_height(scene),
        alt=says,
    )
    return Picture(figure, says)


def _says_scores(scene: Scene, place: tuple[int, int], mine: dict[str, float], words: Words) -> str:
    pattern = patterns(compute.run(scene))[place]
    if not np.isfinite(pattern).all():
        return words("reading.says.lost")
    label, name, probe = labels_of(scene)[place], head_names([place], words), float(probe_of(scene)[place])
    score = _earned(label, mine, probe)
    values = {"place": name[:1].upper() + name[1:], "score": score, "unit": unit(scene)}
    if label in ("induction", "seeming"):
        tried = "" if label == "induction" or np.isfinite(probe) else "_untried"
        _, ids = np.unique(scene.tokens, return_inverse=True)
        here = float(induction_score(pattern[None], ids)[0])
        about = {"probe": probe, "here": here, "repeated": bool(np.isfinite(here))}
        return words(f"reading.label.{label}{tried}", **values, **about)
    return words(f"reading.label.{label or 'none'}", **values, apart=1 - score)


# ------------------------------------------------------------------------------------------------ what would be lost


@picture("layer", "head", "query")
def effects(scene: Scene, words: Words) -> Picture:
    """What the output would lose without each head, the mean over the words."""
    layers = tried(scene)
    lost = _effects(scene.computed, layers)
    says = _says_effects(scene, lost, layers, words)
    mean = np.full((scene.config.n_layers, scene.config.n_heads), np.nan)
    mean[layers,] = lost.mean(-1)
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


def tried(scene: Scene) -> tuple[int, ...]:
    """The layers whose heads are switched off, one by one: the chosen one alone, where all would take too long."""
    config, n = scene.config, len(scene.tokens)
    heads = config.n_layers * config.n_heads
    # What follows a head is computed again: half of the model on average. What is stored in few bits is widened for
    # each layer that is tried, which takes as long as the products of a hundred tokens.
    work = multiplications(config, n, n) * heads / 2 + 100 * config.n_parameters() * config.n_layers / 2
    return tuple(range(config.n_layers)) if work <= limits.ABLATIONS else (scene.place[0],)


def _says_effects(scene: Scene, lost: np.ndarray, layers: tuple[int, ...], words: Words) -> str:
    """lost: [layer, head, pos] of these layers."""
    row = scene.cell[0]
    if not np.isfinite(lost).all():
        last = compute.run(scene).trace[f"blocks.{scene.config.n_layers - 1}.resid_post"]
        return words("reading.says.effects_zero" if np.isfinite(last).all() else "reading.says.lost")
    works = np.ones(lost.shape[:2], bool)
    for layer, head in scene.ablated:
        if layer in layers:
            works[layers.index(layer), head] = False
    if not works.any():
        return words("reading.says.effects_off" if len(layers) > 1 else "reading.says.effects_off_layer")

    def named(found: Extreme) -> str:
        return head_names([(layers[place[0]], place[1]) for place in found.places], words)

    shown, token = percent(words), token_name(scene.tokens, row, words)
    most, fewest = greatest(lost.mean(-1), shown, works), least(lost.mean(-1), shown, works)
    own = greatest(lost[..., row], shown, works)
    if works.size == 1:
        return words("reading.says.effects_one", high=most.value, token=token, own_high=own.value)
    alike = "effects_alike" if len(most.places) > 1 else "effects_left"
    key = alike if most.everywhere else "effects"
    says = words(
        f"reading.says.{key}",
        **{"most": named(most), "high": most.value, "n": len(most.places)},
        **{"least": named(fewest), "low": fewest.value},
    )
    if key == "effects":
        which = "own_alike" if own.everywhere else "own"
        values = {"token": token, "own": named(own), "own_high": own.value}
        says += " " + words(f"reading.says.effects_{which}", **values)
    if not works.all():
        says += " " + words("reading.says.effects_without_off", n=int((~works).sum()))
    if len(layers) < scene.config.n_layers:
        says += " " + words("reading.says.effects_layer", layer=layers[0])
    return says


# Another head chosen, or another word, needs no new run.
@memory.kept(lambda scene, layers: (scene, layers), large=lambda scene, _: compute.is_large(scene))
def _effects(scene: Scene, layers: tuple[int, ...]) -> np.ndarray:
    """[layer, head, pos], of these layers."""
    run = compute.run(scene)
    return head_effects(run.params, run.config, run.trace, layers)


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


@picture("layer", "head", "query", "key")
def weights(scene: Scene, words: Words) -> Picture:
    """The chosen head's attention as it is."""
    a = _pattern(scene)
    says = _says_row(scene, a, "weights", words.number, words)
    layer, head = scene.place
    numbers = cells(f"blocks.{layer}.attn.pattern", (head, ROW, COLUMN), a.shape)
    return Picture(_square(a, scene, words, says, zmax=1.0), says, numbers)


@picture("layer", "head", "query", "key")
def carried(scene: Scene, words: Words) -> Picture:
    """The same weights, each times the length of what it carries."""
    c = _carried(scene)
    key = "carried_off" if scene.place in scene.ablated else "carried"
    says = _says_row(scene, c, key, lambda length: magnitude(length, words), words)
    finite = c[np.isfinite(c)]
    return Picture(_square(c, scene, words, says, zmax=float(finite.max(initial=0.0)) or 1.0), says)


def _says_row(scene: Scene, values: np.ndarray, key: str, shown: Shown, words: Words) -> str:
    """Which of the keys that the chosen word sees has the greatest value."""
    if not np.isfinite(values).all():
        return words("reading.says.lost")
    query, tokens, seen = scene.cell[0], scene.tokens, _seen(scene)
    most = greatest(values[query], shown, seen)
    which = "only" if seen.sum() == 1 else "alike" if most.everywhere else ""
    return words(
        f"reading.says.{key}{which and '_' + which}" if key != "carried_off" else "reading.says.carried_off",
        query=token_name(tokens, query, words),
        keys=token_names(tokens, most.indices, words, itself=query),
        value=shown(most.value),
    )


def _seen(scene: Scene) -> np.ndarray:
    """[key]: what the chosen word may look at."""
    n = len(scene.tokens)
    return np.arange(n) <= scene.cell[0] if scene.config.causal else np.ones(n, bool)


@picture("layer", "head", "query")
def importance(scene: Scene, words: Words) -> Picture:
    """For the chosen word: weight, weight times length, and what it changes to leave each key out; each in shares."""
    rows = np.stack([_pattern(scene)[scene.cell[0]], _carried(scene)[scene.cell[0]], _key_effects(scene)])
    good = bool(np.isfinite(rows).all())
    sums = rows.sum(-1, keepdims=True)
    shares = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0) if good else np.zeros_like(rows)
    says = _says_importance(scene, rows, words)
    figure = grouped(
        shares,
        list(scene.tokens),
        [words(f"reading.series.{name}") for name in ("weight", "carried", "effect")],
        roles=("@attention", "@value", "@residual"),
        value_title=words("reading.share"),
        width=_square_width(scene),
        height=square_height(scene),
        alt=says,
    )
    return Picture(figure, says)


def _says_importance(scene: Scene, rows: np.ndarray, words: Words) -> str:
    """Whether weight, length and effect [3, key] have their greatest value at the same key."""
    if not np.isfinite(rows[:2]).all():
        return words("reading.says.lost")
    query, tokens, seen = scene.cell[0], scene.tokens, _seen(scene)
    values = {"query": token_name(tokens, query, words)}
    if not np.isfinite(rows[2]).all():
        last = compute.run(scene).trace[f"blocks.{scene.config.n_layers - 1}.resid_post"]
        return words("reading.says.importance_zero" if np.isfinite(last).all() else "reading.says.lost", **values)
    if scene.place in scene.ablated:
        return words("reading.says.importance_off", **values)
    if seen.sum() == 1:
        return words("reading.says.importance_only", **values, effect=float(rows[2, query]))
    ways = (words.number, lambda length: magnitude(length, words), percent(words))
    weight, length, effect = (greatest(row, shown, seen) for row, shown in zip(rows, ways, strict=True))
    common = [key for key in weight.indices if key in length.indices and key in effect.indices]
    named = [token_names(tokens, found.indices, words, itself=query) for found in (weight, length, effect)]
    alike = weight.everywhere and length.everywhere and effect.everywhere
    return words(
        f"reading.says.{'importance_alike' if alike else 'agree' if common else 'differ'}",
        **values | dict(zip(("key", "carrier", "loss"), named, strict=True)),
        common=token_names(tokens, common, words) if common else "",
        weight=weight.value,
        length=magnitude(length.value, words),
        effect=effect.value,
    )


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


@picture("layer", "query", "key")
def rolled(scene: Scene, words: Words) -> Picture:
    """Attention through all layers up to the chosen one."""
    run = compute.run(scene)
    r = rollout(patterns(run), run.config.residual, scene.ablated)[scene.place[0]]
    says = _says_rolled(scene, r, words)
    return Picture(_square(r, scene, words, says, zmax=1.0), says)


def _says_rolled(scene: Scene, r: np.ndarray, words: Words) -> str:
    (layer, _), query, tokens, seen = scene.place, scene.cell[0], scene.tokens, _seen(scene)
    if not np.isfinite(r).all():
        return words("reading.says.lost")
    most = greatest(r[query], words.number, seen)
    alike, own = most.everywhere and seen.sum() > 1, query in most.indices
    which = "_nothing" if not r[query].any() else "_alike" if alike else "_own" if own else ""
    return words(
        f"reading.says.rollout{which}",
        layer=layer,
        query=token_name(tokens, query, words),
        keys=token_names(tokens, most.indices, words, itself=query),
        share=most.value,
        own=float(r[query, query]),
    )


def _square(values: np.ndarray, scene: Scene, words: Words, says: str, zmax: float) -> dict:
    size: dict[str, Any] = {"square": False, "width": _square_width(scene), "height": square_height(scene)}
    return looks_map(values, list(scene.tokens), words, says, zmax=zmax, chosen=scene.cell, **size)


def square_height(scene: Scene) -> int:
    """Pixels of the maps of words by words, and of the bars beside them."""
    n, names = len(scene.tokens), labels_height(list(scene.tokens), _square_width(scene)) // 2
    return 250 + names if n <= FEW else 340 + names if n <= 16 else 470


def _square_width(scene: Scene) -> int:
    """Pixels that they can count on."""
    return NARROW if len(scene.tokens) <= FEW else HALF
