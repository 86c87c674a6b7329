"""How far apart two slopes are, for every parameter: a gradient check at a glance."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import axis, base_layout, literal, title

LOWEST = -12.0  # the axis begins at this power of ten


def errors(
    values: np.ndarray,
    names: list[str],
    *,
    good: float,
    good_name: str,
    bad_name: str,
    value_title: str = "",
    height: int = 260,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [parameter], each a relative error, on a logarithmic axis: those up to `good` and those above, in two
    colours and marks. An exact 0 stands at the axis' beginning."""
    logs = np.log10(np.maximum(np.asarray(values, np.float64), 10**LOWEST))
    wrong = np.asarray(values) > good
    data = []
    for chosen, name, role, symbol in ((~wrong, good_name, "@value", "circle"), (wrong, bad_name, "@key", "x")):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": np.flatnonzero(chosen).astype(np.int32),
                "y": logs[chosen].astype(np.float32),
                "name": literal(name),
                "marker": {"color": role, "size": 10, "symbol": symbol},
                "customdata": [[literal(names[i]), f"{values[i]:.1e}"] for i in np.flatnonzero(chosen)],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
            }
        )
    powers = list(range(int(LOWEST), 1, 3))
    layout = base_layout(
        height=height,
        margin={"l": 64, "r": 16, "t": 34, "b": 120},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
        xaxis=axis(
            range=[-0.7, len(names) - 0.3],
            tickmode="array",
            tickvals=list(range(len(names))),
            ticktext=[literal(name) for name in names],
            tickangle=-90,
        ),
        yaxis=axis(
            range=[LOWEST - 0.5, 0.8],
            tickmode="array",
            tickvals=powers,
            ticktext=[f"10<sup>{power}</sup>".replace("-", "−") for power in powers],
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=6),
        ),
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}
