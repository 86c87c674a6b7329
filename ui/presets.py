"""How a reader comes from one preset to another: by a list, by a card, by a button."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import PRESETS, Notice, Scene
from core.library import LIBRARY
from core.presets import find
from core.scene.switch import with_model
from pictures import display_names, stacks
from pictures.words import Words
from ui import state
from ui.live import menu
from ui.said import say

RICH = "gpt"  # it has every part, and several heads


def richer(scene: Scene, words: Words, page: str) -> None:
    """Where the Scene's model has little of what `page` shows, a sentence says so, beside the way to one with more."""
    config = scene.config
    alone = config.n_layers * config.n_heads == 1
    bare = not config.d_mlp and config.norm == "none" and config.positions == "none" and not config.residual
    if scene.model == RICH or not (bare if page == "block" else alone):
        return
    name = display_names.called(RICH, PRESETS[RICH], words)
    with st.container(key="page-richer", horizontal=True, vertical_alignment="center"):
        say(words(f"shell.richer.{page}", story=name), "about")
        st.button(words("shell.richer.go", story=name), key="richer", on_click=open_preset, args=(RICH,))


def stand_in(scene: Scene, other: Scene, words: Words, said: str = "shell.stand_in") -> Any:
    """Where another model is shown, for the reader's has no logits: say whose it is; a button turns to that one.

    said: the label that says so. Gives the place beneath the sentence, for what else there is to say; None where the
    reader's own model is shown.
    """
    if other.model == scene.model:
        return None
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        own, shown = (display_names.called(one.model, one.preset, words) for one in (scene, other))
        say(words(said, story=own, other=shown), "stand-in")
    right.button(words("generate.switch"), key="switch", on_click=open_preset, args=(other.model,), width="stretch")
    return left


def beginning(scene: Scene, shown: Scene, words: Words) -> None:
    """Where a page shows the beginning of the reader's text alone: say how much of it."""
    n, of = len(shown.tokens), len(scene.tokens)
    if shown.model == scene.model and n < of and scene.text.startswith(shown.text):
        say(words("shell.beginning", n=n, of=of), "about")


def stacks_differ(page: str, words: Words) -> None:
    """Where another model stands in because the reader's has one stack too many or too few, say so.

    Beside it: the page that shows two.
    """
    own, other = state.own(), state.scene()
    with st.container():  # also where there is nothing to say: what follows keeps its place
        if own.model != other.model:
            story, stands_in = (display_names.called(one.model, one.preset, words) for one in (own, other))
            said = words(
                "shell.two_stacks" if stacks.count(own) > 1 else f"{page}.stand_in", story=story, other=stands_in
            )
            with st.container(key="page-two-stacks", horizontal=True, vertical_alignment="center"):
                say(said, "stand-in")
                if stacks.count(own) > 1:
                    menu.link("translate", words)


def open_preset(model: str) -> None:
    """Show `model` as it opens, and of the reader's sentence what fits it.

    One of the server's folder may turn out to be of no use, or to have been taken away, only now that it is opened:
    then all stays, and it is said.
    """
    card = LIBRARY.offered().get(model)
    if find(model) is None:
        code = "unopened" if card and card.path.exists() else "removed"
        state.notify(*state.notices(), Notice(code, "model", card.title if card else model, ""))
        return
    scene, cut = with_model(state.scene(), model)
    state.show(scene)
    if cut:
        state.notify(cut)
