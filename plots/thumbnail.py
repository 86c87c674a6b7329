"""Small pictures of arrays, as ink: PNGs of nothing but opacity. The page tints them by CSS, so the theme may change.

Everywhere ink is the square root of a value's share of the greatest: a weight of 0.04 is faint, yet seen.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Collection
from math import ceil, sqrt

import numpy as np

FAINT = 0.25  # of its ink is left of a tile that is crossed out
EFFORT = 2  # of zlib's 9: 6, its own, takes nearly twice the time for a twentieth fewer bytes
PAPER = 0.07  # ink of a zero inside a tile: what is nothing must still be seen to be a cell


def shade(values: np.ndarray, greatest: float, paper: float = 0.0) -> np.ndarray:
    """Opacity 0..255 of `values`, of which only the positive give ink: paper + (1 - paper) sqrt(value / greatest).

    NaN and infinities, which are no number to compare with, leave nothing at all.
    """
    known = np.isfinite(values)
    shares = np.clip(np.where(known, values, 0).astype(np.float64) / (greatest or 1), 0, 1)
    return np.rint(np.where(known, paper + (1 - paper) * np.sqrt(shares), 0) * 255).astype(np.uint8)


def signed_shade(
    values: np.ndarray, rows: int, columns: int, greatest: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(ink of the positive, ink of the negative) of a matrix, pooled to at most rows x columns; one scale for both, up
    to `greatest` or to the greatest of them."""
    if greatest is None:
        greatest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    positive, negative = (shade(pooled(side, rows, columns), greatest) for side in (values, -values))
    return positive, negative


def pooled(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """[..., row, column] with at most `rows` x `columns` cells, each the greatest of those that it stands for."""
    for axis, most in ((-2, rows), (-1, columns)):  # rows first, which lie side by side in memory
        values = _greatest_of_each(values.swapaxes(axis, -1), most).swapaxes(axis, -1)
    return values


def _greatest_of_each(values: np.ndarray, most: int) -> np.ndarray:
    """The same along the last axis. np.maximum.reduceat takes much longer for runs as short as these."""
    run = ceil(values.shape[-1] / most)
    if run == 1:
        return values
    cells = values[..., ::run].copy("K")
    for place in range(1, run):
        others = values[..., place::run]
        there = cells[..., : others.shape[-1]]  # the last run may be shorter
        np.maximum(there, others, out=there)
    return cells


def grid(n: int) -> tuple[int, int]:
    """(rows, columns) of n tiles, as square as can be."""
    columns = ceil(sqrt(n))
    return ceil(n / columns), columns


def tiled(
    patterns: np.ndarray,
    shape: tuple[int, int],
    side: int,
    off: Collection[int] = (),
    greatest: float = 1.0,
    paper: float = PAPER,
) -> np.ndarray:
    """Ink of numbers [head, query, key] in 0..greatest, as tiles of at most `side` cells in `shape` rows and columns.

    Those of the heads `off` are faint, under a cross.
    """
    tiles = shade(pooled(patterns, side, side), greatest, paper)
    for head in off:
        tiles[head] = crossed(tiles[head])
    n, high, wide = tiles.shape
    gap = max(1, round(max(high, wide) / 8))
    rows, columns = shape
    framed = np.zeros((rows * columns, high + gap, wide + gap), np.uint8)
    framed[:n, :high, :wide] = tiles
    whole = framed.reshape(rows, columns, high + gap, wide + gap).swapaxes(1, 2)
    return whole.reshape(rows * (high + gap), columns * (wide + gap))[:-gap, :-gap]


def crossed(tile: np.ndarray) -> np.ndarray:
    """A tile of ink, faint, its two diagonals in full."""
    rows, columns = tile.shape
    longer = np.arange(max(rows, columns))
    diagonal = np.zeros(tile.shape, bool)
    diagonal[longer * rows // len(longer), longer * columns // len(longer)] = True
    return np.where(diagonal | diagonal[::-1], 255, np.rint(FAINT * tile)).astype(np.uint8)


def png(opacity: np.ndarray) -> bytes:
    """A PNG of white pixels with this opacity [row, column], 0..255 (PNG specification, colour type 4)."""
    height, width = opacity.shape
    pixels = np.full((height, width, 2), 255, np.uint8)
    pixels[..., 1] = opacity
    lines = np.zeros((height, 1 + 2 * width), np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, 4, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), EFFORT)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def url(opacity: np.ndarray) -> str:
    """The PNG as a value of CSS."""
    return f"url(data:image/png;base64,{b64encode(png(opacity)).decode()})"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
