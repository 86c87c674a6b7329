"""Attention: one layer and one head, step by step, every step a map of real numbers."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import Scene
from core.model import attention
from core.ops.attention import attention_scores, weighted_values
from core.ops.softmax import softmax
from ui import arithmetic, compute, controls, embeddings, shell, show, state
from ui.pictures import attention as pictures
from ui.words import Words

CONTROLS_HEIGHT = 76  # px: every map of the second line has its own controls above it, and they end on one line

TEMPERATURES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)  # about even steps of its logarithm


def choose_cell(click: dict) -> None:
    state.turn(query=round(float(click["y"])), key=round(float(click["x"])))


def choose_query(click: dict) -> None:
    state.turn(query=round(float(click["y"])))


@st.fragment
def steps(words: Words) -> None:
    scene = state.scene()
    n = len(scene.tokens)
    tall = [pictures.vectors_height(n)] * 4 + [pictures.matrix_height(n)] * 4
    per_line = 4 if n <= pictures.NARROW else 2
    vectors = [column for _ in range(4 // per_line) for column in st.columns(per_line, gap="small")]
    table = st.container()
    matrices = [column for _ in range(4 // per_line) for column in st.columns(per_line, gap="small")]
    for column, name, height, builder, choose in zip(
        vectors + matrices,
        ("x", "q", "k", "v", "scores", "scaled", "masked", "pattern"),
        tall,
        (
            *(pictures.inputs, pictures.queries, pictures.keys, pictures.values),
            *(pictures.scores, pictures.scaled, pictures.masked, pictures.pattern),
        ),
        [choose_query] * 4 + [choose_cell] * 4,
        strict=True,
    ):
        with column:
            _title(words(f"attention.{name}"))
            if name in CONTROLS:
                with st.container(height=CONTROLS_HEIGHT, border=False):
                    CONTROLS[name](scene, words)
            show.picture(builder, scene, words, key=f"attention-{name}", height=height, on_click=choose)
    with vectors[0]:
        editing = st.toggle(words("attention.edit"), key="edit-embeddings", help=words("attention.table_help"))
    if editing:
        with table:
            embeddings.editor(scene, words)
    left, right = st.columns([1, 3], gap="medium")
    with left:
        _title(words("attention.z"))
        show.picture(pictures.output, scene, words, key="attention-z", height=tall[0], on_click=choose_query)
    with right:
        _cell(scene, words)


def _place(scene: Scene, words: Words) -> None:
    """Which layer and head, where there is a choice."""
    layers, heads = range(scene.config.n_layers), range(scene.config.n_heads)
    layer, head = scene.place
    left, right = st.columns(2)
    with left:
        controls.select(words("axis.layer"), "layer", layers, layer, str, disabled=len(layers) == 1)
    with right:
        controls.select(words("axis.head"), "head", heads, head, str, disabled=len(heads) == 1)


def _scale(scene: Scene, words: Words) -> None:
    controls.switch(words("attention.scale_switch"), "scale", scene.config.scale)


def _mask(scene: Scene, words: Words) -> None:
    controls.switch(words("attention.mask_switch"), "causal", scene.config.causal)


def _temperature(scene: Scene, words: Words) -> None:
    controls.choice_slider(
        words("attention.temperature"),
        "temperature",
        TEMPERATURES,
        scene.temperature,
        format_func=words.short,
        turn=state.turn,
    )


CONTROLS = {"scores": _place, "scaled": _scale, "masked": _mask, "pattern": _temperature}


def _cell(scene: Scene, words: Words) -> None:
    places = range(len(scene.tokens))
    query, key = scene.cell
    left, right = st.columns(2)
    name = lambda p: f"{p + 1} · {scene.tokens[p]}"  # noqa: E731
    with left:
        controls.select(words("attention.query"), "query", places, query, name)
    with right:
        controls.select(words("attention.key"), "key", places, key, name)
    st.html(arithmetic.html(scene, words))
    _title(words("attention.rows"))
    a = pictures.at_head(compute.run(scene), scene, "pattern")
    rows = (pictures.read(scene.tokens, a, q, words) for q in places)
    items = (f'<li class="{"chosen" if q == query else ""}">{escape(row)}</li>' for q, row in enumerate(rows))
    st.html(f'<ul class="fibra-rows">{"".join(items)}</ul>')


def _title(text: str) -> None:
    name, _, rest = text.partition(" · ")
    st.html(f'<p class="fibra-step">{escape(name)} <i>{escape(rest)}</i></p>')


scene, words = shell.open_page("attention")
steps(words)
shell.close_page("attention", words, attention, attention_scores, softmax, weighted_values)
