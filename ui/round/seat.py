"""This session's place in a room, which the address carries from page to page; and the bar that says so on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape
from secrets import token_urlsafe

import streamlit as st

from core import Scene
from core.checks import Check
from pictures import rounds
from pictures.words import Words
from ui import address, state
from ui.lessons import bar
from ui.live.alone import ALONE
from ui.round import store
from ui.round.room import LETTERS, Room, RoomError

STEP = "fibra.round.step"  # session state: how many questions the room had asked when this session last looked
WRONG = "fibra.round.wrong"  # session state: the code of what went wrong, until it is said
PACE = 1.0  # seconds between two looks of a pupil's at a room
DESK = 0.75  # seconds between two looks of the teacher's
CROWD = 12  # seats that look so often; who comes later looks more seldom: each look takes some milliseconds
SLOWEST = 8.0  # seconds


def take() -> None:
    """Give a seat to whoever came by a room's link. Every page says it."""
    carried = address.carried()
    if "room" in carried and not ALONE and not {"seat", "teach"} & carried.keys():
        state.carry(room=carried["room"], seat=token_urlsafe(6))


def code() -> str:
    """The code of the room that this session is in; "": none."""
    return address.carried().get("room", "")


def key() -> str:
    """The teacher's key, where this session is a teacher's; else ""."""
    return address.carried().get("teach", "")


def own() -> str:
    """The pupil's seat; "" where this session has none."""
    return address.carried().get("seat", "")


def look() -> Room:
    """The room; whoever looks is there. Raises RoomError."""
    rooms = store.rooms()
    return rooms.desk(code(), key()).room if key() else rooms.sit(code(), own()).room


def pace(taken: int) -> float:
    """Seconds between two looks of a pupil who comes as the so manieth: of 300 together 62 looks a second."""
    return min(max(PACE, PACE * taken / CROWD), SLOWEST)


def question(room: Room) -> tuple[Check, Scene] | None:
    """The check that is asked in a room, and the Scene that it is about; None before one is."""
    return rounds.asked(room.check, room.varied)


def tried(deed: Callable[..., None], *args: object) -> None:
    """Do something in a room, in a widget's callback; where it cannot be done, remember why."""
    try:
        deed(*args)
    except RoomError as error:
        st.session_state[WRONG] = error.code


def wrong(words: Words) -> None:
    """Say once what went wrong."""
    if said := st.session_state.pop(WRONG, ""):
        say_wrong(said, words)


def say_wrong(said: str, words: Words) -> None:
    """Say what is wrong, for the reader's ears too."""
    text = words(f"round.wrong.{said}", letters=" ".join(LETTERS)) if said == "code" else words(f"round.wrong.{said}")
    st.html(f'<p class="fibra-notice" role="status">{escape(text)}</p>')


def refused(error: RoomError, words: Words) -> None:
    """Say why there is nothing to be seen of the room; and unless it may come back, how to leave it."""
    say_wrong(error.code, words)
    if error.code != "away":
        leave_button(words)


def leave_button(words: Words) -> None:
    """The way out of the room, also where the room is gone."""
    if st.button(words("round.leave"), key="round-leave", on_click=state.carry):
        st.rerun()


def look_button(check: Check, asked: Scene, words: Words) -> None:
    """The way to the page and the Scene of the question, which asks it there, its answer covered."""
    if st.button(words("round.look"), key="round-look", on_click=_visit, args=(check, asked)):
        st.rerun()


def _visit(check: Check, asked: Scene) -> None:
    state.show(replace(asked, pinned=state.scene().pinned, check=check.name, **state.reading()))
    st.session_state[bar.GO] = check.page


# ---------------------------------------------------------------------------------------------- on every other page


def draw(page: str, words: Words) -> None:
    """The bar, where this session is in a room and looks at another page; its place is kept."""
    with st.container(key="round-bar"):
        if code() and not ALONE and page != "round":
            st.fragment(_bar, run_every=2 * PACE)(words)


def _bar(words: Words) -> None:
    try:
        room = look()
    except RoomError as error:
        refused(error, words)
        return
    if own() and room.step != st.session_state.setdefault(STEP, room.step):
        _return()  # the class goes on, and its screens follow
        st.rerun()
    told = words(f"round.{'teacher' if key() else 'pupil'}.{room.phase}")
    named = words("round.room", code=room.code)
    st.html(f'<p class="fibra-says" role="status"><b>{escape(named)}</b> {escape(told)}</p>')
    urgent = "primary" if room.open else "secondary"
    if st.button(words("round.back"), key="round-back", on_click=_return, type=urgent):
        st.rerun()


def _return() -> None:
    state.follow(check="")
    st.session_state[bar.GO] = "round"
