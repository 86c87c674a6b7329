"""Fibra: the playground of attention. Titles, icons and order of the pages; nothing else."""

import streamlit as st

from ui import state

# Emoji: a Material icon would become the tab's icon, which the browser then fetches from Google.
PAGES = {
    "start": "🏠",
    "attention": "🔎",
    "heads": "🧠",
    "reading": "🔬",
    "fibres": "✨",
    "drift": "🧭",
    "block": "🧱",
    "generate": "✍️",
    "train": "🌱",
}

words = state.words()
st.navigation(
    [
        st.Page(f"pages/{name}.py", title=words(f"pages.{name}"), icon=icon, url_path=name)
        for name, icon in PAGES.items()
    ]
).run()
