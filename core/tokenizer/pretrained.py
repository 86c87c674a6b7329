"""A vocabulary that came with a model, read without any library: byte-level BPE, SentencePiece's BPE, WordPiece.

GPT-2's kind (Radford et al. 2019, section 2.2) cuts a text into pieces by a pattern, spells each piece's bytes as
letters, and merges by rank. Llama's kind (Kudo & Richardson 2018, "SentencePiece", section 3) takes the whole text,
spaces written as U+2581, and merges what makes the likeliest token; a letter that it lacks is written in bytes. BERT's
kind (Devlin et al. 2018, section 3) takes the longest piece that fits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from math import inf

import numpy as np

from ..arguments import text_of, tokens_of
from ..errors import WeightsError
from .bpe import by_rank, covered, readable
from .huggingface import Piece
from .parts.decoders import CLEANED, bytes_of
from .parts.letters import ranges_of
from .parts.models import KEPT, SHORT
from .parts.splitters import GPT2, LETTERS, SPACE
from .protocol import Subwords
from .wordpiece import INSIDE, longest, placed
from .words import Encoding

# The patterns that cut a text, by ggml's name for them. {L} and {N} stand for Unicode's letters and numbers.
LLAMA3 = (
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n{L}{N}]?[{L}]+|[{N}]{{1,DIGITS}}"
    r"| ?[^\s{L}{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Each of a name's patterns cuts what the one before it left.
PATTERNS: dict[str, tuple[str, ...]] = {
    "gpt-2": (GPT2,),
    "smollm": (r"[{N}]|[^{N}]+", GPT2),
    "llama-bpe": (LLAMA3.replace("DIGITS", "3"),),
    "qwen2": (LLAMA3.replace("{{1,DIGITS}}", ""),),
}
NORMALIZED = ("qwen2",)  # NFC, before anything else


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """The pattern with the ranges of Unicode's letters and numbers written out: `re` has no name for them."""
    return re.compile(text.format(L=ranges_of("L"), N=ranges_of("N")) if "{" in text else text)


@dataclass(frozen=True)
class Vocabulary(Subwords):
    """The tokens of a model, as they are spelled there; an id is a place in the list.

    control: ids that no text gives, such as the token that begins one. before, after: what the model expects around a
    text. problem: why text cannot be encoded; empty when it can.
    """

    spelled: Sequence[str]
    control: frozenset[int] = frozenset()
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    problem: str = ""

    @property
    def special(self) -> frozenset[int]:
        """Ids that stand for no text."""
        return self.control

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, as a reader would write it."""
        return tuple(map(self._readable, range(len(self.spelled))))

    @cached_property
    def ids(self) -> Mapping[str, int]:
        return {token: id for id, token in reversed(list(enumerate(self.spelled))) if id not in self.control}

    def encode(self, text: str, special: bool = True) -> Encoding:
        """Text -> ids, tokens as a reader would write them, and the work: a Piece a token.

        special: add the tokens that the model expects around a text. Where a reader wrote one of these, it is text.
        Raises: WeightsError for a letter that this vocabulary has no way to write.
        """
        if self.problem:
            raise WeightsError(self.problem)
        work = list(self._pieces(text_of("text", text)))
        if special:
            work = [Piece(self.spelled[i], i, 0, 0) for i in self.before] + work
            work += [Piece(self.spelled[i], i, len(text), len(text)) for i in self.after]
        ids = np.array([piece.id for piece in work], np.int64)
        spans = tuple((piece.start, piece.stop) for piece in work)
        return Encoding(ids, tuple(self._readable(piece.id) for piece in work), tuple(work), spans)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> text, without special tokens. Raises: ConfigError for an id outside the vocabulary."""
        ids = tokens_of(ids, len(self.spelled))
        return b"".join(self._bytes(i) for i in ids if i not in self.special).decode("utf-8", "replace")

    def _readable(self, id: int) -> str:
        return self.spelled[id] if id in self.control else readable(self._bytes(id))

    def _pieces(self, text: str) -> Iterable[Piece]:
        raise WeightsError(self.problem)

    def _bytes(self, id: int) -> bytes:
        return self.spelled[id].encode()

    def _id(self, token: str) -> int:
        if token not in self.ids:
            raise WeightsError(f"the vocabulary has no token for {token!r}")
        return self.ids[token]


@dataclass(frozen=True)
class ByteLevel(Vocabulary):
    """GPT-2's kind. merges: pairs of tokens as spelled, the first learned first; pattern: a name of PATTERNS."""

    merges: Sequence[tuple[str, str]] = ()
    pattern: str = "gpt-2"

    @cached_property
    def _ranks(self) -> Mapping[tuple[str, str], int]:
        return {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}

    def _pieces(self, text: str) -> Iterable[Piece]:
        if self.pattern in NORMALIZED:  # whose places are counted in what the model reads
            text = unicodedata.normalize("NFC", text)
        pieces = [text]
        for pattern in PATTERNS[self.pattern]:
            pieces = [part for piece in pieces for part in _pattern(pattern).findall(piece)]
        at = 0
        for piece in pieces:
            found = self._known(piece) if len(piece) <= SHORT else self._tokens_of(piece)
            for token, span in zip(found, covered(piece, map(len, found), at), strict=True):
                yield Piece(token, self._id(token), *span)
            at += len(piece)

    @cached_property
    def _known(self) -> Callable[[str], list[str]]:
        """What `_tokens_of` gives, kept of the last short pieces: a text that is typed has most words of the one
        before, and to merge one takes hundreds of looks into a large table."""
        return lru_cache(maxsize=KEPT)(self._tokens_of)

    def _tokens_of(self, piece: str) -> list[str]:
        """The tokens of a piece."""
        return by_rank([LETTERS[byte] for byte in piece.encode("utf-8", "replace")], self._ranks)

    def _bytes(self, id: int) -> bytes:
        return bytes_of(self.spelled[id])


@dataclass(frozen=True)
class SentencePiece(Vocabulary):
    """Llama's kind. scores: a log-probability a token; space: whether a text is read as if a space began it."""

    scores: Sequence[float] = ()
    space: bool = True
    escaped: frozenset[int] = field(default_factory=frozenset)  # tokens such as <0x0A>, one a byte

    @property
    def special(self) -> frozenset[int]:
        return self.control - self.escaped

    @cached_property
    def _of_bytes(self) -> Mapping[int, int]:
        """The id of each byte's token."""
        return {int(self.spelled[id][3:-1], 16): id for id in self.escaped}

    def _pieces(self, text: str) -> Iterable[Piece]:
        prefix = int(self.space and bool(text))
        symbols = list(SPACE * prefix + text.replace(" ", SPACE))
        at = -prefix
        for token in self._merged(symbols):
            start, stop = max(at, 0), at + len(token)
            if token in self.ids:
                yield Piece(token, self.ids[token], start, stop)
            else:
                for byte in token.encode("utf-8", "replace"):
                    if byte not in self._of_bytes:
                        raise WeightsError(f"the vocabulary has no token for {token!r}, and none for its bytes")
                    id = self._of_bytes[byte]
                    yield Piece(self.spelled[id], id, start, stop)
            at = stop

    def _merged(self, symbols: list[str]) -> list[str]:
        """Always the two neighbours that make the likeliest token, the first of them where several do."""
        symbols = list(symbols)
        scores = [self._score(left + right) for left, right in pairwise(symbols)]  # of each two neighbours as one
        while (best := max(scores, default=-inf)) > -inf:
            i = scores.index(best)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            del scores[i]
            for at in range(max(i - 1, 0), min(i + 1, len(scores))):  # the two that the new one is part of
                scores[at] = self._score(symbols[at] + symbols[at + 1])
        return symbols

    def _score(self, token: str) -> float:
        return self.scores[self.ids[token]] if token in self.ids else -inf

    def _bytes(self, id: int) -> bytes:
        if id in self.escaped:
            return bytes([int(self.spelled[id][3:-1], 16)])
        return self.spelled[id].replace(SPACE, " ").encode()

    def decode(self, ids: Iterable[int]) -> str:
        text = super().decode(ids)
        return text[1:] if self.space and text.startswith(" ") else text


@dataclass(frozen=True)
class Pieces(Vocabulary):
    """BERT's kind. lower: in small letters; accents: whether they are kept; unknown: the id of what is not known."""

    unknown: int = 0
    lower: bool = True
    accents: bool = False

    def _pieces(self, text: str) -> Iterable[Piece]:
        for word in placed(text, self._letters):
            yield from self._taken(word)

    def _letters(self, c: str) -> str:
        if not self.accents:
            c = "".join(part for part in unicodedata.normalize("NFD", c) if unicodedata.category(part) != "Mn")
        return "".join(part.lower() for part in c) if self.lower else c

    def _taken(self, word: list[tuple[str, int]]) -> Iterable[Piece]:
        """The longest piece that fits, again and again; a word of which some rest fits nothing is unknown whole."""
        found, at, letters = [], 0, "".join(letter for letter, _ in word)
        while at < len(letters):
            if (stop := longest(letters, at, self.ids)) is None:
                return [Piece(self.spelled[self.unknown], self.unknown, word[0][1], word[-1][1] + 1)]
            piece = (INSIDE if at else "") + letters[at:stop]
            found.append(Piece(piece, self.ids[piece], word[at][1], word[stop - 1][1] + 1))
            at = stop
        return found

    def outside(self, text: str) -> dict[str, str]:
        """The words that are unknown, as written."""
        unknown = self.spelled[self.unknown]
        return {text[piece.start : piece.stop]: unknown for piece in self._pieces(text) if piece.id == self.unknown}

    def decode(self, ids: Iterable[int]) -> str:
        """Ids -> words parted by spaces, but before signs, without special tokens. Raises: as Vocabulary.decode."""
        text = ""
        for token in (self.spelled[i] for i in tokens_of(ids, len(self.spelled)) if i not in self.control):
            token = token if not text else token.removeprefix(INSIDE) if token.startswith(INSIDE) else f" {token}"
            for awkward, clean in CLEANED.items():
                token = token.replace(awkward, clean)
            text += token
        return text
