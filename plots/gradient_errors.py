"""How far apart two slopes are, for every parameter: a gradient check at a glance."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, literal, title

ROW = 17  # px
LOWEST = -12.0  # the axis begins at this power of ten
HIGHEST = 0.5  # the power of ten where what is no number stands: above all others


def gradient_errors(
    values: np.ndarray,
    names: list[str],
    written: list[str],
    *,
    good: float,
    good_name: str,
    bad_name: str,
    value_title: str = "",
    alt: str = "",
) -> dict[str, Any]:
    """`values` [parameter], each a relative error, at most 2, on a logarithmic axis: those up to `good` and all others,
    in two colours and marks, each parameter a row. An exact 0 stands at the axis' beginning, and NaN, which proves
    nothing right, at its end. `written` are the values as the page writes them.
    """
    values = np.asarray(values, np.float64)
    logs = np.where(np.isnan(values), HIGHEST, np.log10(np.maximum(values, 10**LOWEST)))
    wrong = ~(values <= good)
    data = []
    for chosen, name, role, symbol in ((~wrong, good_name, "@value", "circle"), (wrong, bad_name, "@key", "x")):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": logs[chosen].astype(np.float32),
                "y": np.flatnonzero(chosen).astype(np.int32),
                "name": literal(name),
                "marker": {"color": role, "size": 10, "symbol": symbol},
                "customdata": [[literal(names[i]), written[i]] for i in np.flatnonzero(chosen)],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
            }
        )
    powers = list(range(int(LOWEST), 1, 3))
    layout = base_layout(
        height=height(len(names)),
        margin={"l": 12 + label_width(names), "r": 16, "t": 62, "b": 8},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "bgcolor": "rgba(0,0,0,0)"},
        xaxis=axis(
            side="top",
            range=[LOWEST - 0.5, 0.8],
            tickmode="array",
            tickvals=powers,
            ticktext=[f"10<sup>{power}</sup>".replace("-", "−") for power in powers],
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=4),
        ),
        yaxis=axis(
            range=[len(names) - 0.3, -0.7],
            tickmode="array",
            tickvals=list(range(len(names))),
            ticktext=[literal(name) for name in names],
            tickfont={"size": theme.FONT_SIZE - 2},
        ),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def height(n: int) -> int:
    """Pixels that `n` parameters take."""
    return 70 + ROW * n
