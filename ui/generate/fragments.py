"""The two fragments of Generate, what is written and what is judged, kept in step: a number of the judged text is
outlined in one of them and explained in the other."""

from __future__ import annotations

import streamlit as st

from pictures.explained.runs import JUDGED
from ui import state

EXPLAINED = "generate.explained"  # session state: the way to the number that is explained on the page


def begin() -> None:
    """The whole page is drawn."""
    st.session_state[EXPLAINED] = state.scene().explained


def in_step(whole: bool) -> None:
    """Draw all again where another number is explained, if one of the judged text begins or ends to be; whole: if any
    does, for the explanation stands in the other fragment."""
    was, now = st.session_state[EXPLAINED], state.scene().explained
    begin()
    if was != now and (whole or any(name.startswith(JUDGED) for name, _ in (*was[-1:], *now[-1:]))):
        st.rerun()
