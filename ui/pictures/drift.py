"""Where each word starts, where it ends and the line between, in one basis for all layers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core import PRESETS, Run, Scene
from core.interpret import PCA, pca, residual_stages
from plots.bars import bars
from plots.drift import drift as drift_figure
from ui import compute
from ui.compute import Picture
from ui.words import Words

HEIGHT = 560  # px
VARIANCE_HEIGHT = 190  # px
COMPONENTS = 3
CROWDED = 20  # times as far apart as at the start: then the starts are within a marker's width of one another
PLAIN = 1e5  # numbers from here on are written with a power of ten
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def drift(scene: Scene, words: Words) -> Picture:
    """Every word's way through the layers, in the two or three directions in which all of them spread most."""
    stages, basis = ways(scene), _basis(scene.computed())
    k = shown(scene)
    says = _says(scene, stages, words)
    figure = drift_figure(
        basis.project(stages)[..., :k].astype(np.float32),
        list(scene.tokens),
        stage=stage(scene),
        axis_titles=[words("drift.axis", i=i + 1, share=100 * float(basis.explained[i])) for i in range(k)],
        stage_names=[_start(scene, words), *(_after(i + 1, words) for i in range(len(stages) - 1))],
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def variance(scene: Scene, words: Words) -> Picture:
    """The share of the variance along each of the basis's directions."""
    basis = _basis(scene.computed())
    k = shown(scene)
    share = float(basis.explained[:k].sum())
    says = words(f"drift.says.{'variance' if share else 'point'}", share=100 * share, d=basis.mean.size)
    names = [f"PC{i + 1}" for i in range(COMPONENTS)]
    return Picture(bars(basis.explained, names, role="@residual", height=VARIANCE_HEIGHT, alt=says), says)


def shown(scene: Scene) -> int:
    """How many of the basis's directions the picture has."""
    return COMPONENTS if scene.solid else 2


def ways(scene: Scene) -> np.ndarray:
    """[stage, pos, d_model]: the embeddings, then every layer's output, for as long as the numbers are finite."""
    return _finite(compute.run(scene))


def passed(scene: Scene) -> int:
    """How many layers the reader has let the words pass, inside the model."""
    n = scene.config.n_layers
    return n if scene.stage is None else min(scene.stage, n)


def stage(scene: Scene) -> int:
    """How many of them can be shown: those whose numbers are finite."""
    return min(passed(scene), len(ways(scene)) - 1)


def _finite(run: Run) -> np.ndarray:
    stages = residual_stages(run.trace, run.config.n_layers).astype(np.float64)
    good = np.isfinite(stages).all((1, 2))
    return stages if good.all() else stages[: int(np.argmin(good))]


@lru_cache(maxsize=64)  # of 8 kB at most; the SVD takes 0.1 s in the largest model, and a walk through it needs one
def _basis(scene: Scene) -> PCA:
    stages = ways(scene)
    return pca(stages.reshape(-1, stages.shape[-1]), k=COMPONENTS)


# ---------------------------------------------------------------------------------------------------- in words


def rows(scene: Scene, words: Words) -> list[str]:
    """Each word's drift in words: how far, and towards which word's start."""
    stages = ways(scene)
    start, move = stages[0], stages[stage(scene)] - stages[0]
    length = np.linalg.norm(move, axis=-1)
    other, cosine = towards(start, move)
    return [_drifted(scene.tokens, i, length[i], other[i], cosine[i], words) for i in range(len(start))]


def towards(start: np.ndarray, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each word, the other word whose start lies most nearly where it moves, and the cosine of the angle between.

    start and move [pos, d_model] -> index [pos], cosine [pos]; the cosine is -inf where there is nowhere to move to.
    """
    directions = start[None] - start[:, None]
    sizes = np.linalg.norm(directions, axis=-1) * np.linalg.norm(move, axis=-1)[:, None]
    products = np.einsum("ijd,id->ij", directions, move)
    cosines = np.divide(products, sizes, out=np.full_like(sizes, -np.inf), where=sizes > 0).round(9)
    best = np.argmax(cosines, axis=1)
    return best, cosines[np.arange(len(best)), best]


def nearest_pair(x: np.ndarray) -> tuple[int, int, float]:
    """The two rows of x [pos, d_model] that are nearest, and their distance."""
    distances = np.linalg.norm(x[None] - x[:, None], axis=-1).round(9)
    distances[np.tril_indices(len(x))] = np.inf
    a, b = np.unravel_index(np.argmin(distances), distances.shape)
    return int(a), int(b), float(distances[a, b])


def spread(x: np.ndarray) -> float:
    """Root mean square distance of the rows of x [pos, d_model] from their mean."""
    return float(np.sqrt(np.mean(np.sum((x - x.mean(axis=0)) ** 2, axis=-1))))


def size(length: float, words: Words) -> str:
    """A length as a reader writes it: 0.97, or 1.2 × 10¹² where it explodes."""
    if length < PLAIN:
        return words.number(length)
    mantissa, _, exponent = f"{length:.1e}".partition("e")
    return f"{words.number(float(mantissa), 1)} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def _says(scene: Scene, stages: np.ndarray, words: Words) -> str:
    now, n = stage(scene), len(scene.tokens)
    sentences = [_furthest(scene, stages, words)] if now else [_still(scene, words)]
    if n > 1:
        a, b, distance = nearest_pair(stages[now])
        name = "nearest" if now else "nearest_start"
        names = {"a": scene.tokens[a], "b": scene.tokens[b]}
        sentences.append(words(f"drift.says.{name}", **names, distance=size(distance, words)))
    if n > 1 and spread(stages[now]) > CROWDED * spread(stages[0]) > 0:
        ratio = spread(stages[now]) / spread(stages[0])
        sentences.append(words("drift.says.spread", ratio=f"{ratio:.0f}" if ratio < PLAIN else size(ratio, words)))
    if len(stages) <= scene.config.n_layers and now == len(stages) - 1:
        sentences.append(words("drift.says.broken"))
    if PRESETS[scene.model].words.keys() & set(scene.tokens):
        sentences.append(words("drift.says.designed"))
    return " ".join(sentences)


def _still(scene: Scene, words: Words) -> str:
    return words("drift.says.still_positions" if _positioned(scene) else "drift.says.still")


def _furthest(scene: Scene, stages: np.ndarray, words: Words) -> str:
    now = stage(scene)
    move = stages[now] - stages[0]
    length = np.linalg.norm(move, axis=-1)
    i = int(np.argmax(length.round(9)))
    after = _after(now, words)
    if length[i] == 0:
        return words("drift.says.unmoved", after=after)
    other, cosine = towards(stages[0], move)
    values = {"after": after, "token": scene.tokens[i], "length": size(length[i], words)}
    name = "alone" if cosine[i] == -np.inf else "furthest_away" if cosine[i] <= 0 else "furthest"
    return words(f"drift.says.{name}", **values, other=scene.tokens[other[i]], cosine=float(cosine[i]))


def _drifted(tokens: tuple[str, ...], i: int, length: float, other: int, cosine: float, words: Words) -> str:
    name = "unmoved" if length == 0 else "alone" if cosine == -np.inf else "away" if cosine <= 0 else "towards"
    values = {"token": tokens[i], "length": size(length, words)}
    return words(f"drift.reads.{name}", **values, other=tokens[other], cosine=float(cosine))


def _positioned(scene: Scene) -> bool:
    return scene.config.positions in ("sinusoidal", "learned")


def _start(scene: Scene, words: Words) -> str:
    return words("drift.start_positions" if _positioned(scene) else "drift.start")


def _after(layers: int, words: Words) -> str:
    return words("drift.after_one" if layers == 1 else "drift.after", n=layers)
