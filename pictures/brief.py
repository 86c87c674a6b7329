"""A step of a large vocabulary as it is kept: its likeliest tokens and the sums, not fifty thousand numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import Distribution
from core.generate.loop import NewToken

KEPT = 50  # tokens: as many as a picture may ask for, several times over


class Few:
    """[vocab] of which a few values are known, by id. Raises: KeyError for another."""

    def __init__(self, ids: Sequence[int], values: np.ndarray):
        self._size, self._values = len(values), dict(zip(ids, values[list(ids)].tolist(), strict=True))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, ids: int | Sequence[int] | np.ndarray) -> np.ndarray:
        if isinstance(ids, (int, np.integer)):
            return np.asarray(self._values[int(ids)])
        return np.array([self._values[int(id)] for id in ids])

    def max(self) -> float:
        return max(self._values.values())


class Brief(Distribution):
    """Of a Distribution the likeliest tokens, in `order`, the one that was chosen, and what was summed."""

    def __init__(self, whole: Distribution, token: int):
        ids = whole.order[:KEPT].tolist()
        known = ids if token in ids else [*ids, token]
        for name in ("logits", "plain", "tempered", "final"):
            self.__dict__[name] = Few(known, getattr(whole, name))
        for name in ("sampling", "n_top_k", "n_kept", "left"):
            self.__dict__[name] = getattr(whole, name)
        self.__dict__["order"] = np.array(ids, np.int64)
        self.__dict__["_asked"] = token, whole.place(token), whole.rank(token)

    def place(self, token: int) -> int:
        """As of the whole, for a token that is kept."""
        chosen, place, _ = self.__dict__["_asked"]
        return place if token == chosen else super().place(token)

    def rank(self, token: int) -> tuple[int, int]:
        """As of the whole, for the token that was chosen."""
        chosen, _, rank = self.__dict__["_asked"]
        if token != chosen:
            raise KeyError(token)
        return rank


def brief(step: NewToken) -> NewToken:
    """The same step, of whose distribution only so much is kept, and of whose trace nothing."""
    d = Brief(step.distribution, step.token)
    return NewToken(step.position, step.token, step.forced, d, step.work, type(step.trace)(()))
