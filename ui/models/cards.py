"""The cards: what a model is, a button that makes it the story of every page, a link to give to a class, a check."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core import PRESETS, Scene
from core.library import LIBRARY, Real
from core.presets import find, living
from core.weights import Card
from pictures import display_names, lessons, refusals
from pictures import models as pictures
from pictures.words import Words
from ui import presets, shell, state
from ui.lessons import bar
from ui.live import menu

BROUGHT = "models.brought"  # session state: a model was, and its card is not drawn yet
CHECKED = "models.checked"  # session state: the model whose weights were just checked


def shipped(words: Words) -> None:
    """The models that come with Fibra."""
    shell.say(words("models.shipped"), "step")
    with st.container(key="models-shipped"):
        for name in pictures.shipped():
            with st.container(border=True):
                shell.say(display_names.called(name, PRESETS[name], words), "step")
                st.html(pictures.table(pictures.rows_of_shipped(name, words)))
                _use(name, words)


def here(words: Words) -> None:
    """The models that this session brought, and those below the server's folder, the refused ones too."""
    st.session_state.pop(BROUGHT, None)
    shell.say(words("models.here"), "step")
    cards = _brought() + LIBRARY.cards()
    if not cards:
        shell.say(words("models.empty" if LIBRARY.root else "models.none", variable="FIBRA_MODELS"), "about")
    with st.container(key="models-cards"):
        for card in cards:
            with st.container(border=True):
                _card(card, words)


def _brought() -> list[Card]:
    """What this session holds, and what is shown: a reload begins a session that holds nothing else."""
    scene, held = state.scene(), dict(state.models())
    for name in (scene.model, scene.pinned.model if scene.pinned else ""):
        held |= {name: model} if (model := living(name)) else {}
    return [model.card for model in held.values() if isinstance(model, Real)]


def _card(card: Card, words: Words) -> None:
    shell.say(card.title, "step")
    if card.problem:
        shell.say(words("models.refused", problem=refusals.told(card.problem, words)), "notice")
        return
    st.html(pictures.table(pictures.rows_of(card, words)))
    if warned := pictures.warned(card, words):
        shell.say(warned, "notice")
    _use(card.name, words)
    st.button(words("models.check"), key=f"check-{card.name}", on_click=_check, args=(card.name,), width="stretch")
    if st.session_state.get(CHECKED) == card.name and (model := find(card.name)):
        says, whole = pictures.wholeness(model.learned, words)
        shell.say(says, "says" if whole else "notice")


def _check(name: str) -> None:
    """Have the weights of a model read whole, at the next run."""
    st.session_state[CHECKED] = name


def _use(name: str, words: Words) -> None:
    """Make it the story; once it is, the ways to look at it, and the link that brings a class there."""
    if state.scene().model != name:
        label, told = words("models.use"), {"on_click": presets.open_preset, "args": (name,)}
        if st.button(label, key=f"use-{name}", type="primary", width="stretch", **told):
            st.rerun()  # the sidebar says the story too
        return
    shell.say(words("models.used"))
    for page in ("attention", "heads", "drift"):
        menu.link(page, words)
    lesson = lessons.find(lessons.OF_ANY_MODEL, words.lang)
    if lesson and lesson.scene(0, state.scene()).model == name:
        label = words("models.lesson", title=lesson.title)
        if st.button(label, key="models-lesson", on_click=bar.go, args=(0, lesson.name), width="stretch"):
            st.rerun()  # the whole page follows
    shell.say(words("models.link"), "about")
    st.code(address(state.scene()), language=None, wrap_lines=True)


def address(scene: Scene) -> str:
    """The query that opens a Scene on any page of this server."""
    return f"/attention?{urlencode(lessons.shortened(scene.turn(explained=()).to_query()))}"
