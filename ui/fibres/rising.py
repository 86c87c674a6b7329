"""The light that rises from layer to layer by itself, by a timer that the page has meanwhile."""

from __future__ import annotations

from time import monotonic

import streamlit as st

from core import Scene
from pictures import fibres, lighting
from pictures.words import Words
from ui import controls, state

STEP = 1.0  # seconds that a layer has to itself while the light rises
DUE = "fibres.due"  # session state while it rises: when the next layer is lit. What is lit, the Scene says


def every() -> float | None:
    """Seconds after which the page is drawn again by itself; None while the light stands still."""
    return STEP if DUE in st.session_state else None


def rise() -> None:
    """Light one layer more, if it is time. The last one ends it: a whole run takes the timer away."""
    if monotonic() < st.session_state.get(DUE, float("inf")) - 0.2 * STEP:  # a timer may come a little early
        return
    scene = state.scene()
    higher = fibres.lit(scene) + 1
    if higher < lighting.layers(scene):
        st.session_state[DUE] = monotonic() + STEP
        with state.one_move(DUE):
            state.turn(layers_lit=higher)
    else:
        del st.session_state[DUE]
        with state.one_move(DUE):
            state.turn(layers_lit=None)
        st.rerun()


def knobs(scene: Scene, words: Words) -> None:
    """How many layers are lit, and the button that begins in the dark or stops."""
    rising, lit, n_layers = every() is not None, fibres.lit(scene), lighting.layers(scene)
    if rising:  # a slow browser would answer each tick with the slider's last value, and hold the light back
        with st.container(key="rising"):
            st.progress(lit / n_layers, words("fibres.rising", lit=lit, n=n_layers))
    else:
        controls.slider(words("fibres.lit"), "layers_lit", 0, n_layers, 1, lit, look="lit")
    name, icon = ("stop", "stop") if rising else ("play", "play_arrow")
    more = {"icon": f":material/{icon}:", "help": words("fibres.play_help"), "width": "stretch"}
    if st.button(words(f"fibres.{name}"), key="play", on_click=_play, **more):
        st.rerun()  # a timer begins and ends with a whole run


def _play() -> None:
    """Begin in the dark, or stop where the light is."""
    if st.session_state.pop(DUE, None) is None:
        st.session_state[DUE] = monotonic() + STEP
        with state.one_move(DUE):
            state.turn(layers_lit=0)
