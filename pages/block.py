"""Inside a block: what happens to a token between two layers, part by part, in the order of the computation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import streamlit as st

from core import Scene, model, reference
from core.config import CHOICES
from core.interpret import similarity, token_moments
from core.ops.activations import ACTIVATIONS
from core.ops.norm import layer_norm, rms_norm
from core.ops.positions import rotate, sinusoidal
from core.scene.fields import INSIDE
from pictures import compare_block as compare
from pictures import compute
from pictures.block import frame, lengths, neurons, norm, position
from pictures.extremes import choices
from pictures.words import Words
from ui import comparison, controls, figure, presets, shell, sizes, state, switchboard

CONTROLS = 84  # px: every column has its own controls above its first figure, and they end on one line


@st.fragment
def parts(words: Words) -> None:
    scene = state.scene()
    switchboard.in_step(scene)
    _choose(scene, words)
    if scene.pinned:
        _compared(scene, words)
    steps = (_positions, _norm, _mlp, _stream)
    for column, part in zip(st.columns(len(steps), gap="medium"), steps, strict=True):
        with column:
            part(scene, words)


def _choose(scene: Scene, words: Words) -> None:
    """Which layer, and which token of it."""
    left, right, _ = st.columns([1, 2, 3], gap="medium")
    n = scene.config.n_layers
    with left:
        controls.select(words("axis.layer"), "layer", range(n), scene.place[0], str, disabled=n == 1)
    names = choices(scene.tokens, words)
    with right:
        controls.select(words("block.token"), "query", range(len(names)), scene.cell[0], names.__getitem__)


def _compared(scene: Scene, words: Words) -> None:
    """One array of the block as it was when pinned, as it is, and the difference."""
    comparison.differs(scene, words)
    first, _ = st.columns([1, 2])
    with first:
        controls.select(
            words("compare.step"),
            "compared_array",
            INSIDE,
            scene.compared_array,
            lambda part: words(f"block.inside.{part}"),
        )
    builders = (compare.pinned, compare.present, compare.difference)
    comparison.row(scene, words, builders, key="block", height=compare.height(scene), alike=compare.alike(scene))


def _positions(scene: Scene, words: Words) -> None:
    with _controls(words("block.positions")):
        kinds = [kind for kind in CHOICES["positions"] if sizes.takes(scene, "positions", kind)]
        _choice(words, "positions", kinds, scene.config.positions)
    _picture(position.positions, scene, words, frame.height(scene))
    dimension, last = position.shown_dimension(scene), position.dimensions(scene) - 1
    controls.slider(words("axis.dimension"), "dimension", 0, last, 1, dimension)
    _picture(position.wave, scene, words, frame.LOW)
    _picture(position.alike, scene, words, position.alike_height(scene), words("block.alike"))


def _norm(scene: Scene, words: Words) -> None:
    with _controls(words("block.norm")):
        places, second = (False, True) if scene.config.d_mlp else (False,), norm.shown_second(scene)
        when = scene.config.norm_at if scene.config.norm != "none" else "pre"
        names = [words(f"block.{when}_{part}") for part in ("attention", "mlp")]
        controls.select(
            words("block.where"), "second_norm", places, second, names.__getitem__, disabled=len(places) == 1
        )
    _picture(norm.moments, scene, words, frame.height(scene))
    _picture(norm.features, scene, words, frame.LOW, words("block.features"))


def _mlp(scene: Scene, words: Words) -> None:
    with _controls(words("block.mlp")):
        _choice(words, "activation", CHOICES["activation"], scene.config.activation)
    _picture(neurons.units, scene, words, frame.height(scene))
    _picture(neurons.curve, scene, words, frame.LOW, words("block.curve"))
    _picture(neurons.zeros, scene, words, neurons.zeros_height(scene), words("block.zeros"))


def _stream(scene: Scene, words: Words) -> None:
    with _controls(words("block.stream")):
        controls.switch(words("heads.residual"), "residual", scene.runs("residual"), turn=state.switch)
        controls.switch(words("heads.norm"), "norm", scene.runs("norm"), turn=state.switch)
    _picture(lengths.stream, scene, words, frame.height(scene))
    _picture(lengths.steps, scene, words, frame.LOW, words("block.steps", layer=scene.place[0]))


def _choice(words: Words, field: str, options: Sequence[str], value: str) -> None:
    def name(option: str) -> str:
        return words(f"block.{field}_names.{option}")

    controls.select(words(f"block.{field}_choice"), field, options, value, name, turn=state.override)


def _controls(title: str) -> AbstractContextManager:
    """A column's title, and the place of its own controls."""
    shell.say(title, "step")
    return st.container(height=CONTROLS, border=False)


def _picture(builder: compute.Builder, scene: Scene, words: Words, height: int, title: str = "") -> None:
    figure.picture(builder, scene, words, key=f"block-{builder.__name__}", height=height, title=title)


scene, words = shell.open_page("block")
presets.richer(scene, words, "block")
parts(words)
shell.close_page(
    "block",
    words,
    model.block,
    model.after_attention,
    model.norm,
    layer_norm,
    rms_norm,
    model.mlp,
    *ACTIVATIONS.values(),
    sinusoidal,
    rotate,
    token_moments,
    similarity,
    plain=(reference.block, reference.norm, reference.mlp),
)
