"""Translation, in both directions: the sentences of bilingual.py, as rows that an encoder-decoder learns from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..config import Config
from ..tokenizer.words import UNKNOWN, Encoding, FixedVocabulary, Lookup
from ..train.batch import Batch
from .bilingual import ENGLISH, PORTUGUESE, Pair, pair, vocabulary
from .parse import parse
from .task import Task

TOWARDS = {PORTUGUESE: "<pt>", ENGLISH: "<en>"}  # the first token of a source, and of its translation: which way
PADDING = "<pad>"
SENTENCES = 1 << 16  # of each split that are drawn from
END = "."  # ends every sentence
HIDDEN_WORDS = 0.01  # the share of a source's words that a row hides behind UNKNOWN, and then its translation too


def goes_into(words: Iterable[str]) -> str:
    """The language that a sentence is translated into: the one that fewer of its words are of; English for a tie."""
    words = [*words]
    own = {language: sum(word in vocabulary(language) for word in words) for language in TOWARDS}
    return PORTUGUESE if own[ENGLISH] > own[PORTUGUESE] else ENGLISH


@dataclass(frozen=True)
class SourceVocabulary(FixedVocabulary):
    """Splits a text in either language, behind the token that says into which one it goes."""

    @property
    def special(self) -> frozenset[int]:  # type: ignore[override]
        """Those tokens stand for no text."""
        return frozenset(self.tokens.index(token) for token in TOWARDS.values())

    @cached_property
    def _words(self) -> FixedVocabulary:
        return FixedVocabulary(self.tokens, self.by)

    def split(self, text: str) -> tuple[str, ...]:
        """The tokens of a text: those of `encode`."""
        return self.encode(text).tokens

    def encode(self, text: str) -> Encoding[Lookup]:
        """As FixedVocabulary, with one token more in front."""
        found = self._words.encode(text)
        sign = TOWARDS[goes_into(self.tokens[id] for id in found.ids.tolist())]
        at = self.tokens.index(sign)
        return Encoding(
            np.concatenate([[at], found.ids]).astype(np.int64),
            (sign, *found.tokens),
            (Lookup(sign, at, at), *found.work),
            ((0, 0), *found.spans),
        )


class Translation(Task):
    """Each word of a translation is foretold from the source and the words before it, in both directions.

    A source begins with a token that says into which language; so does its translation, which ends with the period.
    """

    name = "translate"
    n_ctx = 24
    size = 64

    def __init__(self) -> None:
        words = sorted(vocabulary(PORTUGUESE) | vocabulary(ENGLISH))
        self.vocabulary = (PADDING, UNKNOWN, *TOWARDS.values(), *words)
        self.ids: Mapping[str, int] = {word: i for i, word in enumerate(self.vocabulary)}
        self.config = Config(
            vocab_size=len(self.vocabulary),
            n_ctx=self.n_ctx,
            d_model=64,
            n_layers=2,
            n_heads=4,
            d_mlp=128,
            causal=True,
            positions="sinusoidal",
            embed_scale=True,
            norm="layer",
            final_norm=True,
            qkv_bias=True,
            out_bias=True,
            mlp_bias=True,
            unembed=True,
            tied_unembed=True,
            n_encoder_layers=2,
            cross=True,
        )

    @property
    def tokenizer(self) -> SourceVocabulary:
        return SourceVocabulary(self.vocabulary)

    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        into = [(PORTUGUESE, ENGLISH)[i] for i in rng.integers(0, 2, size)]
        pairs = [pair(int(number), held_out) for number in rng.integers(0, SENTENCES, size)]
        sources, targets = list[list[int]](), list[list[int]]()
        for told, language in zip(pairs, into, strict=True):
            source, target = self.encode(told, language)
            for place in np.flatnonzero(rng.random(len(source)) < HIDDEN_WORDS):
                hidden = [t + 1 for t, stems in told.truth(language).items() if stems == {int(place) - 1}]
                if hidden and told.words(language)[hidden[0] - 1] != END:
                    source[place] = self.ids[UNKNOWN]
                    for at in hidden:
                        target[at] = self.ids[UNKNOWN]
            sources.append(source)
            targets.append(target)
        x, y = _padded(sources), _padded(targets)
        return Batch(y[:, :-1], y[:, 1:], y[:, 1:] != 0, x, x != 0)

    def encode(self, told: Pair, into: str) -> tuple[list[int], list[int]]:
        """The ids of a source, and of its translation, each behind the token that says which way."""
        source = PORTUGUESE if into == ENGLISH else ENGLISH
        return self.spell(told.words(source), into), self.spell(told.words(into), into)

    def speaks(self, ids: np.ndarray, language: str) -> bool:
        """Whether a translation is of a sentence in this language, and some of its words change places."""
        into = PORTUGUESE if language == ENGLISH else ENGLISH
        sign, *words = self.read(ids[ids != self.ids[PADDING]])
        words = words if END in words else [*words, END]  # in a batch's ids the longest row lacks it
        told = parse(tuple(words), into) if sign == TOWARDS[into] else None
        return told is not None and bool(told.crossing(into))

    def spell(self, words: tuple[str, ...] | list[str], into: str) -> list[int]:
        """The ids of some words behind the token that says into which language; UNKNOWN where one is not known."""
        return [self.ids[TOWARDS[into]], *(self.ids.get(word, self.ids[UNKNOWN]) for word in words)]


def _padded(rows: list[list[int]]) -> np.ndarray:
    """Rows of ids of several lengths -> [row, pos], filled up with PADDING, which is 0."""
    found = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = ids
    return found
