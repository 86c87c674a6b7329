"""The switchboard: every part of the model behind a switch, in one place on every page; and a sign while any is off."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import Scene
from ui import compat, controls, state, switched
from ui.words import Words

SIGN = "fibra.sign"  # what the sign on the page says is off
TURNED = "fibra.switched"  # a switch was turned, and the page does not show it yet
TEMPERATURES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@st.fragment
def board(words: Words) -> None:
    """A button that opens the switches. Only while it is open are they drawn, and what each one does computed."""
    if st.session_state.pop(TURNED, False):
        st.rerun()
    options = {"icon": ":material/tune:", "key": "switches", "on_change": "rerun", "width": "stretch"}
    box = compat.call(st.popover, words("switches.title"), **options)
    if getattr(box, "open", None) is False:
        return
    with box:
        scene = state.scene()
        st.html(f'<p class="fibra-about">{escape(words("switches.lead"))}</p>')
        moved = switched.changed(scene)
        for part in switched.offered(scene):
            _switch(scene, part, part in moved, words)
        _temperature(scene, words)
        _heads(scene, words)


def _switch(scene: Scene, part: str, moved: bool, words: Words) -> None:
    key = controls.feed(f"switch-{part}", scene.runs(part))
    st.toggle(words(f"switches.names.{part}"), key=key, on_change=_turn, args=(part,))
    says = f'<p class="fibra-about">{escape(words(f"switches.expect.{part}"))}</p>'
    if moved:
        says += f'<p class="fibra-says">{escape(switched.happened(scene, part, words))}</p>'
    st.html(says)


def _temperature(scene: Scene, words: Words) -> None:
    key = controls.feed("switch-temperature", scene.temperature)
    options = sorted({*TEMPERATURES, scene.temperature})
    label, text = words("attention.temperature"), words.short
    st.select_slider(label, options, format_func=text, key=key, on_change=_set, args=("temperature", key))
    st.html(f'<p class="fibra-about">{escape(words("switches.expect.temperature"))}</p>')


def _heads(scene: Scene, words: Words) -> None:
    key = controls.feed("switch-heads", list(scene.ablated))
    places = [(layer, head) for layer in range(scene.config.n_layers) for head in range(scene.config.n_heads)]

    def name(place: tuple[int, int]) -> str:
        return words("heads.place", layer=place[0], head=place[1])

    empty = words("switches.no_heads")
    st.multiselect(
        words("switches.heads"),
        places,
        format_func=name,
        key=key,
        on_change=_set,
        args=("ablated", key),
        placeholder=empty,
    )
    st.html(f'<p class="fibra-about">{escape(words("switches.expect.heads"))}</p>')


def sign(scene: Scene, words: Words) -> None:
    """While anything is off, the page says what, beside a button that puts all of it back."""
    st.session_state[SIGN] = _off(scene)
    if not any(_off(scene)):
        return
    names = [words(f"switches.names.{part}") for part in scene.missing]
    if scene.ablated:
        names.append(words("switches.heads_off", n=len(scene.ablated)))
    with st.container(key="switches-sign", horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="fibra-notice">{escape(words("switches.sign", names=words.several(names)))}</p>')
        st.button(words("switches.restore"), key="switches-restore", on_click=_restore)


def in_step(scene: Scene) -> None:
    """In a fragment whose switches may make the sign wrong: run the whole page again if they did."""
    if _off(scene) != st.session_state[SIGN]:
        st.rerun()


def _off(scene: Scene) -> tuple:
    return scene.missing, scene.ablated


def _turn(part: str) -> None:
    state.switch(**{part: st.session_state[f"switch-{part}"]})
    st.session_state[TURNED] = True


def _set(field: str, key: str) -> None:
    value = st.session_state[key]
    state.turn(**{field: tuple(value) if field == "ablated" else value})
    st.session_state[TURNED] = True


def _restore() -> None:
    state.show(state.scene().restored())
