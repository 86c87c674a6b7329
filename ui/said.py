"""A sentence on the page, for the shell and for what the shell is made of."""

from __future__ import annotations

from html import escape

import streamlit as st


def say(text: str, kind: str = "says") -> None:
    """A computed sentence, shown literally whatever the tokens in it are."""
    st.html(f'<p class="fibra-{kind}">{escape(text)}</p>')
