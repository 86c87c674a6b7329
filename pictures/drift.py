"""Where each word starts, where it ends and the line between, in one basis for all layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from core import Scene
from pictures import compute, left_out, memory, stacks
from pictures.compute import Picture, looked_at, picture
from pictures.display_names import all_named
from pictures.drift_said import sentence, stage_names
from pictures.numbers import Bars, Points
from pictures.squares import nothing
from pictures.ways import COMPONENTS, Stages, basis, directions, kept, layers, passed, projected, reached, stage, tokens
from pictures.words import Words
from plots.drift import drift as drift_figure
from plots.mask import with_stops
from plots.token_shares import token_shares

HEIGHT = 560  # px
SIDE = 330  # px: of a picture with nothing in it
VARIANCE_HEIGHT = 190  # px
WALKED = 200  # words times stages: up to as many are sent at once, and walked through in the browser; it takes 0.2 s
RING = 0.02  # of the longer axis: half the width of the outline of a point


@picture("drift_stage", "drift_3d", "without_first")
def drift(scene: Scene, words: Words) -> Picture:
    """Every word's way through the layers, in the two or three directions in which all of them spread most."""
    stages = Stages(scene)
    if not len(stages):
        return nowhere(words)
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
        names = [f"{start}drift.{reached(scene, stack, at)}" for stack in range(stacks.count(scene))]
        for position, place in zip(
            own, zip(*(trace[axis] for axis in "xyz" if axis in trace), strict=True), strict=True
        ):
            stack = 0 if position < first else 1
            numbers.append((names[stack], (position - stack * first, 0)))
            places.append(tuple(map(float, place)))
    axes = [figure["layout"][axis]["range"] for axis in ("xaxis", "yaxis") if axis in figure["layout"]]
    ring = RING * max((high - low for low, high in axes), default=0.0)
    return Points(tuple(numbers), tuple(places), (ring, ring), coordinate=True)


@memory.kept(lambda scene, words: (scene, words.lang), large=lambda scene, _: compute.is_large(scene))
def _walk(scene: Scene, words: Words) -> list[dict[str, Any]]:
    """The figures of all stages, from the start on."""
    return [_figure(replace(scene, drift_stage=stage), words) for stage in range(layers(scene) + 1)]


def _figure(scene: Scene, words: Words, alt: str = "") -> dict[str, Any]:
    way, axes, k = projected(directions(scene)), basis(directions(scene)), shown(scene)
    there = kept(scene)
    title = "drift.axis_short" if scene.drift_3d else "drift.axis"  # a slanted title has little room
    return drift_figure(
        way[:, there, :k],
        [token for token, is_there in zip(all_named(tokens(scene), words), there, strict=True) if is_there],
        stage=stage(scene, way),
        axis_titles=[words(title, i=i + 1, share=100 * float(axes.explained[i])) for i in range(k)],
        stage_names=stage_names(scene, len(way), words),
        **of_two(scene, there, words),
        height=HEIGHT,
        alt=alt,
    )


def nowhere(words: Words) -> Picture:
    """In the place of each of these pictures where what enters is no number: nothing drifts."""
    return nothing(words("drift.says.none"), SIDE)


@picture("drift_3d", "without_first")
def variance(scene: Scene, words: Words) -> Picture:
    """The share of the variance along each of the basis's directions."""
    if not len(Stages(scene)):
        return nowhere(words)
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


def shown(scene: Scene) -> int:
    """How many of the basis's directions the picture has."""
    return COMPONENTS if scene.drift_3d else 2
