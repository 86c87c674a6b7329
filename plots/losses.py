"""How surprised a model is by each token: bars of -ln p, beside what knowing nothing would cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import axis, base_layout, compact, line_name, literal, number, ticks, title
from plots.token_shares import labels_height, upright

FEW = 16  # tokens: of more, numbers in the bars would touch


def losses(
    values: np.ndarray,
    tokens: list[str],
    *,
    mean: float,
    ceiling: float,
    names: tuple[str, str] = ("", ""),
    value_title: str = "",
    hover: str = "{token}: {value}",
    comma: bool = False,
    width: int = 560,
    height: int = 260,
    alt: str = "",
) -> dict[str, Any]:
    """`values` [token], in nats, as bars; a line at their `mean`, and a dashed one at `ceiling`.

    `names` are those of the two lines. They, `value_title` and `hover`, which may use {token} and {value}, are trusted
    text; `tokens` are not.
    """
    values = compact(values)
    written = {"text": [number(value, 2, comma) for value in values.tolist()]} if len(tokens) <= FEW else {}
    bars = {
        "type": "bar",
        "x": np.arange(len(tokens), dtype=np.int32),
        "y": values,
        "marker": {"color": "@gradient/0.75"},
        "customdata": [literal(token) for token in tokens],
        "hovertemplate": hover.replace("{token}", "%{customdata}").replace("{value}", "%{y:.4f}") + "<extra></extra>",
        **written,
        "textposition": "auto",  # at the foot, where no line crosses it; over a bar too low for that
        "insidetextanchor": "start",
        "insidetextfont": {"color": "@background"},
        "outsidetextfont": {"color": "@text"},
        "textangle": 0,
        "cliponaxis": False,
    }
    layout = base_layout(
        height=height,
        margin={"l": 58, "r": 8, "t": 26, "b": labels_height(tokens, width)},
        bargap=0.35,
        xaxis=axis(
            **ticks(tokens, room=(width - 66) / len(tokens)),
            range=[-0.5, len(tokens) - 0.5],
            tickangle=-90 if upright(tokens, width) else 0,
        ),
        yaxis=axis(
            range=[0, 1.12 * max(float(values.max(initial=0)), mean, ceiling)],
            nticks=6,
            showgrid=True,
            gridcolor="@grid",
            title=title(value_title, "@muted", standoff=6),
        ),
        shapes=[_level(mean, "@gradient", "solid"), _level(ceiling, "@muted", "dash")],
        annotations=[line_name(f"━ {names[0]}", "@gradient", "left"), line_name(f"┅ {names[1]}", "@muted", "right")],
        meta={"alt": alt},
    )
    return {"data": [bars], "layout": layout}


def _level(value: float, role: str, dash: str) -> dict[str, Any]:
    """A line across the picture."""
    line = {"color": role, "width": 1.5, "dash": dash}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}
