"""Glossary: every term, and every array of the trace with its axes and its symbol."""

from __future__ import annotations

import streamlit as st

from core import Scene, trace
from pictures import glossary
from pictures.words import Words
from ui import comparison, shell


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    left, right = st.columns(2, gap="large")
    with left:
        shell.say(words("glossary.terms_title"), "step")
        st.markdown(glossary.terms(words))
    with right:
        shell.say(words("glossary.names_title"), "step")
        st.markdown(words("glossary.names_about"))
        st.markdown(glossary.names(words))


shell.Page("glossary", page, (trace.axes_of,)).open()
