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
from ui import controls, figure, on_demand, state
from ui.live import live_figure

ABLATIONS = on_demand.Work("reading.ranked", ablation.measured, ablation.parts, ablation.cost, ablation.measured.has)
KEYS = on_demand.Work(
    "reading.without_key", importance.measured, importance.parts, importance.cost, importance.measured.has
)
SENTENCES = on_demand.Work(
    "reading.over", habits.scores, lambda scene: [(one,) for one in habits.parts(scene)], None, habits.scores.has
)
Click = Callable[[dict[str, Any]], None]


def effects(scene: Scene, words: Words) -> None:
    """What the output loses without each head; of a large model once it was asked for."""
    height, click = map_height(scene), controls.choose_head
    _asked(ABLATIONS, "reading-asked", reading.effects, scene, words, height, click)


def ranks(scene: Scene, words: Words) -> None:
    """The strongest heads; what is asked for above the map of effects gives them too."""
    _waiting(ABLATIONS, ranked.ranked, scene, words, ranked.height(scene), choose_rank)


def keys(scene: Scene, words: Words) -> None:
    """The chosen token measured three ways, one of which is to leave its keys out; of a long text once that was asked
    for."""
    _asked(KEYS, "reading-keys", importance.importance, scene, words, importance.square_height(scene), None)


def weights(scene: Scene, words: Words) -> None:
    """Weight against value and effect; what is asked for above gives the effects too."""
    _waiting(KEYS, weighed.weighed, scene, words, weighed.HEIGHT, None)


def sentences(scene: Scene, words: Words) -> None:
    """What the heads do over many sentences, of a model that has learned some."""
    if not habits.offered(scene):
        return
    if not on_demand.ready(SENTENCES, scene, words("reading.steps.held"), words):
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


def _asked(
    work: on_demand.Work,
    place: str,
    builder: compute.Builder,
    scene: Scene,
    words: Words,
    height: int,
    on_click: Click | None,
) -> None:
    """A picture; or in its place what asks for the work behind it."""
    if on_demand.is_ready(work, scene):
        _picture(builder, scene, words, height, on_click)
        return
    with st.container(key=place):
        if on_demand.ready(work, scene, words(f"reading.steps.{builder.__name__}"), words):  # another reader's was
            _picture(builder, scene, words, height, on_click)


def _waiting(
    work: on_demand.Work, builder: compute.Builder, scene: Scene, words: Words, height: int, on_click: Click | None
) -> None:
    """A picture; or the word that the work which another one asks for gives it too."""
    if on_demand.is_ready(work, scene):
        _picture(builder, scene, words, height, on_click)
        return
    name = builder.__name__
    comes = escape(words("shell.comes" if work.unasked(scene) else f"{work.name}.waits"))
    title = live_figure.heading(words(f"reading.steps.{name}"))
    live_figure.write(f'{title}<p class="fibra-about">{comes}</p>', key=f"reading-{name}-waits")


def _picture(builder: compute.Builder, scene: Scene, words: Words, height: int, on_click: Click | None) -> None:
    name = builder.__name__
    title = words(f"reading.steps.{name}")
    figure.picture(builder, scene, words, key=f"reading-{name}", height=height, title=title, on_click=on_click)
