"""Cutting fibres: by a click, by a list for the keyboard, and all of them whole again."""

from __future__ import annotations

import streamlit as st

from core import Notice, Scene
from core.interventions import Edge
from pictures import cuts
from pictures.words import Words
from ui import controls, state


def touch(edge: Edge, cutting: bool = True) -> None:
    """What a click on a fibre does: it is cut, or else its weight explained."""
    scene, (layer, *place) = state.scene(), edge
    if not cutting:
        state.turn(explained=((f"blocks.{layer}.attn.pattern", tuple(place)),))
    elif scene.can_cut(edge):
        state.turn(cut={*scene.cut, edge})
    else:
        state.notify(Notice("last_key", "cut", scene.tokens[edge[2]], ""))


def choose(scene: Scene, words: Words) -> None:
    """Which fibres are cut, in a list, and a button that mends them."""
    edges = cuts.to_choose(scene)
    mount = controls.feed("fibres-cut", [*scene.cut], (words.lang, *edges))
    look = {"format_func": lambda edge: cuts.name(edge, scene, words), "placeholder": words("cut.none")}
    controls.several(mount, [*scene.cut], _cut, words("cut.list"), edges, mount.value, **look)
    mend = {"disabled": not scene.cut, "width": "stretch", "icon": ":material/healing:"}
    st.button(words("cut.mend"), key="mend", on_click=_cut, args=([],), **mend)


def _cut(edges: list[Edge]) -> None:
    state.turn(cut=tuple(sorted(edges)))
