"""What changed from one array to another: the difference, the greatest of it, and both in words."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10
from typing import Any

import numpy as np

from pictures import extremes
from pictures.extremes import magnitude
from pictures.words import Words

LARGE = 10_000  # numbers from here on are written with a power of ten
MOST_DECIMALS = 9


def difference(was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """now - was; NaN where either is no finite number."""
    both = np.isfinite(was) & np.isfinite(now)
    return np.subtract(now, was, out=np.full(np.shape(now), np.nan), where=both)


def largest(*arrays: np.ndarray) -> float:
    """The largest magnitude of all finite numbers; 0 where there are none."""
    return max(float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in arrays)


def reach(was: np.ndarray, now: np.ndarray) -> float:
    """How far a map of changes goes: to the greatest; where nothing changed but by rounding, as far as the numbers do,
    so that it stays pale."""
    most, whole = largest(difference(was, now)), largest(was, now)
    return most if most > extremes.NOISE * whole else whole or 1.0


def greatest(was: np.ndarray, now: np.ndarray, words: Words) -> extremes.Extreme | None:
    """Where the greatest changes are, whichever way; None where nothing changed but by rounding."""
    sizes = np.abs(difference(was, now))
    best = largest(sizes)
    if best <= extremes.NOISE * largest(was, now):
        return None
    return extremes.greatest(sizes, lambda x: written(x, decimals(best), words))


def changed(
    key: str, was: np.ndarray, now: np.ndarray, named: Callable[[tuple[int, ...]], dict[str, Any]], words: Words
) -> str:
    """The greatest change, under `key`, with what `named` tells of its place; how many are as great; what is lost."""
    with np.errstate(invalid="ignore"):
        found = greatest(was, now, words)
    sentences = []
    if found:
        place = max(found.places, key=lambda at: abs(float(now[at]) - float(was[at])))
        sentences.append(words(key, **named(place), **told(was[place], now[place], words)))
        if others := len(found.places) - 1:
            sentences.append(words("compare.as_much", n=others))
    hidden = int(np.count_nonzero(np.isneginf(was) != np.isneginf(now)))
    lost = np.isnan(was) | np.isnan(now) | np.isposinf(was) | np.isposinf(now)
    if lost.any():
        sentences.append(words("compare.lost"))
    elif hidden:
        sentences.append(words("compare.hidden", n=hidden))
    return " ".join(sentences) or words("compare.nothing")


def ranged(values: np.ndarray, words: Words) -> str:
    """From where to where the finite ones of some numbers run."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return words("compare.lost")
    low, high = (magnitude(float(x), words) for x in (finite.min(), finite.max()))
    return words("compare.range_one", value=low) if low == high else words("compare.range", low=low, high=high)


def told(was: float, now: float, words: Words) -> dict[str, str]:
    """Two numbers and the difference of what is written of them, with as many digits as that needs."""
    was, now = float(was), float(now)
    places = decimals(abs(now - was))
    if max(abs(was), abs(now)) < LARGE:
        was, now = round(was, places), round(now, places)
    sign = "+" if now > was else ""
    numbers = {"was": was, "now": now, "change": now - was}
    texts = {name: written(x, places, words) for name, x in numbers.items()}
    return texts | {"change": sign + texts["change"]}


def written(x: float, places: int, words: Words) -> str:
    """A number with so many decimals, or as a power of ten where it is large."""
    return words.number(x, places) if abs(x) < LARGE else magnitude(x, words)


def decimals(change: float) -> int:
    """As many as show a change, and at least two."""
    return min(max(2, -floor(log10(change))), MOST_DECIMALS) if change else 2
