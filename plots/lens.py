"""What each layer would say: a map whose cells are written with tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import literal, short
from plots.heatmap import heatmap

CHARACTER = 6.8  # px: a letter in a cell


def lens(
    shares: np.ndarray,
    words: list[list[str]],
    right: np.ndarray,
    rows: list[str],
    columns: list[str],
    *,
    row_title: str = "",
    column_title: str = "",
    hover: str = "{row}, {column}: {value}",
    width: int = 560,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`shares` [row, column], of 1, as colour; `words` [row][column] in the cells, bold where `right` [row, column].

    `rows` are tokens, untrusted like `words`; `columns`, titles and `hover` are trusted.
    """
    figure = heatmap(
        shares,
        rows,
        columns,
        row_title=row_title,
        column_title=column_title,
        column_role="@residual",
        scale="probability",
        numbers=False,
        colorbar=False,
        square=False,
        hover=hover,
        width=width,
        height=height,
        alt=alt,
    )
    room = max(3, int((width - 130) / len(columns) / CHARACTER))
    written = [literal(short(word, room)) for row in words for word in row]
    turn = theme.INK_TURNS["probability"]
    cells = np.indices(shares.shape).reshape(2, -1).astype(np.int32)
    figure["data"].append(
        {
            "type": "scatter",
            "mode": "text",
            "x": cells[1],
            "y": cells[0],
            "text": [
                f"<b>{word}</b>" if so else word for word, so in zip(written, right.ravel().tolist(), strict=True)
            ],
            "textfont": {
                "color": ["@background" if share > turn else "@chosen" for share in shares.ravel().tolist()],
                "size": 12,
            },
            "hoverinfo": "skip",
        }
    )
    return figure
