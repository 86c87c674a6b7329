"""The browser's part in keeping the Scene: one step of its history for each of the reader's, a call when it finds its
server again, the document's language, and a menu that is out of the way on a phone."""

from __future__ import annotations

from secrets import token_hex

import streamlit as st

from pictures.words import Words
from ui.live import compat

_SESSION = compat.component_of("session", private=("guard", "run", "page"))
NAMED = ("more", "less", "open", "close", "clear", "sidebar", "expand", "collapse", "home")
NAMED += ("file", "another", "remove", "copy", "help", "skip", "nothing")  # internals.js: whose names
_NAME, _HEARD = "fibra.session", "fibra.session.heard"


def keep(words: Words, nowhere: bool) -> None:
    """Once in every full run. `nowhere`: no page is at the address that was asked for, and a notice says so."""
    if _SESSION is not None:
        name = st.session_state.setdefault(_NAME, token_hex(4))
        data = {"lang": words.lang, "session": name, "heard": st.session_state.get(_HEARD, 0)}
        data |= {"nowhere": nowhere, "lost": words("browser.lost")}
        data |= {"names": {name: words(f"browser.names.{name}") for name in NAMED}}
        _SESSION(key="session", data=data, on_call_change=_called)


def _called() -> None:
    """That the browser calls is enough: a session runs, on the Scene of the browser's address if it has none."""
    st.session_state[_HEARD] = st.session_state.get("session", {}).get("call") or 0
