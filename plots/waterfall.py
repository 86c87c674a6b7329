"""A sum as a waterfall: each part begins where the one before it ended, and the last bar is what they come to."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, compact, label_width, literal, number, short

ROW = 23  # px: of a bar
ABOVE = 30  # px: the axis's numbers
AGAINST = 0.42  # of its colour: a part that takes away


def waterfall(
    parts: np.ndarray,
    names: list[str],
    roles: list[str],
    total: str,
    *,
    whole: float | None = None,
    role: str = "@attention",
    comma: bool = False,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`parts` [part] from the first row down, with their `names` and the `roles` whose colours they have; what takes
    away is faded. Under them the bar called `total`, from 0 to `whole`: their sum unless told. Names are not trusted.
    """
    parts = np.asarray(parts, np.float64)
    ends = np.cumsum(parts)
    starts = ends - parts
    whole = float(ends[-1]) if whole is None else whole
    values, bases = np.append(parts, whole), np.append(starts, 0.0)
    colours = [own if part >= 0 else f"{own}/{AGAINST}" for own, part in zip(roles, parts.tolist(), strict=True)]
    written = [number(value, 2, comma) for value in values.tolist()]
    written = [text if text[0] == "−" else f"+{text}" for text in written[:-1]] + written[-1:]
    labels = [*names, total]
    n = len(labels)
    low, high = min(0.0, ends.min(), whole), max(0.0, ends.max(), whole)
    room = 0.16 * ((high - low) or 1.0)
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": np.arange(n, dtype=np.int32),
        "x": compact(values),
        "base": compact(bases),
        "marker": {"color": [*colours, role]},
        "text": written,
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "textfont": {"color": "@text", "size": theme.FONT_SIZE - 1},
        "customdata": [[literal(label), text] for label, text in zip(labels, written, strict=True)],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
    }
    shown = [literal(short(label)) for label in labels]
    shown[-1] = f"<b>{shown[-1]}</b>"
    layout = base_layout(
        height=height or height_of(n),
        margin={"l": theme.GAP + label_width(labels) + 8, "r": theme.GAP, "t": ABOVE, "b": theme.GAP},
        bargap=0.3,
        xaxis=axis(side="top", range=[low - room, high + room], nticks=6, showgrid=True, gridcolor="@grid"),
        yaxis=axis(range=[n - 0.5, -0.5], tickmode="array", tickvals=list(range(n)), ticktext=shown),
        shapes=[{"type": "line", "x0": 0, "x1": 0, "y0": -0.5, "y1": n - 0.5, "line": {"color": "@muted", "width": 1}}],
        meta={"alt": alt},
    )
    return {"data": [trace], "layout": layout}


def height_of(n: int) -> int:
    """Pixels of n bars, the sum's included."""
    return ABOVE + theme.GAP + ROW * n
