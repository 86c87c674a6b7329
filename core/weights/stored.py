"""Matrices that stay as a file holds them, and are float32 to whoever computes with them.

A checkpoint so takes the memory of its file. The price is paid at every use: widening a matrix costs as much as its
product with a few dozen tokens.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

BAND = 1 << 18  # numbers of a matrix that are widened at once: 1 MB, which stays in a processor's cache


class Stored(NDArrayOperatorsMixin):
    """A read-only array that is float32 to NumPy, whatever it is in memory.

    What is taken out of it (`W[ids]`) is widened alone, and a product `x @ W` widens a band of columns after another.
    One token alone may be multiplied with it as it lies: then only the order in which numbers are added is another.
    All else that an ndarray does is done by `np.asarray(W)`, which is the whole of it as a new float32 array.
    """

    __slots__ = ()
    dtype = np.dtype(np.float32)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]: ...

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes as stored."""

    @property
    @abstractmethod
    def T(self) -> Stored: ...

    @abstractmethod
    def __getitem__(self, key: Any) -> np.ndarray: ...

    def bands(self) -> Iterator[np.ndarray]:
        """All of its numbers, float32, about BAND of them at a time, in no order that means anything."""
        step = max(1, BAND // int(np.prod(self.shape[1:])))
        return (self[at : at + step] for at in range(0, len(self), step))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy: False, and what is stored otherwise becomes float32 only in a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and inputs[1] is self and not options:
            return self._times(np.asarray(inputs[0]))
        arrays = (np.asarray(x) if isinstance(x, Stored) else x for x in inputs)
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def _times_one(self, x: np.ndarray) -> np.ndarray | None:
        """x [d_in] @ this -> [d_out] without widening it, where its form has a way; else None."""
        return None

    def _times(self, x: np.ndarray) -> np.ndarray:
        """x [..., d_in] @ this [d_in, d_out] -> [..., d_out]; of several tokens to the bit as if it were widened."""
        d_in, d_out = self.shape
        if x.size == d_in and (one := self._times_one(x.reshape(-1))) is not None:
            return one.reshape(*x.shape[:-1], d_out)
        width = max(BAND // d_in // 64, 1) * 64  # whole blocks of BLAS's
        if d_out <= width:
            return x @ self[:]
        y = np.empty((*x.shape[:-1], d_out), np.result_type(x, self.dtype))
        for start in range(0, d_out, width):
            np.matmul(x, self[:, start : start + width], out=y[..., start : start + width])
        return y
