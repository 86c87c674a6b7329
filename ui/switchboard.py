"""The switchboard: every part of the model behind a switch, in one place on every page; and a sign while any is off."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core import Scene
from core.interventions import Head
from pictures import stacks, switch_effects
from pictures.words import Words
from ui import controls, state
from ui.live import compat
from ui.said import say

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
        say(words("switches.lead"), "about")
        moved = switch_effects.changed(scene)
        for part in switch_effects.offered(scene):
            _switch(scene, part, part in moved, words)
        _temperature(scene, words)
        _heads(scene, words)


def _switch(scene: Scene, part: str, moved: bool, words: Words) -> None:
    mount, on = controls.feed(f"switch-{part}", scene.runs(part)), scene.runs(part)
    turn = partial(_turn, part)
    controls.draw(mount, on, turn, st.toggle, words(f"switches.names.{part}"), mount.value)
    says = f'<p class="fibra-about">{escape(words(f"switches.expect.{part}"))}</p>'
    if moved:
        says += f'<p class="fibra-says">{escape(switch_effects.happened(scene, part, words))}</p>'
    st.html(says)


def _temperature(scene: Scene, words: Words) -> None:
    options = sorted({*TEMPERATURES, scene.temperature})
    mount, label = controls.feed("switch-temperature", scene.temperature, (*options,)), words("attention.temperature")
    choice = (label, options, mount.value)
    turn = partial(_set, "temperature")
    controls.draw(mount, scene.temperature, turn, st.select_slider, *choice, format_func=words.short)
    say(words("switches.expect.temperature"), "about")


def _heads(scene: Scene, words: Words) -> None:
    there = stacks.every_head(scene)
    places = [*there, *(head for head in scene.ablated if head not in there)]  # off with all of cross-attention

    def name(place: Head) -> str:
        layer, head, *where = place
        own = ["decoder"] if stacks.count(scene) > 1 else []
        named = words("heads.place", layer=layer, head=head)
        return ", ".join((named, *(words(f"translate.kinds.{kind}") for kind in where or own)))

    off = list(scene.ablated)
    mount = controls.feed("switch-heads", off, (words.lang, *places))
    look = {"format_func": name, "placeholder": words("switches.no_heads")}
    turn = partial(_set, "ablated")
    controls.several(mount, off, turn, words("switches.heads"), places, mount.value, **look)
    say(words("switches.expect.heads"), "about")


def part(scene: Scene, name: str, words: Words, **look: Any) -> None:
    """The switch of one part, where a page sets it beside what it alters."""
    label = words(f"heads.{name}", rms=scene.whole.norm == "rms")
    controls.switch(label, name, scene.runs(name), turn=state.switch, **look)


def scaled_init(scene: Scene, words: Words, *, disabled: bool = False) -> None:
    """The switch that draws the first weights in such a size that numbers keep theirs, beside what it alters."""
    look = {"help": words("heads.scaled_help"), "disabled": disabled or scene.preset.trained}
    controls.switch(words("heads.scaled"), "init", scene.config.init == "scaled", turn=_scale_init, **look)


def _scale_init(init: bool) -> None:
    state.override(init="scaled" if init else "unit")


def is_signed(scene: Scene) -> bool:
    """Whether anything is off."""
    return any(_off(scene))


def sign(scene: Scene, words: Words) -> None:
    """While anything is off, the page says what, beside a button that puts all of it back."""
    st.session_state[SIGN] = _told(scene)
    if not is_signed(scene):
        return
    names = [words(f"switches.names.{part}") for part in scene.missing]
    if scene.ablated:
        names.append(words("switches.heads_off", n=len(scene.ablated)))
    if scene.cut:
        names.append(words("switches.cut", n=len(scene.cut)))
    with st.container(key="switches-sign", horizontal=True, vertical_alignment="center"):
        say(words("switches.sign", names=words.several(names)), "notice")
        st.button(words("switches.restore"), key="switches-restore", on_click=_restore)


def in_step(scene: Scene) -> None:
    """In a fragment whose switches may make what is said around it wrong: run the whole page again if they did."""
    if _told(scene) != st.session_state[SIGN]:
        st.rerun()


def _told(scene: Scene) -> tuple:
    """All that stands around the pictures: what is off, what is patched, and whether the story is as it opens:
    the sidebar tells."""
    own = state.own()
    return *_off(scene), own.patch, scene.patch, own.config == own.preset.config


def _off(scene: Scene) -> tuple:
    return scene.missing, scene.ablated, scene.cut


def _turn(part: str, on: bool) -> None:
    state.switch(**{part: on})
    st.session_state[TURNED] = True


def _set(field: str, value: Any) -> None:
    state.turn(**{field: tuple(sorted(value)) if field == "ablated" else value})
    st.session_state[TURNED] = True


def _restore() -> None:
    state.show(state.whole().restored())
