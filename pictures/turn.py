"""Whose turn it is to do large work: so large that a whole class of it would not fit in memory.

One thread has it at a time, and keeps it from one such piece of work to the next until its page is done. Four readers
of the largest model whose pages took turns piece by piece had each let go what another's next picture needed: all was
computed again for every picture, and a page that takes one second took forty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock  # between sessions; nothing here starts a thread
from time import monotonic
from weakref import ref

LOOK = 0.05  # seconds between two looks of one who waits whether the turn is over
AWAY = 0.5  # seconds: who asked for nothing for so long, though the thread lives, has done with it
MOST = 10.0  # seconds, after which another comes between two pieces of work all the same


class Worker:
    """A thread, as long as it lives: it dies with the thread's context."""

    __slots__ = ("__weakref__",)


_worker: ContextVar[Worker] = ContextVar("worker")


def _me() -> Worker:
    me = _worker.get(None)
    if me is None:
        _worker.set(me := Worker())
    return me


class Turn:
    """The turn of one worker at a time."""

    def __init__(self) -> None:
        self._taken = Lock()  # held, by whomever, as long as it is somebody's turn
        self._lock = Lock()  # of what follows
        self._whose: ref[Worker] | None = None
        self._inside = 0  # pieces of work begun and not ended, one within another
        self._began = self._left = 0.0

    @contextmanager
    def take(self, stays: bool = False) -> Iterator[None]:
        """Nobody else is inside meanwhile; with `stays`, nor until whoever took it is done with its page."""
        self._enter(_me())
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                self._left = monotonic()
                if not self._inside and not stays:
                    self._end()

    def go_on(self) -> None:
        """Who has the turn, if it is the one who asks, is not done with its page."""
        whose = self._whose
        if whose is not None and whose() is _me():
            self._left = monotonic()

    def _enter(self, me: Worker) -> None:
        with self._lock:
            if self._whose is not None and self._whose() is me:
                self._inside += 1
                return
        self._end_if_over()  # a reader's own last page, mostly: nobody else has waited for that
        while not self._taken.acquire(timeout=LOOK):
            self._end_if_over()
        with self._lock:
            self._whose, self._inside, self._began = ref(me), 1, monotonic()

    def _end_if_over(self) -> None:
        with self._lock:
            if self._is_over():
                self._end()

    def _is_over(self) -> bool:
        if self._inside or self._whose is None:  # at work, or about to begin
            return False
        now = monotonic()
        return self._whose() is None or now - self._left > AWAY or now - self._began > MOST

    def _end(self) -> None:
        self._whose = None
        self._taken.release()


LARGE = Turn()
