"""The questions of a page, side by side below its pictures: each leads to its Scene, and is asked there."""

from __future__ import annotations

from html import escape

import streamlit as st

from core import CHECKS
from core.checks import Check
from pictures import checks as pictures
from pictures.words import Words
from ui import state
from ui.checks import panel
from ui.live import compat
from ui.said import say

FIRST = 3  # of a page's questions stand there at once


def cards(page: str, words: Words) -> None:
    """The first few questions of a page, and the others once they are asked for."""
    if here := [check for check in CHECKS.values() if check.page == page]:
        with st.container(key="page-checks"):
            st.html(
                f'<p class="fibra-step">{escape(words("checks.heading"))}</p>'
                f'<p class="fibra-about">{escape(words("checks.lead"))}</p>'
            )
            with st.container(key="page-checks-first"):
                for check in here[:FIRST]:
                    _card(check, words)
            if others := here[FIRST:]:
                _others(others, words)


@st.fragment
def _others(checks: list[Check], words: Words) -> None:
    label = words("checks.more", n=len(checks))
    fold = compat.call(st.expander, label, icon=":material/quiz:", key="checks-more", on_change="rerun")
    if getattr(fold, "open", True) is False:
        return
    with fold, st.container(key="page-checks-others"):
        asked = [_card(check, words) for check in checks]
    if any(asked):  # the whole page follows
        st.rerun()


def _card(check: Check, words: Words) -> bool:
    """One question; whether it was asked just now."""
    with st.container(key=f"check-card-{check.name}", border=True):
        say(pictures.question(check, check.of(state.scene()), words), "question")
        return st.button(words("checks.ask"), key=f"ask-{check.name}", on_click=panel.ask, args=(check.name,))
