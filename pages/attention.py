"""Attention: one layer and one head, step by step, every step a map of real numbers."""

from __future__ import annotations

import ui  # noqa: F401  first, before anything brings NumPy: it says how many threads BLAS takes

# isort: split
from collections.abc import Iterable, Iterator
from dataclasses import fields

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import Scene
from core.model import attention
from core.ops.attention import attention_scores, weighted_values
from core.ops.softmax import softmax
from core.query import STEPS
from ui import arithmetic, comparison, compute, controls, embeddings, live_figure, shell, show, state, switchboard
from ui.pictures import attention as pictures
from ui.pictures import compare
from ui.words import Words

TEMPERATURES = (  # about even steps of its logarithm
    *(0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 17.0, 20.0),
)
SWITCHED = {(field, on) for field in ("scale", "causal") for on in (False, True)}  # as overrides
EDITING = "edit-embeddings"
DRAWN = "attention.drawn"  # the Scene on the page; a fragment that finds more of it changed than it draws reruns all


@st.fragment
def vectors(words: Words) -> None:
    """X, Q, K and V, and the table of embeddings. All that a reader can turn here alters what follows."""
    scene = state.scene()
    if scene != st.session_state[DRAWN]:
        st.rerun()
    under = (embeddings.coordinate, _query, _key, _edit)
    for line, steps in _lines("vectors", scene, zip("xqkv", pictures.VECTORS, under, strict=True)):
        with line:
            for name, builder, control in steps:
                choose = choose_number if name == "x" else choose_query
                _picture(builder, scene, words, name, choose, words(f"attention.{name}"))
                control(scene, words)
    if st.session_state.get(EDITING):
        embeddings.editor(scene, words)


@st.fragment
def weights(words: Words) -> None:
    """The scores three times, the pattern, the output, and the chosen cell's arithmetic; the switches alter no more."""
    scene = state.scene()
    switchboard.in_step(scene)
    if _before_switches(scene) != _before_switches(st.session_state[DRAWN]):
        st.rerun()
    st.session_state[DRAWN] = scene
    if scene.pinned:
        _compared(scene, words)
    else:
        _steps(scene, words)
    with st.container(key="attention-out"):
        _picture(pictures.output, scene, words, "z", choose_query, words("attention.z"))
        _cell(scene, words)


def _steps(scene: Scene, words: Words) -> None:
    """From the scores to the pattern, a map each, every switch above the map that it alters."""
    names, switches = ("scores", "scaled", "masked", "pattern"), (_place, _scale, _mask, _temperature)
    for line, steps in _lines("steps", scene, zip(names, switches, pictures.MATRICES, strict=True)):
        with line:
            for name, switch, builder in steps:
                st.html(live_figure.heading(words(f"attention.{name}")))
                switch(scene, words)
                _picture(builder, scene, words, name, choose_cell)


def _compared(scene: Scene, words: Words) -> None:
    """One step as it was when pinned, as it is, and the difference; all switches above."""
    comparison.differs(scene, words)
    first, *columns = st.columns([4, 4, 3, 3, 4], gap="small", vertical_alignment="center")
    with first:
        controls.select(
            words("compare.step"), "compared", STEPS, scene.compared, lambda step: words(f"compare.steps.{step}")
        )
    for column, switch in zip(columns, (_place, _scale, _mask, _temperature), strict=True):
        with column:
            switch(scene, words)
    builders = (compare.pinned_step, compare.present_step, compare.step_difference)
    height, alike = compare.step_height(scene), compare.steps_alike(scene)
    choose = choose_cell if scene.compared in compare.MATRICES else choose_query
    comparison.row(scene, words, builders, key="attention", height=height, alike=alike, on_click=choose)


def choose_cell(click: dict) -> None:
    row, column = click["point"]
    state.turn(query=row, key=column)


def choose_number(click: dict) -> None:
    row, column = click["point"]
    state.turn(query=row, dimension=column)


def choose_query(click: dict) -> None:
    state.turn(query=click["point"][0])


def _before_switches(scene: Scene) -> tuple:
    """The Scene less what the switches of `weights` turn: equal for all that share X, Q, K, V and the chosen cell."""
    kept = [
        getattr(scene, field.name) for field in fields(scene) if field.name not in ("temperature", "overrides", "off")
    ]
    return *kept, {*scene.overrides} - SWITCHED, {*scene.off} - {"scale", "mask"}


def _lines(name: str, scene: Scene, steps: Iterable[tuple]) -> Iterator[tuple[DeltaGenerator, list[tuple]]]:
    """A container for the four steps side by side, or two for a long sentence, each with the steps that go into it."""
    steps = list(steps)
    per_line = 4 if len(scene.tokens) <= pictures.NARROW else 2
    for first in range(0, 4, per_line):
        yield st.container(key=f"attention-{name}-{first}"), steps[first : first + per_line]


def _picture(builder: compute.Builder, scene: Scene, words: Words, name: str, choose, title: str = "") -> None:
    of = pictures.matrix_height if builder in pictures.MATRICES else pictures.vectors_height
    height = of(len(scene.tokens))
    show.picture(builder, scene, words, key=f"attention-{name}", height=height, title=title, on_click=choose)


def _place(scene: Scene, words: Words) -> None:
    layers, heads = range(scene.config.n_layers), range(scene.config.n_heads)
    layer, head = scene.place
    if len(layers) == len(heads) == 1:
        return
    with st.container(key="attention-place"):
        controls.select(words("axis.layer"), "layer", layers, layer, str, disabled=len(layers) == 1)
        controls.select(words("axis.head"), "head", heads, head, str, disabled=len(heads) == 1)


def _scale(scene: Scene, words: Words) -> None:
    controls.switch(words("attention.scale_switch"), "scale", scene.config.scale)


def _mask(scene: Scene, words: Words) -> None:
    controls.switch(words("attention.mask_switch"), "causal", scene.config.causal)


def _temperature(scene: Scene, words: Words) -> None:
    label, now = words("attention.temperature"), scene.temperature
    controls.choice_slider(label, "temperature", TEMPERATURES, now, text=words.short, turn=state.turn)


def _query(scene: Scene, words: Words) -> None:
    """The chosen cell's query, for those who cannot click."""
    _choose(scene, words, "query", scene.cell[0])


def _key(scene: Scene, words: Words) -> None:
    """The chosen cell's key."""
    _choose(scene, words, "key", scene.cell[1])


def _choose(scene: Scene, words: Words, knob: str, chosen: int) -> None:
    label, places = words(f"attention.{knob}"), range(len(scene.tokens))
    names = [f"{label}: {token} ({place + 1})" for place, token in enumerate(scene.tokens)]
    controls.select(label, knob, places, chosen, names.__getitem__, label_visibility="collapsed")


def _edit(_: Scene, words: Words) -> None:
    st.toggle(words("attention.edit"), key=EDITING, help=words("attention.table_help"))


def _cell(scene: Scene, words: Words) -> None:
    a = pictures.at_head(compute.run(scene), scene, "pattern")
    rows = (pictures.read(scene.tokens, a, q, words) for q in range(len(a)))
    title = live_figure.heading(words("attention.rows"))
    st.html(f"{arithmetic.html(scene, words)}{title}{shell.listing(rows, scene.cell[0])}")


scene, words = shell.open_page("attention")
st.session_state[DRAWN] = scene
for part in (weights, vectors) if scene.pinned else (vectors, weights):  # what is compared comes first
    part(words)
shell.close_page("attention", words, attention, attention_scores, softmax, weighted_values)
