"""Tokens that a page is asked for by their ids, and that the model which it shows has not, or has no use for."""

from __future__ import annotations

from typing import Any

from core import Notice, Scene
from core.scene.fields import FORCED
from core.scene.fitting import MISPLACED
from pictures import loss_choice
from ui import state

IDS = {  # of a page: the fields that name a token each, or a token at each of some positions
    "backward": ("loss_token",),
    "cause": ("cause_word", "cause_rival"),
    "generate": ("forced",),
    "translate": ("words_forced",),
}


def known(page: str, scene: Scene, size: int) -> Scene:
    """The Scene without tokens outside a vocabulary of this size, which an address had brought, and without one that is
    to be right where none is chosen: that is then said."""
    for name in IDS.get(page, ()) if state.addressed() else ():
        asked = getattr(scene, name)
        if (kept := _inside(asked, size)) != asked:
            wrong = str(asked) if kept is None else FORCED.write(tuple(row for row in asked if row not in kept))
            state.let_go(Notice("default", name, wrong, f"0..{size - 1}"), **{name: kept})
    shown = state.scene()
    if page == "backward" and shown.loss_token is not None and not loss_choice.chooses_right(shown):
        state.let_go(Notice(MISPLACED, "loss_token", str(shown.loss_token), ""), loss_token=None)
    return state.scene()


def _inside(asked: Any, size: int) -> Any:
    """What is left of a token, or of a row for each position."""
    if isinstance(asked, tuple):
        return tuple(row for row in asked if row[1] < size)
    return asked if asked is None or asked < size else None
