"""Which challenge is played: begun on its own Scene, given up for its solution, and the heads that were named."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core import Notice, Scene
from core.challenges import CHALLENGES
from pictures.challenges import Picks
from ui import state
from ui.address import PICKS, SOLVED, TOLD


def known(scene: Scene) -> Scene:
    """The Scene without a challenge that there is not, which is then said."""
    if scene.challenge and scene.challenge not in CHALLENGES:
        state.let_go(Notice("default", "challenge", scene.challenge, ", ".join(CHALLENGES)), challenge="")
    return state.scene()


def begin(name: str) -> None:
    """A challenge anew, on its own Scene."""
    st.session_state.get(PICKS, {}).pop(name, None)
    st.session_state.get(TOLD, set()).discard(name)
    state.show(replace(CHALLENGES[name].scene, challenge=name, **state.reading()))


def show(name: str) -> None:
    """The Scene of a solution; from then on nobody earns stars by it in this session."""
    st.session_state.setdefault(SOLVED, set()).add(name)
    challenge = CHALLENGES[name]
    if challenge.kind == "find":
        st.session_state.setdefault(TOLD, set()).add(name)
    state.show(replace(challenge.solution, challenge=name, **state.reading()))


def told(name: str) -> bool:
    """Whether the head that a challenge seeks stands on the page, found by nobody."""
    return name in st.session_state.get(TOLD, ())


def named(name: str) -> Picks:
    """The heads that were named in a challenge so far."""
    return st.session_state.setdefault(PICKS, {}).setdefault(name, [])


def name_head(name: str, place: tuple[int, int]) -> None:
    """The reader names a head in a challenge: the address says so, for who comes back after a reload."""
    if place not in named(name):
        named(name).append(place)
        state.write_url()
