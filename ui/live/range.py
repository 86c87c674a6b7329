"""A slider that follows the finger: the browser's own, which sends its next value when the last picture has arrived.

Streamlit's sends nothing until it is let go; it stands in where components.v2 is missing, or FIBRA_PLAIN_SLIDERS=1 asks
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import streamlit as st

from ui import address, state
from ui.live import compat

_LIBRARY, _RANGE = compat.library_of("range", "range", private=("run",)) or (None, None)


def works() -> bool:
    """Whether this session can have one."""
    return compat.usable(_RANGE)


def prepare() -> None:
    """Send the script of all sliders. Once in every full run."""
    if works():
        _LIBRARY(key="range-library")


def show(
    label: str,
    *,
    key: str,
    texts: Sequence[str],
    at: int,
    on_turn: Callable[[int], None],
    look: str = "",
    values: Sequence[float] = (),
    disabled: bool = False,
    help: str | None = None,
) -> None:
    """A slider over the stops `texts`, standing at number `at`. `on_turn` is called with a stop's number, before the
    rerun that the turn causes.

    With `look`, the name of a knob that figures with a mask follow in the browser (plots.mask), and the stops'
    `values`, a drag is one turn: its end."""
    heard, drawn = st.session_state.get(f"{key}-heard", 0), _drawn(key, (label, *texts), at)
    data = {"label": label, "texts": list(texts), "at": at, "heard": heard, "drawn": drawn}
    data |= {"disabled": disabled, "help": help or "", "look": look, "values": list(values)}
    # In a list: of a dict Streamlit looks at each value, whether it is a table.
    _RANGE(key=key, data=[data], on_turn_change=partial(_turned, key, len(texts), on_turn))


def _drawn(key: str, of: tuple[str, ...], at: int) -> int:
    """The number of this drawing: another one where the knob did not come here by its own turns."""
    page, name = st.session_state.get(state.PAGE), f"{key}-drawn"
    number, *there = st.session_state.get(name, (0,))
    if there != [page, of, at]:
        number += 1
    st.session_state[name] = number, page, of, at
    return number


def _turned(key: str, stops: int, on_turn: Callable[[int], None]) -> None:
    turn, drawn = st.session_state.get(key, {}).get("turn"), st.session_state.get(f"{key}-drawn")
    if not turn or not drawn:
        return
    st.session_state[f"{key}-heard"] = turn["n"]
    number, page, of, _ = drawn
    if turn["drawn"] != number or turn["at"] not in range(stops):
        return  # it was drawn for another Scene
    st.session_state[f"{key}-drawn"] = number, page, of, turn["at"]
    with ExitStack() as kept:
        if turn["grip"]:  # one move, however slow the hand
            kept.enter_context(state.one_move((key, turn["grip"])))
        if turn["held"]:
            kept.enter_context(address.left_alone())
        on_turn(int(turn["at"]))
