"""How long the tokens' vectors are as they enter a stack and after every layer: Heads and Block show it."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import each_stage, token_norms
from pictures import stacks
from pictures.compute import Picture
from pictures.extremes import magnitude
from pictures.numbers import Bars
from pictures.words import Words
from plots.magnitudes import magnitudes

NARROW = 390  # px: so wide a picture has no room yet for its axis's title


def lengths_within(scene: Scene, words: Words, width: int, height: int) -> Picture:
    """Of the stack that is shown: the tokens' mean length as they enter, and after every layer."""
    found = stacks.looks(scene)
    n = found.config.n_layers
    stages = [found.block(0) + "resid_pre", *(found.block(i) + "resid_post" for i in range(n))]
    norms = token_norms(each_stage(stacks.own_trace(scene), n))
    says = _growth(norms, words)
    figure = magnitudes(
        norms,
        [words("heads.enter"), *map(str, range(n))],
        [magnitude(x, words) for x in norms.tolist()],
        stage_title=words("heads.stage"),
        value_title=words("heads.length") if width > NARROW else "",
        width=width,
        height=height,
        alt=says,
    )
    return Picture(figure, says, mean_lengths(stages))


def mean_lengths(names: list[str]) -> Bars:
    """Which numbers stand side by side: the tokens' mean lengths in these arrays."""
    return Bars(tuple((f"mean_length.{name}", (0,)) for name in names), upright=True)


def _growth(norms: np.ndarray, words: Words) -> str:
    n, good = len(norms) - 1, np.isfinite(norms)
    if not good.any():
        return words("heads.says.growth_none")
    start, end = float(norms[0]), float(norms[good][-1])
    key = "growth_lost" if not good.all() else "growth_zero" if not start else "growth_one" if n == 1 else "growth"
    return words(
        f"heads.says.{key}",
        start=magnitude(start, words),
        end=magnitude(end, words),
        factor=magnitude(end / start, words) if start else "",
        n=n,
        layer=int(good.argmin()) - 1,
        limit=magnitude(float(np.finfo(np.float32).max), words),
    )
