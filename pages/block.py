"""Inside a block: what happens to a token between two layers, part by part, in the order of the computation."""

from __future__ import annotations

import streamlit as st

from core import Scene, model, reference
from core.config import CHOICES
from core.interpret import similarity, token_moments
from core.ops.activations import ACTIVATIONS
from core.ops.norm import layer_norm, rms_norm
from core.ops.positions import rotate, sinusoidal
from pictures import compare_block as compare
from pictures import compute, stacks
from pictures.block import frame, lengths, neurons, norm, position
from pictures.block.inside import inside
from pictures.words import Words
from ui import comparison, controls, explanation, figure, presets, shell, state, switchboard
from ui.block import knobs
from ui.live import live_figure

OF_BLOCK = ("ln1.*", "ln2.*", "attn_out", "mlp.*", "mlp_out")  # what is drawn of it


@st.fragment
def parts(words: Words) -> None:
    scene = state.scene()
    switchboard.in_step(scene)
    stacks.keep_block(scene, OF_BLOCK)
    knobs.place(scene, words)
    if scene.pinned:
        comparison.differs(scene, words)
        knobs.compared(scene, words)
        builders = (compare.pinned, compare.present, compare.difference)
        comparison.row(scene, words, builders, key="block", height=compare.height(scene), alike=compare.alike(scene))
    with st.container(key="block-columns"):
        for name, part in (("positions", _positions), ("norm", _norm), ("mlp", _mlp), ("stream", _stream)):
            with st.container(key=f"block-column-{name}"):
                part(scene, words)
    explanation.draw("block", words)


def _positions(scene: Scene, words: Words) -> None:
    with knobs.column("positions", words):
        knobs.positions(scene, words)
    _picture(position.positions, scene, words, frame.height(scene))
    dimension, last = position.shown_dimension(scene), position.dimensions(scene) - 1
    controls.slider(words("axis.dimension"), "dimension", 0, last, 1, dimension)
    with live_figure.together("block-positions-low"):
        _picture(position.wave, scene, words, frame.LOW)
        _picture(position.alike, scene, words, position.alike_height(scene), words("block.alike"))


def _norm(scene: Scene, words: Words) -> None:
    with knobs.column("norm", words):
        knobs.which_norm(scene, words)
    with live_figure.together("block-norm"):
        _picture(norm.moments, scene, words, frame.height(scene))
        _picture(norm.features, scene, words, frame.LOW, words("block.features"))


def _mlp(scene: Scene, words: Words) -> None:
    with knobs.column("mlp", words):
        knobs.choice(words, "activation", CHOICES["activation"], scene.config.activation)
    with live_figure.together("block-mlp"):
        _picture(neurons.units, scene, words, frame.height(scene))
        _picture(neurons.curve, scene, words, frame.LOW, words("block.curve"))
        _picture(neurons.zeros, scene, words, neurons.zeros_height(scene), words("block.zeros"))


def _stream(scene: Scene, words: Words) -> None:
    with knobs.column("stream", words):
        for part in ("residual", "norm"):
            switchboard.part(scene, part, words)
    with live_figure.together("block-stream"):
        _picture(lengths.stream, scene, words, frame.height(scene))
        _picture(lengths.steps, scene, words, frame.LOW, words("block.steps", layer=inside(scene).layer))


def _picture(builder: compute.Builder, scene: Scene, words: Words, height: int, title: str = "") -> None:
    figure.picture(builder, scene, words, key=f"block-{builder.__name__}", height=height, title=title)


def page(scene: Scene, words: Words) -> None:
    presets.richer(scene, words, "block")
    parts(words)


shell.Page(
    "block",
    page,
    (
        model.block,
        model.after_attention,
        model.feed_forward,
        model.norm,
        layer_norm,
        rms_norm,
        model.mlp,
        *ACTIVATIONS.values(),
        sinusoidal,
        rotate,
        token_moments,
        similarity,
    ),
    plain=(reference.block, reference.norm, reference.mlp),
).open()
