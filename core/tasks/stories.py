"""Words of small-world stories, in Portuguese and English, with the truth about what depends on what."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

import numpy as np

from ..config import Config
from ..model import forward
from ..params import Params
from ..tokenizer.words import UNKNOWN
from ..train.batch import Batch
from .english import English
from .grammar import Grammar, Story
from .portuguese import Portuguese
from .task import HELD_OUT, Task, decoder

LANGUAGES: dict[str, type[Grammar]] = {"pt-BR": Portuguese, "en": English}
STORIES = 1 << 16  # stories of each language and split that are drawn from
HIDDEN_WORDS = 0.02  # the share of words that a row hides behind UNKNOWN: so it learns what that means


@lru_cache(maxsize=1 << 10)  # of 2 kB each
def story(language: str, number: int, held_out: bool) -> Story:
    """Story 0, 1, 2, ... of a language and split. A story is held out by its first sentence."""
    grammar = LANGUAGES[language]
    seed = 0
    while True:
        told = grammar(crc32(f"{language} {number} {seed}".encode())).story()
        if _is_held_out(told) == held_out:
            return told
        seed += 1


@lru_cache(maxsize=1 << 14)  # of half a kB each: a run of training reads many again
def _spelled(language: str, number: int, held_out: bool) -> str:
    """A story's words, blanks between them."""
    return " ".join(word.text for word in story(language, number, held_out))


def _is_held_out(told: Story) -> bool:
    words = [word.text for word in told]
    return crc32(" ".join(words[: words.index(".")]).encode()) % HELD_OUT == 0


class Stories(Task):
    """Each word is foretold from those before it. A row holds stories of one language, one after another."""

    name = "stories"
    n_ctx = 64

    def __init__(self) -> None:
        words = sorted(frozenset().union(*(grammar.vocabulary() for grammar in LANGUAGES.values())))
        self.vocabulary = (UNKNOWN, *words)
        self.ids = {word: i for i, word in enumerate(self.vocabulary)}
        self.config = decoder(self.vocabulary, self.n_ctx, d_model=64, n_layers=2, n_heads=4, d_mlp=256)

    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        languages = [tuple(LANGUAGES)[i] for i in rng.integers(0, len(LANGUAGES), size)]
        rows = np.array([self._row(rng, language, held_out) for language in languages], np.int64)
        unknown = rng.random((size, self.n_ctx)) < HIDDEN_WORDS
        return Batch(np.where(unknown, self.ids[UNKNOWN], rows[:, :-1]), rows[:, 1:])

    def _row(self, rng: np.random.Generator, language: str, held_out: bool) -> list[int]:
        row: list[int] = []
        while len(row) <= self.n_ctx:
            row += [self.ids[word] for word in _spelled(language, int(rng.integers(STORIES)), held_out).split(" ")]
        return row[: self.n_ctx + 1]

    def speaks(self, ids: np.ndarray, language: str) -> bool:
        said = {word for word in self.read(ids) if word != UNKNOWN}
        return said <= LANGUAGES[language].vocabulary()

    def encode(self, told: Story) -> list[int]:
        """The ids of a story's words."""
        return [self.ids[word.text] for word in told]


def text(n: int = 200) -> str:
    """The first `n` stories of each language as one writes them, a line each: something to learn characters from."""
    lines = []
    for number in range(n):
        for language in LANGUAGES:
            words = " ".join(word.text for word in story(language, number, False)).replace(" .", ".")
            lines.append(". ".join(part[:1].upper() + part[1:] for part in words.split(". ")))
    return "\n".join(lines)


# ----------------------------------------------------------------------------------------------------- how well


def agreements(logits: np.ndarray, told: Story, ids: Mapping[str, int]) -> list[tuple[int, bool]]:
    """(place, right) for every word that had other forms: right where the true form is the likeliest of them.

    logits [pos, vocab] of the story's words; those at place - 1 foretell the word at `place`. It is the minimal pair
    of Linzen et al. 2016, section 3, over all forms of a word instead of two.
    """
    found = []
    for place, word in enumerate(told):
        if place and word.forms:
            forms = logits[place - 1, [ids[form] for form in word.forms]]
            found.append((place, word.forms[int(np.argmax(forms))] == word.text))
    return found


def agreement(params: Params, config: Config, language: str, n: int = 100) -> float:
    """The share of right agreements in the first `n` held-out stories of a language."""
    task = Stories()
    right: list[bool] = []
    for number in range(n):
        told = story(language, number, held_out=True)
        logits = forward(params, config, np.array(task.encode(told)), names=["logits"])["logits"]
        right += [good for _, good in agreements(logits, told, task.ids)]
    return float(np.mean(right))
