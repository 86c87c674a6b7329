"""What the server keeps of what was computed, all of it under one budget (core.limits.CACHE).

A class moves the same knobs, so most turns were made before. Each function whose results are `kept` has a shelf; what
was asked for longest ago goes first, on whatever shelf it is; but of what makes little room nothing, while there is
more to be let go. An entry is weighed with all that it keeps alive.
"""

from __future__ import annotations

import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from hashlib import blake2b
from itertools import count
from threading import Lock  # sessions run side by side; nothing here starts a thread
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, ParamSpec, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

from core import PRESETS, limits
from core.library import LIBRARY
from pictures import heap, turn
from pictures.words import Words

P = ParamSpec("P")
T = TypeVar("T")
Given = TypeVar("Given", covariant=True)

HOLES = 32_000_000  # bytes let go, after which the system gets back what is free
LITTLE = 1 / 200  # of the room that is wanted: a run of 30 MB displaced what a model does on any text, which takes 1 kB
ENTRY = 400  # bytes of an entry beside its value: digest, place in the order, size
SHARED = (type(None), bool, type, np.dtype, Words, ModuleType, FunctionType, BuiltinFunctionType)  # live on anyway
LEAVES = frozenset((str, bytes, int, float))  # hold nothing else
LIVING = frozenset(id(preset.config) for preset in PRESETS.values())


def weigh(*things: Any) -> int:
    """The bytes that these things keep alive together, each part counted once.

    An array that is a view counts with the whole of what it looks at; functions, classes and words live on anyway.
    """
    total, seen, left = 0, set(LIVING), [*things]
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        if (kind := type(thing)) in LEAVES or kind is tuple:  # most are
            seen.add(id(thing))
            total += sys.getsizeof(thing)
            left += thing if kind is tuple else ()
            continue
        if isinstance(thing, SHARED):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        if isinstance(thing, np.ndarray):
            if thing.base is not None:
                left.append(thing.base)
            elif thing.dtype == object:
                left += thing.ravel().tolist()
        elif isinstance(thing, dict):
            left += thing
            left += thing.values()
        elif isinstance(thing, (list, tuple, set, frozenset)):
            left += thing
        elif isinstance(thing, partial):
            left += (thing.args, thing.keywords)
        elif isinstance(thing, MethodType):
            left.append(thing.__self__)
        elif not isinstance(thing, (str, bytes, int, float, array, np.generic)):
            about = getattr(thing, "__dict__", None)
            if about is not None:  # its names are the class's
                total += sys.getsizeof(about)
                left += about.values()
            for kind in type(thing).__mro__:
                left += (getattr(thing, name, None) for name in getattr(kind, "__slots__", ()))
    return total


class Entry:
    """What is kept of one call."""

    __slots__ = ("asked", "shelf", "size", "value")

    def __init__(self, value: Any, size: int, shelf: Shelf):
        self.value, self.size, self.shelf, self.asked = value, size, shelf, 0


class Shelf:
    """The kept results of one function, under the budget of all."""

    def __init__(self, budget: Budget, name: str):
        self._budget, self.name = budget, name
        self.currsize = self.entries = self.hits = self.misses = 0

    @property
    def maxsize(self) -> int:
        """What it may have when no other has anything."""
        return self._budget.most

    def __len__(self) -> int:
        return self.entries

    def clear(self) -> None:
        """Let all of it go."""
        self._budget.clear(self)


class Budget:
    """Bytes that all shelves together may keep, less what is `taken` elsewhere: by training, say; and beside them one
    value that is larger than what is left (core.limits.ALONE), until the next such one comes.
    """

    def __init__(self, most: int):
        self.most = most
        self.shelves: list[Shelf] = []
        self._lock = Lock()  # what is let go is let go outside: it may be the last to hold what asks here again
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._alone: tuple[bytes, Entry] | None = None
        self._size = self._released = 0
        self._taken: dict[Hashable, int] = {}
        self._making: dict[bytes, tuple[Lock, list[int]]] = {}

    @property
    def currsize(self) -> int:
        """Bytes that the shelves keep."""
        return self._size

    @property
    def taken(self) -> int:
        """Bytes that others have taken of the budget."""
        return sum(self._taken.values())

    def has_taken(self, who: Hashable) -> int:
        """Bytes that `who` has said to hold."""
        return self._taken.get(who, 0)

    def take(self, who: Hashable, size: int) -> None:
        """Say how much `who` holds now; the shelves have what is left of the budget."""
        with self._lock:
            self._taken[who] = size
            gone = self._fitted()
        self._release(gone)

    def shelf(self, name: str) -> Shelf:
        """A new shelf."""
        self.shelves.append(Shelf(self, name))
        return self.shelves[-1]

    def get(self, key: bytes) -> Entry | None:
        """What is kept under the key: now it was asked for last."""
        with self._lock:
            if self._alone is not None and self._alone[0] == key:
                return self._alone[1]
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: bytes, value: Any, shelf: Shelf) -> None:
        """Keep a value, and let go what it displaces; one that is larger than the budget is kept alone, or not."""
        entry = Entry(value, weigh(value) + ENTRY, shelf)
        with self._lock:
            gone = [self._dropped(key)]
            if entry.size <= self.most - self.taken:
                self._entries[key] = entry
                self._count(entry, 1)
            elif entry.size <= limits.ALONE:
                gone.append(self._without_alone())
                self._alone = key, entry
            gone += self._fitted()
        self._release(gone)

    def make_way(self, size: int) -> None:
        """About so much will soon be computed and kept. What can only be kept alone displaces what is alone: that goes
        now, and where it lay there is room for the other, which else stood beside it first. What is left free then, the
        system gets back once the other is put here."""
        with self._lock:
            gone = self._without_alone() if self.most - self.taken < size <= limits.ALONE else None
            self._released += gone.size if gone else 0

    def weigh_again(self, key: bytes) -> None:
        """An entry's value has grown since it was put there."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None:
            return
        size = weigh(entry.value) + ENTRY
        with self._lock:
            if self._entries.get(key) is entry:
                self._count(entry, -1)
                entry.size = size
                self._count(entry, 1)
            gone = self._fitted()
        self._release(gone)

    def clear(self, shelf: Shelf | None = None) -> None:
        """Let go what a shelf keeps, or all shelves."""
        with self._lock:
            keys = [key for key, entry in self._entries.items() if shelf in (None, entry.shelf)]
            gone = [self._dropped(key) for key in keys]
            if self._alone is not None and shelf in (None, self._alone[1].shelf):
                gone.append(self._without_alone())
        self._release(gone)

    @contextmanager
    def making(self, key: bytes) -> Iterator[None]:
        """While this key's value is made, whoever else asks for it waits: a class turns one knob at one word."""
        with self._lock:
            lock, waiting = self._making.setdefault(key, (Lock(), [0]))
            waiting[0] += 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                waiting[0] -= 1
                if not waiting[0]:
                    self._making.pop(key, None)

    def _fitted(self) -> list[Entry | None]:
        """What had to go."""
        gone: list[Entry | None] = []
        room = max(0, self.most - self.taken)
        while self._size > room:
            over, freed, going = self._size - room, 0, []
            last = next(reversed(self._entries))
            for key, entry in self._entries.items():
                if entry.size >= LITTLE * over and key != last:
                    going.append(key)
                    freed += entry.size
                if freed >= over:
                    break
            gone += map(self._dropped, going or [next(iter(self._entries))])
        return gone

    def _release(self, gone: list[Entry | None]) -> None:
        self._released += sum(entry.size for entry in gone if entry)
        gone.clear()
        if self._released > HOLES:
            self._released = 0
            heap.trim()

    def _without_alone(self) -> Entry | None:
        gone, self._alone = self._alone, None
        return gone and gone[1]

    def _dropped(self, key: bytes) -> Entry | None:
        if (entry := self._entries.pop(key, None)) is not None:
            self._count(entry, -1)
        return entry

    def _count(self, entry: Entry, sign: int) -> None:
        self._size += sign * entry.size
        entry.shelf.currsize += sign * entry.size
        entry.shelf.entries += sign


BUDGET = Budget(limits.CACHE)
BUDGET.take("other", limits.CACHE_OTHER)


def leave_to_real_models() -> None:
    """Real models that are open (core/library.py) take their part of the budget, but for what pictures need."""
    taken = BUDGET.has_taken("library")
    room = BUDGET.most - (BUDGET.taken - taken) - limits.CACHE_LEAST
    if (held := max(0, min(LIBRARY.held, room))) != taken:
        BUDGET.take("library", held)


_numbers: WeakKeyDictionary[Callable, int] = WeakKeyDictionary()
_next = count()


def number(function: Callable) -> int:
    """A function's own number, as part of a key: it holds none, and is no other function's ever."""
    return _numbers.setdefault(function, next(_next))


class Kept(Protocol[P, Given]):
    """A function whose values are kept, with its shelf; `has` says whether one is, and counts as asking for it; `grown`
    weighs one again, of which whoever says so knows that it takes more memory than before."""

    cache: Shelf

    def has(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...

    def grown(self, *args: P.args, **kwargs: P.kwargs) -> None: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Given: ...


def kept(
    key: Callable[P, tuple], *, large: Callable[P, bool] | None = None, grows: int = 0
) -> Callable[[Callable[P, T]], Kept[P, T]]:
    """Keep what a function gives, by the `repr` of what `key` makes of its arguments. `cache` becomes its shelf.

    large: for which arguments this, or what it asks for, takes so much memory that one reader's is done at a time.
    grows: after how many times of asking a value that takes more memory the more it is used is weighed again: after so
    many, twice as many, and so on; 0: it takes no more.
    """

    def keep(function: Callable[P, T]) -> Kept[P, T]:
        shelf = BUDGET.shelf(f"{function.__module__}.{function.__qualname__}")

        def named(*args: P.args, **kwargs: P.kwargs) -> bytes:
            # Of a Scene with all its fields only sixteen bytes are kept, beside the one that a Run holds.
            about = f"{shelf.name}{key(*args, **kwargs)!r}".encode("utf-8", "surrogatepass")
            return blake2b(about, digest_size=16).digest()

        def has(*args: P.args, **kwargs: P.kwargs) -> bool:
            return BUDGET.get(named(*args, **kwargs)) is not None

        def grown(*args: P.args, **kwargs: P.kwargs) -> None:
            BUDGET.weigh_again(named(*args, **kwargs))

        @wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
            name = named(*args, **kwargs)
            if (entry := BUDGET.get(name)) is None:
                # First the turn: one who made this and waited for its turn would let wait here who has it.
                alone = turn.LARGE.take(stays=True) if large and large(*args, **kwargs) else nullcontext()
                with alone, BUDGET.making(name):
                    if (entry := BUDGET.get(name)) is None:
                        shelf.misses += 1
                        value = function(*args, **kwargs)
                        BUDGET.put(name, value, shelf)
                        return value
            turn.LARGE.go_on()
            shelf.hits += 1
            entry.asked += 1
            if grows and entry.asked >= grows and entry.asked & (entry.asked - 1) == 0:  # weighing takes a while
                BUDGET.weigh_again(name)
            return entry.value

        found = cast(Kept[P, T], remembered)
        found.cache, found.has, found.grown = shelf, has, grown  # type: ignore[method-assign]
        return found

    return keep
