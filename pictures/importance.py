"""Weight is not importance: a head's weights, what they carry, what it changes to leave a key out; and rollout."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from core import Scene, limits
from core.interpret import key_effects, put_in, rollout, value_weighted
from pictures import compute, memory, stacks
from pictures.ablation import again
from pictures.compute import Picture, picture
from pictures.extremes import Shown, greatest, magnitude, percent, token_name, token_names
from pictures.numbers import COLUMN, ROW, Lines, cells
from pictures.one_head import at_head
from pictures.reading import leaving
from pictures.squares import looks_map
from pictures.stacks import Looks
from pictures.words import Words
from plots.token_shares import grouped, labels_height

LEAST = 0.005  # a share that is written
ROUNDING = 1e-5  # of its length: by less an output moves as float32 rounds, through all layers above a head
SERIES = ("", "carried_part.", "effect_part.")  # of an attention weight: what its three bars are
AT_ONCE = 16  # keys that are left out before others come between
FEW = 8  # tokens: so many, and four maps share a line; of more, two do
NARROW, HALF = 240, 350  # px: where four do, and where two do


@picture("layer", "head", "query", "key", "attention_of")
def weights(scene: Scene, words: Words) -> Picture:
    """The chosen head's attention as it is."""
    a = weights_of(scene)
    says = _says_row(scene, a, "weights", words.number, words)
    found = stacks.looks(scene)
    numbers = cells(found.name("pattern"), (found.place[1], ROW, COLUMN), a.shape)
    return Picture(_square(a, scene, words, says, zmax=1.0), says, numbers)


@picture("layer", "head", "query", "key", "attention_of")
def carried(scene: Scene, words: Words) -> Picture:
    """The same weights, each times the length of what it carries."""
    c = carried_of(scene)
    found = stacks.looks(scene)
    put = stacks.head_put_in(scene)[found.cell[0]]
    key = "carried_put" if put else "carried_off" if found.place in found.ablated else "carried"
    says = _says_row(scene, c, key, lambda length: magnitude(length, words), words)
    finite = c[np.isfinite(c)]
    numbers = cells(f"carried.{found.name('pattern')}", (found.place[1], ROW, COLUMN), c.shape)
    return Picture(_square(c, scene, words, says, zmax=float(finite.max(initial=0.0)) or 1.0), says, numbers)


def _says_row(scene: Scene, values: np.ndarray, key: str, shown: Shown, words: Words) -> str:
    """Which of the keys that the chosen word sees has the greatest value."""
    if not np.isfinite(values).all():
        return words("reading.says.lost")
    found = stacks.looks(scene)
    query = found.cell[0]
    seen = found.seen[query]
    most = greatest(values[query], shown, seen)
    which = _only(found) if seen.sum() == 1 else "_alike" if most.everywhere else ""
    return words(
        f"reading.says.{key}{which if key in ('weights', 'carried') else ''}",
        query=token_name(found.rows, query, words),
        keys=_keys(found, most.indices, words),
        value=shown(most.value),
    )


def _only(found: Looks) -> str:
    """How the label ends of a sentence about the one key in sight: the word itself, or the other text's."""
    return "_only_across" if found.crosses else "_only"


def _keys(found: Looks, places: list[int], words: Words) -> str:
    """Several keys of the chosen word; it is itself one of them, if it stands in the same text."""
    return token_names(found.columns, places, words, itself=None if found.crosses else found.cell[0])


@picture("layer", "head", "query", "attention_of")
def importance(scene: Scene, words: Words) -> Picture:
    """For the chosen word: weight, weight times length, and what it changes to leave each key out; each in shares."""
    found = stacks.looks(scene)
    query = found.cell[0]
    rows = np.stack([weights_of(scene)[query], carried_of(scene)[query], effects_of(scene)])
    good = bool(np.isfinite(rows).all())
    sums = rows.sum(-1, keepdims=True)
    shares = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0) if good else np.zeros_like(rows)
    says = _says_importance(scene, rows, words)
    if found.kind == "encoder":
        says += " " + words("reading.says.importance_of_encoder")
    figure = grouped(
        shares,
        list(found.columns),
        [words(f"reading.series.{name}") for name in ("weight", "carried", "effect")],
        roles=("@attention", "@value", "@residual"),
        value_title=words("reading.share"),
        width=_square_width(scene),
        height=square_height(scene),
        alt=says,
    )
    if not good:
        return Picture(figure, says)
    name, head = found.name("pattern"), found.place[1]
    of = [tuple((f"{kind}{name}", (head, query, key)) for key in range(len(found.columns))) for kind in SERIES]
    return Picture(figure, says, Lines(tuple(of)))


def _says_importance(scene: Scene, rows: np.ndarray, words: Words) -> str:
    """Whether weight, length and effect [3, key] have their greatest value at the same key."""
    if not np.isfinite(rows[:2]).all():
        return words("reading.says.lost")
    found = stacks.looks(scene)
    seen, values = found.seen[found.cell[0]], {"query": token_name(found.rows, found.cell[0], words)}
    if not np.isfinite(rows[2]).all():
        zero = np.isfinite(leaving(scene)).all()
        return words("reading.says.importance_zero" if zero else "reading.says.lost", **values)
    if stacks.head_put_in(scene)[found.cell[0]]:
        return words("reading.says.importance_put", **values)
    if found.place in found.ablated:
        return words("reading.says.importance_off", **values)
    if seen.sum() == 1:
        (key,) = np.flatnonzero(seen).tolist()
        only = {"key": token_name(found.columns, key, words), "effect": float(rows[2, key])}
        return words(f"reading.says.importance{_only(found)}", **values, **only)
    ways = (words.number, lambda length: magnitude(length, words), percent(words))
    weight, length, effect = (greatest(row, shown, seen) for row, shown in zip(rows, ways, strict=True))
    common = [key for key in weight.indices if key in length.indices and key in effect.indices]
    named = [
        words("reading.all_alike") if most.everywhere else token_names(found.columns, most.indices, words)
        for most in (weight, length, effect)
    ]
    alike = weight.everywhere and length.everywhere and effect.everywhere
    parted = "differ_still" if effect.everywhere else "differ"
    return words(
        f"reading.says.{'importance_alike' if alike else 'agree' if common else parted}",
        **values | dict(zip(("key", "carrier", "loss"), named, strict=True)),
        common=token_names(found.columns, common, words) if common else "",
        weight=weight.value,
        length=magnitude(length.value, words),
        effect=effect.value,
    )


def weights_of(scene: Scene) -> np.ndarray:
    """[query, key]: the chosen head's pattern."""
    return at_head(compute.run(scene), scene, "pattern").astype(np.float64)


@memory.kept(lambda scene: (scene.computed, scene.layer, scene.head, scene.attention_of), large=compute.is_large)
def carried_of(scene: Scene) -> np.ndarray:
    """[query, key]: what each of its weights carries."""
    (params, config, trace, kind), (layer, head) = stacks.asked(scene), stacks.looks(scene).place
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that have exploded
        return value_weighted(params, config, trace, layer, kind, slice(head, head + 1))[0]


def cost(scene: Scene) -> float:
    """The multiplications that it takes."""
    found = stacks.looks(scene)
    above = found.config.n_layers - found.place[0] - (not found.crosses)
    runs = (found.cell[0] + 1) / len(found.rows) if _is_row(found) else len(found.columns)
    return again(scene, runs, above)


def _is_row(found: stacks.Looks) -> bool:
    """Whether of each run without a key one row alone is computed, and none for the keys behind the query: under a
    mask. Where a word sees what follows, it is all that stands above the head's layer."""
    return found.config.causal and not found.config.cross


def parts(scene: Scene) -> list[tuple[Scene, int, int]]:
    """What `measured` is asked: all keys, or a few at a time, so that others may come between."""
    found = stacks.looks(scene)
    n = len(found.columns)
    bare = compute.looked_at(scene, ("layer", "head", "query", "attention_of"))
    step = n if _is_row(found) or cost(scene) <= limits.ABLATIONS else AT_ONCE
    return [(bare, start, min(start + step, n)) for start in range(0, n, step)]


@memory.kept(lambda scene, start, end: (scene, start, end), large=lambda scene, _, __: compute.is_large(scene))
def measured(scene: Scene, start: int, end: int) -> np.ndarray:
    """[key] of those from `start` on and before `end`: what `core.interpret.key_effects` gives."""
    (params, config, trace, kind), found = stacks.asked(scene), stacks.looks(scene)
    return key_effects(params, config, trace, *found.place, found.cell[0], kind, range(start, end))


def effects_of(scene: Scene) -> np.ndarray:
    """[key]: how far the chosen query's output moves when its head leaves one out; 0 where it is by rounding alone."""
    moved = np.concatenate([measured(*part) for part in parts(scene)])
    return np.where(moved < ROUNDING, 0.0, moved)


# ----------------------------------------------------------------------------------------------------------- rollout


@picture("layer", "query", "key", "attention_of")
def rolled(scene: Scene, words: Words) -> Picture:
    """Attention through all layers up to the chosen one; within one text: of cross-attention no page asks it."""
    found = stacks.looks(scene)
    below = range(found.place[0] + 1)
    ablated = {place for place in found.ablated if place[0] in below}
    patterns = np.stack([*islice(stacks.each_layer(scene), len(below))])
    r = rollout(patterns, found.config.residual, ablated, put := put_in(stacks.own_trace(scene), len(below)))[-1]
    # What a row lacks that it would have if what was put in had come from the tokens.
    own = rollout(patterns, found.config.residual, ablated)[-1] - r if put else np.zeros_like(r)
    says = _says_rolled(scene, r, float(own[found.cell[0]].sum()), words)
    if found.config.cross:
        says += " " + words("reading.says.rollout_of_decoder")
    numbers = cells(f"rolled.{found.name('pattern')}", (ROW, COLUMN), r.shape)
    return Picture(_square(r, scene, words, says, zmax=1.0), says, numbers)


def _says_rolled(scene: Scene, r: np.ndarray, put: float, words: Words) -> str:
    """put: the share of the chosen query's row that a patch has put in."""
    found = stacks.looks(scene)
    query = found.cell[0]
    seen = found.seen[query]
    if not np.isfinite(r).all():
        return words("reading.says.lost")
    most = greatest(r[query], words.number, seen)
    alike, own = most.everywhere and seen.sum() > 1, query in most.indices
    nothing = "_put" if put > LEAST else "_nothing"
    seen_alike = "_only" if seen.sum() == 1 else "_alike" if alike else "_own" if own else ""
    which = seen_alike if r[query].any() else nothing
    says = words(
        f"reading.says.rollout{which}",
        layer=found.place[0],
        query=token_name(found.rows, query, words),
        keys=_keys(found, most.indices, words),
        share=most.value,
        own=float(r[query, query]),
    )
    return f"{says} {words('reading.says.rollout_rest', share=put)}" if put > LEAST and r[query].any() else says


def _square(values: np.ndarray, scene: Scene, words: Words, says: str, zmax: float) -> dict:
    size: dict[str, Any] = {"square": False, "width": _square_width(scene), "height": square_height(scene)}
    found = stacks.looks(scene)
    return looks_map(values, found.rows, words, says, found.columns, zmax=zmax, chosen=found.cell, **size)


def square_height(scene: Scene) -> int:
    """Pixels of the maps of words by words, and of the bars beside them."""
    found = stacks.looks(scene)
    names = labels_height(list(found.columns), _square_width(scene)) // 2
    return 250 + names if found.longest <= FEW else 340 + names if found.longest <= 16 else 470


def _square_width(scene: Scene) -> int:
    """Pixels that they can count on."""
    return NARROW if stacks.looks(scene).longest <= FEW else HALF
