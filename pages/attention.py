"""Attention: one layer and one head, step by step, every step a map of real numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core import Scene, reference
from core.model import attention
from core.ops.attention import attention_scores, weighted_values
from core.ops.softmax import softmax
from core.scene.fields import STEPS
from pictures import attention as pictures
from pictures import compare, compute, left_out, stacks
from pictures.words import Words
from ui import comparison, controls, explanation, figure, shell, state, switchboard
from ui.attention import embeddings, knobs
from ui.live import live_figure

SWITCHES = (knobs.place, knobs.scale, knobs.mask, knobs.temperature)
OF_BLOCK = ("ln1.out", "attn.*")  # what is drawn of it
DRAWN = "attention.drawn"  # the Scene on the page; a fragment that finds more changed than it draws reruns all


@st.fragment
def vectors(words: Words) -> None:
    """X, Q, K and V, and the table of embeddings. All that a reader can turn here alters what follows."""
    scene = state.scene()
    if scene != st.session_state[DRAWN]:
        st.rerun()
    stacks.keep_block(scene, OF_BLOCK)
    editable = not stacks.kinds(scene)  # of a model of two stacks no embedding is edited
    under = {"x": embeddings.coordinate, "q": knobs.query, "k": knobs.key, "v": knobs.edit}
    chosen = {"x": knobs.choose_number, "q": knobs.choose_query, "k": knobs.choose_key, "v": knobs.choose_key}
    with _grid("vectors", scene):
        for name, builder in zip("xqkv", pictures.VECTORS, strict=True):
            _picture(builder, scene, words, name, chosen[name])
            if editable or name in "qk":
                under[name](scene, words)
    if editable and st.session_state.get(knobs.EDITING):
        embeddings.editor(scene, words)


@st.fragment
def weights(words: Words) -> None:
    """The scores three times, the pattern, the output, and the chosen cell's arithmetic."""
    scene = state.scene()
    switchboard.in_step(scene)
    stacks.keep_block(scene, OF_BLOCK)
    if not pictures.same_vectors(scene, st.session_state[DRAWN]):
        st.rerun()
    st.session_state[DRAWN] = scene
    if scene.pinned:
        _compared(scene, words)
    controls.hidden_on_maps(scene, words)
    with _grid("output" if scene.pinned else "steps", scene):
        if not scene.pinned:
            _steps(scene, words)
        _picture(pictures.output, scene, words, "z", knobs.choose_query)
        cell = knobs.cell(left_out.whole(scene), words)
        hears = {"on_click": explanation.follow, "addressed": explanation.addressed}
        live_figure.write(cell, key="attention-cell", **hears)
    explanation.draw("attention", words)


def _steps(scene: Scene, words: Words) -> None:
    """From the scores to the pattern, a map each, every switch above the map that it alters."""
    names = ("scores", "scaled", "masked", "pattern")
    for name, switch, builder in zip(names, SWITCHES, pictures.MATRICES, strict=True):
        switch(scene, words)
        _picture(builder, scene, words, name, knobs.choose_cell)


def _compared(scene: Scene, words: Words) -> None:
    """One step as it was when pinned, as it is, and the difference; all switches above."""
    comparison.differs(scene, words)
    with st.container(key="attention-compared"):
        controls.select(
            words("compare.step"),
            "compared_step",
            STEPS,
            scene.compared_step,
            lambda step: words(f"compare.steps.{step}"),
        )
        for switch in SWITCHES:
            switch(scene, words)
    builders = (compare.pinned_step, compare.present_step, compare.step_difference)
    height, alike = compare.step_height(scene), compare.steps_alike(scene)
    choose = knobs.choose_cell if scene.compared_step in compare.MATRICES else knobs.choose_query
    comparison.row(scene, words, builders, key="attention", height=height, alike=alike, on_click=choose)


@contextmanager
def _grid(name: str, scene: Scene) -> Iterator[None]:
    """The place of figures and of their controls; attention.css lays it out, by how long the sentence is."""
    length = pictures.length(stacks.looks(scene).longest)
    with st.container(key=f"attention-{name}-{length}"), live_figure.together(f"attention-{name}"):
        yield


def _picture(builder: compute.Builder, scene: Scene, words: Words, name: str, choose) -> None:
    hero, hides = builder is pictures.pattern, left_out.hides(scene)
    n, title = stacks.looks(scene).longest, words(f"attention.{name}{'_hidden' if hero and hides else ''}")
    height = pictures.matrix_height(n, hero) if builder in pictures.MATRICES else pictures.vectors_height(n)
    figure.picture(builder, scene, words, key=f"attention-{name}", height=height, title=title, on_click=choose)


def page(scene: Scene, words: Words) -> None:
    st.session_state[DRAWN] = scene
    controls.attention_of(scene, words)
    for part in (weights, vectors) if scene.pinned else (vectors, weights):  # what is compared comes first
        part(words)


shell.Page(
    "attention",
    page,
    (attention, attention_scores, softmax, weighted_values),
    plain=(reference.attention, reference.softmax),
).open()
