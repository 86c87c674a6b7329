"""The pinned drift beside the present one, in the pinned basis, and for each word how far apart the two leave it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from core import Scene
from core.interpret import drift_lengths
from pictures import compute, drift, drift_said, extremes, memory, pinned, ways
from pictures.compute import Picture, picture
from pictures.explained.runs import PINNED
from pictures.numbers import Numbers, Points
from pictures.words import Words
from plots.drift import drift as drift_figure
from plots.mask import with_stops

HEIGHT = 440  # px
Draw = Callable[[Scene, Words, str], dict[str, Any]]


@picture("pinned", "drift_stage", "drift_3d")
def pinned_ways(scene: Scene, words: Words) -> Picture:
    if _is_lost(scene):
        return drift.nowhere(words)
    was = pinned.before(scene)
    return _walked(_before, scene, words, _drifted(was, words), partial(_walk_of, was, PINNED))


@picture("pinned", "drift_stage", "drift_3d")
def present_ways(scene: Scene, words: Words) -> Picture:
    """The present drift in the pinned basis."""
    if _is_lost(scene):
        return drift.nowhere(words)
    return _walked(_now, scene, words, _drifted(scene, words), partial(_walk_of, scene, ""))


def _is_lost(scene: Scene) -> bool:
    """Whether what enters one of the two is no number already."""
    return not all(len(ways.Stages(one)) for one in (pinned.before(scene), scene))


def _walk_of(shown: Scene, start: str, figure: dict[str, Any]) -> Points:
    """Which numbers the points of its figure are."""
    own, now = [*range(len(ways.tokens(shown)))], ways.stage(shown, ways.ways(shown))
    return drift.points(shown, figure, (0, now), own, (start, start))


def _drifted(shown: Scene, words: Words) -> str:
    stages = ways.Stages(shown)
    return drift_said.sentence(shown, stages, ways.stage(shown, stages), words)


def _walked(
    draw: Draw, scene: Scene, words: Words, says: str, numbers: Callable[[dict[str, Any]], Numbers | None]
) -> Picture:
    """What `draw` draws at the stage that is shown; of a short walk at all others too, for the browser to go on."""
    if max(len(ways.tokens(s)) for s in (pinned.kept(scene), scene)) * (ways.layers(scene) + 1) > drift.WALKED:
        figure = draw(scene, words, says)
        return Picture(figure, says, numbers(figure))
    walk = _walk(draw, compute.looked_at(scene, ("pinned", "drift_3d")), words)
    at = ways.passed(scene)
    return Picture(with_stops(walk, "stage", at, says), says, numbers(walk[at]))


@memory.kept(
    lambda draw, scene, words: (memory.number(draw), scene, words.lang),
    large=lambda _, scene, __: compute.is_large(scene),
)
def _walk(draw: Draw, scene: Scene, words: Words) -> list[dict[str, Any]]:
    """The figures of all stages, from the start on."""
    return [draw(replace(scene, drift_stage=stage), words, "") for stage in range(ways.layers(scene) + 1)]


def _before(scene: Scene, words: Words, says: str) -> dict[str, Any]:
    return _drift(pinned.before(scene), scene, words, says)


def _now(scene: Scene, words: Words, says: str) -> dict[str, Any]:
    return _drift(scene, scene, words, says)


def _drift(shown: Scene, scene: Scene, words: Words, says: str) -> dict[str, Any]:
    stages = ways.ways(shown)
    names = drift_said.stage_names(shown, len(stages), words)
    two = drift.of_two(shown, np.ones(stages.shape[1], bool), words)
    now = ways.stage(shown, stages)
    return _ways(_project(stages, scene), ways.tokens(shown), names, now, scene, words, says, two)


def ends_alike(scene: Scene) -> bool:
    """Whether each word of the one has one of the other to be compared with."""
    texts = [(len(one.tokens), len(ways.tokens(one))) for one in (pinned.kept(scene), scene)]
    return texts[0] == texts[1]


@picture("pinned", "drift_stage", "drift_3d")
def difference(scene: Scene, words: Words) -> Picture:
    """For each word, from where it ended when pinned to where it ends now."""
    if _is_lost(scene):
        return drift.nowhere(words)
    ends = _stand(scene)
    labels = pinned.paired(ways.tokens(pinned.before(scene)), ways.tokens(scene))
    found = extremes.greatest(drift_lengths(ends[0], ends[1]), lambda x: drift_said.size(x, words))
    length = drift_said.size(found.value, words)
    if found.value == 0:
        says = words("compare.nothing")
    elif found.everywhere and len(labels) > 1:
        says = words("compare.ends_alike", length=length)
    else:
        called = ways.named(labels, len(scene.tokens), words)
        tokens = extremes.some([called[i] for i in found.indices], words)
        says = words("compare.end", tokens=tokens, n=len(found.places), length=length)
    return _walked(_between, scene, words, says, partial(_between_of, scene))


def _between_of(scene: Scene, figure: dict[str, Any]) -> Points | None:
    """Which numbers its points are; None where the two runs have not as many layers."""
    was = pinned.before(scene)
    if ways.depths(was) != ways.depths(scene):
        return None
    now, then = (ways.stage(one, ways.ways(one)) for one in (scene, was))
    return drift.points(scene, figure, (then, now), [*range(len(ways.tokens(scene)))], (PINNED, ""))


def _stand(scene: Scene) -> np.ndarray:
    """[pinned and present, token, d_model]: where the words stand, at the stage that is shown."""
    both = ((s, ways.ways(s)) for s in (pinned.before(scene), scene))
    return np.stack([stages[ways.stage(s, stages)] for s, stages in both])


def _between(scene: Scene, words: Words, says: str) -> dict[str, Any]:
    labels = pinned.paired(ways.tokens(pinned.before(scene)), ways.tokens(scene))
    names = [words("compare.pinned"), words("compare.present")]
    two = drift.of_two(scene, np.ones(len(labels), bool), words)
    return _ways(_project(_stand(scene), scene), tuple(labels), names, 1, scene, words, says, two)


def _project(points: np.ndarray, scene: Scene) -> np.ndarray:
    return drift.basis(pinned.kept(scene)).project(points)[..., : drift.shown(scene)]


def _ways(
    paths: np.ndarray,
    tokens: tuple[str, ...],
    names: list[str],
    now: int,
    scene: Scene,
    words: Words,
    says: str,
    two: dict[str, Any],
) -> dict[str, Any]:
    k, basis = drift.shown(scene), drift.basis(pinned.kept(scene))
    both = [_project(ways.ways(s), scene).reshape(-1, k) for s in (pinned.before(scene), scene)]
    return drift_figure(
        paths,
        list(tokens),
        stage=now,
        axis_titles=[words("drift.axis_short", i=i + 1, share=100 * float(basis.explained[i])) for i in range(k)],
        stage_names=names,
        within=np.concatenate(both),
        **two,
        height=HEIGHT,
        alt=says,
    )
