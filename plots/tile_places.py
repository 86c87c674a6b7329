"""Where the tiles of all heads stand, how finely each is drawn, and which cell is under a click."""

from __future__ import annotations

from functools import lru_cache
from math import prod

# Cells that are drawn with their exact weights. Above, weights go as bytes (255 steps), and from THUMB_CELLS on a cell
# shows the greatest of 4, 16, ...: 12 x 12 heads of 32 tokens redraw in 25 ms instead of 190, with 62 kB instead of
# 880. They are thumbnails then, with no value to tell; a page enlarges the chosen one.
TILE_CELLS = 6_000
THUMB_CELLS = 60_000
WIDE, TALL = 760, 560  # px: what the tiles of a row, and of a column, share
ROWS = 12  # of layers: a deeper model stands in several columns of layers, side by side


def grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, columns) of tiles; an empty column stands between layers that lie side by side."""
    return _grid(*shape[:2])


@lru_cache(maxsize=64)  # each tile asks where it stands
def _grid(n_layers: int, n_heads: int) -> tuple[int, int]:
    def laid(folds: int) -> tuple[int, int]:
        return -(-n_layers // folds), folds * (n_heads + 1) - 1

    def side(folds: int) -> float:
        rows, columns = laid(folds)
        return min(TALL / rows, WIDE / columns)

    return laid(1) if n_layers <= ROWS else laid(max(range(1, 5), key=side))


def spot_of(layer: int, head: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """(row, column) of a tile in the grid."""
    fold, row = divmod(layer, grid(shape)[0])
    return row, fold * (shape[1] + 1) + head


def tile_of(row: int, column: int, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The (layer, head) that stands there; None for an empty place."""
    (n_layers, n_heads), (n_rows, n_columns) = shape[:2], grid(shape)
    fold, head = divmod(column, n_heads + 1)
    layer = fold * n_rows + row
    there = 0 <= row < n_rows and 0 <= column < n_columns and head < n_heads and layer < n_layers
    return (layer, head) if there else None


def tile_at(x: float, y: float, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The (layer, head) under a click at (x, y), `shape` being the patterns' own; None between tiles and outside."""
    n_tokens, step = shape[2], step_of(shape)
    column, across = divmod(x + 0.5, step)
    row, down = divmod(y + 0.5, step)
    return tile_of(int(row), int(column), shape) if across < n_tokens and down < n_tokens else None


def cell_at(x: float, y: float, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The (layer, head, query, key) under a click at (x, y); None where cells are not shown one by one."""
    if (found := tile_at(x, y, shape)) is None or not is_exact(shape):
        return None
    step = step_of(shape)
    return *found, round(y) % step, round(x) % step


def place_of(cell: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Where (layer, head, query, key) stands, as (row, column) of the whole picture; None where it is not shown."""
    if len(cell) != len(shape) or not is_exact(shape) or any(at >= n for at, n in zip(cell, shape, strict=True)):
        return None
    layer, head, query, key = cell
    row, column = spot_of(layer, head, shape)
    return row * step_of(shape) + query, column * step_of(shape) + key


def is_exact(shape: tuple[int, ...]) -> bool:
    """Whether every cell is drawn, with its own weight."""
    return prod(shape) <= TILE_CELLS


def coarseness(shape: tuple[int, ...]) -> int:
    """1, 2, 4, ...: how many cells across are shown as one."""
    n_layers, n_heads, n_tokens = shape[:3]
    factor = 1
    while n_layers * n_heads * n_tokens**2 > THUMB_CELLS * factor**2:
        factor *= 2
    return factor


def step_of(shape: tuple[int, ...]) -> int:
    """Cells from one tile to the next, the gutter included: such that every tile begins on a cell that is shown."""
    n_tokens, factor = shape[2], coarseness(shape)
    gutter = max(factor, round(n_tokens / 10))
    return -(-(n_tokens + gutter) // factor) * factor
