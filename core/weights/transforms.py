"""How a stored tensor becomes parameters: a name map's right-hand sides.

All but `by_head` and `added_first_row` are views, so that a mapped file is not copied. Their parameters are given as
names, with "{i}" where the number of the block stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Transform:
    """The parameters that a tensor becomes, the shape it must have for that, and the way there."""

    targets: tuple[str, ...]
    shape: Callable[[Sequence[Shape]], Shape]  # the tensor's, from its parameters'
    split: Callable[[Any], Sequence[Any]]  # of an array, or of a Stored: as they are, turned or in parts
    added: bool = False  # to what another tensor has already given, instead of being it
    copies: bool = False  # so that the tensor itself is not needed any more

    def of_block(self, i: int) -> Transform:
        """The same for block i."""
        return replace(self, targets=tuple(target.replace("{i}", str(i)) for target in self.targets))

    def under(self, prefix: str) -> Transform:
        """The same for parameters whose names begin so."""
        return replace(self, targets=tuple(prefix + target for target in self.targets))


def same(target: str) -> Transform:
    """Stored as it is here."""
    return Transform((target,), lambda shapes: shapes[0], lambda x: [x])


def turned(target: str) -> Transform:
    """[out, in], as torch.nn.Linear keeps its matrix -> [in, out]."""
    return Transform((target,), lambda shapes: shapes[0][::-1], lambda x: [x.T])


def side_by_side(*targets: str) -> Transform:
    """GPT-2's c_attn: Q, K and V of equal widths side by side, [..., 3 * out] -> three of [..., out]."""
    n = len(targets)
    return Transform(targets, lambda shapes: (*shapes[0][:-1], n * shapes[0][-1]), lambda x: np.split(x, n, axis=-1))


def by_head(n_heads: int, *targets: str) -> Transform:
    """GPT-NeoX's query_key_value: [head * (q, k, v) * d_head, in] -> three of [in, head * d_head]; biases likewise."""
    n = len(targets)

    def split(x: np.ndarray) -> list[np.ndarray]:
        parts = x.reshape(n_heads, n, -1, *x.shape[1:]).swapaxes(0, 1)
        return [part.reshape(-1, *x.shape[1:]).T for part in parts]

    return Transform(targets, lambda shapes: (n * shapes[0][-1], *shapes[0][:-1]), split, copies=True)


def row(target: str) -> Transform:
    """A vector kept as a matrix of one row, as BART keeps its final_logits_bias."""
    return Transform((target,), lambda shapes: (1, *shapes[0]), lambda x: [x[0]])


def rows_from(first: int, target: str) -> Transform:
    """RoBERTa's position table, whose first rows belong to no position."""
    return Transform((target,), lambda shapes: (first + shapes[0][0], *shapes[0][1:]), lambda x: [x[first:]])


def added_first_row(n_rows: int, target: str) -> Transform:
    """BERT's token types: with one sentence every token is of type 0, and row 0 is added at every position."""
    return Transform((target,), lambda shapes: (n_rows, *shapes[0][1:]), lambda x: [x[0]], added=True)
