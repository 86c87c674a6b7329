"""What Drift says of the ways: who goes furthest, whose start is nearest to an end, and whether all draw together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import Scene
from core.interpret import distances, drift_lengths, mean_distance
from pictures import extremes
from pictures.ways import Stages, depths, layers, names, passed, stage, tokens
from pictures.words import Words

CROWDED = 20  # times as far apart as at the start: then the starts are within a marker's width of one another
Told = dict[tuple[tuple[tuple[int, ...], ...], int | None], str]  # of places, and one's own if it is among them
PLAIN = 1e5  # numbers from here on are written with a power of ten


def rows(scene: Scene, words: Words) -> list[str]:
    """Each token's drift in words: how far, and whose start its end is nearest to."""
    stages = Stages(scene)
    if not len(stages):
        return []
    start, end = stages[0], stages[stage(scene, stages)]
    called, lengths, before, after = (
        names(scene, words),
        drift_lengths(start, end),
        stages.away(0),
        distances(end, start),
    )
    near = extremes.least_of_each(after, lambda x: size(x, words))
    told: Told = {}
    return [_drifted(called, i, float(lengths[i]), before[i], near[i], words, told) for i in range(len(start))]


def _drifted(
    called: list[str], i: int, length: float, before: np.ndarray, near: extremes.Extreme, words: Words, told: Told
) -> str:
    """Of the i-th token: how long its way is, how far it is from its start to every start, [pos], and from its end to
    those that are nearest. told: what was said of those so far; in a long text many ends are nearest to the same."""
    values = {"token": called[i], "length": size(length, words)}
    if length == 0 or len(called) == 1:
        return words(f"drift.reads.{'unmoved' if length == 0 else 'alone'}", **values)
    if near.everywhere:
        return words("drift.reads.everywhere", **values, now=size(near.value, words))
    starts = near.indices
    if starts == [i]:
        return words("drift.reads.own", **values)
    same = near.places, i if i in starts else None
    if same not in told:
        told[same] = _starts(called, starts, i, words)
    values |= {"starts": told[same], "now": size(near.value, words)}
    was = _was(before, i, starts, words)
    return words(f"drift.reads.{'near' if was else 'near_several'}", **values, was=was)


def nearest_start(after: np.ndarray, words: Words) -> extremes.Extreme:
    """Of the starts those nearest to one end, which is so far from each [pos]."""
    return extremes.least(after, lambda x: size(x, words))


def came_nearer(before: np.ndarray, after: np.ndarray, words: Words) -> extremes.Extreme:
    """Of the starts those to which one way led nearer by most, which begins and ends so far from each [pos]; by less
    than 0: none."""
    return extremes.greatest(before - after, lambda x: size(x, words))


def _starts(called: list[str], starts: list[int], own: int, words: Words) -> str:
    def name(j: int) -> str:
        return words("drift.own") if j == own else words("drift.of", token=called[j])

    return extremes.some_of(starts, name, words)


def _was(before: np.ndarray, i: int, starts: list[int], words: Words) -> str:
    """How far the start of the i-th token is from those starts, of `before` [pos] from all; nothing where it is not as
    far from each of them."""
    if i in starts:
        return ""
    written = {size(length, words) for length in {*before[starts].tolist()}}
    return written.pop() if len(written) == 1 else ""


def size(length: float, words: Words) -> str:
    """A length as a reader writes it: 0.97, 36,651, 3.1 × 10⁻⁴, or 1.234 × 10¹² where it explodes: in two digits ways
    that part by more than what stands between two tokens would be called the same."""
    if abs(length) >= PLAIN:
        return words.power(length, 3)
    return words.scaled(length, 2 if abs(length) < 1000 else 0, large=PLAIN)


def sentence(scene: Scene, stages: Stages, now: int, words: Words) -> str:
    """Who has gone furthest and where it ends, whether all draw together, and who stand nearest."""
    called = names(scene, words)
    cut = len(stages) <= layers(scene) and now == len(stages) - 1
    away = {i: stages.away(i) for i in {0, now, len(stages) - 1}}
    first, here, last = (mean_distance(away[i]) for i in (0, now, len(stages) - 1))
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
        kind = "one_point" if not found.value else "any_two" if len(called) > 2 else "the_two"
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


def stage_names(scene: Scene, n: int, words: Words) -> list[str]:
    """What the first n stages are called."""
    return [_start(scene, words), *(_after(i + 1, words) for i in range(n - 1))]


def _still(scene: Scene, words: Words) -> str:
    added, normed = "_positions" * _positioned(scene), "_normed" * scene.config.embed_norm
    return words(f"drift.says.still{added}{normed}")


def _furthest(called: list[str], stages: Sequence[np.ndarray] | np.ndarray, now: int, words: Words) -> list[str]:
    """Who has drifted furthest; and of one alone, whose start its end is nearest to."""
    start, end, after = stages[0], stages[now], _after(now, words)
    found = extremes.greatest(drift_lengths(start, end), lambda x: size(x, words))
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
    before, after = distances(np.stack([start[i], end[i]]), start)
    near = nearest_start(after, words)
    now = {"now": size(near.value, words)}
    if near.everywhere:
        return words("drift.says.ends_everywhere", **now)
    if near.indices == [i]:
        return words("drift.says.ends_own")
    now |= {"starts": _starts(called, near.indices, i, words)}
    if not (was := _was(before, i, near.indices, words)):
        return words("drift.says.ends_several", **now)
    gain = came_nearer(before, after, words)
    nearer = gain.value > 0 and near.indices == gain.indices
    return words(f"drift.says.ends{'_nearer' if nearer else ''}", **now, was=was)


def _positioned(scene: Scene) -> bool:
    return scene.config.positions in ("sinusoidal", "learned")


def _start(scene: Scene, words: Words) -> str:
    return words("drift.start_positions" if _positioned(scene) else "drift.start")


def _after(layers: int, words: Words) -> str:
    return words("drift.after", n=layers)
