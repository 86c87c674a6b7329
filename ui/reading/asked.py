"""What Reading heads is asked for: the heads by what is lost without them, and what they do over many sentences."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from core import Scene
from pictures import compute, habits, ranked
from pictures.reading import map_height
from pictures.words import Words
from ui import controls, figure, on_demand, state
from ui.live import live_figure

RANKS = on_demand.Work("reading.ranked", ranked.measured)
SENTENCES = on_demand.Work("reading.over", habits.scores)
Click = Callable[[dict[str, Any]], None]


def ranks(scene: Scene, words: Words) -> None:
    """The strongest heads; of a large model once they were asked for."""
    title = words("reading.steps.ranked")
    with st.container():  # one place of the grid, whatever stands there
        if ranked.unasked(scene) or on_demand.ready(RANKS, ranked.parts(scene), title, words):
            _picture(ranked.ranked, scene, words, ranked.height(scene), choose_rank)


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
