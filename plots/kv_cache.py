"""What each step computes and what it reads from the cache: positions as a map, multiplications as bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots import theme
from plots.figure import axis, base_layout, label_width, ticks, title

ROW = (7, 17)  # px: the least and the greatest height of a row
TALL = 320  # px: what the rows share
NUMBERED = 20  # steps that are all numbered; of more, every fifth
MAP = 0.62  # of the width: the map; the bars have the rest


def kv_cache(
    reused: np.ndarray,
    total: np.ndarray,
    tokens: list[str],
    spent: np.ndarray,
    plain: np.ndarray,
    *,
    chosen: int,
    row_title: str = "",
    bar_title: str = "",
    hover: str = "{step}, {token}",
    bar_hovers: tuple[str, str] = ("{value}", "{value}"),
    alt: str = "",
) -> dict[str, Any]:
    """Step s, from 1, has `total[s]` positions: the first `reused[s]` grey, as they were kept, the rest in colour.

    `spent` and `plain` [step] are the multiplications with and without a cache, side by side on an axis of powers of
    ten. The step in row `chosen` is outlined. Titles and hovers are trusted text ({step}, {token}, {value}), `tokens`
    [position] are not.
    """
    n, width = len(total), len(tokens)
    data = [
        _map(reused, total, width, hover),
        _bars(plain, 0.86, "@residual/0.3", bar_hovers[1]),
        _bars(spent, 0.5, "@attention", bar_hovers[0]),
    ]
    above = label_width(tokens)
    low, high = float(np.log10(spent.min())), float(np.log10(plain.max()))
    rows = {"tickmode": "linear", "tick0": 0, "dtick": 1 if n <= NUMBERED else 5}
    layout = base_layout(
        height=height(tokens, n),
        margin={"l": 56, "r": theme.GAP, "t": above + 12, "b": 44},
        barmode="overlay",
        xaxis=axis(side="top", domain=[0, MAP], range=[-0.5, width - 0.5], tickangle=-90, **ticks(tokens)),
        xaxis2=axis(
            domain=[MAP + 0.05, 1],
            type="log",
            range=[np.floor(low) - 0.2, high + 0.1],
            dtick=1,
            exponentformat="power",
            showgrid=True,
            gridcolor="@grid",
            title=title(bar_title, "@muted"),
        ),
        yaxis=axis(range=[n + 0.5, 0.5], title=title(row_title, "@muted"), **rows),
        shapes=[
            {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": chosen + 0.5, "y1": chosen + 1.5}
            | {"line": {"color": "@chosen", "width": 1.5}}
        ],
        meta={"alt": alt},
    )
    return {"data": data, "layout": layout}


def _map(reused: np.ndarray, total: np.ndarray, width: int, hover: str) -> dict[str, Any]:
    """A row a step: its positions, 0 where they were kept and 1 where they are computed."""
    places, n = np.arange(width), len(total)
    return {
        "type": "heatmap",
        "z": np.where(places < total[:, None], (places >= reused[:, None]).astype(np.float32), np.float32(np.nan)),
        "y": np.arange(1, n + 1, dtype=np.int32),
        "zmin": 0.0,
        "zmax": 1.0,
        "colorscale": [[0.0, "@residual/0.3"], [1.0, "@attention"]],
        "showscale": False,
        "xgap": 2 if width <= 32 else 1,
        "ygap": 2 if n <= NUMBERED else 1,
        "hoverongaps": False,
        "hovertemplate": hover.replace("{step}", "%{y}").replace("{token}", "%{x}") + "<extra></extra>",
    }


def _bars(counts: np.ndarray, thick: float, colour: str, told: str) -> dict[str, Any]:
    """Multiplications [step], beside the map; the thinner ones lie on the others."""
    return {
        **{"type": "bar", "orientation": "h", "y": np.arange(1, len(counts) + 1, dtype=np.int32)},
        **{"xaxis": "x2", "yaxis": "y", "x": np.asarray(counts, np.float64), "width": thick},
        "marker": {"color": colour},
        "hovertemplate": told.replace("{value}", "%{x:,.0f}") + "<extra></extra>",
    }


def height(tokens: list[str], steps: int) -> int:
    """Pixels that so many steps over these tokens take."""
    return label_width(tokens) + 66 + steps * int(np.clip(TALL // steps, *ROW))
