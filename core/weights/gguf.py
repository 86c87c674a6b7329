"""The GGUF format, read as if every file were hostile.

A file is a header (magic, version, how many tensors and how many keys), the keys with typed values, the tensors' names,
shapes, types and offsets, and the numbers, each tensor's at a multiple of `general.alignment`
(https://github.com/ggml-org/ggml, docs/gguf.md; versions 2 and 3, little-endian). All of it is checked when a file is
opened, before a number of any tensor is touched; the file is mapped, so that a text is read where it is asked for.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import limits
from ..errors import WeightsError
from ..strict_json import quoted
from .half_precision import HALVES, Half, widened
from .quantized import FORMATS, Quantized
from .tensors import Entry, Tensors

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DIMENSIONS = 4
ALIGNMENT, ALIGNED = 32, 1 << 20  # bytes: what is usual, and the most that is read
HEAD = 24  # bytes: magic, version, how many tensors and how many keys

# ggml's numbers for what a tensor is made of. Those without a reader here are named when they are refused.
TYPES = (
    "F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
    "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16",
    "I32", "I64", "F64", "IQ1_M", "BF16",
)  # fmt: skip
PLAIN: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
READ = (*PLAIN, *FORMATS)

# The types of a key's value: struct's letter for a number; a text; a list of one of these.
NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
TRUTH, TEXT, LIST = 7, 8, 9


class GGUFFile(Tensors):
    """A GGUF file, opened and checked: tensor name -> Entry; `metadata`: key -> value.

    Raises: WeightsError, on opening, for a file that is not what the format asks for.
    """

    def __init__(self, path: str | Path):
        super().__init__(path)
        self.metadata, self._entries = _read(_Cursor(self._map, self.name))

    def _check(self, file: BinaryIO, size: int) -> None:
        if size < HEAD:
            raise WeightsError(f"{self.name}: is no GGUF file: it has {size} bytes")

    def single(self, key: str, usual: Any = None) -> Any:
        """A key's value, `usual` where there is none. Raises: WeightsError for a list, where one value belongs."""
        value = self.metadata.get(key, usual)
        if isinstance(value, np.ndarray | Texts):
            raise WeightsError(f"{self.name}: {quoted(key)}: a list of {len(value):,} values is not implemented")
        return value

    def array(self, name: str, dtype: type | None = None) -> np.ndarray | Half | Quantized:
        """One tensor: float32 as a view of the mapped file; of fewer bits a matrix as stored, a vector widened.

        dtype: the whole of it in that dtype instead, copied unless the file holds it so.
        """
        entry = self._entries[name]
        if entry.dtype in PLAIN:
            numbers = np.frombuffer(self._map, PLAIN[entry.dtype], math.prod(entry.shape), entry.start)
            numbers = numbers.reshape(entry.shape)
            array: np.ndarray | Half | Quantized
            array = numbers if entry.dtype not in HALVES else Half(numbers) if numbers.ndim > 1 else widened(numbers)
        else:
            kind = FORMATS[entry.dtype]
            rows = np.frombuffer(self._map, np.uint8, entry.stop - entry.start, entry.start)
            array = Quantized(rows.reshape(math.prod(entry.shape[:-1]), -1), kind)
            array = array if len(entry.shape) == 2 else np.asarray(array).reshape(entry.shape)
        return array if dtype is None else np.asarray(array, dtype)


class _Cursor:
    """A place in the file, which moves on as values are read; none is read beyond its end."""

    def __init__(self, data: mmap.mmap, what: str):
        self.data, self.what, self.at = data, what, 0

    def number(self, letter: str) -> Any:
        return struct.unpack("<" + letter, self.raw(struct.calcsize("<" + letter)))[0]

    def raw(self, n: int) -> bytes:
        if n > len(self.data) - self.at:
            raise WeightsError(f"{self.what}: is cut short, or damaged: {n:,} bytes asked for at byte {self.at:,}")
        self.at += n
        return self.data[self.at - n : self.at]

    def raw_text(self, most: int, of: str) -> bytes:
        """A text whose bytes nobody has looked at."""
        n = self.number("Q")
        if n > most:
            raise WeightsError(f"{self.what}: {of} has {n:,} bytes; at most {most:,} are read")
        return self.raw(n)

    def text(self, most: int, of: str) -> str:
        try:
            return self.raw_text(most, of).decode("utf-8")
        except UnicodeDecodeError:
            raise WeightsError(f"{self.what}: {of} is no text in UTF-8") from None


def _read(file: _Cursor) -> tuple[dict[str, Any], dict[str, Entry]]:
    what = file.what
    if (magic := file.raw(4)) != MAGIC:
        raise WeightsError(f"{what}: is no GGUF file: it begins with {quoted(magic)}, not {quoted(MAGIC)}")
    version = file.number("I")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        why = "is big-endian" if swapped in VERSIONS else f"has version {version}"
        raise WeightsError(f"{what}: {why}, which is not implemented; versions 2 and 3, little-endian, are")
    n_tensors, n_keys = file.number("Q"), file.number("Q")
    for n, most, of in ((n_tensors, limits.GGUF_TENSORS, "tensors"), (n_keys, limits.GGUF_KEYS, "keys")):
        if n > most:
            raise WeightsError(f"{what}: announces {n:,} {of}; at most {most:,} are read")
    metadata: dict[str, Any] = {}
    for _ in range(n_keys):
        key = file.text(limits.GGUF_NAME, "a key")
        if key in metadata:
            raise WeightsError(f"{what}: key {quoted(key)} is there twice")
        metadata[key] = _value(file, file.number("I"), key)
    entries = _entries(file, n_tensors, _alignment(metadata, what))
    _check_apart(entries, what)
    return metadata, entries


def _value(file: _Cursor, kind: int, key: str) -> Any:
    if kind == LIST:
        return _list(file, key)
    if kind == TEXT:
        return file.text(limits.GGUF_TEXT, f"the value of {quoted(key)}")
    if kind not in NUMBERS:
        raise WeightsError(f"{file.what}: {quoted(key)} has a value of type {kind}, which there is not")
    if kind != TRUTH:
        return file.number(NUMBERS[kind])
    if (byte := file.number("B")) > 1:
        raise WeightsError(f"{file.what}: {quoted(key)}: {byte} is neither true nor false")
    return bool(byte)


def _list(file: _Cursor, key: str) -> np.ndarray | Texts:
    kind, n = file.number("I"), file.number("Q")
    if n > limits.VOCABULARY:
        raise WeightsError(f"{file.what}: {quoted(key)} lists {n:,} values; at most {limits.VOCABULARY:,} are read")
    if kind == TEXT:
        start = file.at
        for _ in range(n):
            file.raw_text(limits.GGUF_TEXT, f"a text of {quoted(key)}")
        return Texts(file.data, file.what, key, start, n)
    if kind not in NUMBERS:
        raise WeightsError(f"{file.what}: {quoted(key)} is a list of values of type {kind}, which is not implemented")
    numbers = np.dtype("<" + NUMBERS[kind])
    return np.frombuffer(file.raw(n * numbers.itemsize), numbers)


class Texts:
    """A list of texts in the file, each checked for its length and read when it is asked for."""

    def __init__(self, data: mmap.mmap, what: str, key: str, start: int, n: int):
        self._data, self._what, self._key, self._start, self._n = data, what, key, start, n

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[str]:
        """Raises: WeightsError for what is no text in UTF-8."""
        file = _Cursor(self._data, self._what)
        file.at = self._start
        for _ in range(self._n):
            yield file.text(limits.GGUF_TEXT, f"a text of {quoted(self._key)}")


def _alignment(metadata: Mapping[str, Any], what: str) -> int:
    said = metadata.get("general.alignment", ALIGNMENT)
    if type(said) is not int or not 8 <= said <= ALIGNED or said & (said - 1):
        raise WeightsError(f"{what}: general.alignment: {quoted(said)} is not a power of two in 8..{ALIGNED:,}")
    return said


def _entries(file: _Cursor, n: int, alignment: int) -> dict[str, Entry]:
    found: dict[str, tuple[str, tuple[int, ...], int]] = {}
    for _ in range(n):
        name = file.text(limits.GGUF_NAME, "a tensor's name")
        at = f"{file.what}: tensor {quoted(name)}"
        if name in found:
            raise WeightsError(f"{at}: is there twice")
        if not 1 <= (dimensions := file.number("I")) <= DIMENSIONS:
            raise WeightsError(f"{at}: has {dimensions} dimensions; 1 to {DIMENSIONS} are read")
        shape = tuple(file.number("Q") for _ in range(dimensions))[::-1]
        if not all(1 <= side <= limits.PARAMETERS for side in shape) or math.prod(shape) > limits.PARAMETERS:
            raise WeightsError(f"{at}: has shape {shape}, more than {limits.PARAMETERS:,} numbers, or none")
        kind = file.number("I")
        found[name] = TYPES[kind] if kind < len(TYPES) else f"number {kind}", shape, file.number("Q")
    start = -(-file.at // alignment) * alignment
    return {name: _entry(file, name, *about, start, alignment) for name, about in found.items()}


def _entry(
    file: _Cursor, name: str, kind: str, shape: tuple[int, ...], offset: int, start: int, alignment: int
) -> Entry:
    at = f"{file.what}: tensor {quoted(name)}"
    if kind not in READ:
        raise WeightsError(f"{at}: has type {kind}, not one of {', '.join(READ)}")
    numbers, size = (1, PLAIN[kind].itemsize) if kind in PLAIN else (FORMATS[kind].numbers, FORMATS[kind].bytes)
    if shape[-1] % numbers:
        raise WeightsError(f"{at}: rows of {shape[-1]:,} numbers are not blocks of {numbers}, as {kind} has them")
    if offset % alignment:
        raise WeightsError(f"{at}: lies at byte {offset:,} of the numbers, which is no multiple of {alignment}")
    stop = start + offset + math.prod(shape) // numbers * size
    if stop > len(file.data):
        raise WeightsError(f"{at}: ends at byte {stop:,}; the file has {len(file.data):,}: it is cut short")
    return Entry(kind, shape, start + offset, stop)


def _check_apart(entries: Mapping[str, Entry], what: str) -> None:
    end, before = 0, ""
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start < end:
            raise WeightsError(f"{what}: tensor {quoted(name)}: lies over {quoted(before)}")
        end, before = entry.stop, name
