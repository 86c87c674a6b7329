"""Two sets of points in one plane, each point with its token, and lines between those that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, literal, short

ROLES = ("@query", "@key")
SIGNS = ("circle", "diamond")
FAINTEST = 0.2  # opacity of a line whose weight is next to nothing
MOST = 120  # lines: the strongest
LETTER, LINE = 8, 20  # px: the room that a name needs, a letter and above its point
NARROWEST = 0.5  # of its width: so narrow may the plane be drawn on a smaller screen
LINES = 3  # traces that share them, by weight


def plane(
    points: Sequence[np.ndarray],
    tokens: tuple[list[str], list[str]],
    weights: np.ndarray,
    *,
    threshold: float,
    names: tuple[str, str],
    titles: tuple[str, str],
    width: int = 400,
    height: int = 320,
    alt: str = "",
) -> dict[str, Any]:
    """`points`: queries [query, 2], then keys [key, 2], both in the same plane, with the `tokens` of either; a line
    where `weights` [query, key] is above the threshold, the more opaque the more it weighs. `names` of the two are the
    legend's; tokens are not trusted.
    """
    queries, keys = np.nonzero(weights > threshold)
    above = weights[queries, keys]
    order = np.lexsort((keys, queries, above))[::-1][:MOST]
    lines = [*zip(above[order].tolist(), queries[order].tolist(), keys[order].tolist(), strict=True)]
    data = [_lines(points, part, low) for low, part in _bins(lines)]
    everyone = np.concatenate(points)
    (x_low, y_low), (x_high, y_high) = everyone.min(0), everyone.max(0)
    across, up = (0.12 * (high - low or 1.0) for low, high in ((x_low, x_high), (y_low, y_high)))
    corner = np.array([x_low - across, y_low - up])
    size = np.array([x_high - x_low + 2 * across, y_high - y_low + 2.4 * up])
    written = with_room(
        [[short(token) for token in own] for own in tokens],
        [(own - corner) / size * (width * NARROWEST, height) for own in points],
    )
    for name, role, sign, at, full, own in zip(names, ROLES, SIGNS, points, tokens, written, strict=True):
        data.append(
            marks(name, at, own, role)
            | {
                "marker": {"color": role, "size": 9, "symbol": sign},
                "customdata": [literal(token) for token in full],
                "hovertemplate": f"{name}: %{{customdata}}<extra></extra>",
            }
        )
    layout = base_layout(
        height=height,
        margin={"l": 34, "r": theme.GAP, "t": 34, "b": 34},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False},
        xaxis=axis(range=[x_low - across, x_high + across], title=_title(titles[0]), showticklabels=False),
        yaxis=axis(range=[y_low - up, y_high + 1.4 * up], title=_title(titles[1]), showticklabels=False),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def marks(name: str, at: np.ndarray, written: Sequence[str] = (), role: str = "") -> dict[str, Any]:
    """Points `at` [point, 2], which the legend calls by `name`; above each of them what is `written`, if anything is,
    in the colour of a role. That is not trusted."""
    points = {
        "type": "scatter",
        "mode": "markers+text" if written else "markers",
        "name": name,
        "x": at[:, 0].astype(np.float32),
        "y": at[:, 1].astype(np.float32),
        "cliponaxis": False,
    }
    if not written:
        return points
    font = {"color": role, "size": theme.FONT_SIZE - 2}
    return points | {"text": [literal(text) for text in written], "textposition": "top center", "textfont": font}


def with_room(names: list[list[str]], at: list[np.ndarray]) -> list[list[str]]:
    """The names of each set of points, `at` [token, 2] in px; "" where one that was written before is in the way.

    A point tells its token to the pointer in any case.
    """
    boxes: list[tuple[float, float, float, float]] = []

    def has_room(name: str, x: float, y: float) -> bool:
        half = LETTER * len(name) / 2
        free = all(x + half < a or b < x - half or y + LINE < c or d < y for a, b, c, d in boxes)
        if free:
            boxes.append((x - half, x + half, y, y + LINE))
        return free

    return [
        [name if has_room(name, x, y) else "" for name, (x, y) in zip(own, one, strict=True)]
        for own, one in zip(names, at, strict=True)
    ]


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"color": "@muted", "size": theme.FONT_SIZE}, "standoff": 4}


def _bins(lines: list[tuple[float, int, int]]) -> list[tuple[float, list[tuple[float, int, int]]]]:
    """Lines of about one weight together: (their opacity, the lines)."""
    found = []
    for i in range(LINES):
        low, high = i / LINES, (i + 1) / LINES if i + 1 < LINES else np.inf
        if part := [line for line in lines if low < line[0] <= high]:
            found.append((FAINTEST + (1 - FAINTEST) * (i + 0.5) / LINES, part))
    return found


def _lines(points: Sequence[np.ndarray], lines: list[tuple[float, int, int]], opacity: float) -> dict[str, Any]:
    xy = np.full((len(lines), 3, 2), np.nan, np.float32)
    for row, (_, query, key) in zip(xy, lines, strict=True):
        row[0], row[1] = points[0][query], points[1][key]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xy[..., 0].ravel(),
        "y": xy[..., 1].ravel(),
        "line": {"color": f"@attention/{opacity:.2f}", "width": 1 + 2 * opacity},
        "hoverinfo": "skip",
        "showlegend": False,
    }
