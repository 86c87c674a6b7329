"""Which token may come next: a bar a candidate, before and after temperature, what is cut faded."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, compact, label_width, literal, short

ROW = 27  # px
ABOVE = 34  # px: the legend
ROOM = 1.24  # of the longest bar: what its number needs beside it


def candidates(
    tokens: list[str],
    before: np.ndarray,
    after: np.ndarray,
    kept: np.ndarray,
    notes: list[str],
    *,
    chosen: int,
    role: str = "@attention",
    names: tuple[str, str] = ("", ""),
    hover: str = "{token}: {before} → {after}",
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`before` and `after` [token], shares of 1, as bars in two widths; those that are not `kept` [token] fade.

    `notes` [token] stand beside the bars. The `chosen` token's bar has the colour of `role`, and its name is bold. The
    last trace is bare and as long as the axis, so that the shortest bar can be clicked. `names` are the legend's; they,
    `notes` and `hover`, which may use {token}, {before} and {after}, are trusted text; `tokens` are not.
    """
    n = len(tokens)
    before, after = compact(before), compact(after)
    longest = float(max(before.max(), after.max())) or 1.0
    colours = [role if place == chosen else "@attention/0.62" for place in range(n)]
    colours = [colour if keep else "@muted/0.28" for colour, keep in zip(colours, kept, strict=True)]
    labels = [literal(short(token)) for token in tokens]
    labels[chosen] = f"<b>{labels[chosen]}</b>"
    bar = {"type": "bar", "orientation": "h", "y": np.arange(n, dtype=np.int32), "hoverinfo": "skip"}
    data = [
        bar | {"x": before, "name": names[0], "width": 0.86, "marker": {"color": "@residual/0.28"}},
        bar
        | {"x": after, "name": names[1], "width": 0.5, "marker": {"color": colours}}
        | {
            "text": notes,
            "textposition": "outside",
            "cliponaxis": False,
            "constraintext": "none",
            "textfont": {"color": "@text", "size": 12},
        },
        bar
        | {"x": np.full(n, ROOM * longest, np.float32), "width": 1, "marker": {"color": "rgba(0,0,0,0)"}}
        | _told(tokens, before, after, hover),
    ]
    layout = base_layout(
        height=height or ABOVE + 30 + ROW * n,
        margin={"l": theme.GAP + label_width(tokens) + 8, "r": theme.GAP, "t": ABOVE, "b": 26},
        barmode="overlay",
        showlegend=True,
        legend={
            **{"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False},
            "traceorder": "normal",
        },
        xaxis=axis(
            range=[0, ROOM * longest],
            tickformat=".0%" if longest > 0.05 else ".2%",
            nticks=5,
            showgrid=True,
            gridcolor="@grid",
        ),
        yaxis=axis(range=[n - 0.5, -0.5], tickmode="array", tickvals=list(range(n)), ticktext=labels),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def _told(tokens: list[str], before: np.ndarray, after: np.ndarray, hover: str) -> dict[str, Any]:
    """What the pointer hears of a token, wherever it meets its row."""
    for name, value in (("token", "[0]"), ("before", "[1]:.2%"), ("after", "[2]:.2%")):
        hover = hover.replace(f"{{{name}}}", f"%{{customdata{value}}}")
    return {
        "customdata": [[literal(token), float(a), float(b)] for token, a, b in zip(tokens, before, after, strict=True)],
        "hoverinfo": "all",
        "hovertemplate": hover + "<extra></extra>",
        "showlegend": False,
    }
