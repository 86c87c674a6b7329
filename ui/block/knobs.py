"""The knobs of the page inside a block: which layer and token, which array is compared, and what a part is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import streamlit as st

from core import Scene
from core.config import CHOICES
from core.scene.fields import INSIDE
from pictures.block import norm
from pictures.extremes import choices
from pictures.words import Words
from ui import controls, shell, sizes, state


def place(scene: Scene, words: Words) -> None:
    """Which layer, and which token of it."""
    left, right, _ = st.columns([1, 2, 3], gap="medium")
    n = scene.config.n_layers
    with left:
        controls.select(words("axis.layer"), "layer", range(n), scene.place[0], str, disabled=n == 1)
    names = choices(scene.tokens, words)
    with right:
        controls.select(words("block.token"), "query", range(len(names)), scene.cell[0], names.__getitem__)


def compared(scene: Scene, words: Words) -> None:
    """Which array of the block is set beside the pinned one."""
    first, _ = st.columns([1, 2])
    with first:
        names = {part: words(f"block.inside.{part}") for part in INSIDE}
        controls.select(words("compare.step"), "compared_array", INSIDE, scene.compared_array, names.__getitem__)


def positions(scene: Scene, words: Words) -> None:
    """Which kind of positions, of those that this model can have."""
    kinds = [kind for kind in CHOICES["positions"] if sizes.takes(scene, "positions", kind)]
    choice(words, "positions", kinds, scene.config.positions)


def which_norm(scene: Scene, words: Words) -> None:
    """Which of the block's norms, by its place."""
    places, second = (False, True) if scene.config.d_mlp else (False,), norm.shown_second(scene)
    when = scene.config.norm_at if scene.config.norm != "none" else "pre"
    names = [words(f"block.{when}_{part}") for part in ("attention", "mlp")]
    controls.select(words("block.where"), "second_norm", places, second, names.__getitem__, disabled=len(places) == 1)


def choice(words: Words, field: str, options: Sequence[str], value: str) -> None:
    """Another value for a field of the Config, by the names that content/ has for them."""

    def name(option: str) -> str:
        return words(f"block.{field}_names.{option}")

    controls.select(words(f"block.{field}_choice"), field, options, value, name, turn=state.override)


def column(name: str, words: Words) -> AbstractContextManager:
    """A column's title, and the place of its own controls."""
    shell.say(words(f"block.{name}"), "step")
    return st.container(key=f"block-controls-{name}")
