"""The way into a room: by its code, or by opening one."""

from __future__ import annotations

from secrets import token_urlsafe

import streamlit as st

from pictures.words import Words
from ui import shell, state
from ui.round import seat, store
from ui.round.room import LENGTH, LETTERS, RoomError

CODE = "round-code"


def draw(words: Words) -> None:
    """Two boxes, side by side."""
    seat.wrong(words)
    with st.container(key="round-doors"):
        with st.container(key="round-door-join", border=True):
            shell.say(words("round.join_title"), "question")
            shell.say(words("round.join_about"), "about")
            st.text_input(words("round.code"), key=CODE, max_chars=LENGTH + 4, on_change=_join, autocomplete="off")
            st.button(words("round.join"), key="round-join", type="primary", on_click=_join)
        with st.container(key="round-door-begin", border=True):
            shell.say(words("round.begin_title"), "question")
            shell.say(words("round.begin_about"), "about")
            st.button(words("round.begin"), key="round-begin", on_click=seat.tried, args=(_begin,))


def _join() -> None:
    seat.tried(_enter, "".join(st.session_state.get(CODE, "").split()).upper())


def _enter(code: str) -> None:
    if len(code) != LENGTH or not {*code} <= {*LETTERS}:
        raise RoomError("code")
    if seat.code() == code:  # leaving the box for the button says it twice, and one pupil would count as two
        return
    own = token_urlsafe(6)
    store.rooms().sit(code, own)
    state.carry(room=code, seat=own)


def _begin() -> None:
    code, key = store.rooms().begin()
    state.carry(room=code, teach=key)
