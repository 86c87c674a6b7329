"""Where each word starts, where it ends and the line between, in one basis for all layers."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import PCA, pca, residual_stages
from plots.bars import bars
from plots.drift import drift as drift_figure
from ui import compute, memory
from ui.compute import Picture
from ui.words import Words

HEIGHT = 560  # px
VARIANCE_HEIGHT = 190  # px
COMPONENTS = 3
CROWDED = 20  # times as far apart as at the start: then the starts are within a marker's width of one another
TOWARDS = 0.3  # the least cosine of a drift that is said to go towards a word: an angle of 73 degrees
PLAIN = 1e5  # numbers from here on are written with a power of ten
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def drift(scene: Scene, words: Words) -> Picture:
    """Every word's way through the layers, in the two or three directions in which all of them spread most."""
    stages, axes = ways(scene), basis(scene.computed)
    k, now = shown(scene), stage(scene, stages)
    says = sentence(scene, stages, now, words)
    title = "drift.axis_short" if scene.solid else "drift.axis"  # a slanted title has little room
    figure = drift_figure(
        axes.project(stages)[..., :k].astype(np.float32),
        list(scene.tokens),
        stage=now,
        axis_titles=[words(title, i=i + 1, share=100 * float(axes.explained[i])) for i in range(k)],
        stage_names=stage_names(scene, len(stages), words),
        height=HEIGHT,
        alt=says,
    )
    return Picture(figure, says)


def variance(scene: Scene, words: Words) -> Picture:
    """The share of the variance along each of the basis's directions."""
    axes = basis(scene.computed)
    k = shown(scene)
    share = float(axes.explained[:k].sum())
    says = words(f"drift.says.{'variance' if share else 'point'}", share=100 * share, d=axes.mean.size)
    names = [f"PC{i + 1}" for i in range(COMPONENTS)]
    return Picture(bars(axes.explained, names, role="@residual", height=VARIANCE_HEIGHT, alt=says), says)


def stage_names(scene: Scene, n: int, words: Words) -> list[str]:
    """What the first n stages are called."""
    return [_start(scene, words), *(_after(i + 1, words) for i in range(n - 1))]


def shown(scene: Scene) -> int:
    """How many of the basis's directions the picture has."""
    return COMPONENTS if scene.solid else 2


def ways(scene: Scene) -> np.ndarray:
    """[stage, pos, d_model]: the embeddings, then every layer's output, for as long as the numbers are finite."""
    stages = residual_stages(compute.run(scene).trace, scene.config.n_layers).astype(np.float64)
    good = np.isfinite(stages).all((1, 2))
    return stages if good.all() else stages[: int(np.argmin(good))]


def passed(scene: Scene) -> int:
    """How many layers the reader has let the words pass, inside the model."""
    n = scene.config.n_layers
    return n if scene.stage is None else min(scene.stage, n)


def stage(scene: Scene, stages: np.ndarray) -> int:
    """The stage that is shown: the last one, where the layer asked for is no longer finite."""
    return min(passed(scene), len(stages) - 1)


@memory.kept(lambda scene: (scene,))  # the SVD of the largest model takes 30 ms, and a walk through it needs one
def basis(scene: Scene) -> PCA:
    """The directions in which all stages of a Scene's words, as computed, spread most."""
    stages = ways(scene)
    return pca(stages.reshape(-1, stages.shape[-1]), k=COMPONENTS)


# ---------------------------------------------------------------------------------------------------- in words


def rows(scene: Scene, words: Words) -> list[str]:
    """Each word's drift in words: how far, and towards which word's start."""
    stages = ways(scene)
    start, move = stages[0], stages[stage(scene, stages)] - stages[0]
    length = np.linalg.norm(move, axis=-1)
    other, cosine = towards(start, move)
    return [_drifted(scene.tokens, i, length[i], other[i], cosine[i], words) for i in range(len(start))]


def towards(start: np.ndarray, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each word, the other word whose start lies most nearly where it moves, and the cosine of the angle between.

    start and move [pos, d_model] -> index [pos], cosine [pos]; the cosine is -inf where there is nowhere to move to.
    """
    sizes = distances(start) * np.linalg.norm(move, axis=-1)[:, None]
    products = move @ start.T - np.sum(move * start, axis=-1, keepdims=True)
    cosines = np.divide(products, sizes, out=np.full_like(sizes, -np.inf), where=sizes > 0).round(9)
    best = np.argmax(cosines, axis=1)
    return best, cosines[np.arange(len(best)), best]


def nearest_pair(x: np.ndarray) -> tuple[int, int, float]:
    """The two rows of x [pos, d_model] that are nearest, and their distance."""
    apart = distances(x).round(9)
    apart[np.tril_indices(len(x))] = np.inf
    a, b = np.unravel_index(np.argmin(apart), apart.shape)
    return int(a), int(b), float(apart[a, b])


def distances(x: np.ndarray) -> np.ndarray:
    """x [pos, d_model] -> [pos, pos], by |a - b|² = |a|² + |b|² - 2 a·b; 0 where only rounding is left."""
    x = x - x.mean(axis=0)
    sizes = np.sum(x * x, axis=-1)
    sums = sizes[:, None] + sizes
    squares = sums - 2 * x @ x.T
    return np.sqrt(np.where(squares > 1e-12 * sums, squares, 0))


def spread(x: np.ndarray) -> float:
    """Root mean square distance of the rows of x [pos, d_model] from their mean."""
    return float(np.sqrt(np.mean(np.sum((x - x.mean(axis=0)) ** 2, axis=-1))))


def size(length: float, words: Words) -> str:
    """A length as a reader writes it: 0.97, 36651, or 1.2 × 10¹² where it explodes."""
    if length < PLAIN:
        return words.number(length, 2 if length < 1000 else 0)
    mantissa, _, exponent = f"{length:.1e}".partition("e")
    return f"{words.number(float(mantissa), 1)} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def sentence(scene: Scene, stages: np.ndarray, now: int, words: Words) -> str:
    n = len(scene.tokens)
    sentences = [_furthest(scene, stages, now, words)] if now else [_still(scene, words)]
    if n > 1:
        a, b, distance = nearest_pair(stages[now])
        name = "nearest" if now else "nearest_start"
        names = {"a": scene.tokens[a], "b": scene.tokens[b]}
        sentences.append(words(f"drift.says.{name}", **names, distance=size(distance, words)))
    sentences += _crowded(stages, now, words)
    if len(stages) <= scene.config.n_layers and now == len(stages) - 1:
        sentences.append(words("drift.says.broken"))
    if scene.preset.words.keys() & set(scene.tokens):
        sentences.append(words("drift.says.designed"))
    return " ".join(sentences)


def _crowded(stages: np.ndarray, now: int, words: Words) -> list[str]:
    """Why points of so different stages are one in the picture, which has one scale for all."""
    first, here, last = (spread(stages[i]) for i in (0, now, -1))
    if last > CROWDED * here > 0:
        return [words("drift.says.dwarfed", n=len(stages) - 1, ratio=size(last / here, words))]
    if here > CROWDED * first > 0:
        return [words("drift.says.spread", ratio=size(here / first, words))]
    return []


def _still(scene: Scene, words: Words) -> str:
    return words("drift.says.still_positions" if _positioned(scene) else "drift.says.still")


def _furthest(scene: Scene, stages: np.ndarray, now: int, words: Words) -> str:
    move = stages[now] - stages[0]
    length = np.linalg.norm(move, axis=-1)
    i = int(np.argmax(length.round(9)))
    after = _after(now, words)
    if length[i] == 0:
        return words("drift.says.unmoved", after=after)
    other, cosine = towards(stages[0], move)
    values = {"after": after, "token": scene.tokens[i], "length": size(length[i], words)}
    name = "alone" if cosine[i] == -np.inf else "furthest_own" if cosine[i] < TOWARDS else "furthest"
    return words(f"drift.says.{name}", **values, other=scene.tokens[other[i]], cosine=float(cosine[i]))


def _drifted(tokens: tuple[str, ...], i: int, length: float, other: int, cosine: float, words: Words) -> str:
    name = "unmoved" if length == 0 else "alone" if cosine == -np.inf else "own" if cosine < TOWARDS else "towards"
    values = {"token": tokens[i], "length": size(length, words)}
    return words(f"drift.reads.{name}", **values, other=tokens[other], cosine=float(cosine))


def _positioned(scene: Scene) -> bool:
    return scene.config.positions in ("sinusoidal", "learned")


def _start(scene: Scene, words: Words) -> str:
    return words("drift.start_positions" if _positioned(scene) else "drift.start")


def _after(layers: int, words: Words) -> str:
    return words("drift.after_one" if layers == 1 else "drift.after", n=layers)
