"""How this process stands, for whoever deploys it: an expander in the sidebar, where FIBRA_STATUS=1 asks for it.

Every reader of that process sees it, so it tells of no reader: versions, memory, sessions, what is kept, rooms.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamlit as st

from core import limits
from core.library import LIBRARY
from pictures.memory import BUDGET
from pictures.words import Words
from ui.live import internals
from ui.round.room import RoomError
from ui.round.store import rooms

ASKED = "FIBRA_STATUS"
PACKAGES = ("streamlit", "numpy", "plotly", "pandas")
MEMORY = Path("/proc/self/status")


def offer(words: Words) -> None:
    """The expander, where it was asked for."""
    if os.environ.get(ASKED) != "1":
        return
    with st.expander(words("status.title"), icon=":material/monitor_heart:"):
        lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows(words))
        st.html(f'<dl class="fibra-status">{lines}</dl>')


def rows(words: Words) -> Iterator[tuple[str, str]]:
    """(what, how much) of this moment."""
    yield words("status.versions"), ", ".join(_versions())
    if MEMORY.exists():
        now, most = (_kilobytes(name) / 1000 for name in ("VmRSS", "VmHWM"))
        yield words("status.memory"), words("status.megabytes_most", now=now, most=most)
    if (there := internals.sessions()) is not None:
        yield words("status.sessions"), str(there)
    kept, most = BUDGET.currsize / 1e6, BUDGET.most / 1e6
    yield words("status.kept"), words("status.megabytes_of", now=kept, most=most)
    for shelf in sorted(BUDGET.shelves, key=lambda shelf: -shelf.currsize):
        if shelf.entries:
            about = {"now": shelf.currsize / 1e6, "n": shelf.entries, "hits": shelf.hits, "misses": shelf.misses}
            yield shelf.name, words("status.shelf", **about)
    held, most = LIBRARY.held / 1e6, limits.WEIGHTS / 1e6
    yield words("status.models"), words("status.megabytes_of", now=held, most=most)
    try:
        yield words("status.rooms"), words("status.of", now=rooms().count(), most=limits.ROOMS)
    except RoomError:
        yield words("status.rooms"), words("status.away")


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()}"
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue  # without a server there is no pandas


def _kilobytes(name: str) -> int:
    """A line of the kernel's account of this process."""
    lines = dict(line.split(":", 1) for line in MEMORY.read_text("utf-8").splitlines())
    return int(lines.get(name, "0").split()[0])
