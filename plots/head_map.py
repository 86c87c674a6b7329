"""A map of heads with a mark in each cell: layers down, heads across."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.heatmap import heatmap

LARGEST = 18  # px: a mark


def head_map(values: np.ndarray, written: list[list[str]], *, width: int = 400, **options: Any) -> dict[str, Any]:
    """`values` [layer, head] of 0..1 as a heatmap, over each cell its mark of `written`; `options` are heatmap's.

    The marks are trusted text. Their ink is the one that the cell's colour carries.
    """
    values = np.asarray(values, np.float32)
    rows, columns = np.indices(values.shape)
    figure = heatmap(
        values, [str(i) for i in range(len(values))], scale="probability", numbers=False, width=width, **options
    )
    dark = np.nan_to_num(values.ravel()) > theme.INK_TURNS["probability"]
    figure["data"].append(
        {
            "type": "scatter",
            "mode": "text",
            "x": columns.ravel().astype(np.int32),
            "y": rows.ravel().astype(np.int32),
            "text": [mark for row in written for mark in row],
            "textfont": {
                "size": int(np.clip((width - 60) / values.shape[1] * 0.6, 9, LARGEST)),
                "color": ["@background" if turned else "@chosen" for turned in dark.tolist()],
            },
            "hoverinfo": "skip",
        }
    )
    return figure
