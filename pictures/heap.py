"""The memory that the C library holds back: glibc's, where it is there; elsewhere nothing is done.

Each thread gets a heap of its own, up to sixteen on two cores, and Streamlit starts a thread for every run of a page:
so every heap would come to hold what the largest page ever left free. Two are enough for two cores.

A block of some megabytes that is freed in a heap leaves a hole, which smaller ones soon cut up: twenty openings of the
largest training left a gigabyte of holes. So large blocks are mapped each for itself, and gone when they are freed;
smaller ones stay in the heap. What is free in the middle of a heap is given back only when it is asked for.
"""

from __future__ import annotations

import ctypes
from time import monotonic

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # mallopt's names
MAPPED = 4 << 20  # bytes of a block from which it is mapped: a layer's arrays are smaller, but in the largest training
TOP = 16 << 20  # bytes that may stay free at a heap's end
HEAPS = 2
EVERY = 5.0  # seconds

_trimmed = [0.0]  # when it was done last


def tame() -> None:
    """Have two heaps without large holes; to be said before there are more."""
    for name, value in ((ARENA_MAX, HEAPS), (MMAP_THRESHOLD, MAPPED), (TRIM_THRESHOLD, TOP)):
        _call("mallopt", name, value)


def trim() -> None:
    """Give back to the system what is free: it takes some milliseconds, and the next arrays' pages are new ones."""
    _trimmed[0] = monotonic()
    _call("malloc_trim", 0)


def trim_at_times() -> None:
    """`trim`, if that was not done just now: for work that leaves much free, and may soon take it again."""
    if monotonic() - _trimmed[0] > EVERY:
        trim()


def _call(name: str, *values: int) -> None:
    try:
        getattr(ctypes.CDLL("libc.so.6"), name)(*values)
    except (OSError, AttributeError):  # another system, another C library
        return
