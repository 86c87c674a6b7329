"""Why a file was refused, in the reader's language: core says it in English, to whoever writes a program too."""

from __future__ import annotations

import re
from functools import cache
from string import Formatter

from pictures.words import Words, words_of

THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


def told(reason: str, words: Words) -> str:
    """The reason in the language of `words`; one that has no words there says in which language it is."""
    if words.lang == "en":
        return reason
    for key, pattern in _patterns():
        if met := pattern.fullmatch(reason):
            return words(key, **{name: _number(text) for name, text in met.groupdict().items()})
    return words("shell.untold", error=reason)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """What core says, each with its key: that first which says most, for another may be a part of it."""
    english = words_of("en").under("refusals.")
    said = {key: [(text, name) for text, name, *_ in Formatter().parse(label)] for key, label in english.items()}
    length = {key: sum(len(text) for text, _ in parts) for key, parts in said.items()}
    return [(key, _pattern(said[key])) for key in sorted(said, key=lambda key: -length[key])]


def _pattern(parts: list[tuple[str, str | None]]) -> re.Pattern[str]:
    """The pattern of a label; what stands in its places is no longer than it must be."""
    return re.compile(
        "".join(re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name in parts), re.DOTALL
    )


def _number(text: str) -> str | int:
    """A number with its thousands set apart, which each language writes in its own way; else the text."""
    return int(text.replace(",", "")) if THOUSANDS.fullmatch(text) else text
