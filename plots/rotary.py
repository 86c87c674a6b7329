"""Rotary positions as they turn: a circle a pair of dimensions, a point a token where its pair now points."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import base_layout, literal

ACROSS = 3  # circles side by side
MOST = 6  # circles in all: the first pairs, each slower than the one before
RADIUS = 0.38  # of a circle's place


def rotary(
    angles: np.ndarray,
    tokens: list[str],
    *,
    chosen: int = 0,
    names: list[str] | None = None,
    hover: str = "{token}: {value}",
    role: str = "@query",
    height: int = 260,
    alt: str = "",
) -> dict[str, Any]:
    """`angles` [token, pair] in radians: where a vector that began at three o'clock has been turned to.

    The `chosen` token has a hand like a clock's. `names` stand under the circles. `hover` may use {token} and {value};
    it and `names` are trusted text, `tokens` are not.
    """
    n, pairs = angles.shape[0], min(angles.shape[1], MOST)
    down = -(-pairs // ACROSS)
    centres = [(i % ACROSS + 0.5, down - i // ACROSS - 0.45) for i in range(pairs)]
    x = np.stack([cx + RADIUS * np.cos(angles[:, i]) for i, (cx, _) in enumerate(centres)], 1)
    y = np.stack([cy + RADIUS * np.sin(angles[:, i]) for i, (_, cy) in enumerate(centres)], 1)
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": x.ravel().astype(np.float32),
        "y": y.ravel().astype(np.float32),
        "customdata": [
            [literal(token), float(angle)] for token, row in zip(tokens, angles, strict=True) for angle in row[:pairs]
        ],
        "marker": {
            "size": [11 if i == chosen else 7 for i in range(n) for _ in range(pairs)],
            "color": [role if i == chosen else f"{role}/0.4" for i in range(n) for _ in range(pairs)],
        },
        "hovertemplate": hover.format(token="%{customdata[0]}", value="%{customdata[1]:.3f}") + "<extra></extra>",
        "cliponaxis": False,
    }
    hands = "".join(f"M{cx} {cy}L{x[chosen, i]} {y[chosen, i]}" for i, (cx, cy) in enumerate(centres))
    circles = [
        {"type": "circle", "x0": cx - RADIUS, "x1": cx + RADIUS, "y0": cy - RADIUS, "y1": cy + RADIUS}
        | {"line": {"color": "@grid", "width": 1.5}, "layer": "below"}
        for cx, cy in centres
    ]
    hidden = {"visible": False, "fixedrange": True}
    layout = base_layout(
        height=height,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        xaxis=hidden | {"range": [0, ACROSS], "constrain": "domain"},
        yaxis=hidden | {"range": [0, down], "scaleanchor": "x", "constrain": "domain"},
        shapes=[*circles, {"type": "path", "path": hands, "line": {"color": role, "width": 2.5}}],
        annotations=[_under(*centre, text) for centre, text in zip(centres, names or (), strict=False)],
        meta={"alt": alt},
    )
    return {"data": [dots], "layout": layout}


def _under(x: float, y: float, text: str) -> dict[str, Any]:
    return {
        "x": x,
        "y": y - RADIUS,
        "text": text,
        "showarrow": False,
        "yanchor": "top",
        "yshift": -3,
        "font": {"color": "@muted", "size": theme.FONT_SIZE - 2},
    }
