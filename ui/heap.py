"""The memory that the C library holds back: glibc's, where it is there; elsewhere nothing is done.

Each thread gets a heap of its own, up to sixteen on two cores, and Streamlit starts a thread for every run of a page:
so every heap would come to hold what the largest page ever left free. Two are enough for two cores. And what is freed
in the middle of a heap is given back only when it is asked for.
"""

from __future__ import annotations

import ctypes

ARENA_MAX = -8  # mallopt's name for the number of heaps
HEAPS = 2


def few() -> None:
    """Have two heaps; to be said before there are more."""
    _call("mallopt", ARENA_MAX, HEAPS)


def trim() -> None:
    """Give back to the system what is free: it takes some milliseconds, and the next arrays' pages are new ones."""
    _call("malloc_trim", 0)


def _call(name: str, *values: int) -> None:
    try:
        getattr(ctypes.CDLL("libc.so.6"), name)(*values)
    except (OSError, AttributeError):  # another system, another C library
        return
