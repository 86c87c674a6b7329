"""Byte-pair encoding, learned from a text one merge at a time.

Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword Units", algorithm 1; over bytes,
as in GPT-2 (Radford et al. 2019, section 2.2), so that every text has an encoding and comes back from it unchanged.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import ClassVar, Generic, TypeVar

import numpy as np

from ..arguments import text_of, tokens_of, whole
from ..errors import ConfigError
from .protocol import Subwords
from .words import Encoding, Span

N_BYTES = 256  # the tokens before the first merge, one a byte

# Letters, digits, other signs, white space; a space goes with what follows it, so that " de" is one piece. No merge
# crosses these pieces. After GPT-2's pattern, in the syntax of the standard library.
PIECES = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+")

Symbol = TypeVar("Symbol", bound=Hashable)
Pair = tuple[Symbol, Symbol]


@dataclass(frozen=True)
class Merge:
    """One step of learning: the pair that was found `count` times, more than any other, becomes one token."""

    left: bytes
    right: bytes
    id: int
    count: int

    @property
    def token(self) -> bytes:
        """The new token."""
        return self.left + self.right


@dataclass(frozen=True)
class Applied:
    """One step of encoding: a merge, and the tokens of its piece of text after it. The first has merge None."""

    piece: str
    merge: Merge | None
    tokens: tuple[bytes, ...]


class PairCounts(Generic[Symbol]):
    """How often each pair of neighbours stands in a collection of words, kept up to date while pairs are merged."""

    def __init__(self, words: Iterable[tuple[tuple[Symbol, ...], int]]):
        self.words = [(list(symbols), count) for symbols, count in words]
        self.pairs: Counter[Pair] = Counter()
        self.symbols: Counter[Symbol] = Counter()
        self._where: defaultdict[Pair, set[int]] = defaultdict(set)
        for i in range(len(self.words)):
            self._add(i, 1)

    def merge(self, pair: Pair, new: Symbol) -> None:
        """Put `new` in place of the pair wherever it stands, from left to right."""
        for i in self._where.pop(pair):
            self._add(i, -1)
            symbols, count = self.words[i]
            self.words[i] = (merged(symbols, pair, new), count)
            self._add(i, 1)
        del self.pairs[pair]

    def _add(self, i: int, sign: int) -> None:
        symbols, count = self.words[i]
        for symbol in symbols:
            self.symbols[symbol] += sign * count
        for pair in pairwise(symbols):
            self.pairs[pair] += sign * count
            if sign > 0:  # a word that loses the pair stays listed: looking at it in vain costs less than unlisting it
                self._where[pair].add(i)


def merged(symbols: Iterable[Symbol], pair: Pair, new: Symbol) -> list[Symbol]:
    """`symbols` with `new` in place of each occurrence of the pair."""
    out: list[Symbol] = []
    left, right = pair
    free = False  # is the last of `out` still a symbol that may be the left half of a pair?
    for symbol in symbols:
        if free and symbol == right and out[-1] == left:
            out[-1] = new
            free = False
        else:
            out.append(symbol)
            free = True
    return out


def by_rank(symbols: list[str], ranks: Mapping[Pair, int]) -> list[str]:
    """The tokens that symbols become: always the earliest learned of the merges that apply. ranks: 0 for the first."""
    while True:
        pair = min(pairwise(symbols), key=lambda pair: ranks.get(pair, inf), default=None)
        if pair is None or pair not in ranks:
            return symbols
        symbols = merged(symbols, pair, pair[0] + pair[1])


def pieces(text: str) -> list[str]:
    """The pieces of text that no merge crosses; together they are the text."""
    return PIECES.findall(text)


def readable(token: bytes) -> str:
    """A token as text; bytes that are only part of a character as \\x and their two digits."""
    return token.decode("utf-8", "backslashreplace")


def covered(text: str, lengths: Iterable[int], at: int = 0) -> Iterator[Span]:
    """Of tokens of so many bytes each, the characters of the text that each has a part of; the text begins at `at`."""
    character = [at + i for i, c in enumerate(text) for _ in c.encode("utf-8", "replace")]
    done = 0
    for length in lengths:
        yield character[done], character[done + length - 1] + 1
        done += length


def learn(text: str, n_merges: int) -> Iterator[Merge]:
    """Yield the merges in the order in which they are learned, until no pair occurs twice.

    Of pairs that occur equally often, the one of smaller bytes goes first.
    """
    words = Counter(piece.encode("utf-8", "replace") for piece in pieces(text))
    counts = PairCounts((tuple(bytes([b]) for b in word), count) for word, count in words.items())
    for id in range(N_BYTES, N_BYTES + n_merges):
        pair = min(counts.pairs, key=lambda pair: (-counts.pairs[pair], pair), default=None)
        if pair is None or counts.pairs[pair] < 2:
            return
        merge = Merge(*pair, id, counts.pairs[pair])
        counts.merge(pair, merge.token)
        yield merge


@dataclass(frozen=True)
class BytePair(Subwords):
    """A vocabulary of the 256 bytes and what the merges make of them. Ids are in that order."""

    merges: tuple[Merge, ...]
    special: ClassVar[frozenset[int]] = frozenset()

    @classmethod
    def train(cls, text: str, vocab_size: int) -> BytePair:
        """Learn from a text. The vocabulary is smaller than asked when the text has no more pairs to merge.

        Raises: ConfigError for a size below the 256 bytes.
        """
        text_of("text", text)
        if whole("vocab_size", vocab_size) < N_BYTES:
            raise ConfigError(f"vocab_size: {vocab_size} is below {N_BYTES}, one token a byte", "vocab_size")
        return cls(tuple(learn(text, vocab_size - N_BYTES)))

    @cached_property
    def vocabulary(self) -> tuple[bytes, ...]:
        """The token of each id."""
        return (*(bytes([b]) for b in range(N_BYTES)), *(merge.token for merge in self.merges))

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The same as text."""
        return tuple(readable(token) for token in self.vocabulary)

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        return {(merge.left, merge.right): rank for rank, merge in enumerate(self.merges)}

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        # Two merges may make the same token, as ab + c and a + bc do: the first one's id stands for both.
        return {token: id for id, token in reversed(list(enumerate(self.vocabulary)))}

    def encode(self, text: str) -> Encoding[Applied]:
        """ids, tokens as text, and the work: an Applied for each merge, piece after piece, in the order applied."""
        work: list[Applied] = []
        tokens: list[bytes] = []
        for piece in pieces(text_of("text", text)):
            work += self._steps(piece)
            tokens += work[-1].tokens
        ids = np.array([self._ids[token] for token in tokens], np.int64)
        spans = tuple(covered(text, map(len, tokens)))
        return Encoding(ids, tuple(readable(token) for token in tokens), tuple(work), spans)

    def _steps(self, piece: str) -> Iterator[Applied]:
        """The piece as bytes, then after each merge: always the earliest learned of those that apply."""
        symbols = [bytes([b]) for b in piece.encode("utf-8", "replace")]
        yield Applied(piece, None, tuple(symbols))
        while True:
            pairs = pairwise(symbols)
            rank = min((self._ranks[pair] for pair in pairs if pair in self._ranks), default=None)
            if rank is None:
                return
            merge = self.merges[rank]
            symbols = merged(symbols, (merge.left, merge.right), merge.token)
            yield Applied(piece, merge, tuple(symbols))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids. decode(encode(text).ids) is text; ids that split a character give U+FFFD in its place.

        Raises: ConfigError for an id outside the vocabulary.
        """
        ids = tokens_of(ids, len(self.vocabulary))
        return b"".join(self.vocabulary[i] for i in ids).decode("utf-8", "replace")
