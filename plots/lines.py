"""Lines and bars: a number by layer, by head or by component."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, literal, ticks, title

COLUMNS = 8  # bars that stand beside each other even on a phone; more lie on top of each other
BAR = 26  # px: the height of a lying bar and its gap


def lines(
    series: dict[str, np.ndarray],
    labels: list[str],
    *,
    x_title: str = "",
    y_title: str = "",
    colours: list[str] | None = None,
    log: bool = False,
    decimals: int = 2,
    height: int = 300,
    alt: str = "",
) -> dict[str, Any]:
    """Each of `series` (name -> values [label]) as a line over `labels`; NaN leaves a gap."""
    colours = colours or [theme.head(i) for i in range(len(series))]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": literal(name),
            "x": np.arange(len(labels), dtype=np.int32),
            "y": np.asarray(values, np.float32),
            "line": {"color": colour, "width": 2.5},
            "marker": {"size": 7, "color": colour, "line": {"width": 1.5, "color": "@background"}},
            "hovertemplate": f"%{{x}}: %{{y:.{decimals}f}}<extra>%{{fullData.name}}</extra>",
        }
        for (name, values), colour in zip(series.items(), colours, strict=True)
    ]
    margin = 0.3
    layout = base_layout(
        height=height,
        margin={"l": 62, "r": theme.GAP, "t": 40 if len(series) > 1 else theme.GAP, "b": 48 if x_title else 32},
        xaxis=axis(range=[-margin, len(labels) - 1 + margin], title=title(x_title, "@muted"), **ticks(labels)),
        yaxis=axis(title=title(y_title, "@muted"), nticks=6) | _scale(log),
        showlegend=len(series) > 1,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left"},
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def bars(
    values: np.ndarray,
    labels: list[str],
    *,
    value_title: str = "",
    colours: str | list[str] = "@attention",
    horizontal: bool | None = None,
    chosen: int | None = None,
    decimals: int = 2,
    percent: bool = False,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [label] as bars that begin at zero, each with its number; lying where they are many, unless told.

    `colours` is one token for all, or one a bar. With `chosen` the other bars fade. Clicked bars carry their index in
    `customdata`.
    """
    values = np.asarray(values, np.float32)
    n = len(values)
    lying = n > COLUMNS if horizontal is None else horizontal
    places = np.arange(n, dtype=np.int32)
    tints = [colours] * n if isinstance(colours, str) else colours
    written = [f"{v:.{decimals}%}" if percent else f"{v:.{decimals}f}".replace("-", "−") for v in values.tolist()]
    bar = {
        "type": "bar",
        "orientation": "h" if lying else "v",
        "x": values if lying else places,
        "y": places if lying else values,
        "marker": {
            "color": [tint if chosen in (None, i) else f"{tint}/0.3" for i, tint in enumerate(tints)],
            "cornerradius": 4,
            "line": {"width": 0},
        },
        "text": written,
        "textposition": "outside",
        "textfont": {"color": "@text"},
        "cliponaxis": False,
        "customdata": places,
        "hovertext": [f"{literal(label)}: {number}" for label, number in zip(labels, written, strict=True)],
        "hoverinfo": "text",
    }
    low, high = float(min(values.min(initial=0), 0)), float(max(values.max(initial=0), 0))
    room = 0.16 * ((high - low) or 1.0)
    extent = [low - (room if low < 0 else 0), high + room]
    measure = axis(
        range=extent, title=title(value_title, "@muted"), showticklabels=False, zeroline=True, zerolinecolor="@grid"
    )
    named = axis(range=[n - 0.5, -0.5] if lying else [-0.5, n - 0.5], **ticks(labels, chosen))
    layout = base_layout(
        height=height or (n * BAR + 60 if lying else 280),
        margin={
            "l": theme.GAP + (label_width(labels) + 10 if lying else 28 if value_title else 0),
            "r": theme.GAP,
            "t": theme.GAP + 8,
            "b": 40 if value_title or not lying else theme.GAP,
        },
        xaxis=measure if lying else named,
        yaxis=named if lying else measure,
        bargap=0.3,
        meta={"alt": alt},
    )
    return {"data": [bar], "layout": layout}


def _scale(log: bool) -> dict[str, Any]:
    quiet = {"showgrid": True, "gridcolor": "@grid/0.7", "tickfont": {"color": "@muted", "size": theme.FONT_SIZE - 1}}
    if log:
        return quiet | {"type": "log", "dtick": 1, "exponentformat": "power"}
    return quiet | {"rangemode": "tozero", "zeroline": True, "zerolinecolor": "@grid"}
