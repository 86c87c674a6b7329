"""The stories: what a Scene's model is called, and how a reader comes from one to another."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import PRESETS, Scene
from core.scene.story import told
from pictures import display_names
from pictures.words import Words
from ui import state

RICH = "gpt"  # it has every part, and several heads


def richer(scene: Scene, words: Words, page: str) -> None:
    """Where the Scene's model has little of what `page` shows, a sentence says so, beside the way to one with more."""
    config = scene.config
    alone = config.n_layers * config.n_heads == 1
    bare = not config.d_mlp and config.norm == "none" and config.positions == "none" and not config.residual
    if scene.model == RICH or not (bare if page == "block" else alone):
        return
    story = display_names.called(RICH, PRESETS[RICH], words)
    with st.container(key="page-richer", horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="fibra-about">{escape(words(f"shell.richer.{page}", story=story))}</p>')
        st.button(words("shell.richer.go", story=story), key="richer", on_click=tell, args=(RICH,))


def tell(model: str) -> None:
    """Go to a story: by the list, by a card, by a button."""
    story, cut = told(state.scene(), model)
    state.show(story)
    if cut:
        state.notify(cut)
