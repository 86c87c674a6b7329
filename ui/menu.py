"""The menu: a link to each page, which carries the Scene.

Streamlit's own menu empties the address at each change of page: a session that has lost its Scene (the phone was away,
the server restarted) then finds nothing to begin with, and Back leads to an address that never was.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ui import state
from ui.words import Words

PAGES = "fibra.pages"  # session state: the pages by name; none where a page runs alone


def navigate(pages: dict[str, str]) -> StreamlitPage:
    """The page that is asked for, among `pages`: each one's name, which is its file's and its address, and its icon."""
    words = state.words()
    opened = {
        name: st.Page(f"pages/{name}.py", title=words(f"pages.{name}"), icon=icon, url_path=name)
        for name, icon in pages.items()
    }
    st.session_state[PAGES] = opened
    return st.navigation([*opened.values()], position="hidden")


def passed_over() -> bool:
    """Whether a page runs that belongs to an app whose own script, which calls `navigate`, has not run."""
    if PAGES in st.session_state:
        return False
    try:
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        manager = getattr(get_script_run_ctx(suppress_warning=True), "pages_manager", None)
    except (ImportError, TypeError):
        return False
    return Path(getattr(manager, "main_script_path", "")).name == "app.py"


def draw(words: Words) -> None:
    """The links, in the order of the pages."""
    if pages := st.session_state.get(PAGES):
        query = state.linked()
        with st.container(key="menu"):
            for name, page in pages.items():
                st.page_link(page, label=words(f"pages.{name}"), query_params=query, width="stretch")
