"""The reader's moves: undo, redo, pin, reset, and the button that shares the screen, at the head of every page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui.live import compat

_MOVES = compat.component_of("moves", "button", "moves")
_HEARD = "fibra.moves.heard"  # the number of the last move that was made
ICONS = {"undo": "undo", "redo": "redo", "pin": "keep", "reset": "restart_alt"}
Moves = dict[str, Callable[[], None]]


def works() -> bool:
    """Whether this session can have them in one row. Streamlit's buttons stand in, which lose some of quick clicks."""
    return compat.usable(_MOVES)


def row(
    moves: Moves, labels: dict[str, str], helps: dict[str, str], pinned: bool, share: Callable[[str], None]
) -> None:
    """A button for each of `moves`, by the names of ICONS, and one that calls `share` with the address on screen.

    `labels` are theirs, and that of share; `helps` what each does. Every click counts, however quick.
    """
    if works():
        data = {"labels": labels, "helps": helps, "pinned": pinned, "heard": st.session_state.get(_HEARD, 0)}
        _MOVES(key="moves", data=data, on_move_change=partial(_moved, moves), on_share_change=partial(_shared, share))
        return
    for name, move in moves.items():
        look = {"type": "primary" if name == "pin" and pinned else "secondary", "icon": f":material/{ICONS[name]}:"}
        st.button(labels[name], key=name, help=helps[name], on_click=move, **look)


def _moved(moves: Moves) -> None:
    """Make those moves that were not made yet, in their order: each message tells of all that the browser has heard no
    answer to, for of messages that wait Streamlit keeps the last."""
    queue = st.session_state.get("moves", {}).get("move") or []
    for number, name in queue:
        if number > st.session_state.get(_HEARD, 0) and name in moves:
            st.session_state[_HEARD] = number
            moves[name]()


def _shared(share: Callable[[str], None]) -> None:
    match st.session_state.get("moves", {}).get("share"):
        case [_, str(address)]:
            share(address)
