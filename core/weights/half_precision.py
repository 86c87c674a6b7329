"""Numbers of 16 bits that stay as a file holds them, and are float32 to whoever computes with them.

A checkpoint in float16 or bfloat16 so takes the memory of its file, and not twice as much. The price is paid at every
use: widening costs as much as the product of a few dozen tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

HALVES = {"F16": np.float16, "BF16": np.uint16}  # a file's names for them, and what NumPy can hold them in
BAND = 1 << 20  # numbers of a matrix that are widened at once: 4 MB


class Half(NDArrayOperatorsMixin):
    """An array of float16, or of bfloat16 given by its bits as uint16: float32 to NumPy, and read-only.

    What is taken out of it (`W[ids]`) is widened alone, and a product `x @ W` widens a band of columns after another.
    All else that an ndarray does is done by `np.asarray(W)`, which is the whole of it as a new float32 array.
    """

    __slots__ = ("_stored",)
    dtype = np.dtype(np.float32)

    def __init__(self, stored: np.ndarray):
        self._stored = stored

    @property
    def shape(self) -> tuple[int, ...]:
        return self._stored.shape

    @property
    def nbytes(self) -> int:
        """Bytes as stored."""
        return self._stored.nbytes

    @property
    def T(self) -> Half:
        return Half(self._stored.T)

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, key: Any) -> np.ndarray:
        return widened(self._stored[key])

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy: False, and 16 bits become float32 only in a copy")
        return widened(self._stored).astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and inputs[1] is self and not options:
            return self._times(np.asarray(inputs[0]))
        arrays = (np.asarray(x) if isinstance(x, Half) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def _times(self, x: np.ndarray) -> np.ndarray:
        """x [..., d_in] @ this [d_in, d_out] -> [..., d_out], to the bit what the widened matrix gives."""
        d_in, d_out = self.shape
        width = max(BAND // d_in // 64, 1) * 64  # whole blocks of BLAS's
        if d_out <= width:
            return x @ widened(self._stored)
        y = np.empty((*x.shape[:-1], d_out), np.result_type(x, self.dtype))
        for start in range(0, d_out, width):
            np.matmul(x, self[:, start : start + width], out=y[..., start : start + width])
        return y


def widened(stored: np.ndarray) -> np.ndarray:
    """float16, or the bits of bfloat16 as uint16 -> float32, exactly; in memory laid out alike."""
    if stored.dtype == np.float16:
        return stored.astype(np.float32)
    bits = np.asarray(stored).astype(np.uint32)
    bits <<= 16  # bfloat16 is float32 without its lower half
    return bits.view(np.float32)
