"""One token's numbers before and after, each row a number line of its own with a stroke a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, compact, number


def rugs(
    rows: dict[str, np.ndarray],
    *,
    roles: tuple[str, ...] = (),
    hover: str = "{value}",
    comma: bool = False,
    height: int = 220,
    alt: str = "",
) -> dict[str, Any]:
    """`rows` (title -> [n] numbers) under one another, each on its own scale, with its mean marked and written.
    The first and the last have colours of their own.

    Numbers that are not finite have no stroke. Titles and `hover`, which may use {value}, are trusted text.
    """
    data, axes, notes = [], {}, []
    roles = roles or ("@residual", *("@muted",) * (len(rows) - 2), "@attention")
    step = 1 / len(rows)
    for i, ((name, values), role) in enumerate(zip(rows.items(), roles, strict=False)):
        values = np.asarray(values, np.float64)
        values = values[np.isfinite(values)]
        mark = "" if i == 0 else str(i + 1)
        top = 1 - i * step
        data.append(_strokes(values, role, mark, hover))
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.5
        axes[f"xaxis{mark}"] = axis(
            anchor=f"y{mark}", range=[low - room, high + room], nticks=5, zeroline=True, zerolinecolor="@grid"
        )
        axes[f"yaxis{mark}"] = axis(
            anchor=f"x{mark}", domain=[top - 0.55 * step, top - 0.25 * step], range=[-1, 1], showticklabels=False
        )
        notes.append(_name(name, top))
        if values.size:
            notes.append(_mean(float(values.mean()), mark, comma))
    layout = base_layout(
        height=height,
        margin={"l": theme.GAP, "r": theme.GAP, "t": 4, "b": 8},
        annotations=notes,
        **axes,
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def _strokes(values: np.ndarray, role: str, mark: str, hover: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": compact(values),
        "y": np.zeros(len(values), np.float32),
        "xaxis": f"x{mark}",
        "yaxis": f"y{mark}",
        "marker": {"symbol": "line-ns", "size": 26, "line": {"color": f"{role}/0.6", "width": 1.6}},
        "hovertemplate": hover.format(value="%{x:.4f}") + "<extra></extra>",
    }


def _name(text: str, top: float) -> dict[str, Any]:
    at = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "top"}
    return at | {"text": text, "showarrow": False, "font": {"color": "@muted", "size": theme.FONT_SIZE}}


def _mean(value: float, mark: str, comma: bool) -> dict[str, Any]:
    """A small arrow from above to the mean, with its number."""
    return {
        "x": value,
        "y": 0.9,
        "xref": f"x{mark}",
        "yref": f"y{mark}",
        "ax": 0,
        "ay": -12,
        "text": f"μ {number(value, 2, comma)}" if abs(value) < 1e5 else "μ",
        "arrowcolor": "@chosen",
        "arrowwidth": 1.5,
        "arrowhead": 2,
        "arrowsize": 0.8,
        "font": {"color": "@chosen", "size": theme.FONT_SIZE - 1},
    }
