"""The menu: a link to each page, which carries the Scene.

Streamlit's own menu empties the address at each change of page: a session that has lost its Scene (the phone was away,
the server restarted) then finds nothing to begin with, and Back leads to an address that never was.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from pictures.pages import PAGES, sections
from pictures.words import Words
from ui import address, state
from ui.live import internals

_OPENED = "fibra.pages"  # session state: Streamlit's pages by name; none where a page runs alone
NOWHERE = "fibra.nowhere"  # session state: the page that was asked for, where there is none of that name
_AGAIN = "fibra.again"  # session state: the page was run again, through app.py


def navigate() -> Any:
    """The page that is asked for, as st.navigation gives it."""
    words = state.words()
    opened = {
        name: st.Page(f"pages/{name}.py", title=words(f"pages.{name}"), icon=page.icon, url_path=name)
        for name, page in PAGES.items()
    }
    st.session_state[_OPENED] = opened
    _find()
    listed = {words(f"sections.{section}"): [opened[name] for name in names] for section, names in sections().items()}
    return st.navigation(listed, position="hidden")


def _find() -> None:
    """Have Streamlit look for a page that exists.

    The first page's address is /, but its name is said and typed too; a capital is no other page. Of what is nowhere
    Streamlit would tell in English, in a box over the first page: our notice says it (`nowhere`).
    """
    asked, names = internals.asked_page(), [*PAGES]
    if not asked or asked in names[1:]:
        return
    found = next((name for name in names if name == asked.casefold()), "")
    if not found:
        st.session_state[NOWHERE] = asked
    internals.ask_for_page("" if found in ("", names[0]) else found)


def nowhere() -> str:
    """The page that the reader's address asked for, where there is none of that name: said once."""
    return st.session_state.pop(NOWHERE, "")


def through_app() -> None:
    """Run again through app.py, if it was passed over.

    Until st.navigation has run once in a process, Streamlit takes a folder named pages/ for its older way of many
    pages and runs the page alone, without our menu: so it is for the first visitors, who arrive by links; all of them,
    where a class finds its server again after a restart.
    """
    if internals.leave_pages_folder() or (_passed_over() and _AGAIN not in st.session_state):
        st.session_state[_AGAIN] = True  # once at the most
        st.rerun()


def _passed_over() -> bool:
    """Whether a page runs that belongs to an app whose own script, which calls `navigate`, has not run."""
    return _OPENED not in st.session_state and Path(internals.main_script()).name == "app.py"


def link(page: str, words: Words) -> None:
    """A link to one page, which carries the Scene as it is; none where a page runs alone."""
    if pages := st.session_state.get(_OPENED):
        st.page_link(pages[page], label=words(f"pages.{page}"), query_params=state.query())


def draw(words: Words) -> None:
    """The links, under the headings of their sections."""
    if pages := st.session_state.get(_OPENED):
        query = address.linked(state.query())
        with st.container(key="menu"):
            for section, names in sections().items():
                st.html(f'<h2 class="fibra-section">{escape(words(f"sections.{section}"))}</h2>')
                for name in names:
                    st.page_link(pages[name], label=words(f"pages.{name}"), query_params=query, width="stretch")
