"""What Reading heads is asked for: what is lost without each head, and what they do over many sentences."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from core import Scene
from pictures import ablation, compute, habits, importance, ranked, reading, weighed
from pictures.reading import map_height
from pictures.words import Words
from ui import controls, figure, on_demand, shell, state
from ui.live import live_figure

ABLATIONS = on_demand.Work("reading.ranked", ablation.measured)
KEYS = on_demand.Work("reading.without_key", importance.measured)
SENTENCES = on_demand.Work("reading.over", habits.scores)
Click = Callable[[dict[str, Any]], None]


def effects(scene: Scene, words: Words) -> None:
    """What the output loses without each head; of a large model once it was asked for."""
    parts = ablation.parts(scene)
    if ablation.unasked(scene) or on_demand.is_done(ABLATIONS, parts):
        _picture(reading.effects, scene, words, map_height(scene), controls.choose_head)
        return
    with st.container(key="reading-asked"):
        on_demand.ready(ABLATIONS, parts, words("reading.steps.effects"), words)


def ranks(scene: Scene, words: Words) -> None:
    """The strongest heads; what is asked for above the map of effects gives them too."""
    with st.container():
        if ablation.unasked(scene) or on_demand.is_done(ABLATIONS, ablation.parts(scene)):
            _picture(ranked.ranked, scene, words, ranked.height(scene), choose_rank)
        else:
            shell.say(words("reading.steps.ranked"), "step")
            shell.say(words("reading.ranked.waits"), "about")


def keys(scene: Scene, words: Words) -> None:
    """The chosen token measured three ways, one of which is to leave its keys out; of a long text once that was asked
    for."""
    parts = importance.parts(scene)
    if importance.unasked(scene) or on_demand.is_done(KEYS, parts):
        _picture(importance.importance, scene, words, importance.square_height(scene), None)
        return
    with st.container(key="reading-keys"):
        on_demand.ready(KEYS, parts, words("reading.steps.importance"), words)


def weights(scene: Scene, words: Words) -> None:
    """Weight against value and effect; what is asked for above gives the effects too."""
    with st.container():
        if importance.unasked(scene) or on_demand.is_done(KEYS, importance.parts(scene)):
            _picture(weighed.weighed, scene, words, weighed.HEIGHT, None)
        else:
            shell.say(words("reading.steps.weighed"), "step")
            shell.say(words("reading.without_key.waits"), "about")


def sentences(scene: Scene, words: Words) -> None:
    """What the heads do over many sentences, of a model that has learned some."""
    if not habits.offered(scene):
        return
    parts = [(one,) for one in habits.parts(scene)]
    if not on_demand.ready(SENTENCES, parts, words("reading.steps.held"), words):
        return
    with st.container(key="reading-over"), live_figure.together("reading-over"):
        _picture(habits.held, scene, words, map_height(scene), controls.choose_head)
        _picture(habits.ranged, scene, words, habits.height(scene), None)
    with st.expander(words("reading.over.which")):
        read = "".join(f"<li>{escape(text)}</li>" for text in habits.texts(scene))
        st.html(f'<ol class="fibra-about">{read}</ol>')


def choose_rank(click: dict[str, Any]) -> None:
    """The head whose bar this is."""
    order, row = ranked.ranks(state.scene()).order, round(float(click["y"]))
    if 0 <= row < min(len(order), ranked.MOST):
        layer, head = order[row]
        state.turn(layer=layer, head=head)


def _picture(builder: compute.Builder, scene: Scene, words: Words, height: int, on_click: Click | None) -> None:
    name = builder.__name__
    title = words(f"reading.steps.{name}")
    figure.picture(builder, scene, words, key=f"reading-{name}", height=height, title=title, on_click=on_click)
