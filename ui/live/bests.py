"""The challenges as cards, each with the most stars that were earned in this browser, which alone remembers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from ui.live import compat

_BESTS = compat.component_of("bests", "button", "bests", private=("guard",))


def cards(groups: Sequence[dict[str, Any]], chosen: str, words: dict[str, str], opened: Callable[[str], None]) -> None:
    """Draw `groups` {"title", "cards": [{"name", "title"}]}; `opened` is called with the name of a card.

    words: what is said of the stars (`stars`, with {n} in it) and of none (`none`); of the chosen one's line, what
    unfolds the list (`all`), and the one that follows (`next`, with {title} in it). Plain buttons stand in.
    """
    if not compat.usable(_BESTS):
        for card in (card for group in groups for card in group["cards"]):
            st.button(card["title"], key=f"challenge-{card['name']}", on_click=opened, args=(card["name"],))
        return
    data = {"groups": list(groups), "chosen": chosen, "words": words}
    _BESTS(key="bests", data=data, on_open_change=partial(_opened, opened))


def keep(name: str, stars: int) -> None:
    """Have the browser remember so many stars, where they are more than before."""
    if _BESTS is not None:
        _BESTS(key="bests-keep", data={"name": name, "stars": stars})


def _opened(opened: Callable[[str], None]) -> None:
    match compat.once("bests", "open"):
        case [str(name), int(_)]:
            opened(name)
