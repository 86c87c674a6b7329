"""Numbers of four to eight bits, as GGUF files hold them: blocks of whole numbers that share a scale.

A row of a matrix is cut into blocks; each holds small whole numbers q, and in float16 what makes numbers of them:

Q8_0   32 numbers, 34 bytes    d q                q in -128..127
Q4_0   32 numbers, 18 bytes    d (q - 8)          q in 0..15
Q4_1   32 numbers, 20 bytes    d q + m            q in 0..15
Q4_K   256 numbers, 144 bytes  d s q - m t        eight times 32, each with s and t of six bits; q in 0..15
Q6_K   256 numbers, 210 bytes  d s (q - 32)       sixteen times 16, each with s of eight bits; q in 0..63

Source: ggml (https://github.com/ggml-org/ggml), ggml-common.h for the layouts and ggml-quants.c, `dequantize_row_*`,
for the formulas; the order of the float32 operations is theirs, so that the numbers are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .stored import BAND, Stored

EIGHT = np.uint64(0x0101010101010101)  # times n: n in each of eight bytes, which so are shifted and cut together


@dataclass(frozen=True)
class Format:
    """A block: how many numbers in how many bytes, and what they are: uint8 [block, bytes] -> float32 [block, n].

    floats: where in a block its float16 lie. All else of it is whole numbers.
    times: uint8 [row, block, bytes] and x [numbers of a row] -> [row], their products; None: only by widening.
    """

    numbers: int
    bytes: int
    widen: Callable[[np.ndarray], np.ndarray]
    floats: tuple[int, ...]
    times: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def _part(blocks: np.ndarray, at: int, kind: str) -> np.ndarray:
    """What lies at byte `at` of each block, uint8 [..., block, bytes], as a value of this NumPy type: [..., block]."""
    field = np.dtype({"names": ["part"], "formats": [np.dtype(kind)], "offsets": [at], "itemsize": blocks.shape[-1]})
    return blocks.view(field)["part"][..., 0]


def _of_each(blocks: np.ndarray, at: int) -> np.ndarray:
    """The float16 at byte `at` of each block: uint8 [..., block, bytes] -> float32 [..., block]."""
    return _part(blocks, at, "<f2").astype(np.float32)


def _scale(blocks: np.ndarray, at: int) -> np.ndarray:
    """The same as float32 [block, 1]."""
    return _of_each(blocks, at)[:, None]


def _levels(blocks: np.ndarray, at: int, n: int, bits: int, run: int) -> np.ndarray:
    """Of the n bytes from `at` on of each block -> uint8 [block, 8 / bits * n]: of each `run` bytes all the lowest
    `bits` bits, then all the next ones, up to the highest."""
    packed = np.ascontiguousarray(_part(blocks, at, f"V{n}")).view(np.uint64)
    shifts = range(0, 8, bits)
    levels = np.empty((len(blocks), n // run, len(shifts)), f"V{run}")
    for place, shift in enumerate(shifts):
        part = (packed >> np.uint64(shift)) & EIGHT * np.uint64(2**bits - 1)
        levels[..., place] = part.view(f"V{run}").reshape(len(blocks), -1)
    return levels.view(np.uint8).reshape(len(blocks), -1)


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    x = _levels(blocks, 2, 32, 8, 32).view(np.int8).astype(np.float32)
    x *= _scale(blocks, 0)
    return x


def _q4_0(blocks: np.ndarray) -> np.ndarray:
    x = _levels(blocks, 2, 16, 4, 16).astype(np.float32)
    x -= 8
    x *= _scale(blocks, 0)
    return x


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    x = _levels(blocks, 4, 16, 4, 16).astype(np.float32)
    x *= _scale(blocks, 0)
    x += _scale(blocks, 2)
    return x


def _q4_k(blocks: np.ndarray) -> np.ndarray:
    scales, mins = _six_bits(blocks[:, 4:16])
    x = _levels(blocks, 16, 128, 4, 32).reshape(-1, 8, 32).astype(np.float32)
    x *= (_scale(blocks, 0) * scales)[..., None]
    x -= (_scale(blocks, 2) * mins)[..., None]
    return x.reshape(-1, 256)


def _six_bits(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twelve bytes a block -> its eight scales and eight minima, 0..63.

    The first four of each lie whole in the lower six bits of bytes 0..3 and 4..7; of the last four the lower halves lie
    in bytes 8..11, and the upper two bits on top of the first four.
    """
    d, m, both = (packed[:, at : at + 4] for at in (0, 4, 8))
    scales = np.concatenate([d & 63, (both & 15) | (d >> 2 & 48)], axis=-1)
    mins = np.concatenate([m & 63, (both >> 4) | (m >> 2 & 48)], axis=-1)
    return scales.astype(np.float32), mins.astype(np.float32)


def _q6_k(blocks: np.ndarray) -> np.ndarray:
    q = _levels(blocks, 0, 128, 4, 64) | _levels(blocks, 128, 64, 2, 32) << 4
    d = _scale(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)
    x = q.reshape(-1, 16, 16).astype(np.float32)
    x -= 32
    x *= d[..., None]
    return x.reshape(-1, 256)


# ------------------------------------------------------------------------------- products with what lies in the blocks
#
# The sum of (d q + m) x over a block is d (sum of q x) + m (sum of x): one multiplication by d and m a block, not a
# number, and q is never put in order; x is, once.


def _sums(levels: np.ndarray, run: int) -> np.ndarray:
    """[row, n] -> [row, n / run]: the sums of each `run` numbers."""
    return (levels.reshape(-1, run) @ np.ones(run, np.float32)).reshape(len(levels), -1)


def _q8_0_times(blocks: np.ndarray, x: np.ndarray) -> np.ndarray:
    levels = np.ascontiguousarray(_part(blocks, 2, "V32")).view(np.int8).astype(np.float32)
    of_levels = np.matmul(levels.reshape(len(blocks), -1, 32).swapaxes(0, 1), x.reshape(-1, 32, 1))  # [block, row, 1]
    return (of_levels[..., 0].T * _of_each(blocks, 0)).sum(-1)


def _nibbles_times(blocks: np.ndarray, at: int, x: np.ndarray) -> np.ndarray:
    """Of the 16 bytes from `at` on of each block, whose lower halves come first: the sums of q x, [row, block]."""
    low_x, high_x = np.ascontiguousarray(x.reshape(-1, 2, 16).swapaxes(0, 1)).reshape(2, -1)
    packed = np.ascontiguousarray(_part(blocks, at, "V16")).view(np.uint8)
    low, high = (packed & 15).astype(np.float32), (packed >> 4).astype(np.float32)
    low *= low_x
    high *= high_x
    low += high
    return _sums(low, 16)


def _q4_0_times(blocks: np.ndarray, x: np.ndarray) -> np.ndarray:
    of_levels = _nibbles_times(blocks, 2, x) - 8 * _sums(x[None], 32)
    return (of_levels * _of_each(blocks, 0)).sum(-1)


def _q4_1_times(blocks: np.ndarray, x: np.ndarray) -> np.ndarray:
    scaled = (_nibbles_times(blocks, 4, x) * _of_each(blocks, 0)).sum(-1)
    return scaled + _of_each(blocks, 2) @ _sums(x[None], 32)[0]


FORMATS = {
    "Q8_0": Format(32, 34, _q8_0, (0,), _q8_0_times),
    "Q4_0": Format(32, 18, _q4_0, (0,), _q4_0_times),
    "Q4_1": Format(32, 20, _q4_1, (0, 2), _q4_1_times),
    "Q4_K": Format(256, 144, _q4_k, (0, 2)),
    "Q6_K": Format(256, 210, _q6_k, (208,)),
}


class Quantized(Stored):
    """A matrix in blocks. `rows` are its rows as stored, uint8 [row, bytes]; `turned`: these are its columns."""

    __slots__ = ("_format", "_rows", "_turned")

    def __init__(self, rows: np.ndarray, format: Format, turned: bool = False):
        self._rows, self._format, self._turned = rows, format, turned

    @property
    def shape(self) -> tuple[int, ...]:
        n, width = self._rows.shape
        shape = n, width // self._format.bytes * self._format.numbers
        return shape[::-1] if self._turned else shape

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes

    @property
    def T(self) -> Quantized:
        return Quantized(self._rows, self._format, not self._turned)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Only what whole stored rows hold is widened, where `key` asks for no more than some of them."""
        first, second = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if self._turned and isinstance(first, slice) and first == slice(None) and isinstance(second, slice):
            return self._widened(self._rows[second]).T
        if not self._turned and not isinstance(first, tuple) and isinstance(second, slice) and second == slice(None):
            return self._widened(self._rows[first])
        whole = self._widened(self._rows)
        return (whole.T if self._turned else whole)[key]

    def _times_one(self, x: np.ndarray) -> np.ndarray | None:
        if self._format.times is None or not self._turned or x.dtype != self.dtype:
            return None
        blocks = self._rows.reshape(len(self._rows), -1, self._format.bytes)
        step = max(1, BAND // x.size)
        return np.concatenate([self._format.times(blocks[at : at + step], x) for at in range(0, len(blocks), step)])

    def bands(self) -> Iterator[np.ndarray]:
        step = max(1, BAND // self.shape[0 if self._turned else 1])
        return (self._widened(self._rows[at : at + step]) for at in range(0, len(self._rows), step))

    def reordered(self, order: np.ndarray) -> Quantized:
        """The matrix whose stored row i is this one's row order[i]: a copy of the blocks."""
        return Quantized(self._rows[order], self._format, self._turned)

    def _widened(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [..., bytes] -> float32 [..., numbers]."""
        numbers = self._format.widen(rows.reshape(-1, self._format.bytes))
        return numbers.reshape(*rows.shape[:-1], rows.shape[-1] // self._format.bytes * self._format.numbers)
