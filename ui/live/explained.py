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


def show(html: str, *, follow: Callable[[str], None]) -> None:
    """Draw it. `follow` is called with the way that the link says, "" for none."""
    if _CARD is None or os.environ.get("FIBRA_PLAIN_FIGURES") == "1":
        st.html(f'<div class="fibra-explained">{html}</div>')
    else:
        _CARD(key=KEY, data={"html": html}, on_open_change=partial(_followed, follow))


def _followed(follow: Callable[[str], None]) -> None:
    if click := compat.once(KEY, "open"):
        follow(click["way"])
