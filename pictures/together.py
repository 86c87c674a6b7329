"""A head's queries and keys in one plane, and whether nearness there tells the weight: Yeh et al. 2023 (AttentionViz).

The keys are moved so that their mean is the queries': the same is added to each key, and so to all scores of a row,
which a softmax does not feel. Then the two directions in which all of them spread most make the plane.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core import Scene
from core.interpret import PCA, pca, rank_correlation
from pictures import compute, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.numbers import POINT, Points
from pictures.numbers import points as points_of
from pictures.one_head import at_head, rotated
from pictures.squares import nothing
from pictures.words import Words
from plots.plane import plane

HEIGHT, WIDTH = 360, 620  # px
MEANS_LITTLE = 0.5  # a rank correlation below which nearness tells little of the weight
DIGITS = 6
PAIRS = 3  # of fewer no order can be told


@picture("layer", "head", "threshold", "attention_of")
def together(scene: Scene, words: Words) -> Picture:
    """Queries blue, keys red, a line where the weight is above the threshold."""
    run = compute.run(scene)
    q, k = (np.asarray(at_head(run, scene, rotated(scene, name)), np.float64) for name in "qk")
    weights = np.asarray(at_head(run, scene, "pattern"), np.float64)
    if not all(np.isfinite(x).all() for x in (q, k, weights)):
        return nothing(words("reading.says.lost"), WIDTH)
    found, (*means, basis) = stacks.looks(scene), in_plane(q, k)
    points = [basis.project(one - mean) for one, mean in zip((q, k), means, strict=True)]
    says = _says(scene, points, weights, float(basis.explained.sum()), words)
    figure = plane(
        points,
        (all_named(found.rows, words), all_named(found.columns, words)),
        weights,
        threshold=scene.threshold,
        names=(words("reading.queries"), words("reading.keys")),
        titles=("PC1", "PC2"),
        width=WIDTH,
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says, _numbers(scene, points))


def in_plane(q: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, PCA]:
    """The means of queries and of keys [pos, d_head], which are moved onto each other, and the plane of both then."""
    means = q.mean(0), k.mean(0)
    return *means, pca(np.concatenate([q - means[0], k - means[1]]), 2)


def _numbers(scene: Scene, points: list[np.ndarray]) -> Points:
    """A point is its two coordinates."""
    found = stacks.looks(scene)
    names = [f"plane.{found.name(rotated(scene, name))}" for name in "qk"]
    whose = [
        (name, (found.place[1], position, 0))
        for name, own in zip(names, points, strict=True)
        for position in range(len(own))
    ]
    x, y = np.concatenate(points).T
    return replace(points_of(whose, x, y, (POINT[0] * (np.ptp(x) or 1), POINT[1] * (np.ptp(y) or 1))), coordinate=True)


def in_step(x: np.ndarray, y: np.ndarray, digits: int = DIGITS) -> float:
    """Their rank correlation, as shares of the greatest of so many digits: what differs by rounding alone has one
    rank."""
    return rank_correlation(*(np.round(values / (np.abs(values).max() or 1.0), digits) for values in (x, y)))


def _says(scene: Scene, points: list[np.ndarray], weights: np.ndarray, share: float, words: Words) -> str:
    """How far nearness and weight go together, and how many lines there are."""
    pairs = stacks.looks(scene).seen
    drawn = words("reading.says.lines", n=int((weights > scene.threshold).sum()), threshold=scene.threshold)
    if pairs.sum() < PAIRS:
        return f"{drawn} {words('reading.says.plane_few', n=int(pairs.sum()))}"
    apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
    found = in_step(-apart[pairs], weights[pairs])
    if not np.isfinite(found):
        return f"{drawn} {words('reading.says.plane_alike', n=int(pairs.sum()))}"
    key = "plane_little" if found < MEANS_LITTLE else "plane"
    told = words(f"reading.says.{key}", correlation=found, n=int(pairs.sum()), share=100 * share)
    return f"{drawn} {told}"
