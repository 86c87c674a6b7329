"""One head's attention, step by step: X, Q, K, V, the scores three times, the pattern, and what comes out."""

from __future__ import annotations

from math import sqrt

import numpy as np

from core import Run, Scene
from core.interpret import read_row
from pictures import compute
from pictures.compute import Picture, picture
from pictures.extremes import greatest, some, token_name, token_names, unit
from pictures.heads import magnitude
from pictures.numbers import COLUMN, ROW, Cells, cells
from pictures.words import Words
from plots.heatmap import heatmap

FEW = 8  # numbers that a sentence can still list
LENGTHS = {"few": 8, "some": 24}  # tokens; what is longer is "many": each has a layout of its own in attention.css
WIDTH = {"few": 228, "some": 192, "many": 240}  # px: the least that a step's map can count on there
WIDEST = {"few": 280, "some": 384, "many": 640}  # softmax's
VECTORS_WIDTH = 225  # that of X, Q, K and V


@picture("layer", "query")
def inputs(scene: Scene, words: Words) -> Picture:
    """X: what enters the attention of this layer, after its norm where the norm comes first."""
    run = compute.run(scene)
    query, _ = scene.cell
    x = run.trace[input_name(scene)]
    key = "x_normed" if input_name(scene).endswith("ln1.out") else "x"
    says = _lost(x, words) or words(
        f"attention.says.{key}",
        token=token_name(run.tokens, query, words),
        n=x.shape[-1],
        vector=listed(x[query], words),
        norm=run.config.norm,
    )
    numbers = cells(input_name(scene), (ROW, COLUMN), x.shape)
    return Picture(vectors(run, x, "@text", words, says), says, numbers)


@picture("layer", "head", "query")
def queries(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "q", "@query", scene.cell[0])


@picture("layer", "head", "key")
def keys(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "k", "@key", scene.cell[1])


@picture("layer", "head", "key")
def values(scene: Scene, words: Words) -> Picture:
    return _projected(scene, words, "v", "@value", scene.cell[1])


def _projected(scene: Scene, words: Words, name: str, role: str, row: int) -> Picture:
    run = compute.run(scene)
    x = at_head(run, scene, rotated(scene, name))
    made = run.config.projections and not (name == "v" and "W_V" in scene.off)
    same = np.array_equal(x, run.trace[input_name(scene)])
    key = name if made else "same" if same else "slice"
    says = _lost(x, words) or words(
        f"attention.says.{key}",
        token=token_name(run.tokens, row, words),
        name=name.upper(),
        length=magnitude(float(np.linalg.norm(x[row].astype(np.float64))), words),
        vector=listed(x[row], words),
    )
    return Picture(vectors(run, x, role, words, says), says, numbers_of(scene, rotated(scene, name), x))


@picture("layer", "head", "query", "key")
def scores(scene: Scene, words: Words) -> Picture:
    """Q K^T: every query's dot product with every key."""
    run = compute.run(scene)
    s = at_head(run, scene, "scores")
    says = _lost(s, words) or _highest(run, s, words)
    return Picture(matrix(scene, run, s, words, says), says, numbers_of(scene, "scores", s))


def _highest(run: Run, s: np.ndarray, words: Words) -> str:
    """The largest score, and who meets whom with it."""
    # Two scores that are both "1.2 × 10³⁶" may be worlds apart for a softmax.
    most = greatest(s, lambda score: words.number(score) if abs(score) < 10_000 else f"{score:.6g}")
    pairs = [
        words(
            "attention.says.pair",
            query=token_name(run.tokens, query, words),
            key=token_name(run.tokens, key, words),
        )
        for query, key in most.places
    ]
    which = "scores_alike" if most.everywhere and len(pairs) > 1 else "scores"
    return words(f"attention.says.{which}", pairs=some(pairs, words), score=magnitude(most.value, words), n=len(pairs))


@picture("layer", "head", "query", "key")
def scaled(scene: Scene, words: Words) -> Picture:
    """Divided by the root of the head's width, or not."""
    run = compute.run(scene)
    s = at_head(run, scene, "scores_scaled")
    width = run.config.head_width
    low, high = (magnitude(float(x), words) for x in (s.min(), s.max()))
    says = _lost(s, words) or words(
        f"attention.says.{'scaled' if run.config.scale else 'unscaled'}{'_alike' if low == high else ''}",
        width=width,
        root=sqrt(width),
        low=low,
        high=high,
    )
    return Picture(matrix(scene, run, s, words, says), says, numbers_of(scene, "scores_scaled", s))


@picture("layer", "head", "query", "key")
def masked(scene: Scene, words: Words) -> Picture:
    """The future hidden, or not."""
    run = compute.run(scene)
    s = at_head(run, scene, "scores_masked")
    hidden = len(run.tokens) * (len(run.tokens) - 1) // 2 if run.config.causal else 0
    says = _lost(s[np.tri(len(s), dtype=bool)], words) or words(
        "attention.says.masked" if hidden else "attention.says.unmasked", hidden=hidden, cells=s.size, unit=unit(scene)
    )
    return Picture(matrix(scene, run, s, words, says), says, numbers_of(scene, "scores_masked", s))


@picture("layer", "head", "query", "key")
def pattern(scene: Scene, words: Words) -> Picture:
    """The attention itself: every row a distribution over the keys."""
    run = compute.run(scene)
    a = at_head(run, scene, "pattern")
    says = read(run.tokens, a, scene.cell[0], words, run.config.causal)
    return Picture(matrix(scene, run, a, words, says, scale="probability"), says, numbers_of(scene, "pattern", a))


@picture("layer", "head", "query")
def output(scene: Scene, words: Words) -> Picture:
    """z = A V: for every query, the values mixed by its row."""
    run = compute.run(scene)
    query, _ = scene.cell
    z = at_head(run, scene, "z")
    v = at_head(run, scene, "v")
    moved = magnitude(float(np.linalg.norm(z[query].astype(np.float64) - v[query])), words)
    if scene.place in scene.ablated:
        says = words("attention.says.ablated")
    else:
        named = {"token": token_name(run.tokens, query, words), "vector": listed(z[query], words)}
        says = _lost(z, words) or words("attention.says.z", **named, moved=moved)
    return Picture(vectors(run, z, "@attention", words, says), says, numbers_of(scene, "z", z))


def _lost(x: np.ndarray, words: Words) -> str:
    """What is said of an array that has left the range of float32; else ""."""
    return "" if np.isfinite(x).all() else words("attention.says.lost")


VECTORS = (inputs, queries, keys, values)
MATRICES = (scores, scaled, masked, pattern)


# ----------------------------------------------------------------------------------------------- shared by pages


def input_name(scene: Scene) -> str:
    """The trace's name for what this layer's attention reads."""
    layer, config = scene.place[0], scene.config
    first = config.norm != "none" and config.norm_at == "pre"
    return f"blocks.{layer}.{'ln1.out' if first else 'resid_pre'}"


def same_vectors(scene: Scene, other: Scene) -> bool:
    """Whether X, Q, K and V, and what is chosen of them, are the same in both Scenes.

    A switch of the first layer's attention leaves them; one that runs in a layer below the chosen one does not.
    """
    view = {name for builder in VECTORS for name in compute.reads(builder)}
    if scene.tokens != other.tokens or any(getattr(scene, name) != getattr(other, name) for name in view):
        return False
    both = zip(_vectors(scene), _vectors(other), strict=True)
    return all(np.array_equal(x, y, equal_nan=True) for x, y in both)


def _vectors(scene: Scene) -> list[np.ndarray]:
    """X [pos, d_model], and the chosen head's Q, K and V [pos, d_head]."""
    run = compute.run(scene)
    return [run.trace[input_name(scene)], *(at_head(run, scene, rotated(scene, name)) for name in "qkv")]


def rotated(scene: Scene, name: str) -> str:
    """q and k meet after the rotary positions have turned them."""
    return f"rot_{name}" if scene.config.positions == "rotary" and name in "qk" else name


def at_head(run: Run, scene: Scene, name: str) -> np.ndarray:
    """One head's slice of an attention array; grouped keys and values are shared by several heads."""
    x = run.trace[f"blocks.{scene.place[0]}.attn.{name}"]
    return x[own_head(scene, x.shape[0])]


def own_head(scene: Scene, n: int) -> int:
    """Which of n heads' keys, or of as many groups that share theirs, is the chosen head's."""
    return scene.place[1] * n // scene.config.n_heads


def numbers_of(scene: Scene, name: str, x: np.ndarray) -> Cells:
    """Which number of the run each cell is, of the chosen head's slice x [row, column] of an array of attention."""
    head = own_head(scene, scene.config.kv_heads if name in ("k", "rot_k", "v") else scene.config.n_heads)
    return cells(f"blocks.{scene.place[0]}.attn.{name}", (head, ROW, COLUMN), x.shape)


def vectors(run: Run, x: np.ndarray, role: str, words: Words, says: str) -> dict:
    """[pos, dimension] as a map."""
    return heatmap(
        x,
        list(run.tokens),
        column_title=words("axis.dimension"),
        row_role=role,
        comma=words.comma,
        hover=f"{{row}}, {words('axis.dimension')} {{column}}: {{value}}",
        square=False,
        column_role="@muted",
        width=VECTORS_WIDTH,
        height=vectors_height(len(run.tokens)),
        alt=says,
    )


def matrix(scene: Scene, run: Run, s: np.ndarray, words: Words, says: str, scale: str = "signed") -> dict:
    """[query, key] as a map, the chosen cell outlined; the pattern, in the scale of probabilities, is the largest."""
    n, hero = len(run.tokens), scale == "probability"
    return heatmap(
        s,
        list(run.tokens),
        list(run.tokens),
        row_title=words("axis.query"),
        column_title=words("axis.key"),
        scale=scale,
        chosen=scene.cell,
        comma=words.comma,
        hover=words("hover.cell"),
        square=False,
        width=(WIDEST if hero else WIDTH)[length(n)],
        height=matrix_height(n, hero),
        alt=says,
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


def read(tokens: tuple[str, ...], a: np.ndarray, query: int, words: Words, causal: bool) -> str:
    """One row of the pattern in words: the keys it looks at most, the next, and the least of all that it may see."""
    token, row = token_name(tokens, query, words), a[query, : query + 1 if causal else None]
    if not np.isfinite(row).all():
        return words("attention.reads.lost", token=token)
    groups = read_row(row)
    if len(groups) == 1:
        weight, found = groups[0]
        return words(f"attention.reads.{'alike' if len(found) > 1 else 'only'}", token=token, weight=weight)
    shown = {"first": groups[0], "then": groups[1]} if len(groups) > 2 else {"first": groups[0]}
    parts = [
        words(f"attention.reads.{order}", keys=token_names(tokens, found, words, itself=query), weight=weight)
        for order, (weight, found) in (shown | {"last": groups[-1]}).items()
    ]
    return words("attention.reads.row", token=token, parts=", ".join(parts))
