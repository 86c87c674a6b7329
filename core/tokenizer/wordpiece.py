"""WordPiece: learned from a text, a join at a time, and applied by taking the longest piece that fits.

Learning: Schuster & Nakajima 2012, "Japanese and Korean Voice Search", section 4, join the two pieces that raise the
likelihood of the text most, and leave open how that is reckoned. Here, as is usual, a pair's score is its count over
the product of its pieces' counts. So the pairs that win are those whose pieces are seldom seen apart, rare ones first;
byte-pair encoding takes the frequent ones. (The score is a ratio: what the likelihood gains is about the count times
its logarithm, which would favour frequent pairs.) Encoding: Devlin et al. 2018 (BERT), whose pieces inside a word
begin with ##.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from ..arguments import text_of, tokens_of, whole
from ..errors import ConfigError
from .bpe import PairCounts
from .protocol import Subwords
from .words import Encoding, Span

UNKNOWN = "[UNK]"
INSIDE = "##"  # begins every piece that is not the first of its word
LONGEST_WORD = 100  # characters; a longer word is unknown, as in BERT

# Ideographs that BERT takes one by one, as words.
IDEOGRAPHS = (
    *(range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x2A6E0)),
    *(range(0x2A700, 0x2B740), range(0x2B740, 0x2B820), range(0x2B920, 0x2CEB0), range(0x2F800, 0x2FA20)),
)


@dataclass(frozen=True)
class Joined:
    """One step of learning: two pieces that stand side by side `count` times, and why they rather than others."""

    left: str
    right: str
    id: int
    count: int
    score: float  # count / (count of left * count of right)

    @property
    def token(self) -> str:
        """The new piece."""
        return join(self.left, self.right)


@dataclass(frozen=True)
class Taken:
    """One step of encoding: what was left of a word, the pieces tried from the longest down, and the one found.

    The pieces tried all begin `rest`. piece is UNKNOWN when none is in the vocabulary: the whole word is then unknown.
    """

    word: str
    rest: str
    tried: tuple[str, ...]
    piece: str


def words(text: str) -> list[str]:
    """What BERT's BasicTokenizer parts, cased: white space is lost, punctuation and ideographs stand alone.

    Marks, and signs that are no punctuation such as €, stay in their word; control characters are left out.
    """
    return "".join(map(parted, text)).split()


def placed(text: str, written: Callable[[str], str] = str) -> Iterator[list[tuple[str, int]]]:
    """The same words, each a list of letters and their places in the text.

    written: the letters that a character becomes, several or none.
    """
    word: list[tuple[str, int]] = []
    for i, c in enumerate(text):
        for letter in written(c) if parted(c) else ():
            apart = parted(letter)
            if apart == letter and not letter.isspace():
                word.append((letter, i))
            elif apart:
                yield from [word] if word else []
                word = []
                yield from [[(letter, i)]] if apart.strip() else []
    yield from [word] if word else []


@lru_cache(maxsize=4096)
def parted(c: str) -> str:
    """A character as it enters words: itself, itself between spaces, a space, or nothing."""
    if c in "\t\n\r":
        return " "
    category = unicodedata.category(c)
    if category in ("Cc", "Cf", "Cs", "Co") or c == "\ufffd":  # Cn, unassigned, may be assigned in a later Unicode
        return ""
    if c.isspace():
        return " "
    # What ASCII has of signs is taken for punctuation, though $ or + are none elsewhere.
    alone = category[0] == "P" or (c.isascii() and not c.isalnum()) or any(ord(c) in span for span in IDEOGRAPHS)
    return f" {c} " if alone else c


def join(left: str, right: str) -> str:
    """un + ##do -> undo; ##d + ##o -> ##do."""
    return left + right.removeprefix(INSIDE)


def letters(word: str) -> tuple[str, ...]:
    """undo -> u ##n ##d ##o."""
    return (word[0], *(INSIDE + c for c in word[1:]))


def longest(word: str, at: int, known: Container[str]) -> int | None:
    """Where the longest piece ends that begins at this letter; None where none is known, or the word is too long."""
    inside, ends = INSIDE if at else "", range(len(word), at, -1) if len(word) <= LONGEST_WORD else ()
    return next((stop for stop in ends if inside + word[at:stop] in known), None)


def learn(text: str, n_joins: int, least: int = 2) -> Iterator[Joined]:
    """Yield the joins in the order in which they are learned, until no pair occurs `least` times.

    Without `least`, two letters seen once, and together, would score highest of all. Of equal scores, the more frequent
    pair goes first, then the first in the alphabet.
    """
    counted = Counter(words(text))
    counts = PairCounts((letters(word), count) for word, count in counted.items())
    first = 1 + len(counts.symbols)

    def score(pair: tuple[str, str]) -> float:
        return counts.pairs[pair] / (counts.symbols[pair[0]] * counts.symbols[pair[1]])

    for id in range(first, first + n_joins):
        frequent = [pair for pair, count in counts.pairs.items() if count >= least]
        pair = min(frequent, key=lambda pair: (-score(pair), -counts.pairs[pair], pair), default=None)
        if pair is None:
            return
        joined = Joined(*pair, id, counts.pairs[pair], score(pair))
        counts.merge(pair, joined.token)
        yield joined


@dataclass(frozen=True)
class WordPiece(Subwords):
    """A vocabulary of pieces. Ids: [UNK] is 0, then the letters in alphabetical order, then the joins."""

    letters: tuple[str, ...]
    joins: tuple[Joined, ...]
    special: ClassVar[frozenset[int]] = frozenset()  # [UNK] stands for text, too

    @classmethod
    def train(cls, text: str, vocab_size: int, least: int = 2) -> WordPiece:
        """Learn from a text. The vocabulary is smaller than asked when no pair is left that occurs `least` times.

        Raises: ConfigError for a size that has no room for the text's letters.
        """
        whole("vocab_size", vocab_size)
        whole("least", least, 1)
        alphabet = sorted({letter for word in words(text_of("text", text)) for letter in letters(word)})
        if vocab_size < 1 + len(alphabet):
            raise ConfigError(
                f"vocab_size: {vocab_size} is below {1 + len(alphabet)}: [UNK] and the letters of the text",
                "vocab_size",
            )
        return cls(tuple(alphabet), tuple(learn(text, vocab_size - 1 - len(alphabet), least)))

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The piece of each id."""
        return (UNKNOWN, *self.letters, *(joined.token for joined in self.joins))

    @property
    def tokens(self) -> tuple[str, ...]:
        """The same: pieces are text."""
        return self.vocabulary

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: id for id, piece in reversed(list(enumerate(self.vocabulary)))}

    def encode(self, text: str) -> Encoding[Taken]:
        """ids, pieces, and the work: a Taken for each piece. A word with a letter never seen becomes [UNK]."""
        pieces: list[str] = []
        work: list[Taken] = []
        spans: list[Span] = []
        for word in placed(text_of("text", text)):
            steps = list(self._take("".join(letter for letter, _ in word)))
            work += steps
            known = steps[-1].piece != UNKNOWN
            pieces += [step.piece for step in steps] if known else [UNKNOWN]
            at = 0
            for length in (len(step.piece.removeprefix(INSIDE)) for step in steps) if known else (len(word),):
                spans.append((word[at][1], word[at + length - 1][1] + 1))
                at += length
        ids = np.array([self._ids[piece] for piece in pieces], np.int64)
        return Encoding(ids, tuple(pieces), tuple(work), tuple(spans))

    def outside(self, text: str) -> dict[str, str]:
        """The words that are unknown, as written."""
        encoding = self.encode(text)
        read = zip(encoding.tokens, encoding.spans, strict=True)
        return {text[start:stop]: UNKNOWN for token, (start, stop) in read if token == UNKNOWN}

    def _take(self, word: str) -> Iterator[Taken]:
        at = 0
        while at < len(word):
            inside, stop = INSIDE if at else "", longest(word, at, self._ids)
            ends = range(len(word), at if stop is None else stop - 1, -1) if len(word) <= LONGEST_WORD else ()
            tried = tuple(inside + word[at:end] for end in ends)
            yield Taken(word, inside + word[at:], tried, UNKNOWN if stop is None else tried[-1])
            if stop is None:
                return
            at = stop

    def decode(self, ids: Iterable[int]) -> str:
        """The pieces of ids put together, words parted by single spaces.

        Raises: ConfigError for an id outside the vocabulary.
        """
        words: list[str] = []
        for i in tokens_of(ids, len(self.vocabulary)):
            piece = self.vocabulary[i]
            if piece.startswith(INSIDE) and words:
                words[-1] += piece.removeprefix(INSIDE)
            else:
                words.append(piece)
        return " ".join(words)
