"""Many sessions with long work: whose turn it is to do a slice of it, and how long their timers are.

They share two cores with others who only move knobs, and those go first. Nothing here waits or starts a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import uniform
from threading import Lock  # between sessions
from time import monotonic
from weakref import WeakKeyDictionary

from ui.live.alone import PACE

# Seconds between two slices, and between two sets of pictures, while a run plays alone.
TICK, DRAW = 0.2 * PACE, 0.8 * PACE
CROWDS = ((2, 1), (6, 2), (10**9, 5))  # up to so many that play, both are so many times as long
SPREAD = 0.2  # and by such a share longer or shorter: a class that presses play at one word would ever draw at once
REST = 2.0  # where several play, nobody works for so many times as long as a slice took: the class has its knobs
SLICE = 0.18  # seconds of work at a time

_slice = Lock()  # one session's slice at a time: what else the server does keeps the other core
_ticked: WeakKeyDictionary[object, float] = WeakKeyDictionary()  # when each run that plays last asked for its turn
_counting = Lock()  # of those
_resting = 0.0  # until when nobody works


@contextmanager
def turn(run: object) -> Iterator[bool]:
    """Whether `run` may work now: no other does, and it is no time of rest. What is done inside is its slice."""
    global _resting
    began = monotonic()
    with _counting:
        _ticked[run] = began
    if began < _resting or not _slice.acquire(blocking=False):
        yield False
        return
    try:
        yield True
        _resting = monotonic() + (REST * (monotonic() - began) if slowness() > 1 else 0.0)
    finally:
        _slice.release()


def slowness() -> int:
    """How many times as long the timers are: where many play, their ticks alone would keep the server busy."""
    gone = monotonic() - 2 * TICK * CROWDS[-1][1]
    with _counting:
        for run in [run for run, ticked in _ticked.items() if ticked < gone]:
            del _ticked[run]
        return next(times for most, times in CROWDS if len(_ticked) <= most)


def spread(times: int) -> float:
    """`times` as one session's own timers take it."""
    return times * uniform(1 - SPREAD, 1 + SPREAD) if times > 1 else times
