"""A text on its way to tokens: its letters, and which characters of the text each came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

from ...errors import WeightsError
from ...strict_json import quoted
from ..graphemes import clusters
from .cost import too_many_ways
from .said import Said

Letter = tuple[str, int, int]  # and where what it came from begins and ends
Letters = list[Letter]


def letters_of(text: str) -> Letters:
    return [(c, i, i + 1) for i, c in enumerate(text)]


def text_of(letters: Letters) -> str:
    return "".join(c for c, _, _ in letters)


def each(letters: Letters, written: Callable[[str], str]) -> Letters:
    """Every letter as those that it becomes, several or none."""
    return [(c, start, stop) for letter, start, stop in letters for c in written(letter)]


def spread(text: str, letters: Letters) -> Letters:
    """Another text in place of some letters, each of it from all of them."""
    return [(c, letters[0][1], letters[-1][2]) for c in text] if letters else []


def formed(letters: Letters, form: Any) -> Letters:
    """In one of Unicode's forms (UAX #15), such as "NFC"."""
    if unicodedata.is_normalized(form, text := text_of(letters)):  # as most texts are, and all of ASCII
        return letters
    done: Letters = []
    at = 0
    for cluster in clusters(text):
        part, at = letters[at : at + len(cluster)], at + len(cluster)
        new = unicodedata.normalize(form, cluster)
        alone = each(part, lambda c: unicodedata.normalize(form, c))
        done += alone if text_of(alone) == new else spread(new, part)
    return done


def replaced(letters: Letters, pattern: re.Pattern[str], content: str) -> Letters:
    """The content in place of all that the pattern finds."""
    done: Letters = []
    at = 0
    for found in pattern.finditer(text_of(letters)):
        done += letters[at : found.start()]
        part = letters[found.start() : found.end()] or letters[found.start() : found.start() + 1]
        done += [(c, part[0][1], part[-1][2]) for c in content] if part else [(c, 0, 0) for c in content]
        at = found.end()
    return done + letters[at:]


def prepended(letters: Letters, content: str) -> Letters:
    """With a beginning that covers nothing of the text."""
    start = letters[0][1] if letters else 0
    return [(c, start, start) for c in content] + letters


# ------------------------------------------------------------------------------------------------------- patterns


def pattern_of(said: Said) -> re.Pattern[str]:
    """A part's `pattern`: {"String": ...} or {"Regex": ...}. Raises: WeightsError for one that is not implemented."""
    value = said.get("pattern", dict, {})
    kind, text = next(iter(value.items()), ("", ""))
    if kind not in ("String", "Regex") or len(value) != 1 or not isinstance(text, str):
        raise WeightsError(f"{said.at}: pattern: {quoted(value)} is neither a String nor a Regex")
    if kind == "String":
        return re.compile(re.escape(text))
    try:
        written = _translated(text)
        if too_many_ways(written):
            raise WeightsError(f"{said.at}: pattern: {quoted(text)} may take a sentence minutes, or for ever")
        return re.compile(written)
    except (re.error, OverflowError, RecursionError):
        raise WeightsError(f"{said.at}: pattern: {quoted(text)} is not implemented") from None


PROPERTY = re.compile(r"\\([pP])\{(\^?)([A-Z][a-z]?)\}|\\.|\[|\]|&&", re.DOTALL)


def _translated(pattern: str) -> str:
    """Python's spelling of a pattern in Oniguruma's: `re` has no name for Unicode's categories."""
    inside = False
    written = []
    at = 0
    for found in PROPERTY.finditer(pattern):
        written.append(pattern[at : found.start()])
        at = found.end()
        sign = found[0]
        if found[3]:
            outside = (found[1] == "P") != (found[2] == "^")
            ranges = ranges_of(found[3], outside)
            sign = ranges if inside else f"[{ranges}]"
        elif (sign == "&&" and inside) or (sign[0] == "\\" and sign[1] in "pPhHXRKGk"):
            raise re.error(sign)
        elif sign in ("[", "]"):
            inside = sign == "["
        written.append(sign)
    return "".join([*written, pattern[at:]])


# Where Unicode has characters, or may get some soon. What lies between is not asked for one by one, for it takes half a
# second: nothing is assigned below plane 14, and the planes above it are for private use.
ASSIGNED = (range(0x40000), range(0xE0000, 0xE1000))
PRIVATE = range(0xF0000, 0x110000)


@cache
def _runs() -> tuple[tuple[str, int, int], ...]:
    """All of Unicode: neighbours of one category, the first of them and the last."""
    runs: list[tuple[str, int, int]] = []
    at = 0
    for known in ASSIGNED:
        runs += [("Cn", at, known.start - 1)] if known.start > at else []
        at = known.start
        for category, group in groupby(map(unicodedata.category, map(chr, known))):
            n = sum(1 for _ in group)
            runs.append((category, at, at + n - 1))
            at += n
    runs.append(("Cn", at, PRIVATE.start - 1))
    for at in (PRIVATE.start, PRIVATE.start + 0x10000):  # the last two of each plane are no characters
        runs += [("Co", at, at + 0xFFFD), ("Cn", at + 0xFFFE, at + 0xFFFF)]
    return tuple(runs)


@cache
def ranges_of(category: str, outside: bool = False) -> str:
    """The characters whose Unicode category begins so, or does not, as the inside of a character class."""
    ranges: list[list[int]] = []
    for name, first, last in _runs():
        if name.startswith(category) != outside:
            if ranges and ranges[-1][1] == first - 1:
                ranges[-1][1] = last
            else:
                ranges.append([first, last])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)
