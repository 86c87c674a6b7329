"""How large something is at each stage of the model: a line with a number at each point."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from plots.figure import axis, base_layout, label_width, line_name, literal, title

CHARACTER = 7.0  # px: a digit of a number at a point
PHONE = 358  # px: as wide as a picture is on a phone, which is sent the same one
STEEP = 50.0  # times its least value: above, a linear axis would press all but the last points to the ground


def magnitudes(
    values: np.ndarray,
    stages: list[str],
    written: list[str],
    *,
    beside: np.ndarray | None = None,
    beside_written: list[str] | None = None,
    names: tuple[str, str] = ("", ""),
    role: str = "@residual",
    stage_title: str = "",
    value_title: str = "",
    width: int = 800,
    height: int = 240,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [stage], each with its number as `written`, on a logarithmic axis where they are steep.

    Where a value is NaN or infinite the line has a gap. Where `width` pixels, or a phone's, have no room for every
    number, only some stand at their points, the last one that there is always. `beside` [stage] are other values on the
    same axis, dotted, each told as `beside_written` where one points; `names`, trusted text above the picture, tell the
    two apart.
    """
    values, beside = _with_gaps(values), None if beside is None else _with_gaps(beside)
    every_value = values if beside is None else np.concatenate([values, beside])
    steep = is_steep(every_value)
    numbers = [literal(text) for text in written]
    every = ceil(len(stages) * CHARACTER * (1 + max(map(len, written))) / (min(width, PHONE) - 90))
    last = max(np.flatnonzero(np.isfinite(values)), default=len(stages) - 1)
    told = [i for i in range(len(stages)) if (last - i) % every == 0]
    trace = {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": np.arange(len(stages), dtype=np.int32),
        "y": values,
        "text": [text if i in told else "" for i, text in enumerate(numbers)],
        "customdata": numbers,
        "textposition": "top center",
        "textfont": {"color": "@text"},
        "line": {"color": role, "width": 2.5},
        "marker": {"color": role, "size": 9},
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }
    layout = base_layout(
        height=height,
        margin={"l": 66, "r": max(24, label_width(stages[-1:]) // 2), "t": 26, "b": 44},
        xaxis=axis(
            range=[-0.4, len(stages) - 0.6],
            tickvals=told,
            tickangle=0,
            ticktext=[literal(stages[i]) for i in told],
            title=title(stage_title, "@muted", standoff=6),
        ),
        yaxis=axis(
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=6),
            **_scale(every_value, steep),
        ),
        meta={"alt": alt},
    )
    if beside is None:
        return {"data": [trace], "layout": layout}
    layout["annotations"] = [line_name(f"━ {names[0]}", role, "left"), line_name(f"┅ {names[1]}", "@muted", "right")]
    return {"data": [_beside(trace, beside, beside_written or []), trace], "layout": layout}


def _with_gaps(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan).astype(np.float64)


def _beside(trace: dict[str, Any], values: np.ndarray, written: list[str]) -> dict[str, Any]:
    """A dotted line behind that of `trace`."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": trace["x"],
        "y": values,
        "line": {"color": "@muted", "width": 2, "dash": "dot"},
        "marker": {"color": "@muted", "size": 6},
        "customdata": [literal(text) for text in written],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def is_steep(values: np.ndarray) -> bool:
    """Whether the values need a logarithmic axis."""
    seen = values[np.isfinite(values)]
    return bool(seen.size and seen.min() > 0 and seen.max() > STEEP * seen.min())


def _scale(values: np.ndarray, steep: bool) -> dict[str, Any]:
    if not steep:
        return {"range": [0, 1.15 * float(np.nanmax(values, initial=0.0)) or 1.0], "nticks": 5}
    low, high = np.log10(np.nanmin(values)), np.log10(np.nanmax(values))
    room = 0.12 * (high - low)
    step = max(1, round((high - low) / 5))
    return {"type": "log", "range": [low - room, high + room], "dtick": step, "exponentformat": "power"}
