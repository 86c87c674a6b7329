"""How surprised a model is by each token: bars of -ln p, beside what knowing nothing would cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.figure import axis, base_layout, compact, literal, number, ticks, title
from plots.token_shares import labels_height, upright


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
    few = len(tokens) <= 16
    bars = {
        "type": "bar",
        "x": np.arange(len(tokens), dtype=np.int32),
        "y": values,
        "marker": {"color": "@gradient/0.75"},
        "customdata": [literal(token) for token in tokens],
        "hovertemplate": hover.replace("{token}", "%{customdata}").replace("{value}", "%{y:.4f}") + "<extra></extra>",
        "text": [number(value, 2, comma) for value in values.tolist()] if few else None,
        "textposition": "auto",  # at the foot, where no line crosses it; over a bar too low for that
        "insidetextanchor": "start",
        "insidetextfont": {"color": "@background"},
        "outsidetextfont": {"color": "@text"},
        "textangle": 0,
        "cliponaxis": False,
    }
    lines, notes = [], []
    for value, name, dash in ((mean, names[0], "solid"), (ceiling, names[1], "dash")):
        line = {"color": "@gradient" if dash == "solid" else "@muted", "width": 1.5, "dash": dash}
        lines.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line})
        # Above the picture, each with a piece of its line: beside them names would lie on bars, or on one another.
        side, text = ("left", f"━ {name}") if dash == "solid" else ("right", f"┅ {name}")
        notes.append(
            {"xref": "paper", "x": 0 if side == "left" else 1, "xanchor": side, "yref": "paper", "y": 1}
            | {"yanchor": "bottom", "text": text, "showarrow": False, "font": {"color": line["color"]}}
        )
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
        shapes=lines,
        annotations=notes,
        meta={"alt": alt},
    )
    return {"data": [{k: v for k, v in bars.items() if v is not None}], "layout": layout}
