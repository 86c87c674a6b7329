"""The line at the top of a page whose run is patched; and Cause's button, which opens the run of a cell."""

from __future__ import annotations

import streamlit as st

from core import Scene
from core.scene.fields import Patched
from pictures import patched
from pictures.pages import PAGES
from pictures.pair import Pair
from pictures.words import Words
from ui import state
from ui.live import menu
from ui.said import say


def sign(page: str, scene: Scene, words: Words) -> None:
    """While the reader's run is patched, the page says with what, or that it shows the run without it, and why; beside
    a button that takes it out. scene: what the page shows of the reader's own, where that is its model."""
    own = state.own()
    if own.patch is None or own.model != scene.model:
        return
    if scene.patch:
        said = patched.says(own, words)
    else:
        said = words("patch.not_here", what=patched.called(own, words), why=words(f"patch.why.{page}"))
    with st.container(key="patch-sign", horizontal=True, vertical_alignment="center"):
        say(said, "notice")
        st.button(words("patch.take_out"), key="patch-out", on_click=_take_out)


def _take_out() -> None:
    state.show(patched.closed(state.own()))


def offer(scene: Scene, words: Words) -> None:
    """On Cause: the run of the chosen cell, to be opened on every page; where it is open, the pages that compare it."""
    pair, own = Pair.of(scene), state.own()
    if not pair.alike:  # there is no map
        return
    part = patched.part_of(scene.explained[-1]) if scene.explained else None
    with st.container(key="cause-open", horizontal=True, vertical_alignment="center"):
        if own.patch and own.model == scene.model and part in (None, own.patch):
            say(words("patch.open_now", what=patched.called(own, words)), "about")
            for name, page in PAGES.items():
                if page.compares and page.patched:
                    menu.link(name, words)
            return
        if part is None:
            say(words("patch.choose"), "about")
            return
        found = patched.opened(scene, part)
        if found is None:
            say(words("patch.unreachable"), "about")
            return
        about = {"what": patched.name(pair.target, part, words), "source": pair.source.text, "target": pair.target.text}
        say(words("patch.chosen", **about), "about")
        st.button(words("patch.open"), key="patch-open", icon=":material/open_in_new:", on_click=_open, args=(part,))


def _open(part: Patched) -> None:
    if found := patched.opened(state.scene(), part):
        state.show(found)
