"""Text to token ids, and the work on the way: by words, or by characters.

The vocabulary of an untrained model is open: an id is drawn from the token itself, so that a word keeps its id, and
with it its embedding, in every sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Generic, TypeVar
from zlib import crc32

import numpy as np

from ..arguments import text_of, tokens_of, whole
from ..errors import ConfigError
from .graphemes import clusters
from .text import normalized

UNKNOWN = "<unknown>"  # the token of a fixed vocabulary that stands for all it does not hold


@dataclass(frozen=True)
class Lookup:
    """How one token got its id: the slot its spelling asks for, and the free one that it was given."""

    token: str
    asked: int
    id: int


Work = TypeVar("Work")
Span = tuple[int, int]


@dataclass(frozen=True)
class Encoding(Generic[Work]):
    """ids [pos] int64, the tokens as text, and the work on the way, as the tokenizer at hand tells it.

    spans: of each token, where the characters of the text that it covers begin and end; none for one that was added.
    """

    ids: np.ndarray
    tokens: tuple[str, ...]
    work: tuple[Work, ...]
    spans: tuple[Span, ...]


def spans_in(text: str, tokens: Iterable[str]) -> tuple[Span, ...]:
    """Where tokens stand that are pieces of the text, in its order."""
    spans, end = [], 0
    for token in tokens:
        start = text.index(token, end)
        end = start + len(token)
        spans.append((start, end))
    return tuple(spans)


def split_words(text: str) -> tuple[str, ...]:
    """What white space separates."""
    return tuple(text.split())


def characters(text: str) -> tuple[str, ...]:
    """What a reader takes for one character: marks, joined emoji, flags and syllables stay whole."""
    return clusters(text)


SPLITTERS: dict[str, Callable[[str], tuple[str, ...]]] = {"words": split_words, "characters": characters}


@dataclass(frozen=True)
class OpenVocabulary:
    """Ids 0..size-1 for any token at all.

    A token asks for the slot CRC-32(token) mod size; where another token of the same text already has it, it takes the
    next free one. So two different tokens never share an id while a text has at most `size` of them.
    """

    size: int
    split: Callable[[str], tuple[str, ...]] = split_words

    def __post_init__(self) -> None:
        whole("size", self.size, 1)

    def encode(self, text: str) -> Encoding[Lookup]:
        """Raises: ConfigError when the text has more different tokens than there are ids."""
        tokens = self.split(text_of("text", text))
        taken: dict[int, str] = {}
        given: dict[str, Lookup] = {}
        for token in tokens:
            if token in given:
                continue
            if len(taken) == self.size:
                raise ConfigError(f"text: more than {self.size} different tokens", "text")
            asked = slot = crc32(token.encode("utf-8", "replace")) % self.size
            while slot in taken:
                slot = (slot + 1) % self.size
            taken[slot] = token
            given[token] = Lookup(token, asked, slot)
        work = tuple(given[token] for token in tokens)
        return Encoding(np.array([step.id for step in work], np.int64), tokens, work, spans_in(text, tokens))


# A word keeps its hyphens and apostrophes; any other mark stands alone. Over the first sign of each character.
PIECES = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")


def pieces(text: str) -> tuple[str, ...]:
    """Words and marks: "dorme no gelo." has four. What a reader takes for one character is never parted."""
    whole = clusters(text)
    firsts = "".join(cluster[0] for cluster in whole)
    return tuple("".join(whole[found.start() : found.end()]) for found in PIECES.finditer(firsts))


@dataclass(frozen=True)
class FixedVocabulary:
    """The tokens of a trained model, each with the id of its place. Text is split into words, or characters.

    A token that is not there is looked for in lower, then in upper case. One that is nowhere gets the id of UNKNOWN, if
    the vocabulary has it; else it stands in for a token that the text does not have, always the same one.
    """

    tokens: tuple[str, ...]
    by: str = "words"
    special: ClassVar[frozenset[int]] = frozenset()  # UNKNOWN stands for text, too

    def split(self, text: str) -> tuple[str, ...]:
        """The tokens of a text, as they were written."""
        return characters(text) if self.by == "characters" else pieces(text)

    def encode(self, text: str) -> Encoding[Lookup]:
        """ids [pos], the tokens as written, and a Lookup for each. All text has ids."""
        tokens = self.split(text_of("text", text))
        given = {token: Lookup(token, i, i) for token in tokens if (i := self._known(token)) is not None}
        taken = {step.id for step in given.values()}
        for token in tokens:
            if token not in given:
                asked = crc32(token.encode("utf-8", "replace")) % len(self.tokens)
                free = self._ids[UNKNOWN] if UNKNOWN in self._ids else self._free(asked, taken)
                given[token] = Lookup(token, asked, free)
                taken.add(free)
        work = tuple(given[token] for token in tokens)
        return Encoding(np.array([step.id for step in work], np.int64), tokens, work, spans_in(text, tokens))

    def outside(self, text: str) -> dict[str, str]:
        """The tokens of a text that the vocabulary does not have, and what each is read as."""
        return {step.token: self.tokens[step.id] for step in self.encode(text).work if self._known(step.token) is None}

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text: words apart, but for the marks that lean on the word before.

        Raises: ConfigError for an id outside the vocabulary.
        """
        written = (self.tokens[i] for i in tokens_of(ids, len(self.tokens)))
        return "".join(written) if self.by == "characters" else re.sub(r" ([.,;:!?])", r"\1", " ".join(written))

    def _known(self, token: str) -> int | None:
        return next((self._ids[form] for form in (token, token.lower(), token.upper()) if form in self._ids), None)

    def _free(self, asked: int, taken: set[int]) -> int:
        size = len(self.tokens)
        return next((i % size for i in range(asked, asked + size) if i % size not in taken), asked)

    @cached_property
    def _ids(self) -> dict[str, int]:
        forms = {normalized(token): i for i, token in reversed(list(enumerate(self.tokens)))}
        return forms | {token: i for i, token in enumerate(self.tokens)}
