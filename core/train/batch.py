"""What a step of training reads. It stands alone: tasks make batches, and import no training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..arguments import array
from ..errors import ConfigError


class _Batch(NamedTuple):
    ids: np.ndarray
    targets: np.ndarray
    mask: np.ndarray | None


class Batch(_Batch):
    """ids and targets [..., pos], and mask [..., pos], True where a position counts; None: all count.

    source, source_mask [..., pos]: what an encoder reads, and False where that is padding; None: it reads nothing, and
    nothing is padding. A batch unpacks into the first three, which every model has.
    Raises: ConfigError for what are no whole numbers, or of shapes that differ, or for ids without positions.
    """

    source: np.ndarray | None
    source_mask: np.ndarray | None

    def __new__(
        cls,
        ids: np.ndarray,
        targets: np.ndarray,
        mask: np.ndarray | None = None,
        source: np.ndarray | None = None,
        source_mask: np.ndarray | None = None,
    ) -> Batch:
        ids, targets = array("ids", ids, "iu"), array("targets", targets, "iu")
        if ids.ndim < 1:
            raise ConfigError(f"ids: shape {ids.shape} is not [..., pos]", "ids")
        mask = None if mask is None else array("mask", mask, "biu").astype(bool)
        for name, part in (("targets", targets), ("mask", ids if mask is None else mask)):
            if part.shape != ids.shape:
                raise ConfigError(f"{name}: shape {part.shape} does not fit ids {ids.shape}", name)
        source = None if source is None else array("source", source, "iu")
        if source is not None and (source.ndim < 1 or source.shape[:-1] != ids.shape[:-1]):
            raise ConfigError(f"source: shape {source.shape} does not fit ids {ids.shape}", "source")
        source_mask = None if source_mask is None else array("source_mask", source_mask, "biu").astype(bool)
        if source_mask is not None and (source is None or source_mask.shape != source.shape):
            fits = "there is no source" if source is None else f"shape {source_mask.shape} does not fit {source.shape}"
            raise ConfigError(f"source_mask: {fits}", "source_mask")
        batch = super().__new__(cls, ids, targets, mask)
        batch.source, batch.source_mask = source, source_mask
        return batch

    @property
    def inputs(self) -> dict[str, Any]:
        """What `forward` takes of it."""
        return {"ids": self.ids, "source": self.source, "source_mask": self.source_mask}

    def parts(self, rows: int) -> Iterator[tuple[Batch, float]]:
        """At most so many rows at a time, and the share that each has of the positions that count; one part is all.

        Raises: ConfigError for several parts of which no position counts.
        """
        if self.ids.ndim < 2 or len(self.ids) <= rows:
            yield self, 1.0
            return
        counted = np.ones(self.ids.shape, bool) if self.mask is None else self.mask
        if not counted.any():
            raise ConfigError("mask: no position counts", "mask")
        for start in range(0, len(self.ids), rows):
            here = slice(start, start + rows)
            if share := counted[here].sum() / counted.sum():
                others = (self.mask, self.source, self.source_mask)
                cut = (None if part is None else part[here] for part in others)
                yield Batch(self.ids[here], self.targets[here], *cut), share
