"""Numbers of 16 bits, as checkpoints in float16 and bfloat16 hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .stored import Stored

HALVES = {"F16": np.float16, "BF16": np.uint16}  # a file's names for them, and what NumPy can hold them in


class Half(Stored):
    """An array of float16, or of bfloat16 given by its bits as uint16."""

    __slots__ = ("_stored",)

    def __init__(self, stored: np.ndarray):
        self._stored = stored

    @property
    def shape(self) -> tuple[int, ...]:
        return self._stored.shape

    @property
    def nbytes(self) -> int:
        return self._stored.nbytes

    @property
    def T(self) -> Half:
        return Half(self._stored.T)

    def __getitem__(self, key: Any) -> np.ndarray:
        return widened(self._stored[key])


def widened(stored: np.ndarray) -> np.ndarray:
    """float16, or the bits of bfloat16 as uint16 -> float32, exactly; in memory laid out alike."""
    if stored.dtype == np.float16:
        return stored.astype(np.float32)
    bits = np.asarray(stored).astype(np.uint32)
    bits <<= 16  # bfloat16 is float32 without its lower half
    return bits.view(np.float32)
