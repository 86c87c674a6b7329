"""Which meaning a sentence of the small world has: the grammar of bilingual.py read backwards."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .bilingual import PORTUGUESE, Meaning, Pair

LONGEST = 24  # words: the grammar's own sentences are shorter


class _Elsewhere(Exception):
    """The grammar has just written a word that the sentence has not in that place."""


class _Reading(Meaning):
    """One way through the grammar, turning where `turns` says and then always first; left where it leads elsewhere."""

    def __init__(self, words: tuple[str, ...], side: int, turns: list[tuple[int, int]]):
        super().__init__(0)
        self._words, self._side, self._turns, self._taken = words, side, turns, 0

    def _turn(self, options: int) -> int:
        if self._taken == len(self._turns):
            self._turns.append((0, options))
        self._taken += 1
        return self._turns[self._taken - 1][0]

    def of(self, options: Any) -> Any:
        return options[self._turn(len(options))]

    def chance(self, share: float) -> bool:
        return self._turn(2) == 1

    def write(self, side: int, word: str, idea: int) -> None:
        super().write(side, word, idea)
        at = len(self._written[side]) - 1
        if side == self._side and (at >= len(self._words) or self._words[at] != word):
            del self._turns[self._taken :]
            raise _Elsewhere


@lru_cache(maxsize=256)
def parse(words: tuple[str, ...], language: str) -> Pair | None:
    """The pair whose sentence in `language` is this one; None where the grammar does not write it.

    Every way through the grammar is tried, each left at the first word that differs: 20 ms, at most 50. A meaning is
    told whole in both languages, so the first one found is the only translation.
    """
    if len(words) > LONGEST:
        return None
    turns: list[tuple[int, int]] = []
    while True:
        try:
            found = _Reading(words, 0 if language == PORTUGUESE else 1, turns).pair()
            if found.words(language) == words:
                return found
        except _Elsewhere:
            pass
        while turns and turns[-1][0] + 1 == turns[-1][1]:
            turns.pop()
        if not turns:
            return None
        at, options = turns[-1]
        turns[-1] = (at + 1, options)
