"""Tasks with one right answer: copy, reverse, sort, add by digits; and the repeated sequence that grows induction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from string import ascii_uppercase

import numpy as np

from ..arguments import whole
from ..config import Config
from ..train.batch import Batch
from .task import Task, decoder, held_out


class QuestionAndAnswer(Task):
    """Rows of a question, which is drawn, and its answer, which follows from it and alone is asked for."""

    ends: str  # the token that ends a question

    @classmethod
    def first_asked(cls, tokens: tuple[str, ...]) -> int:
        return tokens.index(cls.ends) + 1 if cls.ends in tokens else len(tokens)

    @abstractmethod
    def questions(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """ids [n, question]."""

    @abstractmethod
    def answers(self, questions: np.ndarray) -> np.ndarray:
        """[n, question] -> ids [n, answer]."""

    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        questions = _of_split(lambda n: self.questions(rng, n), size, held_out)
        rows = np.concatenate([questions, self.answers(questions)], axis=1)
        asked = np.broadcast_to(np.arange(1, rows.shape[1]) >= questions.shape[1], rows[:, 1:].shape)
        return Batch(rows[:, :-1], rows[:, 1:], asked)


class Sequence(QuestionAndAnswer):
    """Letters drawn at random, a bar, and the letters again in an order that `answers` says."""

    ends = "|"

    def __init__(self, letters: int = 10, length: int = 8):
        self.letters, self.length = whole("letters", letters, 2, len(ascii_uppercase)), whole("length", length, 2, 32)
        self.vocabulary = (*ascii_uppercase[: self.letters], self.ends)
        self.config = decoder(self.vocabulary, 2 * self.length, d_model=32, n_layers=2, n_heads=2, d_mlp=64)

    def questions(self, rng: np.random.Generator, n: int) -> np.ndarray:
        drawn = rng.integers(0, self.letters, (n, self.length))
        return np.concatenate([drawn, np.full((n, 1), self.letters)], axis=1)

    def answers(self, questions: np.ndarray) -> np.ndarray:
        return self.order(questions[:, :-1])

    @abstractmethod
    def order(self, letters: np.ndarray) -> np.ndarray:
        """[n, length] -> [n, length]."""


class Copy(Sequence):
    """C A F | C A F."""

    name = "copy"

    def order(self, letters: np.ndarray) -> np.ndarray:
        return letters


class Reverse(Sequence):
    """C A F | F A C."""

    name = "reverse"

    def order(self, letters: np.ndarray) -> np.ndarray:
        return letters[:, ::-1]


class Sort(Sequence):
    """C A F | A C F."""

    name = "sort"

    def order(self, letters: np.ndarray) -> np.ndarray:
        return np.sort(letters, axis=1)


class Addition(QuestionAndAnswer):
    """1 2 3 + 4 5 6 = 9 7 5 0: the sum from the units up, as one carries by hand (Lee et al. 2023, section 3)."""

    name = "addition"
    size = 64
    ends = "="

    def __init__(self, digits: int = 3):
        self.digits = digits = whole("digits", digits, 1, 9)
        self.vocabulary = (*"0123456789", "+", self.ends)
        self.config = decoder(self.vocabulary, 3 * digits + 2, d_model=64, n_layers=2, n_heads=4, d_mlp=128)

    def questions(self, rng: np.random.Generator, n: int) -> np.ndarray:
        a, b = rng.integers(0, 10, (2, n, self.digits))
        plus, equals = (np.full((n, 1), self.vocabulary.index(sign)) for sign in "+=")
        return np.concatenate([a, plus, b, equals], axis=1)

    def answers(self, questions: np.ndarray) -> np.ndarray:
        k = self.digits
        powers = 10 ** np.arange(k + 1)
        a, b = (questions[:, at : at + k] @ powers[:k][::-1] for at in (0, k + 1))
        return (a + b)[:, None] // powers % 10


class Repeat(Task):
    """A random sequence of different syllables, over and over: from its second time on it can be foretold.

    No pair of syllables is likelier than another, so nothing helps but to look for the last time that the present one
    stood there, and to say what followed: an induction head (Olsson et al. 2022, "In-context Learning and Induction
    Heads"). The length is another in every row, so that no fixed distance does.
    """

    name = "repeat"
    vocabulary = tuple(consonant + vowel for consonant in "bdfgklmnprtv" for vowel in "aeiou")
    n_ctx = 64
    lengths = (8, 24)  # the shortest and the longest sequence

    def __init__(self) -> None:
        self.config = Config(
            vocab_size=len(self.vocabulary),
            n_ctx=self.n_ctx,
            d_model=64,
            n_layers=2,
            n_heads=2,
            causal=True,
            positions="rotary",
            norm="layer",
            final_norm=True,
            unembed=True,
        )

    @classmethod
    def first_asked(cls, tokens: tuple[str, ...]) -> int:
        """The second token of the second time: that the sequence ends with the first, nothing tells."""
        again = (place for place, token in enumerate(tokens) if token in tokens[:place])
        return min(next(again, len(tokens)) + 1, len(tokens))

    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        shortest, longest = self.lengths
        every = np.arange(len(self.vocabulary))
        drawn = _of_split(lambda n: rng.permuted(np.tile(every, (n, 1)), axis=1)[:, :longest], size, held_out, shortest)
        length = rng.integers(shortest, longest + 1, (size, 1))
        place = np.arange(self.n_ctx + 1)
        rows = np.take_along_axis(drawn, place % length, axis=1)
        return Batch(rows[:, :-1], rows[:, 1:], place[1:] > length)


def _of_split(draw: Callable[[int], np.ndarray], n: int, wanted: bool, places: int | None = None) -> np.ndarray:
    """`n` rows that `draw` gives and whose first `places` belong to the wanted split."""
    found: list[np.ndarray] = []
    while sum(map(len, found)) < n:
        rows = draw(8 * n if wanted else n + n // 4 + 1)
        found.append(rows[held_out(rows[:, :places]) == wanted])
    return np.concatenate(found)[:n]
