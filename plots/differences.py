"""A few signed numbers as bars on both sides of zero, each with its name and its value."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, ticks

ROW = 34  # px


def differences(
    values: np.ndarray,
    names: list[str],
    written: list[str],
    *,
    roles: tuple[str, str] = ("@residual", "@gradient"),
    signed: bool = True,
    chosen: int | None = None,
    room: float = 1.3,
    least: float = 0.0,
    height: int | None = None,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [n] from the top down; those above zero in the first of `roles`, the others in the second.
    Not `signed`: none is below, and the bars have the whole width. The name of the `chosen` row is bold.
    room: how many times as far as the longest bar the axis goes, for what is written behind it; at least to `least`, so
    that what is written as zero has no bar.

    `written` are the values as the page writes them; `names` are not trusted, and are shown literally.
    """
    values = np.asarray(values, np.float64)
    reach = max(room * float(np.abs(values[np.isfinite(values)]).max(initial=0.0)), least) or 1.0
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": np.nan_to_num(values, nan=0.0, posinf=reach, neginf=-reach),
        "y": np.arange(len(values), dtype=np.int32),
        "text": written,
        "textposition": "outside",
        "textfont": {"color": "@text"},
        "marker": {"color": [roles[value < 0] for value in values.tolist()]},
        "hoverinfo": "none",  # "skip" would not hear a click either
        "cliponaxis": False,
    }
    layout = base_layout(
        height=height or 2 * theme.GAP + ROW * len(values),
        margin={"l": theme.GAP + label_width(names), "r": theme.GAP, "t": theme.GAP, "b": theme.GAP},
        xaxis=axis(range=[-reach if signed else 0, reach], zeroline=True, zerolinecolor="@muted", showticklabels=False),
        yaxis=axis(range=[len(values) - 0.5, -0.5], **ticks(names, chosen)),
        bargap=0.35,
        meta={"alt": alt},
    )
    return {"data": [bars], "layout": layout}
