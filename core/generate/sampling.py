"""From logits to a token: temperature, top-k, top-p, and a draw that can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arguments import array, instance, is_number, is_whole, whole, wrong
from ..ops.softmax import softmax

ROUNDING = 1e-6  # relative: so far apart may two equal probabilities come out


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. Raises: ConfigError naming the field that cannot be.

    temperature: divides the logits (Ackley et al. 1985). Below 1 the likely grow likelier; at 0 the likeliest is taken.
    top_k: keep the k likeliest tokens (Fan et al. 2018, section 5.4); None: all.
    top_p: of those, keep the fewest whose probabilities reach p together (Holtzman et al. 2020, eq. 2); None: all.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (is_number(self.temperature) and self.temperature >= 0):
            raise wrong("temperature", self.temperature, "a finite number of 0 or more")
        if self.top_k is not None and not (is_whole(self.top_k) and self.top_k >= 1):
            raise wrong("top_k", self.top_k, "a whole number of 1 or more; None keeps all")
        if self.top_p is not None and not (is_number(self.top_p) and 0 < self.top_p <= 1):
            raise wrong("top_p", self.top_p, "above 0 and at most 1; None keeps all")
        whole("seed", self.seed)


@dataclass(frozen=True)
class Distribution:
    """Which token may come next, step by step from the logits [vocab]. Each part is computed when it is first read.

    The cuts are places in `order`: it begins with the tokens that are kept, then come those that top-p cut, then those
    that top-k cut. Equal probabilities stand in the order of their ids.
    """

    logits: np.ndarray
    sampling: Sampling

    def __post_init__(self) -> None:
        instance("sampling", self.sampling, Sampling)
        if array("logits", self.logits, "f").ndim != 1:
            raise wrong("logits", self.logits, "of shape [vocab]")

    @cached_property
    def plain(self) -> np.ndarray:
        """[vocab] float64: softmax(logits), what the model says before anything is done to it."""
        return softmax(self.logits.astype(np.float64))

    @cached_property
    def tempered(self) -> np.ndarray:
        """[vocab] float64: softmax(logits / temperature). At 0 all of it is on the likeliest token."""
        temperature = self.sampling.temperature
        if temperature == 0:
            tempered = np.zeros(len(self.logits))
            tempered[self.logits.argmax()] = 1.0
            return tempered
        if temperature == 1:
            return self.plain
        with np.errstate(over="ignore"):  # so small a temperature sends what is not the largest to exp(-inf) = 0
            return softmax(self.logits.astype(np.float64), temperature)

    @cached_property
    def order(self) -> np.ndarray:
        """[vocab] int64: the ids from the likeliest to the least likely."""
        return np.argsort(-self.logits, kind="stable")

    @cached_property
    def n_top_k(self) -> int:
        """How many tokens top-k keeps."""
        return min(self.sampling.top_k or len(self.logits), len(self.logits))

    @cached_property
    def n_kept(self) -> int:
        """How many tokens both cuts keep: at least one."""
        if self.sampling.top_p in (None, 1):
            return self.n_top_k
        together = np.cumsum(self.tempered[self.order[: self.n_top_k]])
        return min(int(np.searchsorted(together, self.sampling.top_p * together[-1])) + 1, self.n_top_k)

    @property
    def kept(self) -> np.ndarray:
        """The ids that may be drawn, likeliest first."""
        return self.order[: self.n_kept]

    @cached_property
    def final(self) -> np.ndarray:
        """[vocab] float64: what is drawn from: 0 where a token was cut, the rest as before but summing to 1 again."""
        if self.n_kept == len(self.logits):
            return self.tempered
        final = np.zeros(len(self.logits))
        kept = self.tempered[self.kept]
        final[self.kept] = kept / kept.sum()
        return final

    @cached_property
    def left(self) -> float:
        """What the tokens that are kept had together before the others were cut."""
        return float(self.tempered[self.kept].sum())

    def place(self, token: int) -> int:
        """Where a token stands in `order`."""
        return int(np.flatnonzero(self.order == token)[0])

    def rank(self, token: int) -> tuple[int, int]:
        """A token's rank by `plain`, from 1, and how many share it: two that differ by rounding alone are as likely."""
        p = float(self.plain[token])
        rank = int((self.plain > p * (1 + ROUNDING)).sum()) + 1
        return rank, int((self.plain >= p * (1 - ROUNDING)).sum()) - rank + 1

    def chance(self, position: int) -> float:
        """The number in 0..1 that decides at this position: it depends on the seed and the position alone."""
        return float(np.random.default_rng([self.sampling.seed, position]).random())

    def draw(self, position: int) -> int:
        """A token from `final`: the likeliest first, their shares side by side, the one in which `chance` falls."""
        if self.sampling.temperature == 0:
            return int(self.logits.argmax())
        together = np.cumsum(self.final[self.kept])
        return int(self.kept[np.searchsorted(together, self.chance(position) * together[-1], side="right")])
