"""A slider that follows the finger: the browser's own, which sends its next value when the last picture has arrived.

Streamlit's sends nothing until it is let go; it stands in where components.v2 is missing, or FIBRA_PLAIN_SLIDERS=1 asks
for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

import streamlit as st

from ui import compat, state

_RANGE = compat.component_of("range")


def works() -> bool:
    """Whether this session can have one."""
    return _RANGE is not None and os.environ.get("FIBRA_PLAIN_SLIDERS") != "1"


def show(
    label: str,
    *,
    key: str,
    texts: Sequence[str],
    at: int,
    on_turn: Callable[[int], None],
    disabled: bool = False,
    help: str | None = None,
) -> None:
    """A slider over the stops `texts`, standing at number `at`. `on_turn` is called with a stop's number, before the
    rerun that the turn causes."""
    heard = st.session_state.get(f"{key}-heard", 0)
    data = {"label": label, "texts": list(texts), "at": at, "heard": heard, "disabled": disabled, "help": help or ""}
    _RANGE(key=key, data=data, on_turn_change=partial(_turned, key, len(texts), on_turn))


def _turned(key: str, stops: int, on_turn: Callable[[int], None]) -> None:
    turn = st.session_state[key]["turn"]
    st.session_state[f"{key}-heard"] = turn["n"]
    if turn["at"] in range(stops):
        with state.address_kept() if turn["held"] else nullcontext():
            on_turn(int(turn["at"]))
