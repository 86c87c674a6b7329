"""The stories: what a Scene's model is called, and how a reader comes from one to another."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import PRESETS, Notice, Preset, Scene
from core.sentence import fit_sentence
from ui import state
from ui.words import Words

RICH = "gpt"  # it has every part, and several heads
AS_IT_OPENS = {"overrides": (), "edits": (), "ablated": (), "off": (), "temperature": 1.0}


def called(model: str, preset: Preset, words: Words) -> str:
    """The name of `model`, whose description is `preset`; two runs of one title are told apart."""
    if model in PRESETS:
        return words(f"shell.stories.{model}")
    return words("shell.stories_trained", title=preset.title, name=model[-4:])


def richer(scene: Scene, words: Words, page: str) -> None:
    """Where the Scene's model has little of what `page` shows, a sentence says so, beside the way to one with more."""
    config = scene.config
    alone = config.n_layers * config.n_heads == 1
    bare = not config.d_mlp and config.norm == "none" and config.positions == "none" and not config.residual
    if scene.model == RICH or not (bare if page == "block" else alone):
        return
    story = called(RICH, PRESETS[RICH], words)
    with st.container(key="page-richer", horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="fibra-about">{escape(words(f"shell.richer.{page}", story=story))}</p>')
        st.button(words("shell.richer.go", story=story), key="richer", on_click=tell, args=(RICH,))


def told(scene: Scene, model: str) -> tuple[Scene, Notice | None]:
    """The story `model` as it opens, looked at as `scene` is; of the reader's own sentence, and what was cut of it."""
    sentence, cut = fit_sentence(scene.sentence, scene.split, model)
    story = scene.turn(model=model, sentence=sentence, **AS_IT_OPENS)
    return (story.turn(sentence="") if sentence == story.preset.sentence else story), cut


def tell(model: str) -> None:
    """Go to a story: by the list, by a card, by a button."""
    story, cut = told(state.scene(), model)
    state.show(story)
    if cut:
        state.notify(cut)
