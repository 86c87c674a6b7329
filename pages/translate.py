"""Translate: an encoder reads a sentence, a decoder writes it in another language, and between them fibres cross."""

from __future__ import annotations

import streamlit as st

from core import Scene
from core.generate.beam import beam_search
from core.generate.loop import generate
from core.generate.sampling import Distribution
from core.interpret import alignment_score
from core.model import forward
from core.scene.translation import Translated, translate
from pictures.translate import draw, fibres
from pictures.translate import text as texts
from pictures.words import Words
from ui import comparison, explanation, figure, shell, state, switchboard
from ui.fragments import Fragments
from ui.live import live_figure
from ui.translate import knobs

TWO = Fragments("translate", ("beam.",))


def look(words: Words) -> None:
    """The fibres and the map, the walk and what is looked at; then the next word, and every head."""
    TWO.in_step(whole=False)
    scene = state.scene()
    switchboard.in_step(scene)
    text = texts.translated(scene)
    if text is None:
        shell.say(words("translate.broken"))
        return
    with st.container(key="translate-look"), live_figure.together("translate-look"):
        _picture(fibres.fibres, scene, words, fibres.HEIGHT)
        knobs.walk(scene, text, words)
        knobs.looks(scene, text, words)
        _picture(fibres.board, scene, words, fibres.MAP_HEIGHT)
    _inside(scene, text, words)
    explanation.draw("translate", words)


def _inside(scene: Scene, text: Translated, words: Words) -> None:
    """What the decoder says at this place, and how each head looks."""
    left, right = st.columns(2, gap="medium")
    with left:
        knobs.force_list(scene, text, words)
        _picture(draw.choices, scene, words, draw.height(scene), knobs.force)
    with right:
        _picture(fibres.heads, scene, words, fibres.HEADS_HEIGHT, knobs.choose_head)


@st.fragment
def search(words: Words) -> None:
    """Several translations at once, as a tree."""
    TWO.in_step(whole=True)
    scene = state.scene()
    if texts.translated(scene) is None:
        return
    with st.container(key="translate-search"):
        knobs.width(scene, words)
        figure.picture(
            draw.beams,
            scene,
            words,
            key="translate-tree",
            height=draw.tree_height(scene),
            title=words("translate.tree"),
        )


def _picture(builder, scene: Scene, words: Words, height: int, on_click=None) -> None:
    name = builder.__name__
    title = words(f"translate.{name}")
    figure.picture(builder, scene, words, key=f"translate-{name}", height=height, title=title, on_click=on_click)


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(state.own(), words)
    TWO.begin()
    knobs.CLOCK.enter()
    knobs.CLOCK.play(look, words)
    search(words)
    if texts.into(scene):
        knobs.vocabulary(words)


shell.Page(
    "translate",
    page,
    (translate, generate, Distribution, forward, beam_search, alignment_score),
    beats=knobs.CLOCK.runs,
).open()
