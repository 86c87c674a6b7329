"""The card that explains a number: HTML whose links lead from number to number.

The links are real addresses; a click is reported instead, so that the session goes on. Where no component can run, the
same HTML stands on the page, and its links load what they name.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import streamlit as st

from ui.live import compat

KEY = "explained"
_CARD = compat.component_of("explained", isolated=False)


def alive() -> bool:
    """Whether the card is a component, which hears of its links and lists."""
    return _CARD is not None and os.environ.get("FIBRA_PLAIN_FIGURES") != "1"


def show(html: str, *, follow: Callable[[str], None]) -> None:
    """Draw it. `follow` is called with the way that a link or a list says, "" for none."""
    if not alive():
        st.html(f'<div class="fibra-explained">{html}</div>')
    elif _CARD is not None:
        _CARD(key=KEY, data={"html": html}, on_open_change=partial(_followed, follow))


def _followed(follow: Callable[[str], None]) -> None:
    if click := compat.once(KEY, "open"):
        follow(click["way"])
