"""The greatest and the least of some numbers, as a sentence may name them: everything that is written alike together.

Of two numbers that a reader sees as one, none is "the" greatest; where all look alike there is no extreme at all; and
numbers that have left their range are none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from math import isfinite
from typing import TypeVar

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
        each = [_counted(part, there) for part, there in zip(values, counted, strict=True)]
        if found := _greatest_of_many([*values], each, shown):
            return found
    finite = values.ravel() if counted.all() else values[counted]
    best, differs, near_best = _compared(float(finite.max()), float(finite.min()), shown)
    last, everywhere = _last_alike(finite, differs, near_best)
    places = np.argwhere(counted & (values >= last)).tolist()
    return Extreme(best, tuple(map(tuple, places)), everywhere)


def greatest_of_parts(
    parts: Sequence[np.ndarray], shown: Shown, where: Iterable[np.ndarray] | None = None
) -> Extreme | None:
    """The same of many arrays of one shape, whose places begin with the number of the array: of many values no more
    than one array is copied. where: for each array, or for its last axes alone; everywhere unless told."""
    if sum(part.size for part in parts) > MANY:
        given = repeat(None, len(parts)) if where is None else where
        counted = [_counted(part, there) for part, there in zip(parts, given, strict=True)]
        if not any(low <= high for _, low, high in counted):
            return None
        if found := _greatest_of_many(parts, counted, shown):
            return found
        where = [np.array(True) if there is None else there for there, _, _ in counted]
    whole = None if where is None else np.stack([np.broadcast_to(there, parts[0].shape) for there in where])
    return greatest_if_any(np.stack(parts), shown, whole)


Counted = tuple[np.ndarray | None, float, float]  # which values count, None: all; and the least and greatest of them


def _counted(part: np.ndarray, where: np.ndarray | None) -> Counted:
    """Those that are numbers, `where` it is True. All are gone through twice: over the axes that `where` does not tell
    apart, of one that is no number the least and the greatest are none either."""
    alike = None if where is None else tuple(range(part.ndim - where.ndim))
    low, high = part.min(axis=alike), part.max(axis=alike)
    there = where
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        there = np.isfinite(part) & (True if where is None else where)
        low = high = part
    if there is None:
        return None, float(low), float(high)
    return there, float(np.where(there, low, np.inf).min()), float(np.where(there, high, -np.inf).max())


def _greatest_of_many(values: Sequence[np.ndarray], counted: Sequence[Counted], shown: Shown) -> Extreme | None:
    """The same of those that are `counted`, or of all, one part after another: of all heads of a long text there are 18
    million. None where the nearest do not tell.
    """
    best, differs, near_best = _compared(max(high for *_, high in counted), min(low for _, low, _ in counted), shown)
    places, near = [], []
    for part, (there, _, high) in zip(values, counted, strict=True):
        if high < near_best:
            at, some = np.empty(0, int), part[:0].ravel()
        else:
            is_near = part >= near_best if there is None else there & (part >= near_best)
            at, some = np.flatnonzero(is_near), part[is_near]
        places.append(at)
        near.append(some)
    if sum(map(len, places)) > TOP * TOP:
        return None
    each = np.unique(np.concatenate(near))[::-1].tolist()
    alike = bisect_left(each, True, key=differs)
    if alike == len(each):
        return None
    found = []
    for i, (some, at) in enumerate(zip(near, places, strict=True)):
        own = np.unravel_index(at[some >= each[alike - 1]], values[0].shape)
        found += [(i, *place) for place in zip(*(axis.tolist() for axis in own), strict=True)]
    return Extreme(best, tuple(found), False)


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


@np.errstate(invalid="ignore")  # of numbers that are none, which `least` leaves out
def least_of_each(values: np.ndarray, shown: Shown) -> list[Extreme]:
    """The least of each row [row, n], in the same way.

    Mostly the next number that rounding has not made another is written otherwise: then those before it are all.
    """
    first = values.min(-1)
    alike = values - first[:, None] <= NOISE * np.abs(values).max(-1, keepdims=True)
    then = np.where(alike, np.inf, values).min(-1)
    sure = np.isfinite(values).all(-1) & np.isfinite(then)
    found = []
    for row, low, second, same, is_sure in zip(values, first.tolist(), then.tolist(), alike, sure, strict=True):
        if is_sure and shown(low) != shown(second):
            found.append(Extreme(low, tuple((at,) for at in np.flatnonzero(same).tolist()), False))
        else:
            found.append(least(row, shown))
    return found


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
    key = "placed" if tokens.count(tokens[place]) > 1 else "quoted"
    return words(key, token=edged(tokens[place]), place=place)


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
