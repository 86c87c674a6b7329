"""Characters of any text that is given."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .. import limits
from ..arguments import text_of
from ..errors import TextError
from ..tokenizer.text import checked, normalized
from ..tokenizer.words import UNKNOWN, characters
from ..train.batch import Batch
from .task import HELD_OUT, Task, decoder

N_CTX = 64
CHARACTERS = 255  # different ones that get an id of their own: the most frequent
LONGEST = 64  # code points of a character: a hostile heap of marks is one that is not known
LEAST = 8 * HELD_OUT  # characters


class Characters(Task):
    """Each character of a text is foretold from up to 64 before it. The text's last eighth is held out.

    The text is read in one form (core.tokenizer.text). Raises: ConfigError for what is no text; TextError, which is a
    ConfigError, for one that is too short or too long, or that lost characters before it came here.
    """

    name = "characters"
    joint = ""

    def __init__(self, text: str):
        if len(text_of("text", text).encode("utf-8", "replace")) > limits.CORPUS:
            raise TextError(f"text: more than {limits.CORPUS:,} bytes", "long")
        marks = characters(normalized(checked(text)))
        if len(marks) < LEAST:
            raise TextError(f"text: {len(marks)} characters; at least {LEAST} are needed", "short")
        known = Counter(mark for mark in marks if len(mark) <= LONGEST)
        frequent = [mark for mark, _ in known.most_common(CHARACTERS)]
        self.vocabulary = (UNKNOWN, *sorted(frequent))
        ids = {mark: i for i, mark in enumerate(self.vocabulary)}
        every = np.array([ids.get(mark, 0) for mark in marks], np.int64)
        last = len(every) - len(every) // HELD_OUT
        self._parts = every[:last], every[last:]
        self.n_ctx = min(N_CTX, len(self._parts[1]) - 1)
        self.config = decoder(self.vocabulary, self.n_ctx, d_model=64, n_layers=2, n_heads=4, d_mlp=256)

    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        part = self._parts[held_out]
        start = rng.integers(0, len(part) - self.n_ctx, (size, 1))
        rows = part[start + np.arange(self.n_ctx + 1)]
        return Batch(rows[:, :-1], rows[:, 1:])
