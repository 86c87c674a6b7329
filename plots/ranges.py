"""Numbers of 0..1 that vary: a line from the least to the greatest, and a point at their mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, literal, number, ticks

ABOVE, BELOW = 1.0, 0.3  # in units of the axis: what is written stands behind 1, and takes so much
BEHIND = ABOVE + 0.04


def ranges(
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    names: list[str],
    written: list[str],
    *,
    hover: str,
    comma: bool = False,
    height: int = 240,
    alt: str = "",
) -> dict[str, Any]:
    """`mean`, `low` and `high` [row], from the first row down; NaN where there is none. Behind each row stands what is
    `written`.

    `hover` may use {name}, {mean}, {low}, {high} and {written}; it is trusted text, `names` are not.
    """
    rows = np.arange(len(names), dtype=np.int32)
    ends = np.stack([low, high, np.full(len(names), np.nan)], axis=1).astype(np.float32)
    shown = [
        [literal(name), *(number(float(x), 2, comma) for x in three), text]
        for name, text, *three in zip(names, written, mean, low, high, strict=True)
    ]
    told = hover
    for i, part in enumerate(("name", "mean", "low", "high", "written")):
        told = told.replace(f"{{{part}}}", f"%{{customdata[{i}]}}")
    lines = {
        "type": "scatter",
        "mode": "lines",
        "x": ends.ravel(),
        "y": np.repeat(rows, 3),
        "line": {"color": "@attention/0.45", "width": 6},
        "hoverinfo": "none",  # else Plotly hears no click
    }
    means = {
        "type": "scatter",
        "mode": "markers",
        "x": np.asarray(mean, np.float32),
        "y": rows,
        "marker": {"color": "@attention", "size": 11, "line": {"color": "@background", "width": 1}},
        "customdata": shown,
        "hovertemplate": told + "<extra></extra>",
        "cliponaxis": False,
    }
    behind = {
        "type": "scatter",
        "mode": "text",
        "x": np.full(len(names), BEHIND, np.float32),
        "y": rows,
        "text": written,
        "textposition": "middle right",
        "textfont": {"color": "@text"},
        "hoverinfo": "none",  # else Plotly hears no click
        "cliponaxis": False,
    }
    layout = base_layout(
        height=height,
        margin={"l": theme.GAP + label_width(names), "r": theme.GAP, "t": theme.GAP, "b": 30},
        xaxis=axis(
            range=[-0.02, ABOVE + BELOW],
            tickvals=[0, 0.5, 1],
            ticktext=[number(x, 1, comma) for x in (0, 0.5, 1)],
            showgrid=True,
            gridcolor="@grid",
        ),
        yaxis=axis(range=[len(names) - 0.5, -0.5], **ticks(names)),
        meta={"alt": alt},
    )
    return {"data": [lines, means, behind], "layout": layout}
