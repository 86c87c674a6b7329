"""What a step of training reads. It stands alone: tasks make batches, and import no training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..arguments import array
from ..errors import ConfigError


class _Batch(NamedTuple):
    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray | None


class Batch(_Batch):
    """ids and targets [..., pos], and mask [..., pos], True where a position counts; None: all count.

    Raises: ConfigError for what are no whole numbers, or of shapes that differ.
    """

    __slots__ = ()

    def __new__(cls, ids: np.ndarray, targets: np.ndarray, mask: np.ndarray | None = None) -> Batch:
        ids, targets = array("ids", ids, "iu"), array("targets", targets, "iu")
        mask = None if mask is None else array("mask", mask, "biu").astype(bool)
        for name, part in (("targets", targets), ("mask", ids if mask is None else mask)):
            if part.shape != ids.shape:
                raise ConfigError(f"{name}: shape {part.shape} does not fit ids {ids.shape}", name)
        return super().__new__(cls, ids, targets, mask)

    def parts(self, rows: int) -> Iterator[tuple[Batch, float]]:
        """At most so many rows at a time, and the share that each has of the positions that count; one part is all."""
        if self.ids.ndim < 2 or len(self.ids) <= rows:
            yield self, 1.0
            return
        counted = np.ones(self.ids.shape, bool) if self.mask is None else self.mask
        for start in range(0, len(self.ids), rows):
            here = slice(start, start + rows)
            if share := counted[here].sum() / counted.sum():
                mask = None if self.mask is None else self.mask[here]
                yield Batch(self.ids[here], self.targets[here], mask), share
