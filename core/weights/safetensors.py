"""The safetensors format, read as if every file were hostile, and written so that equal tensors give equal bytes.

A file is 8 bytes of header length (little-endian), a header in JSON, and the numbers:

    {"__metadata__": {"format": "pt"}, "wte.weight": {"dtype": "F32", "shape": [96, 24], "data_offsets": [0, 9216]}}

The offsets count from the end of the header; together the tensors fill the rest of the file, without holes and without
overlap (https://github.com/huggingface/safetensors, "Format"). All of it is checked when a file is opened, before a
byte of any tensor is touched.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import limits
from ..arguments import mapping
from ..errors import WeightsError
from ..strict_json import parse, quoted
from .half_precision import widened
from .tensors import Entry, Tensors

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # NumPy has no such type
    "I64": np.dtype("<i8"),
}
# What the format has besides. A tensor of these may lie in a file, such as a mask that no model needs, unread.
WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "U64": 8}
WIDTHS |= {name: dtype.itemsize for name, dtype in DTYPES.items()}

LENGTH = 8  # bytes of the header's length
DIMENSIONS = 8  # the longest shape; the weights of a Transformer have at most two, its masks four
CHUNK = 1 << 18  # numbers converted at once: 2 MB of float64


class TensorFile(Tensors):
    """A safetensors file, opened and checked: tensor name -> Entry. The numbers are read by `array`, when asked for.

    Raises: WeightsError, on opening, for a file that is not exactly what the format asks for.
    """

    def _check(self, file: BinaryIO, size: int) -> None:
        self._entries, self.metadata = _read_header(file, size, self.name)

    def array(self, name: str, dtype: type | None = None, mapped: bool = True) -> np.ndarray:
        """One tensor, as stored (BF16 as float32), or converted to `dtype`; uint16 gives the bits of BF16.

        What is stored as asked for is not copied: it is a view of the mapped file, and takes memory page by page as it
        is used. The file must then not be cut short while the array is in use. mapped: False reads it in any case.
        Raises: WeightsError for a dtype that is not implemented.
        """
        entry = self._entries[name]
        if entry.dtype not in DTYPES:
            raise WeightsError(f"{self.name}: {quoted(name)}: dtype {entry.dtype} is not one of {', '.join(DTYPES)}")
        stored = DTYPES[entry.dtype]
        wanted = np.dtype(dtype) if dtype is not None else np.dtype(np.float32) if entry.dtype == "BF16" else stored
        if mapped and wanted == stored and entry.start % stored.itemsize == 0:
            return np.frombuffer(self._map, stored, math.prod(entry.shape), entry.start).reshape(entry.shape)
        return self._read(entry, stored, wanted)

    def _read(self, entry: Entry, stored: np.dtype, wanted: np.dtype) -> np.ndarray:
        # Read piece by piece, not through the map, whose pages would count as memory in use beside the result.
        out = np.empty(math.prod(entry.shape), wanted)
        try:
            with open(self.path, "rb") as file, np.errstate(over="ignore"):
                file.seek(entry.start)
                for i in range(0, out.size, CHUNK):
                    part = out[i : i + CHUNK]
                    numbers = np.frombuffer(file.read(part.size * stored.itemsize), stored, part.size)
                    part[:] = widened(numbers) if entry.dtype == "BF16" and wanted != stored else numbers
        except (OSError, ValueError) as error:  # ValueError: the file has become shorter since it was checked
            raise WeightsError(f"{self.name}: cannot be read: {error}") from None
        return out.reshape(entry.shape)


# ------------------------------------------------------------------------------------------------------ the header


def _read_header(file: Any, size: int, what: str) -> tuple[dict[str, Entry], dict[str, str]]:
    first = file.read(LENGTH)
    length = int.from_bytes(first, "little")
    if size < LENGTH or LENGTH + length > size or length > limits.WEIGHTS_HEADER:
        raise WeightsError(
            f"{what}: {_kind(first)}: its first 8 bytes announce a header of {length:,} bytes; the file has {size:,}, "
            f"and at most {limits.WEIGHTS_HEADER:,} are read"
        )
    header = parse(file.read(length), f"{what}: header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError(f"{what}: __metadata__ must map strings to strings")
    start = LENGTH + length
    entries = {name: _entry(what, name, about, start) for name, about in header.items()}
    _check_that_they_fill(entries, start, size, what)
    return entries, metadata


def _kind(first: bytes) -> str:
    """What a file that is no safetensors file looks like by its first bytes."""
    if first.startswith(b"PK\x03\x04"):
        return "is a zip archive (or a PyTorch pickle, which is never loaded), not safetensors"
    if first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05":
        return "is a Python pickle, which is never loaded, not safetensors"
    return "is not safetensors, or is damaged"


def _entry(what: str, name: str, about: Any, base: int) -> Entry:
    at = f"{what}: tensor {quoted(name)}"
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"{at}: must have dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise WeightsError(f"{at}: dtype {quoted(dtype)} is not one of {', '.join(WIDTHS)}")
    if not _counts(shape) or len(shape) > DIMENSIONS:
        raise WeightsError(
            f"{at}: shape must be at most {DIMENSIONS} integers in 0..{limits.PARAMETERS:,}, not {quoted(shape)}"
        )
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_count(n, 1 << 62) for n in offsets):
        raise WeightsError(f"{at}: data_offsets must be two integers from 0, not {quoted(offsets)}")
    begin, end = offsets
    size = math.prod(shape) * WIDTHS[dtype]
    if end - begin != size:
        raise WeightsError(
            f"{at}: {dtype} of shape {tuple(shape)} takes {size:,} bytes; "
            f"data_offsets {begin:,} to {end:,} give {end - begin:,}"
        )
    return Entry(dtype, tuple(shape), base + begin, base + end)


def _count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(_count(n, limits.PARAMETERS) for n in value)


def _check_that_they_fill(entries: Mapping[str, Entry], start: int, size: int, what: str) -> None:
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != start:
            raise WeightsError(
                f"{what}: tensor {quoted(name)}: starts at byte {entry.start:,}; the one before it ends at {start:,}"
            )
        start = entry.stop
    if start != size:
        raise WeightsError(f"{what}: its tensors end at byte {start:,}, the file at {size:,}: cut short, or padded")


# --------------------------------------------------------------------------------------------------------- writing

NAMES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


def write(path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write float64, float32, float16 and int64 arrays. Equal tensors and metadata give equal bytes.

    The file appears whole or not at all: it is written beside its place, then moved there.
    Raises: WeightsError for an array of another dtype, and for what no file could be read with: metadata that are not
    texts, names and metadata of more than limits.WEIGHTS_HEADER bytes.
    """
    about = dict(mapping("metadata", metadata, "from texts to texts")) if metadata else {}
    for key, value in about.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise WeightsError(f"metadata: {quoted(key)}: {quoted(value)}: both must be texts")
    for name, array in tensors.items():
        if array.dtype.newbyteorder("<") not in NAMES:
            raise WeightsError(f"{name}: dtype {array.dtype} cannot be written; {', '.join(NAMES.values())} can")
    # Wide numbers first, so that each tensor starts at a multiple of its own item's size.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(about.items()))} if about else {}
    end = 0
    for name in order:
        array = tensors[name]
        begin, end = end, end + array.nbytes
        dtype = NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, end]}
    try:
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise WeightsError(f"metadata: {quoted(error.object[error.start])} is half a character, and no text") from None
    text += b" " * (-len(text) % 8)
    if len(text) > limits.WEIGHTS_HEADER:
        raise WeightsError(f"metadata: {len(text):,} bytes with the names; at most {limits.WEIGHTS_HEADER:,} are read")

    path = Path(path)
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        file.write(len(text).to_bytes(LENGTH, "little") + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name], tensors[name].dtype.newbyteorder("<")).data)
    os.replace(beside, path)
