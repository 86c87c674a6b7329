"""The maps that many pages draw: who looks on the rows, who is looked at on the columns; and one of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pictures.compute import Picture
from pictures.display_names import all_named
from pictures.words import Words
from plots.heatmap import LARGE, heatmap


def looks_map(
    weights: np.ndarray, tokens: list[str], words: Words, says: str, keys: list[str] | None = None, **look: Any
) -> dict[str, Any]:
    """`weights` [query, key] over the tokens of one text, or from those to the `keys` of another; `look` is passed on
    to `plots.heatmap.heatmap`.
    """
    return heatmap(
        weights,
        all_named(tokens, words),
        all_named(tokens if keys is None else keys, words),
        row_title=words("axis.query"),
        column_title=words("axis.key"),
        scale="probability",
        comma=words.comma,
        hover=words("hover.cell"),
        alt=says,
        **look,
    )


def enlarging(n: int, words: Words) -> str:
    """How a part of a map of n rows is enlarged, with the blank before it; "" of one that is no image."""
    return f" {words('figure.enlarge')}" if n > LARGE else ""


def nothing(says: str, width: int) -> Picture:
    """An empty map, where there is nothing to show but the sentence that says why."""
    return Picture(heatmap(np.full((1, 1), np.nan), [""], [""], colorbar=False, width=width, alt=says), says)
