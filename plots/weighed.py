"""Pairs of tokens by two measures, and a third as the size of those that are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, literal, short, title
from plots.plane import marks, with_room

SMALL, LEAST, LARGEST = 5, 8, 30  # px: a point; of the chosen ones the least and the greatest
NARROWEST = 0.5  # of its width: so narrow may it be drawn on a smaller screen


def weighed(
    others: np.ndarray,
    chosen: np.ndarray,
    sizes: np.ndarray,
    tokens: list[str],
    *,
    names: tuple[str, str],
    titles: tuple[str, str],
    hover: list[str],
    width: int = 400,
    height: int = 320,
    alt: str = "",
) -> dict[str, Any]:
    """`others` [pair, 2] as small points, and the `chosen` [token, 2], each with its token, the larger the greater its
    number in `sizes` [token], none of them below zero: its area is in proportion.

    `names` of the two are the legend's, `titles` the axes'; `hover` is said of each of the chosen. `tokens` and `hover`
    are not trusted.
    """
    everyone = np.concatenate([others, chosen])
    across, up = (float(x) or 1.0 for x in everyone.max(0))
    share = np.sqrt(np.maximum(sizes, 0) / (float(sizes.max()) or 1.0))
    left, right, below, above = -0.06 * across, 1.12 * across, -0.08 * up, 1.2 * up
    at = (chosen - [left, below]) / [right - left, above - below] * [NARROWEST * width, height]
    ((*written,),) = with_room([[short(token) for token in tokens]], [at])
    points = marks(names[0], others) | {
        "marker": {"color": "@attention/0.45", "size": SMALL},
        "hoverinfo": "none",  # not "skip": Plotly would hear no click
    }
    large = marks(names[1], chosen, written, "@text") | {
        "marker": {
            "color": "@value/0.6",
            "size": (LEAST + (LARGEST - LEAST) * share).astype(np.float32),
            "line": {"color": "@value", "width": 1},
        },
        "customdata": [literal(text) for text in hover],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    layout = base_layout(
        height=height,
        margin={"l": 64, "r": theme.GAP, "t": 40, "b": 48},
        showlegend=True,
        legend={
            **{"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            **{"itemclick": False, "itemsizing": "constant"},
        },
        xaxis=axis(
            range=[left, right], nticks=5, showgrid=True, gridcolor="@grid", title=title(titles[0], "@muted", 4)
        ),
        yaxis=axis(
            range=[below, above], nticks=5, showgrid=True, gridcolor="@grid", title=title(titles[1], "@muted", 6)
        ),
        meta={"alt": alt},
    )
    return {"data": [points, large], "layout": layout}
