"""One head's attention, step by step: X, Q, K, V, the scores three times, the pattern, and what comes out."""

from __future__ import annotations

from math import sqrt

import numpy as np

from core import Scene
from pictures import compute, left_out, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.extremes import greatest, magnitude, some, token_name, unit
from pictures.numbers import COLUMN, ROW, cells
from pictures.one_head import at_head, input_name, numbers_of, rotated
from pictures.rows_told import read_shown
from pictures.squares import enlarging, looks_map
from pictures.stacks import Looks
from pictures.words import Words
from plots.heatmap import heatmap

FEW = 8  # numbers that a sentence can still list
LENGTHS = {"few": 8, "some": 24}  # tokens; what is longer is "many": each has a layout of its own in attention.css
WIDTH = {"few": 228, "some": 192, "many": 240}  # px: the least that a step's map can count on there
WIDEST = {"few": 280, "some": 384, "many": 640}  # softmax's
VECTORS_WIDTH = 225  # that of X, Q, K and V


@picture("layer", "query", "attention_of")
def inputs(scene: Scene, words: Words) -> Picture:
    """X: what enters the attention of this layer, after its norm where the norm comes first."""
    run, found = compute.run(scene), stacks.looks(scene)
    query, _ = found.cell
    x = run.trace[found.reads]
    key = "x_normed" if found.reads.endswith(".out") else "x"
    says = _lost(x, words) or words(
        f"attention.says.{key}{_across(found)}",
        token=token_name(found.rows, query, words),
        n=x.shape[-1],
        vector=listed(x[query], words),
        norm=run.config.norm,
    )
    numbers = cells(found.reads, (ROW, COLUMN), x.shape)
    return Picture(vectors(scene, x, "@text", words, says), says, numbers)


@picture("layer", "head", "query", "attention_of")
def queries(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "q", "@query")


@picture("layer", "head", "key", "attention_of")
def keys(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "k", "@key")


@picture("layer", "head", "key", "attention_of")
def values(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "v", "@value")


def _projected(scene: Scene, words: Words, name: str, role: str) -> Picture:
    run, found = compute.run(scene), stacks.looks(scene)
    x = at_head(run, scene, rotated(scene, name))
    tokens, row, source, across = (
        (found.rows, found.cell[0], found.reads, "")
        if name == "q"
        else (found.columns, found.cell[1], found.looked_in, _across(found))
    )
    made = run.config.projections and not (name == "v" and "W_V" in scene.off)
    own = at_head(run, scene, name)
    key = name if made else "same" if np.array_equal(own, run.trace[source]) else "slice"
    key += "_turned" if not made and rotated(scene, name) != name else ""
    says = _lost(x, words) or words(
        f"attention.says.{key}{across}",
        token=token_name(tokens, row, words),
        name=name.upper(),
        length=magnitude(float(np.linalg.norm(x[row].astype(np.float64))), words),
        vector=listed(x[row], words),
    )
    return Picture(vectors(scene, x, role, words, says, tokens), says, numbers_of(scene, rotated(scene, name), x))


def _across(found: Looks) -> str:
    """How the label ends of a sentence that is another one where who is looked at stands in another text."""
    return "_across" if found.crosses else ""


@picture("layer", "head", "query", "key", "without_first", "attention_of")
def scores(scene: Scene, words: Words) -> Picture:
    """Q K^T: every query's dot product with every key."""
    s, says = _on_map(scene, "scores", words)
    says = says or _highest(stacks.looks(scene), s, words, left_out.hides(scene))
    says += left_out.told_of_looks(scene, words)
    return Picture(matrix(scene, s, words, says), says, numbers_of(scene, "scores", s))


def _on_map(scene: Scene, name: str, words: Words) -> tuple[np.ndarray, str]:
    """The chosen head's slice of an array of scores, as its map shows it; and what is said of one that is lost."""
    s = at_head(compute.run(scene), scene, name)
    return left_out.cells(s, scene), _lost(s, words)


def _highest(found: Looks, s: np.ndarray, words: Words, hides: bool) -> str:
    """The largest score, and who meets whom with it."""
    # Two scores that are both "1.2 × 10³⁶" may be worlds apart for a softmax.
    most = greatest(s, lambda score: words.number(score) if abs(score) < 10_000 else f"{score:.6g}")
    pairs = [
        words(
            "attention.says.pair",
            query=token_name(found.rows, query, words),
            key=token_name(found.columns, key, words),
        )
        for query, key in most.places
    ]
    which = "scores_alike" if most.everywhere else "scores"
    named = {"pairs": some(pairs, words), "score": magnitude(most.value, words), "n": len(pairs)}
    return words(f"attention.says.{which}", **named, shown=hides)


@picture("layer", "head", "query", "key", "without_first", "attention_of")
def scaled(scene: Scene, words: Words) -> Picture:
    """Divided by the root of the head's width, or not."""
    s, says = _on_map(scene, "scores_scaled", words)
    found = stacks.looks(scene)
    width, there = found.config.head_width, s[~np.isnan(s)]
    low, high = (magnitude(float(x), words) for x in (there.min(initial=np.inf), there.max(initial=-np.inf)))
    key = f"{'scaled' if found.config.scale else 'unscaled'}{'_alike' if low == high else ''}"
    named = {"width": width, "root": sqrt(width), "low": low, "high": high}
    says = says or words(f"attention.says.{key}", **named, shown=left_out.hides(scene))
    says += left_out.told_of_looks(scene, words)
    return Picture(matrix(scene, s, words, says), says, numbers_of(scene, "scores_scaled", s))


@picture("layer", "head", "query", "key", "without_first", "attention_of")
def masked(scene: Scene, words: Words) -> Picture:
    """The future hidden, or not."""
    found, (_, says) = stacks.looks(scene), _on_map(scene, "scores_scaled", words)
    s = left_out.cells(at_head(compute.run(scene), scene, "scores_masked"), scene)
    hides = left_out.hides(scene)
    rows = int(left_out.kept(scene).sum()) if hides else len(s)
    hidden = rows * (rows - 1) // 2 if found.causal else 0
    cut = int(np.isneginf(s).sum()) - hidden
    key = "masked" if hidden else "cut" if cut else f"unmasked{_across(found)}"
    named = {"hidden": hidden or cut, "cells": rows * rows if hides else s.size, "unit": unit(scene)}
    lost, says = bool(says), says or words(f"attention.says.{key}", **named, shown=hides)
    if hidden and cut and not lost:
        says += " " + words("attention.says.cut_too", n=cut)
    says += left_out.told_of_looks(scene, words)
    return Picture(matrix(scene, s, words, says), says, numbers_of(scene, "scores_masked", s))


@picture("layer", "head", "query", "key", "without_first", "rows_renormalized", "attention_of")
def pattern(scene: Scene, words: Words) -> Picture:
    """The attention itself: every row a distribution over the keys."""
    a = at_head(compute.run(scene), scene, "pattern")
    found = stacks.looks(scene)
    says = read_shown(scene, [found.cell[0]], words)[0] + left_out.told_of_rows(a, scene, words)
    says += enlarging(len(a), words)
    a = left_out.on_map(a, scene)
    numbers = cells(left_out.weights_name(found.name("pattern"), scene), (found.place[1], ROW, COLUMN), a.shape)
    return Picture(matrix(scene, a, words, says, scale="probability"), says, numbers)


@picture("layer", "head", "query", "attention_of")
def output(scene: Scene, words: Words) -> Picture:
    """z = A V: for every query, the values mixed by its row."""
    run, found = compute.run(scene), stacks.looks(scene)
    query, _ = found.cell
    z = at_head(run, scene, "z")
    named = {"token": token_name(found.rows, query, words), "vector": listed(z[query], words)}
    if scene.is_patched(found.name("z"), (found.place[1], query)):
        says = _lost(z, words) or words("attention.says.z_put", **named)
    elif found.place in found.ablated:
        says = words("attention.says.ablated")
    elif found.crosses:  # it has no value of its own there
        says = _lost(z, words) or words("attention.says.z_across", **named)
    else:
        values = at_head(run, scene, "v").astype(np.float64)
        away = np.linalg.norm(z[query] - values[query])
        rounding = len(values) * np.finfo(z.dtype).eps * np.linalg.norm(values, axis=1).max()
        # A mixture of values that are all the same one is that value, but for what adding them up rounds.
        key = "attention.says.z_same" if away <= rounding else "attention.says.z"
        says = _lost(z, words) or words(key, **named, moved=magnitude(float(away), words))
    return Picture(vectors(scene, z, "@attention", words, says), says, numbers_of(scene, "z", z))


def _lost(x: np.ndarray, words: Words) -> str:
    """What is said of an array that has left the range of float32; else ""."""
    return "" if np.isfinite(x).all() else words("attention.says.lost")


VECTORS = (inputs, queries, keys, values)
MATRICES = (scores, scaled, masked, pattern)


# ----------------------------------------------------------------------------------------------- shared by pages


def same_vectors(scene: Scene, other: Scene) -> bool:
    """Whether X, Q, K and V, and what is chosen of them, are the same in both Scenes.

    A switch of the first layer's attention leaves them; one that runs in a layer below the chosen one does not.
    """
    view = {name for builder in VECTORS for name in compute.reads(builder)}
    tokens = [(found.rows, found.columns) for found in map(stacks.looks, (scene, other))]
    if tokens[0] != tokens[1] or any(getattr(scene, name) != getattr(other, name) for name in view):
        return False
    both = zip(_vectors(scene), _vectors(other), strict=True)
    return all(np.array_equal(x, y, equal_nan=True) for x, y in both)


def _vectors(scene: Scene) -> list[np.ndarray]:
    """X [pos, d_model], and the chosen head's Q, K and V [pos, d_head]."""
    run = compute.run(scene)
    return [run.trace[input_name(scene)], *(at_head(run, scene, rotated(scene, name)) for name in "qkv")]


def vectors(
    scene: Scene, x: np.ndarray, role: str, words: Words, says: str, tokens: tuple[str, ...] | None = None
) -> dict:
    """[pos, dimension] as a map; of the tokens that look, unless told."""
    found = stacks.looks(scene)
    return heatmap(
        x,
        all_named(found.rows if tokens is None else tokens, words),
        column_title=words("axis.dimension"),
        row_role=role,
        comma=words.comma,
        hover=f"{{row}}, {words('axis.dimension')} {{column}}: {{value}}",
        square=False,
        column_role="@muted",
        width=VECTORS_WIDTH,
        height=vectors_height(found.longest),
        alt=says,
    )


def matrix(scene: Scene, s: np.ndarray, words: Words, says: str, scale: str = "signed") -> dict:
    """[query, key] as a map, the chosen cell outlined; the pattern, in the scale of probabilities, is the largest."""
    found, hero = stacks.looks(scene), scale == "probability"
    return looks_map(
        s,
        found.rows,
        words,
        says,
        found.columns,
        scale,
        chosen=found.cell,
        square=False,
        width=(WIDEST if hero else WIDTH)[length(found.longest)],
        height=matrix_height(found.longest, hero),
    )


def length(n: int) -> str:
    """How long a sentence of n tokens is: "few", "some" or "many"."""
    return next((name for name, most in LENGTHS.items() if n <= most), "many")


def vectors_height(n: int) -> int:
    """Pixels that the vectors of n tokens share, so that a row of maps ends on one line."""
    return 70 + max(3, n) * (21 if n <= 8 else 16 if n <= 16 else 13) if n <= LENGTHS["some"] else 330


def matrix_height(n: int, hero: bool = False) -> int:
    """The same for a matrix of n by n, and for softmax's."""
    tall = {"few": (264, 264), "some": (240, 400), "many": (250, 870)}
    return tall[length(n)][hero]


def listed(x: np.ndarray, words: Words) -> str:
    """A vector as a reader writes it: its first numbers, and an ellipsis for more."""
    shown = "  ".join(words.number(v) if abs(v) < 10_000 else magnitude(v, words) for v in x[:FEW].tolist())
    return f"[{shown} …]" if len(x) > FEW else f"[{shown}]"
