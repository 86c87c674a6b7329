"""The greatest and the least of some numbers, as a sentence may name them: everything that is written alike together.

Of two numbers that a reader sees as one, none is "the" greatest; where all look alike there is no extreme at all; and
numbers that have left their range are none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from math import isfinite
from typing import Any, TypeVar

import numpy as np

from core import Scene
from pictures.display_names import named
from pictures.words import Words
from plots.tokens import edged, shown

FEW = 4  # of those alike, how many a sentence still names
TOP = 1000  # of many values, how many are put in order at first
MANY = 1 << 17  # values: more are gone through part by part
NEAR = 0.02  # of the largest magnitude: so near the greatest there is mostly one that is written otherwise
NOISE = 1e-6  # of the largest magnitude: what float32 may add to equal numbers
T = TypeVar("T")
Shown = Callable[[float], str]  # how a number is written


@dataclass(frozen=True)
class Extreme:
    """A value, and all the places [n] of an array, as tuples of indices in order, where it stands."""

    value: float
    places: tuple[tuple[int, ...], ...]
    everywhere: bool  # no number is written otherwise: then it is neither the greatest nor the least

    @property
    def place(self) -> tuple[int, ...]:
        """The first of the places."""
        return self.places[0]

    @property
    def indices(self) -> list[int]:
        """The places, of a vector."""
        return [place[0] for place in self.places]


def greatest(values: np.ndarray, shown: Shown, where: np.ndarray | None = None) -> Extreme:
    """The greatest of the finite values (`where` it is True), with all that `shown` writes as it writes that one.

    Raises: ValueError where there is no such value.
    """
    if (found := greatest_if_any(values, shown, where)) is None:
        raise ValueError("values: none of them is finite")
    return found


def greatest_if_any(values: np.ndarray, shown: Shown, where: np.ndarray | None = None) -> Extreme | None:
    """The greatest; None where no value is finite."""
    values = _floats(values)
    counted = np.isfinite(values) if where is None else np.isfinite(values) & where
    if not counted.any():
        return None
    if values.size > MANY and values.ndim > 1:
        each = [_counted(part, there, None) for part, there in zip(values, counted, strict=True)]
        if found := _greatest_of_many([*values], each, shown):
            return found
    finite = values.ravel() if counted.all() else values[counted]
    best, differs, near_best = _compared(float(finite.max()), float(finite.min()), shown)
    last, everywhere = _last_alike(finite, differs, near_best)
    places = np.argwhere(counted & (values >= last)).tolist()
    return Extreme(best, tuple(map(tuple, places)), everywhere)


def greatest_of_parts(
    parts: Sequence[np.ndarray],
    shown: Shown,
    where: Iterable[np.ndarray] | None = None,
    floor: float | None = None,
    tops: Iterable[np.ndarray] | None = None,
) -> Extreme | None:
    """The same of many arrays of one shape, whose places begin with the number of the array: of many values no more
    than one array is copied. where: for each array, or for its last axes alone; everywhere unless told. floor: below
    which none is, where that is known; then they are gone through once less. tops: of each array the greatest along its
    first axis, where those are known; then once less still."""
    if sum(part.size for part in parts) > MANY:
        given, known = (repeat(None, len(parts)) if one is None else one for one in (where, tops))
        counted = [_counted(part, there, floor, top) for part, there, top in zip(parts, given, known, strict=True)]
        if not any(one.there.any() for one in counted):
            return None
        if found := _greatest_of_many(parts, counted, shown):
            return found
        where = [one.there for one in counted]
    whole = None if where is None else np.stack([np.broadcast_to(there, parts[0].shape) for there in where])
    return greatest_if_any(np.stack(parts), shown, whole)


@dataclass(frozen=True)
class Counted:
    """Of an array the values that count: which, of all or of its last axes alone; the least of them; and on those axes
    the greatest, -inf where none counts."""

    there: np.ndarray
    low: float
    high: np.ndarray


def _counted(part: np.ndarray, where: np.ndarray | None, floor: float | None, top: np.ndarray | None = None) -> Counted:
    """Those that are numbers, `where` it is True. All are gone through twice, or once above a `floor`, or not at all
    where the `top` is known: over the axes that `where` does not tell apart, of one that is no number the least and the
    greatest are none either."""
    there = np.ones(part.shape[1:], bool) if where is None else where
    alike = tuple(range(part.ndim - there.ndim))
    high = top if top is not None and alike == (0,) else part.max(axis=alike)
    low = high if floor is not None else part.min(axis=alike)
    if not (np.isfinite(high).all() and (low is high or np.isfinite(low).all())):
        there = np.isfinite(part) & there
        low = high = part
    least = float(np.where(there, low, np.inf).min()) if floor is None else floor
    return Counted(there, least, np.where(there, high, -np.inf))


def _greatest_of_many(values: Sequence[np.ndarray], counted: Sequence[Counted], shown: Shown) -> Extreme | None:
    """The same of those that are `counted`, one part after another: of all heads of a long text there are 18 million,
    and few stand where one of the greatest does. None where the nearest do not tell.
    """
    most = max(float(one.high.max()) for one in counted)
    best, differs, near_best = _compared(most, min(one.low for one in counted), shown)
    places, near = [], []
    for part, one in zip(values, counted, strict=True):
        spots: tuple[Any, ...] = np.unravel_index(np.flatnonzero(one.high >= near_best), one.high.shape)
        some = part[(..., *spots)]
        is_near = some >= near_best
        *axes, spot = np.nonzero(is_near)
        places.append((*axes, *(axis[spot] for axis in spots)))
        near.append(some[is_near])
    if sum(map(len, near)) > TOP * TOP:
        return None
    each = np.unique(np.concatenate(near))[::-1].tolist()
    alike = bisect_left(each, True, key=differs)
    if alike == len(each):
        return None
    found = []
    for i, (some, at) in enumerate(zip(near, places, strict=True)):
        own = some >= each[alike - 1]
        found += [(i, *place) for place in zip(*(axis[own].tolist() for axis in at), strict=True)]
    return Extreme(best, tuple(sorted(found)), False)


def _compared(best: float, least: float, shown: Shown) -> tuple[float, Callable[[float], bool], float]:
    """The best, whether another number is seen to differ from it, and from where on one is near it."""
    size, written = max(abs(best), abs(least)), shown(best)
    return best, lambda value: best - value > NOISE * size and shown(value) != written, best - NEAR * size


def _last_alike(finite: np.ndarray, differs: Callable[[float], bool], near_best: float) -> tuple[float, bool]:
    """The least value that does not differ from the greatest, and whether that is the least of all: where one differs,
    all below it do. Of many values only so many are put in order as it takes, those from `near_best` on at first.
    """
    for n in (0, TOP, TOP * TOP, finite.size):
        if not n:
            some = finite[finite >= near_best]
            if len(some) > TOP * TOP:
                continue
        else:
            some = finite if n >= finite.size else np.partition(finite, finite.size - n)[-n:]
        near = np.unique(some)[::-1].tolist()
        alike = bisect_left(near, True, key=differs)
        if alike < len(near) or len(some) == finite.size:
            break
    return near[alike - 1], alike == len(near)


def _floats(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def least(values: np.ndarray, shown: Shown, where: np.ndarray | None = None) -> Extreme:
    """The least, in the same way."""
    found = greatest(-_floats(values), lambda value: shown(-value), where)
    return Extreme(-found.value, found.places, found.everywhere)


def least_of_each(values: np.ndarray, shown: Shown) -> list[Extreme]:
    """The least of each row [row, n], in the same way: all rows are put in order at once, and mostly the first numbers
    tell."""
    each = np.sort(values)
    finite = np.isfinite(each[:, [0, -1]]).all(axis=1)
    return [
        _least_in_order(row, ordered.tolist(), shown) if is_finite else least(row, shown)
        for row, ordered, is_finite in zip(values, each, finite.tolist(), strict=True)
    ]


def _least_in_order(row: np.ndarray, ordered: list[float], shown: Shown) -> Extreme:
    """The least of a row [n] of finite numbers, which are given in order too."""
    _, differs, _ = _compared(-ordered[0], -ordered[-1], lambda value: shown(-value))
    alike, n = 1, len(ordered)
    while alike < n and not differs(-ordered[alike]):
        alike *= 2
    alike = bisect_left(ordered, True, alike // 2, min(alike, n), key=lambda value: differs(-value))
    places = np.flatnonzero(row <= ordered[alike - 1]).tolist()
    return Extreme(ordered[0], tuple(zip(places)), alike == n)


def percent(words: Words) -> Shown:
    """How `{share:.1%}` writes a share."""
    return lambda share: words.number(100 * share, 1)


def magnitude(x: float, words: Words) -> str:
    """A number of any size: 12.34, or 1.2 × 10³⁴; nothing of one that is none any more."""
    return words.scaled(x) if isfinite(x) else ""


# ------------------------------------------------------------------------------------------------------------- names


def unit(scene: Scene) -> str:
    """What the tokens of a Scene are, as `{unit:?word=...|character=...|token=...}` asks."""
    return "token" if scene.preset.tokenizer else "character" if scene.split == "characters" else "word"


def token_name(tokens: Sequence[str], place: int, words: Words) -> str:
    """A token in quotation marks; one that stands in the sentence more than once with its position, from 0."""
    token = tokens[place]
    return _token_name(token, place if token in _repeated(tuple(tokens)) else None, words)


@lru_cache(maxsize=2048)  # what is said of all rows of a long text names some of its tokens hundreds of times
def _token_name(token: str, place: int | None, words: Words) -> str:
    return words("quoted" if place is None else "placed", token=edged(token), place=place)


@lru_cache(maxsize=32)  # as above
def _repeated(tokens: tuple[str, ...]) -> frozenset[str]:
    """Those that stand there more than once."""
    return frozenset(token for token, n in Counter(tokens).items() if n > 1)


def choice(tokens: Sequence[str], place: int, words: Words) -> str:
    """A token as a list to choose from names it, without quotation marks."""
    token = tokens[place]
    return words("choice", token=edged(token), place=place) if tokens.count(token) > 1 else shown(named(token, words))


def choices(tokens: Sequence[str], words: Words) -> list[str]:
    """All tokens in the same way."""
    return [*_choices(tuple(tokens), words)]


@lru_cache(maxsize=32)  # a list of 256 tokens is offered at every turn
def _choices(tokens: tuple[str, ...], words: Words) -> tuple[str, ...]:
    return tuple(choice(tokens, place, words) for place in range(len(tokens)))


def token_names(tokens: Sequence[str], places: Iterable[int], words: Words, itself: int | None = None) -> str:
    """Several tokens in one phrase, `itself` for the one that looks."""

    def name(place: int) -> str:
        return words("attention.reads.itself") if place == itself else token_name(tokens, place, words)

    return some_of([*places], name, words)


def head_names(places: Iterable[Sequence[int]], words: Words, name: str = "") -> str:
    """Several heads (layer, head) in one phrase; `name`: a label that is put around each."""

    def named(place: Sequence[int]) -> str:
        head = words("heads.place", layer=int(place[0]), head=int(place[1]))
        return words(name, place=head) if name else head

    return some_of([*places], named, words)


def some(names: Sequence[str], words: Words) -> str:
    """`a, b and c`; of many the first few, and how many others there are."""
    return some_of(names, str, words)


def some_of(things: Sequence[T], name: Callable[[T], str], words: Words) -> str:
    """The same of things that have a name: only those that are written are asked for it."""
    if len(things) <= FEW + 1:
        return words.several([name(thing) for thing in things])
    return words.several([*map(name, things[:FEW]), words("attention.reads.others", n=len(things) - FEW)])
