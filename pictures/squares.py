"""The maps that many pages draw: who looks on the rows, who is looked at on the columns; and one of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pictures.compute import Picture
from pictures.display_names import all_named
from pictures.words import Words
from plots.heatmap import heatmap
from plots.large_map import LARGE


def looks_map(
    weights: np.ndarray,
    tokens: Sequence[str],
    words: Words,
    says: str,
    keys: Sequence[str] | None = None,
    scale: str = "probability",
    **look: Any,
) -> dict[str, Any]:
    """`weights` [query, key], or scores, over the tokens of one text, or from those to the `keys` of another; `look` is
    passed on to `plots.heatmap.heatmap`.
    """
    return heatmap(
        weights,
        all_named(tokens, words),
        all_named(tokens if keys is None else keys, words),
        row_title=words("axis.query"),
        column_title=words("axis.key"),
        scale=scale,
        comma=words.comma,
        hover=words("hover.cell"),
        alt=says,
        **look,
    )


def head_axes(words: Words, role: str = "@muted") -> dict[str, Any]:
    """The axes of a map with a cell for each head of each layer, as `plots.heatmap.heatmap` takes them."""
    return {
        "row_title": words("axis.layer"),
        "column_title": words("axis.head"),
        "row_role": role,
        "column_role": role,
        "square": False,
    }


def enlarging(n: int, words: Words) -> str:
    """How a part of a map of n rows is enlarged, with the blank before it; "" of one that is no image."""
    return f" {words('figure.enlarge')}" if n > LARGE else ""


def nothing(says: str, width: int) -> Picture:
    """An empty map, where there is nothing to show but the sentence that says why."""
    return Picture(heatmap(np.full((1, 1), np.nan), [""], [""], colorbar=False, width=width, alt=says), says)
