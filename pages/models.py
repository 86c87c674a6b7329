"""Models: what is loaded and what could be; one of them becomes the story of every page."""

from __future__ import annotations

import streamlit as st

from core import library
from ui import comparison, shell
from ui.models import cards, hub, upload

scene, words = shell.open_page("models")
comparison.elsewhere(scene, words)
st.fragment(cards.here)(words)
hub.bring(words)
st.fragment(upload.bring)(words)
cards.shipped(words)
shell.close_page("models", words, library.fingerprint, library.unwhole)
