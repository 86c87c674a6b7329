"""Sessions that are over: what they held is free within two minutes of their end.

Streamlit keeps a session whose connection is lost for two minutes, should its reader come back; it forgets it only when
the next visitor leaves, and then it lies about as a circle of references until Python looks for such. Trained models,
training runs and uploaded files hang on it. So here it is closed after a shorter wait, and looked for at once.

What this needs of Streamlit's inside stands in internals.py: the id of a session, the loop of its server, and closing a
session. Where it is not there any more, Streamlit's own two minutes hold.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from pictures import heap
from ui.live import internals
from ui.train import run_memory

WAIT = 100.0  # seconds after a connection is lost until its session is closed
SWEEP = 10.0  # seconds in which sessions that are closed are swept up together

_left: dict[str, Any] = {}  # session without a connection -> the timer that will close it
_swept: list[Any] = []  # the timer of the next sweep


@dataclass(frozen=True)
class Presence:
    """That a session has a connection: Streamlit lets go of it when that is lost."""

    session: str


def here() -> str:
    """Note that this session is there; its id, "" where it has none. Every page says it."""
    run_memory.balance_at_times()
    if session := internals.session_id():
        _noticed()(session)
        _back(session)
    return session


@cache
def _noticed() -> Callable[[str], Presence]:
    """Presence, as something that Streamlit keeps for a session and lets go with its connection."""

    def noticed(session: str) -> Presence:
        return Presence(session)

    try:
        return st.cache_resource(scope="session", on_release=_leave, show_spinner=False)(noticed)
    except TypeError:  # before Streamlit kept things for a session
        return noticed


def _leave(presence: Presence) -> None:
    """On the server's own thread, when a connection is lost, and once more when its session is closed."""
    if (loop := internals.loop()) is not None and presence.session not in _left:
        _left[presence.session] = loop.call_later(WAIT, _close, presence.session)
        loop.call_later(SWEEP, heap.trim_at_times)
        run_memory.lose(presence.session)


def _close(session: str) -> None:
    _left.pop(session, None)
    run_memory.lose(session, False)
    internals.close_session(session)
    _sweep_soon()


def _sweep_soon() -> None:
    if not _swept and (loop := internals.loop()) is not None:
        _swept.append(loop.call_later(SWEEP, _sweep))


def _sweep() -> None:
    """Look for all that is over, which takes a fifth of a second; what is still there Python sets aside until then."""
    _swept.clear()
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    run_memory.balance()
    heap.trim()


def _back(session: str) -> None:
    """Its reader is there, or there again."""
    run_memory.lose(session, False)
    if (timer := _left.pop(session, None)) is not None and (loop := internals.loop()) is not None:
        loop.call_soon_threadsafe(timer.cancel)
