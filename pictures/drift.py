"""Where each word starts, where it ends and the line between, in one basis for all layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from core import Scene
from core.interpret import ROUNDING
from pictures import compute, extremes, left_out, memory, stacks
from pictures.compute import Picture, looked_at, picture
from pictures.display_names import all_named
from pictures.numbers import Bars, Points
from pictures.ways import COMPONENTS, basis, depths, directions, kept, layers, names, reached, tokens, ways
from pictures.words import Words
from plots.drift import drift as drift_figure
from plots.mask import with_stops
from plots.token_shares import token_shares

HEIGHT = 560  # px
VARIANCE_HEIGHT = 190  # px
WALKED = 200  # words times stages: up to as many are sent at once, and walked through in the browser; it takes 0.2 s
RING = 0.02  # of the longer axis: half the width of the outline of a point
CROWDED = 20  # times as far apart as at the start: then the starts are within a marker's width of one another
NEAR = 1e-3  # of their lengths: how far two vectors are apart at least for a product to tell it, to ten digits
PAIRS = 2048  # of vectors that are looked at so at once: 19 MB of SmolLM2's
PLAIN = 1e5  # numbers from here on are written with a power of ten


@picture("drift_stage", "drift_3d", "without_first")
def drift(scene: Scene, words: Words) -> Picture:
    """Every word's way through the layers, in the two or three directions in which all of them spread most."""
    stages = ways(scene)
    now = stage(scene, stages)
    own = np.flatnonzero(kept(scene)).tolist()
    says = sentence(scene, stages, now, words) + left_out.told(scene, words, "way")
    if len(tokens(scene)) * (layers(scene) + 1) > WALKED:
        figure = _figure(scene, words, says)
        return Picture(figure, says, points(scene, figure, (0, now), own))
    walk = _walk(looked_at(scene, ("drift_3d", "without_first")), words)
    numbers = points(scene, walk[passed(scene)], (0, now), own)
    return Picture(with_stops(walk, "stage", passed(scene), says), says, numbers)


def points(
    scene: Scene, figure: dict[str, Any], stages: tuple[int, int], own: list[int], starts: tuple[str, str] = ("", "")
) -> Points:
    """Of the vectors of the tokens `own` their coordinates: where a line starts, and where it ends, at these stages of
    the runs whose names begin so."""
    first = len(scene.tokens)
    numbers, places = [], []
    for at, start, trace in zip(stages, starts, figure["data"][-2:], strict=True):
        for position, place in zip(
            own, zip(*(trace[axis] for axis in "xyz" if axis in trace), strict=True), strict=True
        ):
            stack = 0 if position < first else 1
            name = f"{start}drift.{reached(scene, stack, at)}"
            numbers.append((name, (position - stack * first, 0)))
            places.append(tuple(map(float, place)))
    axes = [figure["layout"][axis]["range"] for axis in ("xaxis", "yaxis") if axis in figure["layout"]]
    ring = RING * max((high - low for low, high in axes), default=0.0)
    return Points(tuple(numbers), tuple(places), (ring, ring), coordinate=True)


@memory.kept(lambda scene, words: (scene, words.lang), large=lambda scene, _: compute.is_large(scene))
def _walk(scene: Scene, words: Words) -> list[dict[str, Any]]:
    """The figures of all stages, from the start on."""
    return [_figure(replace(scene, drift_stage=stage), words) for stage in range(layers(scene) + 1)]


def _figure(scene: Scene, words: Words, alt: str = "") -> dict[str, Any]:
    stages, axes, k = ways(scene), basis(directions(scene)), shown(scene)
    there = kept(scene)
    title = "drift.axis_short" if scene.drift_3d else "drift.axis"  # a slanted title has little room
    return drift_figure(
        axes.project(stages)[:, there, :k].astype(np.float32),
        [token for token, is_there in zip(all_named(tokens(scene), words), there, strict=True) if is_there],
        stage=stage(scene, stages),
        axis_titles=[words(title, i=i + 1, share=100 * float(axes.explained[i])) for i in range(k)],
        stage_names=stage_names(scene, len(stages), words),
        **of_two(scene, there, words),
        height=HEIGHT,
        alt=alt,
    )


@picture("drift_3d", "without_first")
def variance(scene: Scene, words: Words) -> Picture:
    """The share of the variance along each of the basis's directions."""
    axes = basis(directions(scene))
    k = shown(scene)
    share = float(axes.explained[:k].sum())
    says = words(f"drift.says.{'variance' if share else 'point'}", share=100 * share, d=axes.mean.size)
    names = [f"PC{i + 1}" for i in range(COMPONENTS)]
    figure = token_shares(axes.explained, names, role="@residual", height=VARIANCE_HEIGHT, alt=says)
    return Picture(figure, says, Bars(tuple(("variance.embed", (i,)) for i in range(COMPONENTS)), upright=True))


def of_two(scene: Scene, there: np.ndarray, words: Words) -> dict[str, Any]:
    """What `plots.drift` is told of two texts: how many tokens the first one has, and what the two are called."""
    if stacks.count(scene) == 1:
        return {}
    of = tuple(words(f"drift.texts.{stack}") for stack in ("encoder", "decoder"))
    return {"first": int(there[: len(scene.tokens)].sum()), "texts": of}


def stage_names(scene: Scene, n: int, words: Words) -> list[str]:
    """What the first n stages are called."""
    return [_start(scene, words), *(_after(i + 1, words) for i in range(n - 1))]


def shown(scene: Scene) -> int:
    """How many of the basis's directions the picture has."""
    return COMPONENTS if scene.drift_3d else 2


def passed(scene: Scene) -> int:
    """How many layers the reader has let the words pass, inside the model."""
    n = layers(scene)
    return n if scene.drift_stage is None else min(scene.drift_stage, n)


def stage(scene: Scene, stages: np.ndarray) -> int:
    """The stage that is shown: the last one, where the layer asked for is no longer finite."""
    return min(passed(scene), len(stages) - 1)


# ---------------------------------------------------------------------------------------------------- in words


def rows(scene: Scene, words: Words) -> list[str]:
    """Each token's drift in words: how far, and whose start its end is nearest to."""
    stages = ways(scene)
    start, end = stages[0], stages[stage(scene, stages)]
    called, lengths, before, after = names(scene, words), moved(start, end), distances(start), between(end, start)
    return [_drifted(called, i, float(lengths[i]), before[i], after[i], words) for i in range(len(start))]


def _drifted(called: list[str], i: int, length: float, before: np.ndarray, after: np.ndarray, words: Words) -> str:
    """Of the i-th token: how long its way is, and from its start and its end how far it is to every start, [pos]."""
    values = {"token": called[i], "length": size(length, words)}
    if length == 0 or len(called) == 1:
        return words(f"drift.reads.{'unmoved' if length == 0 else 'alone'}", **values)
    near = extremes.least(after, lambda x: size(x, words))
    if near.everywhere:
        return words("drift.reads.everywhere", **values, now=size(near.value, words))
    if near.indices == [i]:
        return words("drift.reads.own", **values)
    values |= {"starts": _starts(called, near, i, words), "now": size(near.value, words)}
    was = _was(before, i, near, words)
    return words(f"drift.reads.{'near' if was else 'near_several'}", **values, was=was)


def nearest_start(start: np.ndarray, end: np.ndarray, words: Words) -> extremes.Extreme:
    """Of the starts [pos, d_model], those nearest to one end [d_model]."""
    return extremes.least(between(end[None], start)[0], lambda x: size(x, words))


def came_nearer(start: np.ndarray, end: np.ndarray, i: int, words: Words) -> extremes.Extreme:
    """Of the starts, those to which the way from the i-th to `end` led nearer by most; by less than 0: none."""
    before, after = between(np.stack([start[i], end]), start)
    return extremes.greatest(before - after, lambda x: size(x, words))


def _starts(called: list[str], near: extremes.Extreme, own: int, words: Words) -> str:
    def name(j: int) -> str:
        return words("drift.own") if j == own else words("drift.of", token=called[j])

    return extremes.some_of(near.indices, name, words)


def _was(before: np.ndarray, i: int, near: extremes.Extreme, words: Words) -> str:
    """How far the start of the i-th token is from those starts, of `before` [pos] from all; nothing where it is not as
    far from each of them."""
    written = {size(length, words) for length in {*before[near.indices].tolist()}}
    return written.pop() if len(written) == 1 and i not in near.indices else ""


def moved(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The length of each way [pos]; 0 where only rounding is left. start and end: [pos, d_model]."""
    lengths = np.linalg.norm(end - start, axis=-1)
    sizes = np.maximum(np.linalg.norm(start, axis=-1), np.linalg.norm(end, axis=-1))
    return np.where(lengths > ROUNDING * sizes, lengths, 0.0)


def distances(x: np.ndarray) -> np.ndarray:
    """x [pos, d_model] -> [pos, pos]; 0 where only rounding is left."""
    return between(x, x)


def between(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far it is from each of x [i, d_model] to each of y [j, d_model]: [i, j]; 0 where only rounding is left.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, one product for all; where little is left of that, the differences themselves.
    """
    squares = [(rows**2).sum(-1) for rows in (x, y)]
    same = _alike(x)[:, None] == _alike(y)  # a word that stands in a text often has one embedding
    lengths = np.sqrt(np.maximum(squares[0][:, None] + squares[1] - 2 * x @ y.T, 0))
    sizes = np.sqrt(np.maximum(squares[0][:, None], squares[1]))
    lengths[same] = 0
    near = np.argwhere(~(lengths > NEAR * sizes) & ~same)
    for some in np.array_split(near, len(near) // PAIRS + 1):
        i, j = some.T
        lengths[i, j] = moved(x[i], y[j])
    return lengths


def _alike(x: np.ndarray) -> np.ndarray:
    """[i]: a number for each row of x [i, d_model], the same for those that are equal to the bit."""
    return np.array([hash(row.tobytes()) for row in x], np.int64)


def apart(away: np.ndarray) -> float:
    """The mean distance between two vectors, of the distances [pos, pos] of all; 0 of one alone."""
    n = len(away)
    return float(away.sum() / (n * (n - 1))) if n > 1 else 0.0


def size(length: float, words: Words) -> str:
    """A length as a reader writes it: 0.97, 36,651, 3.1 × 10⁻⁴, or 1.2 × 10¹² where it explodes."""
    return words.scaled(length, 2 if abs(length) < 1000 else 0, large=PLAIN)


def sentence(scene: Scene, stages: np.ndarray, now: int, words: Words) -> str:
    """Who has gone furthest and where it ends, whether all draw together, and who stand nearest."""
    called = names(scene, words)
    cut = len(stages) <= layers(scene) and now == len(stages) - 1
    away = {i: distances(stages[i]) for i in {0, now, len(stages) - 1}}
    first, here, last = (apart(away[i]) for i in (0, now, len(stages) - 1))
    if now:
        sentences = [*_furthest(called, stages, now, words), *_together(first, here, len(called), words)]
    else:
        sentences = [] if cut and passed(scene) else [_still(scene, words)]
    sentences += _nearest(called, away[now], now, words)
    sentences += _crowded(first, here, last, len(stages) - 1, words)
    if cut:
        sentences.append(words("drift.says.broken" if now else "drift.says.broken_first"))
    return " ".join([*sentences, *_designed(scene, words), *_both(scene, words)])


def _both(scene: Scene, words: Words) -> list[str]:
    """That two texts stand here; and which of them stops sooner."""
    if len(deep := depths(scene)) == 1:
        return []
    sentences = [words("drift.says.both", n=len(scene.tokens), written=len(tokens(scene)) - len(scene.tokens))]
    if deep[0] != deep[1]:
        shorter = "encoder" if deep[0] < deep[1] else "decoder"
        sentences.append(words("drift.says.shorter", stack=shorter, n=min(deep)))
    return sentences


def _nearest(called: list[str], away: np.ndarray, now: int, words: Words) -> list[str]:
    """Which tokens' points, of which these are the distances [pos, pos], are nearest to one another."""
    if len(called) < 2:
        return []
    found = extremes.least(away, lambda y: size(y, words), np.triu(np.ones_like(away, bool), 1))
    if found.everywhere:
        kind = "any_two" if found.value else "one_point"
        return [words(f"drift.says.{kind}", distance=size(found.value, words))]
    if len(found.places) == 1:
        values = _pair(called, found.place) | {"distance": size(found.value, words)}
        kind = "nearest_same" if found.value == 0 else "nearest" if now else "nearest_start"
        return [words(f"drift.says.{kind}", **values)]
    pairs = extremes.some_of(found.places, lambda place: words("drift.pair", **_pair(called, place)), words)
    return [words("drift.says.nearest_pairs", pairs=pairs, distance=size(found.value, words))]


def _pair(called: list[str], place: tuple[int, ...]) -> dict[str, str]:
    return {name: called[i] for name, i in zip("ab", place, strict=True)}


def _designed(scene: Scene, words: Words) -> list[str]:
    """Which embeddings were chosen by hand, and which were drawn."""
    tokens, by_hand = scene.tokens, scene.preset.by_hand
    edited = {place for place, _, _ in scene.edits}
    if not by_hand.keys() & {*tokens}:
        return []
    drawn = [token for i, token in enumerate(tokens) if token not in by_hand and i not in edited]
    if not drawn:
        return [words("drift.says.designed")]
    names = [[words("quoted", token=token) for token in dict.fromkeys(x)] for x in (by_hand.keys() & {*tokens}, drawn)]
    ordered = sorted(names[0], key=lambda name: tokens.index(name[1:-1]))
    return [
        words("drift.says.designed_some", chosen=extremes.some(ordered, words), drawn=extremes.some(names[1], words))
    ]


def _together(first: float, here: float, n: int, words: Words) -> list[str]:
    """Whether all n draw together, or apart: how far apart they were at first, and are here."""
    if n < 2:
        return []
    if first == here == 0 or here > CROWDED * first > 0:
        return []  # a sentence of its own says so
    was, is_ = (size(x, words) for x in (first, here))
    kind = "as_before" if was == is_ else "together" if here < first else "asunder"
    return [words(f"drift.says.{kind}", was=was, now=is_)]


def _crowded(first: float, here: float, last: float, n: int, words: Words) -> list[str]:
    """Why points of so different stages are one in the picture, which has one scale for all: how far apart they were at
    first, are here, and are after n layers."""
    if last > CROWDED * here > 0:
        return [words("drift.says.dwarfed", n=n, ratio=size(last / here, words))]
    if here > CROWDED * first > 0:
        return [words("drift.says.spread", ratio=size(here / first, words))]
    return []


def _still(scene: Scene, words: Words) -> str:
    return words("drift.says.still_positions" if _positioned(scene) else "drift.says.still")


def _furthest(called: list[str], stages: np.ndarray, now: int, words: Words) -> list[str]:
    """Who has drifted furthest; and of one alone, whose start its end is nearest to."""
    start, end, after = stages[0], stages[now], _after(now, words)
    found = extremes.greatest(moved(start, end), lambda x: size(x, words))
    length = size(found.value, words)
    if found.value == 0:
        return [words("drift.says.unmoved", after=after)]
    if len(called) == 1:
        return [words("drift.says.alone", after=after, token=called[0], length=length)]
    if found.everywhere:
        return [words("drift.says.all_as_far", after=after, length=length)]
    furthest, n = extremes.some([called[i] for i in found.indices], words), len(found.places)
    sentences = [words("drift.says.furthest", after=after, tokens=furthest, n=n, length=length)]
    if n == 1:
        sentences.append(_ends(called, found.indices[0], start, end, words))
    return sentences


def _ends(called: list[str], i: int, start: np.ndarray, end: np.ndarray, words: Words) -> str:
    """Whose start one token's end is nearest to, and whether it came nearer to that one than to any other."""
    near = nearest_start(start, end[i], words)
    now = {"now": size(near.value, words)}
    if near.everywhere:
        return words("drift.says.ends_everywhere", **now)
    if near.indices == [i]:
        return words("drift.says.ends_own")
    now |= {"starts": _starts(called, near, i, words)}
    if not (was := _was(between(start[i : i + 1], start)[0], i, near, words)):
        return words("drift.says.ends_several", **now)
    gain = came_nearer(start, end[i], i, words)
    nearer = gain.value > 0 and near.indices == gain.indices
    return words(f"drift.says.ends{'_nearer' if nearer else ''}", **now, was=was)


def _positioned(scene: Scene) -> bool:
    return scene.config.positions in ("sinusoidal", "learned")


def _start(scene: Scene, words: Words) -> str:
    return words("drift.start_positions" if _positioned(scene) else "drift.start")


def _after(layers: int, words: Words) -> str:
    return words("drift.after", n=layers)
