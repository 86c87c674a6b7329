"""What changes along a run: lines over the steps, read off together under the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from plots.figure import axis, base_layout, compact, literal, title

POINTS = 400  # of a line: more than its pixels show


@dataclass(frozen=True)
class Curve:
    """A line: steps x [n] and values y [n], NaN where there is none; `faint` for what is only there to compare with.

    name: "" for one that is not named above, nor under the pointer.
    """

    x: np.ndarray
    y: np.ndarray
    name: str
    role: str
    faint: bool = False
    dash: str = "solid"


def training_curves(
    lines: list[Curve],
    *,
    moment: int,
    log: bool = False,
    top: float | None = None,
    decimals: int = 3,
    step_title: str = "",
    value_title: str = "",
    height: int = 280,
    alt: str = "",
) -> dict[str, Any]:
    """Lines over the steps, each named above; a stroke stands at `moment`, and the pointer reads all of them.

    log: a logarithmic axis. top: the axis ends there and begins at 0. Titles and names are trusted text.
    """
    data = [_trace(line, decimals) for line in lines]
    last = max((int(line.x[-1]) for line in lines if len(line.x)), default=1)
    scale: dict[str, Any] = {"rangemode": "tozero"} if top is None else {"range": [0, 1.04 * top]}
    if log:
        scale = {"type": "log", "exponentformat": "power", "dtick": 1}
    layout = base_layout(
        height=height,
        margin={"l": 58, "r": 16, "t": 34, "b": 42},
        hovermode="x unified",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        xaxis=axis(range=[0, max(last, 10) * 1.02], nticks=6, title=title(step_title, "@muted", standoff=6)),
        yaxis=axis(showgrid=True, gridcolor="@grid", nticks=5, title=title(value_title, "@muted", standoff=6), **scale),
        shapes=[_stroke(moment)],
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def thinned(n: int) -> np.ndarray:
    """Which of `n` points are drawn: at most POINTS, evenly spaced, the last among them."""
    return np.arange(n) if n <= POINTS else np.unique(np.linspace(0, n - 1, POINTS).astype(np.int64))


def _trace(line: Curve, decimals: int) -> dict[str, Any]:
    kept = thinned(len(line.x))
    return {
        "type": "scatter",
        "mode": "lines" if len(kept) > 1 else "markers",
        "x": np.asarray(line.x)[kept].astype(np.int32),
        "y": compact(line.y)[kept],
        "name": literal(line.name),
        "showlegend": bool(line.name),
        "line": {
            "color": f"{line.role}/0.35" if line.faint else line.role,
            "width": 1.5 if line.faint else 2.2,
            "dash": line.dash,
        },
        # Of what has "skip" Plotly would hear no click.
        **({"hovertemplate": f"%{{y:.{decimals}f}}"} if line.name else {"hoverinfo": "none"}),
    }


def _stroke(moment: int) -> dict[str, Any]:
    line = {"type": "line", "x0": moment, "x1": moment, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    return line | {"line": {"color": "@muted", "width": 1, "dash": "dot"}}
