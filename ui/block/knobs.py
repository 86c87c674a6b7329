"""The knobs of the page inside a block: which layer and token, which array is compared, and what a part is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import streamlit as st

from core import Scene
from core.config import CHOICES
from core.scene.fields import INSIDE
from pictures.block.inside import inside
from pictures.extremes import choices
from pictures.words import Words
from ui import controls, shell, sizes, state


def place(scene: Scene, words: Words) -> None:
    """Which layer, and which token of it; and of two stacks, which one."""
    here = inside(scene)
    n, names = here.config.n_layers, choices(here.tokens, words)
    with st.container(key="block-place"):
        controls.select(words("axis.layer"), "layer", range(n), here.layer, str, disabled=n == 1)
        controls.select(words("block.token"), "query", range(len(names)), here.row, names.__getitem__)
        if here.stack:
            with st.container(key="block-stack"):
                stack = {"encoder": "encoder", "decoder": "cross"}
                controls.segments(
                    words("block.stack"),
                    "block_stack",
                    [*stack],
                    here.stack,
                    lambda name: words(f"block.stacks.{name}"),
                    turn=lambda block_stack: state.turn(attention_of=stack[block_stack]),
                )


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
    here = inside(scene)
    when = here.config.norm_at if here.config.norm != "none" else "pre"

    def turn(block_norm: str) -> None:
        of = {"attention_of": "cross" if block_norm == "cross" else "decoder"} if here.config.cross else {}
        state.turn(second_norm=block_norm == "mlp", **of)

    controls.select(
        words("block.where"),
        "block_norm",
        here.norms,
        here.norm,
        lambda part: words(f"block.{when}_{part}"),
        turn=turn,
        disabled=len(here.norms) == 1,
    )


def choice(words: Words, field: str, options: Sequence[str], value: str) -> None:
    """Another value for a field of the Config, by the names that content/ has for them."""

    def name(option: str) -> str:
        return words(f"block.{field}_names.{option}")

    controls.select(words(f"block.{field}_choice"), field, options, value, name, turn=state.override)


def column(name: str, words: Words) -> AbstractContextManager:
    """A column's title, and the place of its own controls."""
    shell.say(words(f"block.{name}"), "step")
    return st.container(key=f"block-controls-{name}")
