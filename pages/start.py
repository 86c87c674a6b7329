"""Start: choose a preset, and see the whole Transformer as one strip from what goes in to what comes out."""

from __future__ import annotations

from urllib.parse import parse_qsl

import streamlit as st

from core import Scene, reference
from core.interpret import each_stage, token_norms
from core.model import block, embed, forward, unembed
from pictures import start as pictures
from pictures.lessons import expanded
from pictures.pages import PAGES
from pictures.words import Words
from ui import comparison, explanation, presets, shell, state
from ui.live import doors, strip

OPENING = "start.opening"  # the page that a click asked for


def follow(address: str, head: int | None) -> None:
    """A link of the strip: its address holds a Scene, and the page that it opens unless that is this one."""
    page, _, query = address.partition("?")
    scene, _ = Scene.from_query(expanded(dict(parse_qsl(query, keep_blank_values=True))))
    if not page and scene.model != state.scene().model:
        presets.open_preset(scene.model)
        return
    scene = scene if head is None else scene.turn(head=head)
    state.show(scene.turn(sentence=state.own().sentence) if page else scene)  # the strip may not know yet what is typed
    if page in PAGES:
        st.session_state[OPENING] = page


def explain(array: str, head: int | None, x: float, y: float) -> None:
    """A click on a thumbnail while numbers are explained: the number there."""
    if number := pictures.number_at(state.scene(), array, head, x, y):
        state.turn(explained=(number,))


def enter(door: str) -> None:
    """A first visitor takes a door: the tour begins on the penguins, the lessons are a page, and free play is here."""
    if door == "lessons":
        st.session_state[OPENING] = "lessons"
    elif door == "show" and state.scene().model != Scene().model:
        presets.open_preset(Scene().model)


def page(scene: Scene, words: Words) -> None:
    if OPENING in st.session_state:
        st.switch_page(f"pages/{st.session_state.pop(OPENING)}.py", query_params=state.query())
    comparison.elsewhere(scene, words)
    html = f"{pictures.lit(scene)}{pictures.cards(scene, words)}{pictures.html(scene, words)}"
    doors.draw(words, enter)
    strip.show(html, key="start-strip", follow=follow, number=explain if scene.explained else None)
    shell.say(pictures.says(scene, words))
    explanation.draw("start", words)


shell.Page(
    "start",
    page,
    (forward, embed, block, unembed, each_stage, token_norms),
    plain=(reference.forward, reference.block),
).open()
