"""Before a class: type and pictures 1.4 times as large, no menu, and one picture at a time, by keyboard or presenter.

Which picture it is, is turned in the browser; the Scene hears of it, so that a link opens there.
"""

from __future__ import annotations

import streamlit as st

from core import Scene
from core.limits import TOKENS
from pictures.words import Words
from ui import state
from ui.live import compat

_PROJECTOR = compat.component_of("projector", "button", "projector", private=("guard", "run"))
LABELS = ("title", "previous", "next", "blank", "leave", "page", "dark")
KEY = "projector"


def offer(words: Words) -> None:
    """The button that begins, where the browser can have it."""
    if _PROJECTOR is not None:
        opened = {"icon": ":material/present_to_all:", "width": "stretch", "on_click": begin}
        compat.call(st.button, words("projector.open"), key="projector-open", help=words("projector.help"), **opened)


def begin() -> None:
    """On the whole page. In a widget's callback; no move of the reader's own, to be undone."""
    state.follow(projector=0)


def draw(scene: Scene, words: Words) -> None:
    """Where the Scene is shown to a class, the bar that leads from picture to picture."""
    if _PROJECTOR is not None and scene.projector is not None:
        labels = {name: words(f"projector.{name}") for name in LABELS}
        _PROJECTOR(key=KEY, data={"at": scene.projector, "labels": labels}, on_turn_change=_turned)


def _turned() -> None:
    """The browser shows another picture, or none any more: null."""
    match st.session_state.get(KEY, {}).get("turn"):
        case [int(at), int(_)] if at >= 0:
            state.follow(projector=min(at, TOKENS))
        case [None, int(_)]:
            state.follow(projector=None)
