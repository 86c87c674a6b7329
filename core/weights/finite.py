"""Whether numbers are finite: a tensor's, from its bytes in the file, of which none stays in memory; a model's."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np

from ..params import Array, Params
from .quantized import FORMATS
from .stored import Stored
from .tensors import Entry

PIECE = 4 << 20  # bytes that are read at once, about

# A number is NaN or infinite where all bits of its exponent are set (IEEE 754, section 3.4; bfloat16 is float32's upper
# half): an unsigned type as wide as it, and those bits.
EXPONENTS: dict[str, tuple[np.dtype[Any], int]] = {
    "F64": (np.dtype("<u8"), 0x7FF << 52),
    "F32": (np.dtype("<u4"), 0xFF << 23),
    "F16": (np.dtype("<u2"), 0x1F << 10),
    "BF16": (np.dtype("<u2"), 0xFF << 7),
}


def is_finite(file: BinaryIO, entry: Entry) -> bool:
    """Whether every number of a tensor is finite. What is stored in whole numbers is."""
    if entry.dtype in FORMATS:
        block, at = FORMATS[entry.dtype].bytes, FORMATS[entry.dtype].floats
        bits, mask = EXPONENTS["F16"]
    elif entry.dtype in EXPONENTS:
        bits, mask = EXPONENTS[entry.dtype]
        block, at = bits.itemsize, (0,)
    else:
        return True
    file.seek(entry.start)
    left, step = entry.stop - entry.start, PIECE // block * block
    while left > 0 and (piece := file.read(min(left, step))):
        left -= len(piece)
        blocks = np.frombuffer(piece[: len(piece) // block * block], np.uint8).reshape(-1, block)
        for start in at:
            numbers = np.ascontiguousarray(blocks[:, start : start + bits.itemsize]).view(bits)
            if ((numbers & mask) == mask).any():
                return False
    return True


def unwhole(params: Params) -> list[str]:
    """The tensors that hold a number which is not finite, by name. All of them is read."""
    return [name for name, array in params.items() if not _all_finite(array)]


def _all_finite(array: Array) -> bool:
    bands = array.bands() if isinstance(array, Stored) else [np.asarray(array)]
    return all(np.isfinite(band).all() for band in bands)
