"""Fibres: all of attention as light between the words, layer upon layer, and one head of it flat."""

from __future__ import annotations

import streamlit as st

from core import Scene
from core.model import attention
from core.ops.attention import attention_scores
from core.ops.softmax import softmax
from pictures import compare, cuts, lighting, pinned, stacks
from pictures import fibres as pictures
from pictures.extremes import choices
from pictures.words import Words
from ui import comparison, controls, explanation, figure, shell, state, switchboard
from ui.fibres import cutting, rising
from ui.live import live_figure

THRESHOLDS = (
    *(0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.12, 0.15, 0.17, 0.2),  # closer where most weights are
    *(0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
NOBODY = -1  # in the list of tokens: no focus


def choose(click: dict) -> None:
    """A click on a word puts it in focus; once more, and all keep their colour. One on a fibre cuts or explains it."""
    if edge := cuts.edge_at(click, state.scene()):
        cutting.touch(edge, state.scene().cutting)
    elif click["customdata"] is not None and int(click["customdata"]) < len(lighting.tokens(state.scene())):
        focus = int(click["customdata"])
        state.turn(focus=None if focus == state.scene().focus else focus)


def light(words: Words) -> None:
    rising.rise()
    scene = state.scene()
    switchboard.in_step(scene)
    if scene.pinned:
        comparison.differs(scene, words)
    elif not stacks.kinds(scene):
        controls.without_first(scene, words)
    controls.attention_of(scene, words)
    with st.container(key="fibres-main"), live_figure.together("fibres"):
        _scene_controls(scene, words)
        _twin_controls(scene, words)
        if scene.cutting and not stacks.count(scene) > 1:
            cutting.choose(scene, words)
        if not scene.pinned:
            height = pictures.twin_height(scene)
            figure.picture(pictures.light, scene, words, key="fibres", height=pictures.HEIGHT, on_click=choose)
            figure.picture(pictures.twin, scene, words, key="fibres-twin", height=height, on_click=choose)
            if cuts.is_cut_here(scene):
                title = words("cut.title")
                figure.picture(cuts.lost, scene, words, key="fibres-lost", height=cuts.bars_height(scene), title=title)
    shell.notices(words, "last_key")
    if scene.pinned:
        _compared(scene, words)
    explanation.draw("fibres", words)


def _compared(scene: Scene, words: Words) -> None:
    """The light as it was when pinned, the light as it is, and what one head's weights gained and lost."""
    alike, height = pinned.alike(scene, heads=True), compare.LIGHT_HEIGHT
    builders = (compare.pinned_light, compare.present_light, compare.twin_difference)
    comparison.row(scene, words, builders, key="fibres", height=height, alike=alike, on_click=choose)


def _scene_controls(scene: Scene, words: Words) -> None:
    label, now = words("fibres.threshold"), scene.threshold
    controls.choice_slider(label, "threshold", THRESHOLDS, now, text=words.number, turn=state.turn, look="threshold")
    rising.knobs(scene, words)


def _twin_controls(scene: Scene, words: Words) -> None:
    found, tokens = stacks.looks(scene), lighting.tokens(scene)
    does = {False: words("cut.explains"), True: words("cut.cuts")}
    is_on = scene.cutting and not found.kind
    controls.segments(words("cut.click"), "cutting", (False, True), is_on, does.__getitem__, disabled=bool(found.kind))
    controls.head(found.config, found.place, words)
    focus, named = pictures.focus(scene), choices(tokens, words)
    controls.select(
        words("fibres.focus"),
        "focus",
        range(NOBODY, len(tokens)),
        NOBODY if focus is None else focus,
        lambda p: words("fibres.all") if p == NOBODY else named[p],
        turn=lambda focus: state.turn(focus=None if focus == NOBODY else focus),
    )


def page(scene: Scene, words: Words) -> None:
    st.fragment(run_every=rising.every())(light)(words)


shell.Page("fibres", page, (attention, attention_scores, softmax), beats=rising.every).open()
