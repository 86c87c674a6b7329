"""Functions as curves, one of them in full colour, with a layer's own numbers as points on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import axis, base_layout, literal, ticks, title
from plots.token_shares import labels_height, upright


def curves(
    x: np.ndarray,
    ys: dict[str, np.ndarray],
    *,
    chosen: str,
    points: tuple[np.ndarray, np.ndarray],
    hover: str = "{x} → {y}",
    role: str = "@attention",
    tokens: list[str] | None = None,
    marked: int | None = None,
    x_title: str = "",
    y_title: str = "",
    width: int = 400,
    height: int = 240,
    alt: str = "",
) -> dict[str, Any]:
    """`ys` (name -> [x]) as lines over `x`; the one `chosen` keeps its colour, and `points` (x, y) lie on it.

    With `tokens` the x axis names positions 0..n-1 by them, and the point `marked` stands out; the names
    stand upright where `width` px have no room for them level. `hover` may use {x} and {y}, and {token} where there are
    tokens; it and the titles are trusted text, names and tokens are not.
    """
    at, values = (np.asarray(numbers, np.float32) for numbers in points)
    last = sorted(ys, key=lambda name: name == chosen)  # the chosen curve on top
    data = [_line(x, ys[name], name, role if name == chosen else "@muted/0.45", name == chosen) for name in last]
    size = 5 if len(at) > 32 else 7
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": at,
        "y": values,
        "marker": {"color": f"{role}/0.55" if len(at) > 32 else role, "size": size},
        "hovertemplate": hover.format(x="%{x:.3f}", y="%{y:.3f}", token="%{customdata}") + "<extra></extra>",
    }
    if tokens is not None:
        dots["customdata"] = [literal(token) for token in tokens]
    data.append(dots)
    if marked is not None:
        ring = {"color": role, "size": 13, "line": {"color": "@chosen", "width": 2.5}}
        data.append(dots | {"x": at[[marked]], "y": values[[marked]], "marker": ring, "hoverinfo": "skip"})
        data[-1].pop("hovertemplate")
        data[-1].pop("customdata", None)
    named, below = {}, 44
    if tokens is not None:
        below = labels_height(tokens, width)
        named = ticks(tokens, marked, (width - 74) / len(tokens)) | {"range": [-0.4, len(tokens) - 0.6]}
        named |= {"tickangle": -90 if upright(tokens, width) else 0}
    low, high = float(min(map(np.min, ys.values()))), float(max(map(np.max, ys.values())))
    room = 0.08 * (high - low) or 1.0
    layout = base_layout(
        height=height,
        margin={"l": 62, "r": 12, "t": 12, "b": below},
        xaxis=axis(title=title(x_title, "@muted", standoff=6), **({"nticks": 6} | named)),
        yaxis=axis(
            range=[low - room, high + room],
            showgrid=True,
            gridcolor="@grid",
            nticks=5,
            title=title(y_title, "@muted", standoff=4),
        ),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def _line(x: np.ndarray, y: np.ndarray, name: str, colour: str, strong: bool) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": literal(name),
        "x": np.asarray(x, np.float32),
        "y": np.asarray(y, np.float32),
        "line": {"color": colour, "width": 2.5 if strong else 1.2},
        "hoverinfo": "name",
    }
