"""Reading heads: which patterns have a name, what is lost without a head, and why a weight is not importance."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import Scene
from core.interpret import (
    habits,
    head_effects,
    head_label,
    head_scores,
    key_effects,
    prediction_effects,
    probe_induction,
    rank_correlation,
    rollout,
    sentence_scores,
    value_weighted,
    without_heads,
)
from pictures import compute, importance, stacks
from pictures import reading as pictures
from pictures.extremes import choices
from pictures.together import HEIGHT, together
from pictures.words import Words
from ui import comparison, controls, explanation, figure, presets, shell, state, switchboard
from ui.live import live_figure
from ui.reading import asked

SQUARES = (importance.weights, importance.carried, importance.importance, importance.rolled)
WITHIN = (pictures.labels, pictures.scores, importance.rolled)  # what there is of looks within one text alone
OF_BLOCK = ("attn.[qkv]", "attn.rot_*")  # what is drawn of it, beside its pattern
THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


@st.fragment
def read(words: Words) -> None:
    scene = state.scene()
    switchboard.in_step(scene)
    stacks.keep_block(scene, OF_BLOCK)
    found = stacks.looks(scene)
    controls.attention_of(scene, words)
    _choose(found, words)
    if not found.kind:  # of two stacks no token is left out
        controls.without_first(scene, words)
    height, width = pictures.map_height(scene), "few" if found.longest <= importance.FEW else "more"
    with st.container(key=f"reading-pictures-{width}"), live_figure.together("reading-pictures"):
        _picture(pictures.labels, scene, words, height, controls.choose_head, found.crosses)
        asked.effects(scene, words)
        _picture(pictures.scores, scene, words, pictures.scores_height(scene), None, found.crosses)
        for builder in SQUARES:
            if builder is importance.importance:
                asked.keys(scene, words)
            else:
                _picture(builder, scene, words, importance.square_height(scene), choose_cell, found.crosses)
        asked.ranks(scene, words)
        asked.weights(scene, words)
    if not found.kind:
        asked.sentences(scene, words)
    with st.container(key="reading-plane"):
        label, now = words("fibres.threshold"), scene.threshold
        controls.choice_slider(label, "threshold", THRESHOLDS, now, text=words.number, turn=state.turn)
        _picture(together, scene, words, HEIGHT, None)
    explanation.draw("reading", words)


def _choose(found: stacks.Looks, words: Words) -> None:
    """Which head, and which word of it, for those who cannot click."""
    with st.container(key="reading-place"):
        controls.head(found.config, found.place, words)
        names = choices(found.rows, words)
        controls.select(words("attention.query"), "query", range(len(names)), found.cell[0], names.__getitem__)


def _picture(
    builder: compute.Builder, scene: Scene, words: Words, height: int, on_click: Any, crosses: bool = False
) -> None:
    """A picture under its title; of what does not exist from one text to another, a sentence why."""
    name = builder.__name__
    title = words(f"reading.steps.{name}")
    if crosses and builder in WITHIN:
        about = escape(words(f"reading.across.{name}"))
        live_figure.write(
            f'{live_figure.heading(title)}<p class="fibra-about">{about}</p>', key=f"reading-{name}-across"
        )
        return
    figure.picture(builder, scene, words, key=f"reading-{name}", height=height, title=title, on_click=on_click)


def choose_cell(click: dict[str, Any]) -> None:
    row, column = click["point"]
    state.turn(query=row, key=column)


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    presets.richer(scene, words, "reading")
    read(words)


SHOWN = (head_scores, head_label, probe_induction, head_effects, value_weighted, key_effects, rollout)
SHOWN += (without_heads, prediction_effects, rank_correlation, sentence_scores, habits)
shell.Page("reading", page, (*SHOWN,)).open()
