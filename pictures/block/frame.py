"""What the figures of a block share: their sizes, and a map with a row a token."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import Scene
from pictures.block.inside import inside
from pictures.display_names import all_named
from pictures.words import Words
from plots.heatmap import heatmap

WIDTH = 250  # px: a figure where four share a line
HEIGHT = 250  # px: of the first figure of each column, so that what follows begins on one line
LOW = 210  # px: of those below
ROW = 15  # px: of a token in the first figures, where there are many
ROWS = 24  # tokens that each have a row to be read; of more, the chosen one's numbers alone are written


def height(scene: Scene) -> int:
    """Pixels of the first figure of each column, one for all, so that what follows begins on one line."""
    n = len(inside(scene).tokens)
    return max(HEIGHT, 110 + ROW * n) if n <= ROWS else 110 + ROW * ROWS


def by_token(values: np.ndarray, scene: Scene, words: Words, axis: str, says: str) -> dict[str, Any]:
    """`values` [pos, ...], whose columns are counted along `axis`."""
    return heatmap(
        values,
        all_named(inside(scene).tokens, words),
        row_role="@residual",
        column_title=axis,
        column_role="@muted",
        numbers=False,
        colorbar=False,
        comma=words.comma,
        hover=f"{{row}}, {axis} {{column}}: {{value}}",
        square=False,
        width=WIDTH,
        height=height(scene),
        alt=says,
    )
